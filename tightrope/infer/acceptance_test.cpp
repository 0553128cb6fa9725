#include "tightrope/infer/acceptance.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tightrope/infer/steady.h"
#include "tightrope/infer/test_contexts_internal.h"

namespace tightrope::infer {
namespace {

YieldShares random_law() {
  const auto weights = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 100));
  YieldShares shares(weights.begin(), weights.end());
  shares.resize(std::min<std::size_t>(shares.size(), 8));
  shares.push_back(1.0 + *rc::gen::inRange(0, 100));
  double sum = 0;
  for (const double share : shares) sum += share;
  for (double& share : shares) share /= sum;
  return shares;
}

// Moments of the iterations of `tokens`, by the whole law of who is where after each of them.
struct Moments {
  double mean = 0, deviation = 0;
};
Moments counted(const YieldShares& shares, std::size_t tokens) {
  std::vector<double> at(tokens, 0.0);
  at[0] = 1.0;
  double mean = 0, square = 0;
  for (std::size_t step = 1; step <= tokens; ++step) {
    std::vector<double> next(tokens, 0.0);
    double done = 0;
    for (std::size_t n = 0; n < tokens; ++n) {
      for (std::size_t i = 0; i < shares.size(); ++i) {
        const double p = at[n] * shares[i];
        n + i + 1 < tokens ? next[n + i + 1] += p : done += p;
      }
    }
    const auto k = static_cast<double>(step);
    mean += k * done;
    square += k * k * done;
    at = next;
  }
  return {mean, std::sqrt(std::max(0.0, square - mean * mean))};
}

// Law: mean and deviation of an answer's iterations are those of the whole law, counted out.
RC_GTEST_PROP(Acceptance, ExpectedIterations, ()) {
  const YieldShares shares = random_law();
  const AnswerSteps steps(shares);
  const auto tokens = *rc::gen::inRange<std::size_t>(1, 120);
  const Moments whole = counted(shares, tokens);
  const auto n = static_cast<double>(tokens);
  RC_ASSERT(std::abs(steps.mean(n) - whole.mean) < 1e-9 * n);
  RC_ASSERT(std::abs(steps.deviation(n) - whole.deviation) < 1e-5 * n);
  // The last iteration is cut: never fewer than the mean rate needs, never more than tokens.
  RC_ASSERT(steps.mean(n) * mean_yield(shares) >= n * (1 - 1e-9));
  RC_ASSERT(steps.mean(n) <= n * (1 + 1e-9));
}

// Law: iterations that all yield r tokens make ceil(n / r), without deviation, at any length.
TEST(Acceptance, SureYieldsHaveNoChance) {
  const AnswerSteps threes(YieldShares{0, 0, 1});
  for (const int n : {1, 2, 3, 4, 100, 4096, 4097, 4098, 50'000, 50'001}) {
    EXPECT_EQ(threes.mean(n), (n + 2) / 3) << n;
    EXPECT_EQ(threes.deviation(n), 0) << n;
  }
  EXPECT_EQ(threes.mean(0), 0);
}

// Beyond the table a length costs what the mean rate says, and answers' luck evens out.
TEST(Acceptance, LongAnswersGoByTheMean) {
  const YieldShares shares{0.45, 0.25, 0.2, 0.1};
  const AnswerSteps steps(shares);
  EXPECT_NEAR(mean_yield(shares), 1.95, 1e-12);
  EXPECT_NEAR(steps.mean(40'000) - steps.mean(4000), 36'000 / 1.95, 1e-6);
  EXPECT_LT(steps.deviation(40'000) / steps.mean(40'000), steps.deviation(400) / steps.mean(400));
}

// Law: guesses that each hold with p yield 1 + p + p^2 + ... tokens.
TEST(Acceptance, GeometricLaw) {
  for (const double p : {0.0, 0.3, 0.8, 1.0}) {
    const YieldShares shares = geometric_yields(3, p);
    EXPECT_NEAR(mean_yield(shares), 1 + p + p * p + p * p * p, 1e-12);
    EXPECT_TRUE(checked_yields(shares, 3).has_value());
  }
}

TEST(Acceptance, RefusesWhatIsNoLaw) {
  EXPECT_FALSE(checked_yields({0.5, 0.4}, 3).has_value()) << "sums to 0.9";
  EXPECT_FALSE(checked_yields({0.5, 0.25, 0.25}, 1).has_value()) << "one draft yields two";
  EXPECT_FALSE(checked_yields({1.5, -0.5}, 3).has_value());
  const auto rounded = checked_yields({0.333, 0.333, 0.333}, 2);
  ASSERT_TRUE(rounded.has_value());
  EXPECT_NEAR((*rounded)[0], 1.0 / 3, 1e-12);
}

// Law: an answer cut in its last iteration is slower than its law's mean says, the less the longer;
// with a law of no chance a multiple of its yield takes exactly what the mean says.
TEST(Acceptance, ClosedFormsGoByTheLaw) {
  Context by_mean = test_context("llama3-70b", "h100", "fp8", 3);
  by_mean.speculation.accepted = 1.95;
  Context by_law = by_mean;
  by_law.speculation.yields = {0.45, 0.25, 0.2, 0.1};
  by_law.speculation.steps = AnswerSteps(by_law.speculation.yields);
  const Pricing mean(by_mean, {.tp = 8}), law(by_law, {.tp = 8});
  double before = 1.2;
  for (const double output : {17.0, 129.0, 1025.0}) {
    const Load load{.input = 1024, .output = output, .concurrency = 1};
    const double slower = closed_loop(law, load, {}).tpot / closed_loop(mean, load, {}).tpot;
    EXPECT_GT(slower, 1.0);
    EXPECT_LT(slower, before);
    before = slower;
  }
  by_mean.speculation.accepted = 2.0;
  by_law.speculation.accepted = 2.0;
  by_law.speculation.steps = AnswerSteps(YieldShares{0, 1});
  const Load even{.input = 1024, .output = 201, .concurrency = 8};
  const Pricing mean2(by_mean, {.tp = 8}), law2(by_law, {.tp = 8});
  EXPECT_EQ(closed_loop(law2, even, {}).tpot, closed_loop(mean2, even, {}).tpot);
  EXPECT_EQ(by_mean.speculation.late(200, 1.6), 1.0);
  by_law.speculation.steps = AnswerSteps(YieldShares{0.5, 0, 0.5});
  EXPECT_GT(by_law.speculation.late(20, 1.6), by_law.speculation.late(2000, 1.6));
  EXPECT_GT(by_law.speculation.late(2000, 1.6), 1.0);
}

}  // namespace
}  // namespace tightrope::infer
