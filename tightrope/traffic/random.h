// Chance without state: a draw is a function of a key and a counter, with the same bytes
// everywhere. Only +, -, *, / and square roots are used, so that no library's log or exp can change
// a trace.
#pragma once

#include <cstdint>

namespace tightrope::traffic {

/// Scrambles 64 bits (the finaliser of splitmix64).
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// The draws that belong to one thing, told apart by `seed`, `lane` (what is drawn) and `index`
/// (for which request or session). Any of them can be made without the others.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t lane, std::uint64_t index) noexcept
      : state_(mix(mix(seed + step * (lane + 1)) + step * (index + 1))) {}

  [[nodiscard]] std::uint64_t bits() noexcept { return mix(state_ += step); }
  /// Inside (0, 1), never its ends.
  [[nodiscard]] double uniform() noexcept {
    return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53;
  }
  /// Standard normal.
  [[nodiscard]] double normal() noexcept;
  /// Exponential with mean 1.
  [[nodiscard]] double exponential() noexcept;
  /// Gamma with mean 1 and the shape > 0; its coefficient of variation is 1 / sqrt(shape).
  [[nodiscard]] double gamma(double shape) noexcept;

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15ull;
  std::uint64_t state_;
};

/// Natural logarithm of x > 0, the same bits everywhere; within 1e-15 of the true one.
[[nodiscard]] double same_log(double x) noexcept;
/// e^x for |x| < 700, the same bits everywhere.
[[nodiscard]] double same_exp(double x) noexcept;
/// Share of a standard normal below z (Hart 1968, in West's form), within 1e-14.
[[nodiscard]] double normal_share(double z) noexcept;
/// The z below which a share p in (0, 1) lies (Acklam's rational form), within 1.2e-9 of z.
[[nodiscard]] double normal_quantile(double p) noexcept;
/// Share of a gamma distribution with scale 1 that lies below x >= 0, for shapes up to 1000.
[[nodiscard]] double gamma_share(double shape, double x) noexcept;

}  // namespace tightrope::traffic
