#include "tightrope/study/robust_fit.h"

#include <cmath>

#include <gtest/gtest.h>

namespace tightrope::study {
namespace {

// Measurements of a line a + b x in z, whose slopes are exact.
RobustProblem line(const std::vector<double>& y, double weight) {
  RobustProblem p;
  p.noise = 0.05;
  p.weights.assign(y.size(), weight);
  p.low.assign(2, -10);
  p.high.assign(2, 10);
  p.residuals = [y](const std::vector<double>& z) {
    std::vector<double> r;
    for (std::size_t i = 0; i < y.size(); ++i) {
      r.push_back(z[0] + z[1] * static_cast<double>(i) - y[i]);
    }
    return r;
  };
  p.slopes = [y](const std::vector<double>&, const std::vector<double>&) {
    std::vector<Column> columns(2);
    for (std::size_t i = 0; i < y.size(); ++i) {
      columns[0].rows.push_back(i);
      columns[0].slopes.push_back(1.0);
      columns[1].rows.push_back(i);
      columns[1].slopes.push_back(static_cast<double>(i));
    }
    return columns;
  };
  return p;
}

// Rows that agree decide; one far off does not move them.
TEST(RobustFit, OneWildRowIsNoMatter) {
  std::vector<double> y;
  for (int i = 0; i < 20; ++i) y.push_back(1.0 + 0.1 * i);
  y[7] += 50;
  const std::vector<double> z = robust_fit(line(y, 100.0)).z;
  EXPECT_NEAR(z[0], 1.0, 0.02);
  EXPECT_NEAR(z[1], 0.1, 0.002);
}

// What rows hardly say stays at its prior; bounds hold.
TEST(RobustFit, PriorsHoldWhatRowsDoNotSay) {
  const std::vector<double> y(3, 1.0);
  EXPECT_LT(std::abs(robust_fit(line(y, 1e-4)).z[0]), 0.01);
  RobustProblem bounded = line(y, 100.0);
  bounded.high[0] = 0.4;
  EXPECT_LE(robust_fit(bounded).z[0], 0.4);
}

TEST(RobustFit, DescendsFromWhereItStands) {
  const std::vector<double> y = {1.0, 1.2, 1.4};
  const RobustProblem p = line(y, 10.0);
  const RobustOptimum whole = robust_fit(p);
  EXPECT_LT(robust_loss(p, whole.residual, whole.z), robust_loss(p, p.residuals({0, 0}), {0, 0}));
  const RobustOptimum again = robust_descend(p, whole);
  EXPECT_NEAR(again.z[0], whole.z[0], 1e-3);
  EXPECT_GT(robust_curvature(0.0, 0.05), robust_curvature(0.5, 0.05));
}

}  // namespace
}  // namespace tightrope::study
