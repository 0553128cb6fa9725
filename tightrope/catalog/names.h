// Names: how two spellings are compared, and which known names a wrong one comes near to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tightrope::catalog {

/// Lower case, for comparison of ids and aliases.
[[nodiscard]] std::string folded(std::string_view name);

/// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`, case ignored.
[[nodiscard]] int edit_distance(std::string_view a, std::string_view b);

/// Up to `most` of `known` that come near `name`, nearest first; ties in the order of `known`.
/// Near: within a third of its length in edits, or one holds the other.
[[nodiscard]] std::vector<std::string> near_names(std::string_view name,
                                                  const std::vector<std::string>& known,
                                                  std::size_t most = 3);

/// `did you mean "a" or "b"?`; empty when `names` is empty.
[[nodiscard]] std::string did_you_mean(const std::vector<std::string>& names);

/// "a, b, c".
[[nodiscard]] std::string joined(const std::vector<std::string>& names);

}  // namespace tightrope::catalog
