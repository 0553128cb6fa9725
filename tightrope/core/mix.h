// Mixing bits: the same on every machine, for colours, marks and seeded draws.
#pragma once

#include <cstdint>

namespace tightrope {

/// The finaliser of splitmix64: a bijection of 64-bit numbers that spreads every bit over all.
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace tightrope
