// A price that depends on one amount, read between knots: for those who ask a million times.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "tightrope/core/check.h"
#include "tightrope/infer/spent.h"

namespace tightrope::infer {

/// Straight lines between knots that divide each power of two evenly. Below 1 the price of 1, beyond
/// the last knot the last line goes on.
class PriceTable {
 public:
  PriceTable() = default;
  /// Asks `price(amount)` at each knot up to the first at or beyond `last` >= 1.
  template <class Price>
  PriceTable(double last, const Price& price) {
    TR_CHECK(last >= 1, last);
    do {
      knots_.push_back(price(amount(knots_.size())));
    } while (knots_.size() < 2 || amount(knots_.size() - 1) < last);
  }

  [[nodiscard]] bool empty() const { return knots_.empty(); }

  [[nodiscard]] Spent at(double x) const {
    // The exponent and the first bits of the mantissa are the knot, the other bits the way to the
    // next.
    const auto bits = std::bit_cast<std::uint64_t>(std::max(x, 1.0)) - one;
    const auto knot = static_cast<std::size_t>(bits >> shift);
    if (knot + 1 < knots_.size()) [[likely]] {
      constexpr std::uint64_t rest = (std::uint64_t{1} << shift) - 1;
      return between(knot, static_cast<double>(bits & rest) * (1.0 / (std::uint64_t{1} << shift)));
    }
    const std::size_t last = knots_.size() - 2;
    return between(last, (x - amount(last)) / (amount(last + 1) - amount(last)));
  }

 private:
  static constexpr int step_bits = 3;  ///< 8 knots a power of two
  static constexpr int shift = 52 - step_bits;
  static constexpr std::uint64_t one = std::uint64_t{1023} << 52;

  static double amount(std::size_t knot) {
    return std::bit_cast<double>((static_cast<std::uint64_t>(knot) << shift) + one);
  }
  [[nodiscard]] Spent between(std::size_t knot, double way) const {
    const Spent a = knots_[knot], b = knots_[knot + 1];
    return {a.time + (b.time - a.time) * way, a.busy + (b.busy - a.busy) * way};
  }

  std::vector<Spent> knots_;
};

}  // namespace tightrope::infer
