// error: is not a member of .tightrope::DType.|no member named .fp6.
#include "tightrope/core/dtype.h"

using namespace tightrope;

#ifdef WRONG
double size = bytes_of(DType::fp6);
#else
double size = bytes_of(DType::fp8);
#endif
