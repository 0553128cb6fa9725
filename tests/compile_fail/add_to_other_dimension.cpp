// error: no match for .operator\+=.|no viable overloaded
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
void add(Dollars& bill) { bill += DollarsPerToken(2); }
#else
void add(Dollars& bill) { bill += DollarsPerToken(2) * Tokens(3); }
#endif
