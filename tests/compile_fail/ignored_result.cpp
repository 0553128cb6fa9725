// error: ignoring return value
#include "tightrope/core/csv.h"

using namespace tightrope;

#ifdef WRONG
void save() { write_file("x", "y"); }
#else
void save() {
  Result<void> saved = write_file("x", "y");
  static_cast<void>(saved);
}
#endif
