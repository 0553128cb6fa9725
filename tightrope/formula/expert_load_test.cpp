#include "tightrope/formula/expert_load.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::formula {
namespace {

TEST(ExpertLoads, Laws) {
  // An even choice is the mean number of occupied boxes.
  const ExpertSpread even = expert_spread({256, 8, 32, 8, 0.0});
  EXPECT_NEAR(even.active, 256 * (1 - std::pow(1 - 8.0 / 256, 32)), 0.2);
  // One token wakes exactly its experts; very many wake all.
  EXPECT_NEAR(expert_spread({128, 4, 1, 1, 1.0}).active, 4, 0.01);
  EXPECT_NEAR(expert_spread({128, 4, 1e6, 1, 1.0}).active, 128, 0.01);
  // One place holds all the load.
  EXPECT_EQ(expert_spread({128, 4, 10, 1, 1.0}).busiest, 1.0);
  // Nothing to route wakes nobody.
  EXPECT_EQ(expert_spread({128, 4, 0, 4, 1.0}).active, 0.0);
}

// Experts that do not divide: the fullest rank holds one more. Copies fill places up, and a
// balancer evens popularity out but not chance.
TEST(ExpertLoads, UnevenExpertsAndCopies) {
  ExpertLoad load{.experts = 256, .experts_per_token = 8, .tokens = 1e6, .ranks = 48, .skew = 0};
  const ExpertSpread uneven = expert_spread(load);
  EXPECT_EQ(uneven.held, 6);
  EXPECT_EQ(uneven.read, 6);
  EXPECT_NEAR(uneven.busiest, 6 / (256.0 / 48), 0.01);
  load.slots = 288;
  EXPECT_EQ(expert_spread(load).held, 6);
  EXPECT_NEAR(expert_spread(load).busiest, 1.0, 0.01);
  load.skew = 2;
  const ExpertSpread random = expert_spread(load);
  load.balanced = true;
  const ExpertSpread balanced = expert_spread(load);
  EXPECT_GT(random.busiest, 1.2);
  EXPECT_NEAR(balanced.busiest, 1.0, 0.01);
  load.tokens = 48;
  EXPECT_GT(expert_spread(load).busiest, 1.2) << "few tokens fall unevenly by chance";
}

// However popular an expert is, a token chooses it once: the busiest of as many ranks as experts
// gets no more than one row of each token, and at least a token's number of experts wakes.
TEST(ExpertLoads, NoTokenChoosesAnExpertTwice) {
  ExpertLoad load{.experts = 8, .experts_per_token = 7, .tokens = 1e6, .ranks = 2, .skew = 4};
  const double uneven = 8.0 / 7 - 1;  // one expert at most is left out by all
  EXPECT_LT(expert_spread(load).busiest, 1 + 2 * std::sqrt(uneven / 4));
  EXPECT_GE(expert_spread(load).active, 7.0);
  load.tokens = 1;
  EXPECT_EQ(expert_spread(load).active, 7.0);
}

// Chance alone: the fuller half of 400 rows has sd sqrt(2 / pi) more than the mean.
TEST(ExpertLoads, BusiestOfTwoByChance) {
  const ExpertLoad load{
      .experts = 64, .experts_per_token = 1, .tokens = 400, .ranks = 2, .skew = 0};
  const double halves = std::sqrt(400.0) / 2 / 200;  // standard deviation over the mean
  EXPECT_NEAR(expert_spread(load).busiest - 1, halves * std::sqrt(2 / 3.14159), 0.05 * halves);
}

RC_GTEST_PROP(ExpertLoads, MoreTokensWakeMoreAndLoadMoreEvenly, ()) {
  ExpertLoad load;
  load.experts = *rc::gen::inRange(8, 513);
  load.experts_per_token = *rc::gen::inRange(1, 9);
  load.ranks = *rc::gen::element(1.0, 2.0, 4.0, 8.0);
  load.skew = *rc::gen::inRange(0, 30) / 10.0;
  load.tokens = *rc::gen::inRange(1, 5000);
  const ExpertSpread few = expert_spread(load);
  load.tokens *= 2;
  const ExpertSpread many = expert_spread(load);
  RC_ASSERT(few.active <= many.active + 1e-9);
  RC_ASSERT(many.active <= load.experts + 1e-9);
  RC_ASSERT(many.busiest <= few.busiest + 1e-9);
  RC_ASSERT(many.busiest >= 1.0);
  load.skew += 0.5;
  RC_ASSERT(expert_spread(load).busiest >= many.busiest - 1e-9);
}

}  // namespace
}  // namespace tightrope::formula
