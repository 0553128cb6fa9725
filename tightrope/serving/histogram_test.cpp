#include <algorithm>

#include <gtest/gtest.h>

#include "tightrope/serving/decode_clock_internal.h"
#include "tightrope/serving/test_fleets_internal.h"

namespace tightrope::serving {
namespace {

// Percentiles of many samples lie within half a percent of the sorted ones; mean and extremes are
// exact.
TEST(Histogram, PercentilesAreClose) {
  Chance chance(3);
  Histogram histogram;
  std::vector<Ticks> values;
  WideTicks sum = 0;
  for (int i = 0; i < 50'000; ++i) {
    values.push_back(ticks_of(Seconds(0.01 * chance.exponential(1.0))));
    histogram.add(values.back());
    sum += values.back();
  }
  std::sort(values.begin(), values.end());
  const Distribution d = histogram.distribution();
  EXPECT_FALSE(histogram.is_exact());
  EXPECT_EQ(d.mean, seconds_of_wide(sum) / 50'000.0);
  EXPECT_LT(d.mean_low.raw(), 0.01);
  EXPECT_GT(d.mean_high.raw(), 0.01);
  EXPECT_NEAR((d.mean_high - d.mean_low).raw(), 2 * 1.96 * 0.01 / std::sqrt(50'000.0), 2e-6);
  EXPECT_EQ(d.least, seconds_of(values.front()));
  EXPECT_EQ(d.greatest, seconds_of(values.back()));
  for (const Percentile& p : {d.p50, d.p90, d.p95, d.p99}) {
    const auto rank = static_cast<std::size_t>(std::ceil(p.p * 50'000.0)) - 1;
    EXPECT_NEAR(p.value / seconds_of(values[rank]), 1.0, 0.005);
    EXPECT_LE(p.low, p.value);
    EXPECT_LE(p.value, p.high);
    EXPECT_FALSE(p.high_is_open);
  }
}

// Few samples are kept as they are, and a percentile that they do not bound says so.
TEST(Histogram, FewAreExact) {
  Histogram histogram;
  for (Ticks i = 100; i > 0; --i) histogram.add(i * 1'000'003);
  const Distribution d = histogram.distribution();
  EXPECT_EQ(d.p50.value, seconds_of(Ticks{50} * 1'000'003));
  EXPECT_EQ(d.p99.value, seconds_of(Ticks{99} * 1'000'003));
  EXPECT_TRUE(d.p99.high_is_open);
  EXPECT_FALSE(d.p50.high_is_open);
}

// The band holds the true percentile about 95 times in 100.
TEST(Histogram, BandsCover) {
  Chance chance(5);
  int covered = 0;
  const double truth = -std::log(0.1);
  for (int run = 0; run < 400; ++run) {
    Histogram histogram;
    for (int i = 0; i < 500; ++i) histogram.add(ticks_of(Seconds(chance.exponential(1.0))));
    const Percentile p = histogram.distribution().p90;
    covered += p.low.raw() <= truth && truth <= p.high.raw() ? 1 : 0;
  }
  EXPECT_GE(covered, 368);
  EXPECT_LE(covered, 396);
}

// Buckets rise with their values and are at most 0.8 % wide.
TEST(Histogram, BucketsAreNarrow) {
  Chance chance(7);
  for (int i = 0; i < 10'000; ++i) {
    const auto a = static_cast<Ticks>(chance.next() >> chance.in(2, 60));
    const Ticks b = a + a / 120 + 1;
    EXPECT_LE(Histogram::bucket_of(a), Histogram::bucket_of(a + 1));
    EXPECT_LT(Histogram::bucket_of(a), Histogram::bucket_of(b)) << a;
  }
}

// The decode clock's sums equal adding up, at any rate.
TEST(DecodeClock, SumsAndInverses) {
  Chance chance(9);
  for (int i = 0; i < 2'000; ++i) {
    const DecodeClock clock(1.0 + 4.0 * chance.uniform() * static_cast<double>(chance.in(0, 1)));
    const std::int64_t first = chance.in(0, 100'000), count = chance.in(0, 60);
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < count; ++k) sum += clock.at(first + k) - clock.at(first);
    EXPECT_EQ(clock.advance(first, count), sum);
    const std::int64_t steps = clock.steps_to(first);
    EXPECT_GE(clock.at(steps), first);
    if (steps > 0) {
      EXPECT_LT(clock.at(steps - 1), first);
    }
  }
}

}  // namespace
}  // namespace tightrope::serving
