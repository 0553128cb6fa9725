#include "tightrope/serving/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tightrope::serving {
namespace {

constexpr std::int64_t exact_limit = 8192;
constexpr int mantissa_bits = 7;
constexpr std::size_t bucket_count = static_cast<std::size_t>(64 - mantissa_bits) << mantissa_bits;

Ticks middle_of(std::size_t bucket) {
  constexpr std::size_t linear = std::size_t{1} << (mantissa_bits + 1);
  if (bucket < linear) return static_cast<Ticks>(bucket);
  const auto shift = static_cast<int>(bucket >> mantissa_bits) - 1;
  const auto lead =
      static_cast<Ticks>((bucket & ((1U << mantissa_bits) - 1)) | (1U << mantissa_bits));
  return (lead << shift) + (Ticks{1} << shift) / 2;
}

}  // namespace

std::size_t Histogram::bucket_of(Ticks value) {
  const auto v = static_cast<std::uint64_t>(std::max<Ticks>(value, 0));
  const int width = static_cast<int>(std::bit_width(v));
  if (width <= mantissa_bits + 1) return static_cast<std::size_t>(v);
  const int shift = width - mantissa_bits - 1;
  return (static_cast<std::size_t>(shift) << mantissa_bits) + static_cast<std::size_t>(v >> shift);
}

void Histogram::add(Ticks value, std::int64_t count) {
  if (count <= 0) return;
  count_ += count;
  sum_ += static_cast<WideTicks>(value) * count;
  least_ = std::min(least_, value);
  greatest_ = std::max(greatest_, value);
  if (!counts_.empty()) {
    counts_[bucket_of(value)] += count;
    return;
  }
  exact_.emplace_back(value, count);
  if (count_ > exact_limit) spill();
}

void Histogram::add(const Row& row) {
  if (counts_.empty()) {
    add(row.least, row.count);
    return;
  }
  count_ += row.rows * row.count;
  sum_ += static_cast<WideTicks>(row.sum) * row.count;
  least_ = std::min(least_, row.least);
  greatest_ = std::max(greatest_, row.greatest);
  counts_[bucket_of(row.least)] += row.rows * row.count;
}

void Histogram::spill() {
  counts_.assign(bucket_count, 0);
  for (const auto& [value, count] : exact_) counts_[bucket_of(value)] += count;
  exact_.clear();
  exact_.shrink_to_fit();
}

Histogram::Rows Histogram::rows() const {
  Rows rows = exact_;
  if (counts_.empty()) {
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    rows.emplace_back(std::clamp(middle_of(i), least_, greatest_), counts_[i]);
  }
  return rows;
}

Percentile Histogram::percentile(const Rows& rows, double p) const {
  const auto n = static_cast<double>(count_);
  const auto at = [&](double rank) {
    std::int64_t left = std::clamp(static_cast<std::int64_t>(rank), std::int64_t{1}, count_);
    for (const auto& [value, count] : rows) {
      left -= count;
      if (left <= 0) return seconds_of(value);
    }
    return seconds_of(greatest_);
  };
  // The p-quantile lies between these order statistics with 95 %: a binomial count's normal band.
  const double spread = 1.959964 * std::sqrt(n * p * (1.0 - p));
  const double low = std::floor(n * p - spread), high = std::ceil(n * p + spread) + 1.0;
  return {p, at(std::ceil(n * p)), at(low), at(high), high > n};
}

Distribution Histogram::distribution() const {
  Distribution d;
  d.count = count_;
  if (count_ == 0) return d;
  const Rows sorted = rows();
  d.mean = seconds_of_wide(sum_) / static_cast<double>(count_);
  double squares = 0.0;
  for (const auto& [value, count] : sorted) {
    const double distance = (seconds_of(value) - d.mean).raw();
    squares += static_cast<double>(count) * distance * distance;
  }
  const Seconds spread{1.959964 * std::sqrt(squares) / static_cast<double>(count_)};
  d.mean_low = d.mean - spread;
  d.mean_high = d.mean + spread;
  d.least = seconds_of(least_);
  d.greatest = seconds_of(greatest_);
  d.p50 = percentile(sorted, 0.50);
  d.p90 = percentile(sorted, 0.90);
  d.p95 = percentile(sorted, 0.95);
  d.p99 = percentile(sorted, 0.99);
  return d;
}

std::vector<Seconds> Histogram::quantiles(std::span<const double> shares) const {
  std::vector<Seconds> values;
  if (count_ == 0) return values;
  const Rows sorted = rows();
  for (const double share : shares) values.push_back(percentile(sorted, share).value);
  return values;
}

}  // namespace tightrope::serving
