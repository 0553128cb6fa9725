// error: no matching function
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
Seconds longer = max(Seconds(1), Joules(2));
#else
Seconds longer = max(Seconds(1), Seconds(2));
#endif
