// error: cannot convert|no viable conversion|conversion from
#include "tightrope/core/csv.h"

using namespace tightrope;

#ifdef WRONG
std::string text = read_file("x");
#else
Result<std::string> text = read_file("x");
#endif
