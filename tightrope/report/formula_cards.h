// Where each formula stands and what its comment says, taken from the headers themselves, which
// travel inside the binary: a card cannot grow stale.
#pragma once

#include <string>
#include <string_view>

namespace tightrope::report {

/// The comment above one function of a header.
struct FormulaCard {
  std::string name;
  std::string what, formula, source, valid;  ///< its tags; only `what` where it has no tags
  std::string file;                          ///< path in the repository
  int line = 0;                              ///< of the declaration
  /// "tightrope/formula/kernels.h:96"
  [[nodiscard]] std::string place() const;
};

/// The card of a function of formula/, step/ or workload/, by its name. A name that no header
/// declares is our bug (TR_CHECK).
[[nodiscard]] const FormulaCard& formula_card(std::string_view name);

}  // namespace tightrope::report
