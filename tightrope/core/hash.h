// One stable hash of texts, for naming the data a result was made from.
#pragma once

#include <cstdint>
#include <string_view>

namespace tightrope {

inline constexpr std::uint64_t fnv1a_start = 14695981039346656037ull;

/// FNV-1a 64 over a text, continued from `hash`: the same on every machine.
[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view text,
                                            std::uint64_t hash = fnv1a_start) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ull;
  }
  return hash;
}

}  // namespace tightrope
