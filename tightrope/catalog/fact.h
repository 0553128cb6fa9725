// A fact: a number from the outside world that never travels without where it came from.
#pragma once

#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"

namespace tightrope::catalog {

/// How far a number can be trusted, best first.
enum class Grade { measured, vendor, press, derived, estimate };

[[nodiscard]] const char* to_string(Grade grade);

/// Where a number came from. `source` is an id in catalog/sources.toml, `as_of` is YYYY-MM-DD.
struct Provenance {
  std::string source;
  std::string as_of;
  Grade grade = Grade::estimate;
  std::string note;
  std::string written;  ///< the value as the file spells it: "144384 MiB"
  Where where;          ///< the line of the catalog file that states it
};

/// Another value that another source (or the same one, elsewhere) states for the same thing.
template <class Q>
struct Alternative {
  Q value{};
  Provenance from;
};

/// One number with its provenance, its range where it is an estimate, and the values it conflicts
/// with. Q is a Quantity or double. `known` is false when the catalog says nothing.
template <class Q>
struct Fact {
  Q value{};
  Q low{};   ///< equals value when no range is given
  Q high{};  ///< equals value when no range is given
  bool known = false;
  Provenance from;
  std::vector<Alternative<Q>> alternatives;

  /// The value, or `otherwise` when the catalog says nothing.
  [[nodiscard]] Q value_or(Q otherwise) const { return known ? value : otherwise; }
};

}  // namespace tightrope::catalog
