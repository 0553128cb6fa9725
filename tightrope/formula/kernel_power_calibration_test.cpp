#include "tightrope/formula/kernel_power_calibration.h"

#include <gtest/gtest.h>

namespace tightrope::formula {
namespace {

KernelPower some() {
  KernelPower p{.waiting = 0.2, .memory = 0.4, .cap = 0.9};
  p.math[DType::bf16] = 1.0;
  p.math[DType::fp8] = 1.2;
  return p;
}

// Nothing used, nothing added; more use never draws less; never above the cap; the two ways to use
// a chip add up below it.
TEST(KernelPowers, Laws) {
  const KernelPower p = some();
  EXPECT_EQ(dynamic_share(p, {}), 0.0);
  double last = 0;
  for (int i = 0; i <= 20; ++i) {
    const double u = i / 20.0;
    const double share = dynamic_share(p, {DType::fp8, u, 0.5 * u});
    EXPECT_GE(share, last);
    EXPECT_LE(p.waiting + share, p.cap + 1e-12);
    last = share;
  }
  const double math = dynamic_share(p, {DType::bf16, 0.3, 0});
  const double memory = dynamic_share(p, {DType::bf16, 0, 0.5});
  EXPECT_DOUBLE_EQ(dynamic_share(p, {DType::bf16, 0.3, 0.5}), math + memory);
  EXPECT_GT(dynamic_share(p, {DType::fp8, 0.3, 0}), math);
}

TEST(KernelPowers, FileIsReadAndFaultsAreNamed) {
  const auto good =
      parse_kernel_power("[kernel_power]\nwaiting = 0.3\nmath_bf16 = 1.5\n", "a.toml");
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(good->waiting, 0.3);
  EXPECT_EQ(good->math[DType::fp16], 1.5) << "the same unit";
  const auto odd = parse_kernel_power("[kernel_power]\nwatts = 3\n", "a.toml");
  ASSERT_FALSE(odd.has_value());
  EXPECT_EQ(odd.error().code, ErrorCode::unknown_key);
  EXPECT_EQ(odd.error().where.line, 2);
  EXPECT_FALSE(parse_kernel_power("[kernel_power]\ncap = -1\n", "a.toml").has_value());
  EXPECT_FALSE(parse_kernel_power("version = 1\n", "a.toml").has_value());
}

// A waiting chip draws far less than one whose memory is busy, and that less than its limit.
TEST(KernelPowers, BundledSharesAreInOrder) {
  const KernelPower& p = embedded_kernel_power();
  EXPECT_GT(p.waiting, 0.05);
  EXPECT_LT(p.waiting, 0.5);
  EXPECT_GT(dynamic_share(p, {DType::bf16, 0, 0.8}), 0.0);
  EXPECT_GT(dynamic_share(p, {DType::bf16, 0.7, 0.2}), dynamic_share(p, {DType::bf16, 0, 0.8}));
  EXPECT_LE(p.cap, 1.1);
}

}  // namespace
}  // namespace tightrope::formula
