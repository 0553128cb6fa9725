// "Did you mean": the known word nearest to what was typed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tightrope::cli {

/// The candidate with the fewest single-letter edits from `typed`, the first in order among equals;
/// empty when none is within a third of the word's length (at least one, at most three edits).
[[nodiscard]] std::string nearest(std::string_view typed,
                                  const std::vector<std::string>& candidates);

}  // namespace tightrope::cli
