// error: could not convert|cannot convert|no matching function|no viable conversion
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
double utilisation(Flops done, Seconds spent, FlopsPerSecond peak);
double u = utilisation(Flops(1), FlopsPerSecond(3), Seconds(2));
#else
double utilisation(Flops done, Seconds spent, FlopsPerSecond peak);
double u = utilisation(Flops(1), Seconds(2), FlopsPerSecond(3));
#endif
