// error: cannot convert|no viable conversion
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
double ratio = Bytes(1) / Flops(2);
#else
double ratio = Bytes(1) / Bytes(2);
#endif
