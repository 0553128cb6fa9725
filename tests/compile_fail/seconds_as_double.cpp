// error: cannot convert|no viable conversion
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
double t = Seconds(1.5);
#else
double t = Seconds(1.5).raw();
#endif
