// error: no match for .operator<.|invalid operands
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
bool smaller = Watts(1) < Joules(2);
#else
bool smaller = Watts(1) < Joules(2) / Seconds(1);
#endif
