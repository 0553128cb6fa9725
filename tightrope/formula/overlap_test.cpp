#include "tightrope/formula/overlap.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/formula/bill.h"
#include "tightrope/formula/states.h"

namespace tightrope::formula {
namespace {

RC_GTEST_PROP(Overlap, Laws, ()) {
  const Seconds transfer(*rc::gen::inRange(0, 1000) / 10.0);
  const Seconds window(*rc::gen::inRange(0, 1000) / 10.0);
  const double quality = *rc::gen::inRange(0, 11) / 10.0;
  const double slowdown = *rc::gen::inRange(0, 11) / 10.0;
  const Exposure with = expose({transfer, window, quality, slowdown});
  // Never worse than not overlapping, never better than hiding all; a wider window never hurts.
  RC_ASSERT(with.exposed.raw() <= transfer.raw() + 1e-12);
  RC_ASSERT(with.exposed >= Seconds(0.0));
  const Exposure wider = expose({transfer, window * 2.0, quality, slowdown});
  RC_ASSERT(wider.exposed.raw() <= with.exposed.raw() + 1e-12);
}

TEST(States, Laws) {
  // 16 bytes a parameter with bf16 gradients and nothing shared; 18 with fp32 gradients.
  const StateShards alone{.parameters = 1e9};
  const StateMemory m = state_memory(alone);
  EXPECT_DOUBLE_EQ((m.weights + m.gradients + m.optimizer).raw(), 18e9);
  // Sharding over n ranks divides, and never changes the sum over ranks.
  const StateMemory z1 = state_memory({.parameters = 1e9, .optimizer_ranks = 8});
  EXPECT_DOUBLE_EQ(z1.optimizer.raw() * 8, m.optimizer.raw());
  EXPECT_DOUBLE_EQ(z1.weights.raw(), m.weights.raw());
  EXPECT_DOUBLE_EQ(optimizer_traffic({.parameters = 1e9, .optimizer_ranks = 8}).raw() * 8,
                   optimizer_traffic(alone).raw());
}

TEST(Bill, Laws) {
  const Watts p = mean_power({Watts(700), 8, Watts(500), 1.0, {1.0, 0.5}});
  EXPECT_DOUBLE_EQ(p.raw(), 8 * 1200.0);
  EXPECT_LT(mean_power({Watts(700), 8, Watts(500), 0.5, {1.0, 0.5}}), p);
  EXPECT_DOUBLE_EQ(power_share({0.9, 0.3}, 0.0), 0.3);
  EXPECT_DOUBLE_EQ(power_share({0.9, 0.3}, 1.0), 0.9);
  const Bill b = bill(
      {p, Seconds(3600), 1.2, GramsPerJoule(1e-4), DollarsPerJoule(2e-8), DollarsPerSecond(0.01)});
  EXPECT_DOUBLE_EQ(b.energy.raw(), 8 * 1200.0 * 3600 * 1.2);
  EXPECT_DOUBLE_EQ(b.rent.raw(), 36.0);
  EXPECT_DOUBLE_EQ(b.carbon.raw(), b.energy.raw() * 1e-4);
  EXPECT_DOUBLE_EQ(b.electricity.raw(), b.energy.raw() * 2e-8);
}

}  // namespace
}  // namespace tightrope::formula
