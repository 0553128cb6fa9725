// How far decoding sequences have come after so many steps, when a step may yield several tokens.
#pragma once

#include <cmath>
#include <cstdint>

namespace tightrope::serving {

/// All sequences that decode share one clock: after `steps` steps it shows floor(steps * rate), and
/// each of them has got as many tokens as it has advanced. Without speculation rate is 1; with it,
/// 1 + the mean number of drafts accepted. A mean stands for its distribution: Bresenham's line.
class DecodeClock {
 public:
  explicit DecodeClock(double tokens_per_step)
      : rate_(static_cast<std::int64_t>(std::llround(tokens_per_step * one))) {}

  [[nodiscard]] std::int64_t at(std::int64_t steps) const { return (steps * rate_) >> shift; }

  /// The fewest steps after which it shows at least `reading`.
  [[nodiscard]] std::int64_t steps_to(std::int64_t reading) const {
    return ((reading << shift) + rate_ - 1) / rate_;
  }

  /// Sum over i in [0, count) of at(first + i) - at(first).
  [[nodiscard]] std::int64_t advance(std::int64_t first, std::int64_t count) const {
    if (rate_ == one) return count * (count - 1) / 2;
    return floor_sum(count, rate_, (first * rate_) & (one - 1));
  }

 private:
  static constexpr int shift = 20;
  static constexpr std::int64_t one = std::int64_t{1} << shift;

  /// Sum over i in [0, n) of floor((a * i + b) / one), by Euclid's steps.
  static std::int64_t floor_sum(std::int64_t n, std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0, modulus = one;
    while (n > 0) {
      sum += (a / modulus) * (n * (n - 1) / 2) + (b / modulus) * n;
      a %= modulus;
      b %= modulus;
      const std::int64_t top = a * n + b;
      if (top < modulus) break;
      n = top / modulus;
      b = top % modulus;
      const std::int64_t old = modulus;
      modulus = a;
      a = old;
    }
    return sum;
  }

  std::int64_t rate_;
};

}  // namespace tightrope::serving
