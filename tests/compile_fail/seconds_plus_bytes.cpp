// error: no match for .operator\+.|invalid operands
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
auto sum = Seconds(1) + Bytes(2);
#else
auto sum = Seconds(1) + Seconds(2);
#endif
