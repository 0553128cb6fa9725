#include "tightrope/formula/expert_product.h"

#include <gtest/gtest.h>

#include "tightrope/formula/calibration.h"

namespace tightrope::formula {
namespace {

RankKernels chip() {
  RankKernels k;
  k.peak[DType::bf16] = FlopsPerSecond(1e15);
  k.peak[DType::fp8] = FlopsPerSecond(2e15);
  k.hbm_bandwidth = BytesPerSecond(4e12);
  for (const ExpertFormat f : all_expert_formats) {
    k.experts[f] = {.peak_share = 0.5,
                    .row_padding = 20,
                    .read_share = 0.9,
                    .overlap_loss = 0.5,
                    .launch = Seconds(1e-5)};
  }
  return k;
}

// Few rows: reading weights bounds, and narrow weights read less. Many rows: arithmetic bounds, at
// the share of the peak. Time never falls with rows or experts, and is never below either bound.
TEST(ExpertProducts, Laws) {
  const RankKernels k = chip();
  ExpertProduct p{.experts = 64, .rows = 1, .n = 4096, .k = 2048};
  EXPECT_EQ(expert_product({.experts = 0, .rows = 8, .n = 64, .k = 64}, k).time, Seconds(0.0));
  EXPECT_EQ(expert_product({.experts = 8, .rows = 0, .n = 64, .k = 64}, k).time, Seconds(0.0));
  const KernelTime few = expert_product(p, k);
  EXPECT_GT(few.memory, few.math);
  ExpertProduct narrow = p;
  narrow.weight_bytes = 0.5;
  EXPECT_LT(expert_product(narrow, k).memory.raw(), 0.26 * few.memory.raw());
  Seconds last{};
  for (double rows = 1; rows < 1e5; rows *= 2) {
    p.rows = rows;
    const KernelTime t = expert_product(p, k);
    EXPECT_GT(t.time, last);
    EXPECT_GE(t.time, t.math + t.overhead);
    EXPECT_GE(t.time, t.memory + t.overhead);
    last = t.time;
  }
  const KernelTime many = expert_product(p, k);
  EXPECT_NEAR(many.flops.raw() / many.math.raw(), 0.5e15, 0.01e15);
  p.experts *= 2;
  EXPECT_NEAR(expert_product(p, k).math / many.math, 2.0, 1e-9);
  // Experts that a rank holds cost time whether they have tokens or not.
  RankKernels holding = k;
  holding.experts[ExpertFormat::bf16].held = Seconds(1e-7);
  const Seconds before = expert_product(p, holding).time;
  p.held = 100;
  EXPECT_NEAR((expert_product(p, holding).time - before).raw(), 1e-5, 1e-12);
}

// Tables of fused layers say, chip by chip, what shares are possible: none above the peak.
TEST(ExpertProducts, BundledCoefficientsAreOfMeasuredArchitectures) {
  const Calibration& calibration = embedded_calibration();
  bool hopper = false, blackwell = false;
  for (const ExpertCalibration& e : calibration.experts()) {
    EXPECT_LE(e.coefficients.peak_share, 1.0);
    EXPECT_LE(e.coefficients.read_share, 1.0);
    EXPECT_LT(e.coefficients.row_padding, 256.0) << "more than the largest tile";
    hopper = hopper || (e.architecture == "hopper" && e.format == ExpertFormat::mxfp4);
    blackwell = blackwell || (e.architecture == "blackwell" && e.format == ExpertFormat::fp4);
  }
  EXPECT_TRUE(hopper);
  EXPECT_TRUE(blackwell);
}

}  // namespace
}  // namespace tightrope::formula
