#include <cmath>

#include <gtest/gtest.h>

#include "tightrope/catalog/catalog.h"
#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

TEST(FitPower, FindsTheSharesThatMadeTheRows) {
  const formula::PowerShares truth{0.95, 0.3};
  std::vector<PowerRow> rows;
  for (int i = 0; i <= 100; ++i) {
    const double rate = i / 100.0, noise = 1.0 + 0.05 * std::sin(7.0 * i);
    PowerRow row;
    row.table = "chip";
    row.rate = rate;
    row.share = noise * formula::power_share(truth, rate);
    rows.push_back(row);
  }
  const KernelFit fit = fit_power(rows, {0.8, 0.5}, 5);
  ASSERT_EQ(fit.after.numbers.size(), 2U);
  EXPECT_NEAR(fit.after.numbers[0].value, truth.active, 0.02);
  EXPECT_NEAR(fit.after.numbers[1].value, truth.waiting, 0.02);
  EXPECT_GT(fit.after.numbers[0].standard_error, 0.0);
  EXPECT_LT(fit.after.quality.median_ape, fit.before.median_ape);
}

// Products of all sizes on a chip whose draw is known give that draw back, cap included.
TEST(FitPower, FindsWhatKernelsDraw) {
  formula::KernelPower truth{.waiting = 0.2, .memory = 0.5, .cap = 0.95};
  truth.math[DType::bf16] = 1.4;
  const catalog::Chip* chip = catalog::Catalog::embedded().find_chip("h200");
  ASSERT_NE(chip, nullptr);
  std::vector<PowerRow> rows;
  for (int i = 0; i < 40; ++i) {
    for (int j = 0; j < 5; ++j) {
      const formula::KernelUse use{DType::bf16, i / 50.0, j / 6.0};
      PowerRow row;
      row.table = row.chip = "h200";
      row.math = chip->peak[DType::bf16].value * use.math;
      row.memory = chip->hbm_bandwidth.value * use.memory;
      row.share = truth.waiting + dynamic_share(truth, use);
      rows.push_back(row);
    }
  }
  const KernelPowerDraft draft = fit_kernel_power(rows, {*chip}, 0);
  EXPECT_NEAR(draft.power.waiting, truth.waiting, 0.01);
  EXPECT_NEAR(draft.power.math[DType::bf16], 1.4, 0.05);
  EXPECT_NEAR(draft.power.memory, truth.memory, 0.03);
  EXPECT_NEAR(draft.power.cap, truth.cap, 0.01);
  EXPECT_LT(draft.power.spread, 0.01);
}

TEST(FitPower, TheBundledSharesAreThoseOfAChipThatComputesMoreThanItWaits) {
  const formula::PowerShares& power = formula::embedded_calibration().power();
  EXPECT_LE(power.active, 1.0);
  EXPECT_LT(power.waiting, power.active);
  EXPECT_GT(power.waiting, 0.1) << "leakage and memory alone take a tenth";
}

}  // namespace
}  // namespace tightrope::study
