// A price that depends on one amount, read between knots: for those who ask a million times.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "tightrope/core/check.h"
#include "tightrope/infer/spent.h"

namespace tightrope::infer {

/// Straight lines between knots that divide each power of two evenly. Products take their time in
/// waves, so that prices jump where a tile is full: each line starts behind its knot's jump and
/// ends before the next. Below 1 the price of 1, beyond the last knot the last line goes on.
class PriceTable {
 public:
  PriceTable() = default;
  /// Asks `price(amount)` beside each knot up to the first at or beyond `last` >= 1.
  template <class Price>
  PriceTable(double last, const Price& price) {
    TR_CHECK(last >= 1, last);
    constexpr double behind = 1 + 1e-7;
    do {
      const std::size_t i = lines_.size();
      lines_.push_back({price(amount(i) * behind), price(amount(i + 1))});
    } while (amount(lines_.size()) < last);
  }

  [[nodiscard]] bool empty() const { return lines_.empty(); }

  [[nodiscard]] Spent at(double x) const {
    // The exponent and the first bits of the mantissa are the line, the other bits the way on it. A
    // knot itself ends the line before it.
    std::uint64_t bits = std::bit_cast<std::uint64_t>(std::max(x, 1.0)) - one;
    bits -= bits > 0 ? 1 : 0;
    const auto i = static_cast<std::size_t>(bits >> shift);
    if (i < lines_.size()) [[likely]] {
      constexpr std::uint64_t rest = (std::uint64_t{1} << shift) - 1;
      constexpr double whole = 1.0 / (std::uint64_t{1} << shift);
      return along(lines_[i], static_cast<double>(bits & rest) * whole);
    }
    const std::size_t last = lines_.size() - 1;
    return along(lines_[last], (x - amount(last)) / (amount(last + 1) - amount(last)));
  }

 private:
  static constexpr int step_bits = 3;  ///< 8 lines a power of two
  static constexpr int shift = 52 - step_bits;
  static constexpr std::uint64_t one = std::uint64_t{1023} << 52;

  static double amount(std::size_t knot) {
    return std::bit_cast<double>((static_cast<std::uint64_t>(knot) << shift) + one);
  }
  struct Line {
    Spent start, end;
  };
  static Spent along(const Line& line, double way) {
    return {line.start.time + (line.end.time - line.start.time) * way,
            line.start.busy + (line.end.busy - line.start.busy) * way};
  }

  std::vector<Line> lines_;
};

}  // namespace tightrope::infer
