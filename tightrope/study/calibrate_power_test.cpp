#include <cmath>

#include <gtest/gtest.h>

#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

TEST(FitPower, FindsTheSharesThatMadeTheRows) {
  const formula::PowerShares truth{0.95, 0.3};
  std::vector<PowerRow> rows;
  for (int i = 0; i <= 100; ++i) {
    const double rate = i / 100.0, noise = 1.0 + 0.05 * std::sin(7.0 * i);
    rows.push_back({"chip", rate, noise * formula::power_share(truth, rate), 1.0});
  }
  const KernelFit fit = fit_power(rows, {0.8, 0.5}, 5);
  ASSERT_EQ(fit.after.numbers.size(), 2U);
  EXPECT_NEAR(fit.after.numbers[0].value, truth.active, 0.02);
  EXPECT_NEAR(fit.after.numbers[1].value, truth.waiting, 0.02);
  EXPECT_GT(fit.after.numbers[0].standard_error, 0.0);
  EXPECT_LT(fit.after.quality.median_ape, fit.before.median_ape);
}

TEST(FitPower, TheBundledSharesAreThoseOfAChipThatComputesMoreThanItWaits) {
  const formula::PowerShares& power = formula::embedded_calibration().power();
  EXPECT_LE(power.active, 1.0);
  EXPECT_LT(power.waiting, power.active);
  EXPECT_GT(power.waiting, 0.1) << "leakage and memory alone take a tenth";
}

}  // namespace
}  // namespace tightrope::study
