// error: no matching function for call to .show
#include "tightrope/core/check.h"

using namespace tightrope;

#ifdef WRONG
struct Mapping {};
void f(Mapping m) { TR_CHECK(true, m); }
#else
void f(int pp) { TR_CHECK(pp > 0, pp); }
#endif
