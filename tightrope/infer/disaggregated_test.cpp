#include "tightrope/infer/disaggregated.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/infer/test_contexts_internal.h"

namespace tightrope::infer {
namespace {

TEST(Disaggregated, Laws) {
  const Context context = test_context("deepseek-v3", "b200", "fp8-block");
  const Pricing prefill(context, {.tp = 8}), decode(context, {.dp = 16, .ep = 16});
  Disaggregated fleet;
  fleet.prefill = &prefill;
  fleet.decode = &decode;
  fleet.kv_token = Bytes(70e3);
  fleet.transfer = BytesPerSecond(50e9);
  const Load load{.input = 4096, .output = 1024, .concurrency = 256};
  const Steady one = disaggregated_loop(fleet, load);
  // Everyone is somewhere: Little's law over the whole fleet.
  EXPECT_NEAR(one.request_rate * one.e2e.raw() / load.concurrency, 1.0, 0.01);
  fleet.prefill_workers = 2;
  EXPECT_LE(disaggregated_loop(fleet, load).ttft, one.ttft);
  fleet.decode_workers = 2;
  EXPECT_LE(disaggregated_loop(fleet, load).tpot, one.tpot);
  EXPECT_GE(disaggregated_loop(fleet, load).request_rate, one.request_rate);
}

// Who finds no place among those that decode waits for one, and that is in the time to first token.
TEST(Disaggregated, MoreClientsThanPlacesWaitForThem) {
  const Context context = test_context("deepseek-v3", "b200", "fp8-block");
  const Pricing prefill(context, {.tp = 8}), decode(context, {.tp = 8, .ep = 8});
  Disaggregated fleet;
  fleet.prefill = &prefill;
  fleet.decode = &decode;
  fleet.prefill_workers = 4;
  fleet.decode_workers = 4;
  fleet.decode_limits.sequences = 8;
  const Load load{.input = 1024, .output = 1024, .concurrency = 48};
  const Steady tight = disaggregated_loop(fleet, load);
  const double places = 4 * 8;
  EXPECT_LE(tight.decoding, places * (1 + 1e-9));
  EXPECT_GT(tight.ttft.raw(), 0.9 * (load.concurrency - places) / tight.request_rate);
  fleet.decode_limits.sequences = 16;
  const Steady wide = disaggregated_loop(fleet, load);
  EXPECT_LT(wide.ttft, tight.ttft * 0.5);
  EXPECT_GT(wide.tpot, tight.tpot) << "fuller batches are slower";
  // Dealers that do not know of each other fill some workers and leave places of others free.
  fleet.decode_limits.sequences = 12;
  const Steady dealt = disaggregated_loop(fleet, load);
  fleet.frontends = 10;
  EXPECT_GT(disaggregated_loop(fleet, load).ttft, dealt.ttft);
}

// A handshake costs a busy prefill worker's prompts an iteration, an idle one's next to nothing.
TEST(Disaggregated, HandshakesWaitForBusyWorkers) {
  Context context = test_context("llama3-70b", "h100", "fp8");
  const auto at = [&](double steps, double clients) {
    context.engine.handshake_steps = steps;
    const Pricing pricing(context, {.tp = 8});
    Disaggregated fleet;
    fleet.prefill = fleet.decode = &pricing;
    fleet.decode_workers = 4;
    return disaggregated_loop(fleet, {.input = 4096, .output = 1024, .concurrency = clients});
  };
  const Seconds lone = at(0, 1).prefill_alone;
  const Seconds busy = at(1, 24).ttft - at(0, 24).ttft, idle = at(1, 1).ttft - at(0, 1).ttft;
  EXPECT_GT(busy, lone * 0.3);
  EXPECT_LT(idle, lone * 0.15);
  EXPECT_LE(at(1, 24).request_rate, at(0, 24).request_rate * (1 + 1e-9));
}

RC_GTEST_PROP(Disaggregated, WaitsForPlacesAreNeverFewerThanRequestsBeyondThem, ()) {
  const double mean = *rc::gen::inRange(1, 2000) / 10.0;
  const double places = *rc::gen::inRange(1, 100);
  const double variance = std::min(mean, *rc::gen::inRange(1, 50) / 10.0);
  const double even = waiting_for_places(mean, 0, places);
  RC_ASSERT(even == std::max(0.0, mean - places));
  const double dealt = waiting_for_places(mean, variance, places);
  RC_ASSERT(dealt >= even);
  RC_ASSERT(dealt <= mean);
  RC_ASSERT(waiting_for_places(mean, variance, places + 1) <= dealt + 1e-12);
  RC_ASSERT(waiting_for_places(mean + 1, variance, places) >= dealt - 1e-12);
}

// A prompt is one attention group's, and the others wait for it: alone it is no faster on more
// groups, while full iterations gain from each.
TEST(Disaggregated, ALonePromptOccupiesOneAttentionGroup) {
  const Context context = test_context("deepseek-v3", "b200", "fp8-block");
  const Pricing four(context, {.dp = 4, .ep = 4}), eight(context, {.dp = 8, .ep = 8});
  EXPECT_GT(eight.tokens_apart(8192, 8192).time, eight.tokens(8192).time);
  EXPECT_EQ(eight.tokens_apart(8192, 1024).time, eight.tokens(8192).time);
  const Load load{.input = 8192, .output = 1024};
  const PrefillWork less = prefill_work(four, load, {.token_budget = 4 * 16384});
  const PrefillWork more = prefill_work(eight, load, {.token_budget = 8 * 16384});
  EXPECT_GT(more.request / less.request, 0.7);
  EXPECT_GT(more.rate, less.rate * 1.5);
  // Fewer prompts an iteration than tokens would allow: no more of them a second.
  const PrefillWork few = prefill_work(eight, load, {.sequences = 8, .token_budget = 8 * 16384});
  EXPECT_LE(few.rate, more.rate);
  EXPECT_EQ(few.request, more.request);
}

}  // namespace
}  // namespace tightrope::infer
