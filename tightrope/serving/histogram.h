// Durations counted in buckets: percentiles of any number of samples in bounded memory.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tightrope/serving/ticks.h"

namespace tightrope::serving {

/// A percentile with the band that order statistics allow it.
struct Percentile {
  double p = 0.0;  ///< in (0, 1)
  Seconds value{};
  /// 95 % band if samples were independent; those of one busy period are not, which widens it.
  Seconds low{}, high{};
  bool high_is_open = false;  ///< too few samples: the true value may lie above all of them
};

/// What is told of a set of durations.
struct Distribution {
  std::int64_t count = 0;
  Seconds mean{}, least{}, greatest{};
  Seconds mean_low{}, mean_high{};  ///< 95 % band, under the same proviso
  Percentile p50, p90, p95, p99;
};

/// Exact up to 8,192 samples; then 128 buckets an octave, so a percentile is off by 0.4 % at most.
/// Mean and extremes stay exact. The order of adding does not matter, to the last bit.
class Histogram {
 public:
  void add(Ticks value, std::int64_t count = 1);
  /// Durations of one bucket, or one duration while exact: `rows` of them, each `count` times.
  struct Row {
    Ticks least = 0, sum = 0, greatest = 0;
    std::int64_t rows = 0, count = 0;
  };
  void add(const Row& row);

  /// Two durations of one bucket cannot be told apart once samples are many.
  [[nodiscard]] static std::size_t bucket_of(Ticks value);
  [[nodiscard]] bool is_exact() const { return counts_.empty(); }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] WideTicks sum() const { return sum_; }
  [[nodiscard]] Distribution distribution() const;
  /// Values below which these shares lie, each in (0, 1]; empty without samples.
  [[nodiscard]] std::vector<Seconds> quantiles(std::span<const double> shares) const;

 private:
  using Rows = std::vector<std::pair<Ticks, std::int64_t>>;  ///< rising values, their counts
  [[nodiscard]] Rows rows() const;
  [[nodiscard]] Percentile percentile(const Rows& rows, double p) const;
  void spill();

  std::int64_t count_ = 0;
  WideTicks sum_ = 0;
  Ticks least_ = never, greatest_ = 0;
  Rows exact_;
  std::vector<std::int64_t> counts_;
};

}  // namespace tightrope::serving
