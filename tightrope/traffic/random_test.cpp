#include "tightrope/traffic/random.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/traffic/sampler.h"

namespace tightrope::traffic {
namespace {

TEST(Random, FunctionsAgreeWithTheLibrarys) {
  for (double x = 1e-300; x < 1e300; x *= 37.7) {
    EXPECT_NEAR(same_log(x), std::log(x), 1e-14 * (1.0 + std::abs(std::log(x))));
  }
  for (double x = -690.0; x < 690.0; x += 1.37) {
    EXPECT_NEAR(same_exp(x) / std::exp(x), 1.0, 1e-13);
  }
  for (double z = -8.0; z < 8.0; z += 0.0371) {
    EXPECT_NEAR(normal_share(z), 0.5 * std::erfc(-z / std::sqrt(2.0)), 1e-13);
  }
  for (double p = 1e-12; p < 1.0; p += 0.00037) {
    EXPECT_NEAR(normal_share(normal_quantile(p)), p, 2e-9);
  }
}

TEST(Random, GammaOfShapeOneIsExponentialAndOfTwoIsErlang) {
  for (double x = 0.01; x < 30.0; x *= 1.3) {
    EXPECT_NEAR(gamma_share(1.0, x), 1.0 - std::exp(-x), 1e-12);
    EXPECT_NEAR(gamma_share(2.0, x), 1.0 - std::exp(-x) * (1.0 + x), 1e-12);
  }
}

// These bits are part of every generated trace.
TEST(Random, DrawsAreTheseEverywhere) {
  Draws draws(1, 2, 3);
  EXPECT_EQ(draws.bits(), 14100619211913272001ull);
  EXPECT_EQ(draws.bits(), 3506808064286907929ull);
  EXPECT_NE(Draws(1, 2, 4).bits(), Draws(1, 3, 3).bits());
}

TEST(Random, GammaDrawsHaveTheirMeanAndVariance) {
  for (const double shape : {0.2, 1.0, 3.0}) {
    double sum = 0.0, squares = 0.0;
    constexpr int n = 200000;
    for (int i = 0; i < n; ++i) {
      const double x = Draws(5, 1, static_cast<std::uint64_t>(i)).gamma(shape);
      sum += x;
      squares += x * x;
    }
    const double mean = sum / n;
    EXPECT_NEAR(mean, 1.0, 0.02) << shape;
    EXPECT_NEAR(squares / n - mean * mean, 1.0 / shape, 0.05 / shape) << shape;
  }
}

TEST(Sampler, MeansAreThoseAskedFor) {
  for (const Shape shape : {Shape::constant, Shape::lognormal, Shape::gamma}) {
    for (const double cv : {0.1, 0.5, 1.5}) {
      Distribution d;
      d.shape = shape;
      d.mean = 500.0;
      d.cv = cv;
      d.max = 1 << 30;
      EXPECT_NEAR(Sampler(d).mean_count(), 500.0, 5.0) << to_string(shape) << cv;
    }
  }
}

TEST(Sampler, StaysWithinItsEndsAndNeverFalls) {
  Distribution d;
  d.min = 10.0;
  d.max = 400.0;
  d.mean = 100.0;
  d.at = {0.0, 0.5, 1.0};
  d.values = {20.0, 60.0, 500.0};
  for (const Shape shape :
       {Shape::constant, Shape::uniform, Shape::lognormal, Shape::gamma, Shape::quantiles}) {
    d.shape = shape;
    const Sampler sampler(d);
    double before = 0.0;
    for (double z = -9.0; z < 9.0; z += 0.01) {
      const double now = sampler.at(z);
      EXPECT_GE(now, std::max(before, d.min)) << to_string(shape);
      EXPECT_LE(now, d.max) << to_string(shape);
      before = now;
    }
  }
}

}  // namespace
}  // namespace tightrope::traffic
