#include "tightrope/study/calibrate_fit.h"

#include <cmath>

#include <gtest/gtest.h>

namespace tightrope::study {
namespace {

/// Times of a roofline with known coefficients: t = launch + max(flops / rate, bytes).
std::vector<double> sizes() {
  std::vector<double> out;
  for (int i = 0; i < 60; ++i) out.push_back(std::pow(1.4, i));
  return out;
}

double line(double size, const std::vector<double>& x) { return x[0] + size / x[1]; }

TEST(Fit, FindsTheCoefficientsThatMadeTheRows) {
  const std::vector<double> s = sizes();
  std::vector<FitRow> rows;
  for (const double size : s) rows.push_back({line(size, {3.0, 50.0}), 1.0});
  const auto result = fit(
      rows, {{"launch", 1.0, 0.0, 10.0}, {"rate", 10.0, 1.0, 200.0}},
      [&](std::size_t i, const std::vector<double>& x) { return line(s[i], x); }, 5);
  EXPECT_NEAR(result.numbers[0].value, 3.0, 0.03);
  EXPECT_NEAR(result.numbers[1].value, 50.0, 0.5);
  EXPECT_LT(result.quality.p90_ape, 0.01);
  EXPECT_LT(result.numbers[1].standard_error, 1.0);
}

TEST(Fit, OutliersDoNotMoveIt) {
  const std::vector<double> s = sizes();
  std::vector<FitRow> rows;
  for (const double size : s) rows.push_back({line(size, {3.0, 50.0}), 1.0});
  for (std::size_t i = 0; i < rows.size(); i += 7) rows[i].measured *= 30.0;
  const auto result = fit(
      rows, {{"launch", 1.0, 0.0, 10.0}, {"rate", 10.0, 1.0, 200.0}},
      [&](std::size_t i, const std::vector<double>& x) { return line(s[i], x); }, 0);
  EXPECT_NEAR(result.numbers[1].value, 50.0, 1.0);
  EXPECT_EQ(result.quality.cross_ape, 0.0);
}

TEST(Fit, IsTheSameTwice) {
  const std::vector<double> s = sizes();
  std::vector<FitRow> rows;
  for (std::size_t i = 0; i < s.size(); ++i) {
    rows.push_back({line(s[i], {3.0, 50.0}) * (1.0 + 0.1 * std::sin(static_cast<double>(i))), 1.0});
  }
  const auto once = [&] {
    return fit(
               rows, {{"launch", 1.0, 0.0, 10.0}, {"rate", 10.0, 1.0, 200.0}},
               [&](std::size_t i, const std::vector<double>& x) { return line(s[i], x); }, 3)
        .values();
  };
  EXPECT_EQ(once(), once());
}

TEST(Fit, JudgesFixedCoefficients) {
  const std::vector<FitRow> rows = {{1.0, 1.0}, {1.0, 1.0}, {1.0, 1.0}};
  const std::vector<double> predicted = {1.1, 1.1, 0.5};
  const FitQuality q =
      judge(rows, [&](std::size_t i, const std::vector<double>&) { return predicted[i]; }, {});
  EXPECT_EQ(q.rows, 3);
  EXPECT_NEAR(q.median_ape, 0.1, 1e-12);
  EXPECT_NEAR(q.p90_ape, 0.5, 1e-12);
}

}  // namespace
}  // namespace tightrope::study
