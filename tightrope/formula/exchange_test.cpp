#include "tightrope/formula/exchange.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::formula {
namespace {

double between(double low, double high) {
  const int steps = 10000;
  return low + (high - low) * *rc::gen::inRange(0, steps + 1) / steps;
}

ExchangeCoefficients any_coefficients() {
  return {.latency = Seconds(between(1e-6, 5e-5)),
          .expert_latency = Seconds(between(0.0, 1e-7)),
          .copy_rate = BytesPerSecond(between(1e9, 1e12)),
          .token = Seconds(between(0.0, 1e-6)),
          .message = Seconds(between(0.0, 1e-7)),
          .share = between(0.2, 1.0)};
}

ExchangeCall any_call() {
  const int ranks = 1 << *rc::gen::inRange(0, 7);
  const int experts = ranks * *rc::gen::inRange(1, 9);
  return {.tokens = between(0.0, 65536.0),
          .experts_per_token = *rc::gen::inRange(1, std::min(experts, 16) + 1),
          .experts = experts,
          .ranks = ranks,
          .copy = Bytes(between(512.0, 16384.0)),
          .copy_an_expert = *rc::gen::arbitrary<bool>(),
          .compute_units = *rc::gen::inRange(0, 33),
          .bandwidth = BytesPerSecond(between(1e10, 1e12))};
}

void more_tokens_are_never_quicker() {
  const ExchangeCoefficients fitted = any_coefficients();
  ExchangeCall call = any_call();
  const ExchangeTime before = exchange(call, fitted);
  call.tokens += between(0.0, 1000.0);
  RC_ASSERT(exchange(call, fitted).time >= before.time);
}

void time_lies_between_its_parts_and_their_sum() {
  const ExchangeCoefficients fitted = any_coefficients();
  const ExchangeTime t = exchange(any_call(), fitted);
  const double beyond = (t.time - t.latency).raw();
  const double most = std::max(t.copying.raw(), t.wire.raw());
  RC_ASSERT(beyond >= most * (1.0 - 1e-12));
  RC_ASSERT(beyond <= most * std::pow(2.0, 0.25) * (1.0 + 1e-12) + 1e-18);
}

void copies_to_experts_are_never_fewer_than_to_ranks() {
  const ExchangeCoefficients fitted = any_coefficients();
  ExchangeCall call = any_call();
  call.copy_an_expert = false;
  const Bytes once = exchange(call, fitted).traffic;
  call.copy_an_expert = true;
  RC_ASSERT(exchange(call, fitted).traffic.raw() >= once.raw() * (1.0 - 1e-12));
}

void more_units_are_never_slower() {
  const ExchangeCoefficients fitted = any_coefficients();
  ExchangeCall call = any_call();
  call.compute_units = std::max(1, call.compute_units);
  const ExchangeTime before = exchange(call, fitted);
  ++call.compute_units;
  RC_ASSERT(exchange(call, fitted).time <= before.time);
}

TEST(Exchange, Laws) {
  EXPECT_TRUE(rc::check("more tokens are never quicker", more_tokens_are_never_quicker));
  EXPECT_TRUE(rc::check("time lies between its parts and their sum",
                        time_lies_between_its_parts_and_their_sum));
  EXPECT_TRUE(rc::check("copies to experts are never fewer than to ranks",
                        copies_to_experts_are_never_fewer_than_to_ranks));
  EXPECT_TRUE(rc::check("more units are never slower", more_units_are_never_slower));
}

TEST(Exchange, WithoutALinkOnlyOneRankAnswers) {
  ExchangeCall call{
      .tokens = 10, .experts_per_token = 2, .experts = 8, .ranks = 8, .copy = Bytes(1000)};
  EXPECT_TRUE(std::isinf(exchange(call, {}).time.raw()));
  call.ranks = 1;
  EXPECT_TRUE(std::isfinite(exchange(call, {}).time.raw()));
}

TEST(Exchange, LargeOnesReachTheShareOfTheLink) {
  const ExchangeCoefficients fitted{.copy_rate = BytesPerSecond(1e15), .share = 0.5};
  const ExchangeCall call{.tokens = 1e6,
                          .experts_per_token = 8,
                          .experts = 64,
                          .ranks = 8,
                          .copy = Bytes(1000),
                          .copy_an_expert = true,
                          .bandwidth = BytesPerSecond(100e9)};
  // 8e9 bytes, of which 7 of 8 leave, at 50 GB/s.
  EXPECT_NEAR(exchange(call, fitted).time.raw(), 7e9 / 50e9, 1e-6);
}

}  // namespace
}  // namespace tightrope::formula
