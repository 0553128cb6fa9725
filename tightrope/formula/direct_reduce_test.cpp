#include "tightrope/formula/direct_reduce.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::formula {
namespace {

double between(double low, double high) {
  const int steps = 10000;
  return low + (high - low) * *rc::gen::inRange(0, steps + 1) / steps;
}

DirectReduceCoefficients any_coefficients() {
  return {.latency = Seconds(between(1e-6, 1e-5)),
          .rank_latency = Seconds(between(0.0, 1e-6)),
          .one_shot_share = between(0.1, 1.0),
          .second_barrier = Seconds(between(0.0, 2e-5)),
          .two_shot_share = between(0.1, 1.0)};
}

DirectReduceCall any_call() {
  return {.size = Bytes(between(0.0, 1e8)),
          .ranks = *rc::gen::inRange(2, 9),
          .bandwidth = BytesPerSecond(between(1e10, 1e12))};
}

void more_bytes_or_ranks_are_never_quicker() {
  const DirectReduceCoefficients fitted = any_coefficients();
  DirectReduceCall call = any_call();
  const Seconds before = direct_reduce(call, fitted).time;
  call.size += Bytes(between(0.0, 1e6));
  const Seconds larger = direct_reduce(call, fitted).time;
  RC_ASSERT(larger >= before);
  ++call.ranks;
  RC_ASSERT(direct_reduce(call, fitted).time >= larger);
}

void two_shots_once_chosen_stay_chosen() {
  const DirectReduceCoefficients fitted = any_coefficients();
  DirectReduceCall call = any_call();
  if (!direct_reduce(call, fitted).two_shot) return;
  call.size = call.size * between(1.0, 10.0);
  RC_ASSERT(direct_reduce(call, fitted).two_shot);
}

TEST(DirectReduce, Laws) {
  EXPECT_TRUE(
      rc::check("more bytes or ranks are never quicker", more_bytes_or_ranks_are_never_quicker));
  EXPECT_TRUE(rc::check("two shots once chosen stay chosen", two_shots_once_chosen_stay_chosen));
}

TEST(DirectReduce, NoLinkNoAnswerAndOneRankNoTime) {
  EXPECT_EQ(direct_reduce({.size = Bytes(1e6), .ranks = 1}, {}).time.raw(), 0.0);
  EXPECT_TRUE(std::isinf(direct_reduce({.size = Bytes(1e6), .ranks = 2}, {}).time.raw()));
}

TEST(DirectReduce, OneShotOfTwoRanksReadsTheBufferOnce) {
  const DirectReduceCoefficients fitted{.one_shot_share = 0.5, .second_barrier = Seconds(1.0)};
  const DirectReduceTime t =
      direct_reduce({.size = Bytes(1e9), .ranks = 2, .bandwidth = BytesPerSecond(100e9)}, fitted);
  EXPECT_FALSE(t.two_shot);
  EXPECT_NEAR(t.time.raw(), 0.02, 1e-12);
}

}  // namespace
}  // namespace tightrope::formula
