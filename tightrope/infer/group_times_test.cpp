#include "tightrope/infer/group_times.h"

#include <gtest/gtest.h>

#include "tightrope/infer/test_contexts_internal.h"

namespace tightrope::infer {
namespace {

double seconds(formula::IterationCost c) {
  return static_cast<double>(c.time) / formula::ticks_per_second;
}

// Law: an iteration whose fullest group has more than its share takes what the closed form says,
// also where stages take parts of it in turn.
TEST(GroupTimes, AreThePricesOfTokensApart) {
  const Context context = test_context("deepseek-v3", "b200", "fp8-block");
  for (const Deployment& d :
       {Deployment{.dp = 8, .ep = 8}, Deployment{.pp = 2, .dp = 4, .ep = 4}}) {
    const Pricing pricing(context, d);
    formula::IterationTimes t = iteration_times(pricing, 65536, 64);
    add_group_times(pricing, 8192, t);
    EXPECT_EQ(t.groups, d.dp);
    for (const std::int64_t tokens : {16, 48, 64}) {
      for (std::int64_t fullest = tokens / d.dp; fullest <= tokens; fullest += 3) {
        const auto told = seconds(t.cost({.tokens = tokens, .fullest = fullest}));
        const Spent apart =
            pricing.tokens_apart(static_cast<double>(tokens), static_cast<double>(fullest));
        EXPECT_NEAR(told, apart.time.raw(), 1e-9) << tokens << " " << fullest;
      }
    }
    // Between knots of the tables.
    for (const std::int64_t tokens : {1000, 3686, 8192}) {
      const auto alone = static_cast<double>(tokens);
      const double told = seconds(t.cost({.tokens = tokens, .fullest = tokens}));
      EXPECT_NEAR(told / pricing.tokens_apart(alone, alone).time.raw(), 1.0, 0.03) << tokens;
      EXPECT_GT(told, seconds(t.cost({.tokens = tokens}))) << "nobody helps";
    }
    for (std::size_t i = 1; i < t.by_group.size(); ++i) {
      ASSERT_GE(t.by_group[i].time, t.by_group[i - 1].time) << i;
      ASSERT_GE(t.by_group[i].energy, t.by_group[i - 1].energy) << i;
    }
  }
}

// One group knows nothing of others.
TEST(GroupTimes, OneGroupHasNone) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  formula::IterationTimes t = iteration_times(pricing, 256, 64);
  add_group_times(pricing, 256, t);
  EXPECT_EQ(t.groups, 1);
  EXPECT_TRUE(t.by_group.empty());
}

}  // namespace
}  // namespace tightrope::infer
