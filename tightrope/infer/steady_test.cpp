#include "tightrope/infer/steady.h"

#include <gtest/gtest.h>

#include "tightrope/infer/test_contexts_internal.h"

namespace tightrope::infer {
namespace {

TEST(Steady, Laws) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  const SteadyLimits limits;
  double before_rate = 0;
  Seconds before_tpot{};
  for (const double clients : {1.0, 2.0, 8.0, 32.0, 128.0}) {
    const Load load{.input = 1024, .output = 512, .concurrency = clients};
    const Steady s = closed_loop(pricing, load, limits);
    // More clients: never less throughput, never faster tokens.
    EXPECT_GE(s.request_rate, before_rate);
    EXPECT_GE(s.tpot, before_tpot);
    // Little's law over those that decode.
    const double decoding = s.request_rate * (s.tpot * (load.output - 1)).raw();
    EXPECT_NEAR(decoding / s.decoding, 1.0, 0.05) << clients;
    EXPECT_NEAR(s.e2e / (s.ttft + s.tpot * (load.output - 1)), 1.0, 1e-12);
    EXPECT_GT(s.busy_share, 0.0);
    EXPECT_LE(s.busy_share, 1.0);
    before_rate = s.request_rate;
    before_tpot = s.tpot;
  }
}

TEST(Steady, ACachedPrefixIsNotPrefilledAgain) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  const Load whole{.input = 8192, .output = 256, .concurrency = 16};
  Load cached = whole;
  cached.cached = 6144;
  EXPECT_LT(closed_loop(pricing, cached, {}).ttft, closed_loop(pricing, whole, {}).ttft);
  EXPECT_LT(closed_loop(pricing, cached, {}).tpot, closed_loop(pricing, whole, {}).tpot);
}

TEST(Steady, TheCacheBoundsHowManyRun) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  const Load load{.input = 1000, .output = 1000, .concurrency = 64};
  const Steady s = closed_loop(pricing, load, {.cache_tokens = 15000});
  EXPECT_LE(s.decoding, 10.0);
  EXPECT_DOUBLE_EQ(s.waiting, 54.0);
  EXPECT_GT(s.ttft, closed_loop(pricing, load, {}).ttft);
}

// A run that ends drains: the fewer requests, the more of it; answers of one length do not, and a
// cut of the longest ends it sooner.
TEST(Steady, RunsThatEndDrain) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  Load load{.input = 500, .output = 1000, .concurrency = 1e6, .output_variation = 1};
  const SteadyLimits limits{.sequences = 256};
  const double endless = closed_loop(pricing, load, limits).request_rate;
  double before = 0;
  for (const double requests : {512.0, 2048.0, 8192.0, 1e7}) {
    load.requests = requests;
    const double rate = closed_loop(pricing, load, limits).request_rate;
    EXPECT_GT(rate, before) << requests;
    EXPECT_LE(rate, endless) << requests;
    before = rate;
  }
  EXPECT_NEAR(before / endless, 1.0, 1e-3);
  load.requests = 2048;
  const double whole = closed_loop(pricing, load, limits).request_rate;
  load.longest = 2000;
  EXPECT_GT(closed_loop(pricing, load, limits).request_rate, whole);
}

// Graphs of 64, 128, ... sequences: whoever decodes with 64 others takes as long as 128 do, but
// reads the keys of 65 only.
TEST(Steady, GraphsOfFixedSizesAreFilled) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  const auto iteration = [&](double clients, double size) {
    const Load load{.input = 1, .output = 4000, .concurrency = clients};
    return closed_loop(pricing, load, {.graph_sequences = size}).tpot.raw();
  };
  EXPECT_NEAR(iteration(64, 64), iteration(64, 0), 0.01 * iteration(64, 0));
  EXPECT_GT(iteration(70, 64), 1.01 * iteration(70, 0));
  EXPECT_LT(iteration(70, 64), iteration(128, 64));
}

// Answers of a data set differ in length, and long ones are met longer: sequences in the cache are
// longer on average than at half of a mean answer, so fewer fit and each reads more.
TEST(Steady, LongAnswersAreMetLonger) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  Load load{.input = 500, .output = 1000, .concurrency = 64};
  const SteadyLimits small{.cache_tokens = 20000};
  const Steady equal = closed_loop(pricing, load, small), easy = closed_loop(pricing, load, {});
  load.output_variation = 1.0;
  const Steady varied = closed_loop(pricing, load, small);
  EXPECT_NEAR(varied.decoding / equal.decoding, 1000.0 / 1500.0, 0.02);
  EXPECT_GT(closed_loop(pricing, load, {}).tpot, easy.tpot);
  // Where a sequence's whole answer is reserved when it starts, the mean answer counts.
  const SteadyLimits reserved{.cache_tokens = 20000, .reserves_output = true};
  const Steady whole = closed_loop(pricing, load, reserved);
  load.output_variation = 0.0;
  EXPECT_NEAR(whole.decoding / closed_loop(pricing, load, reserved).decoding, 1.0, 0.02);
}

// Late first tokens are later than the mean, and later the more prompts differ.
TEST(Steady, PromptsThatDifferMakeFirstTokensLate) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  Load load{.input = 8000, .output = 200, .concurrency = 32};
  const Steady equal = closed_loop(pricing, load, {});
  load.input_variation = 0.6;
  const Steady varied = closed_loop(pricing, load, {});
  EXPECT_GT(equal.late_ttft, equal.ttft);
  EXPECT_GT(varied.late_ttft, equal.late_ttft);
  EXPECT_EQ(varied.ttft, equal.ttft);
}

// Engines that prefill alone keep equal requests in step: their prefills queue.
TEST(Steady, EqualLengthsQueueWherePrefillStopsDecode) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  Load load{.input = 4096, .output = 128, .concurrency = 32, .spread = 0.0, .waves = 10};
  const SteadyLimits alone{.mixes_prefill = false};
  const Steady equal = closed_loop(pricing, load, alone);
  load.spread = 1.0;
  const Steady spread = closed_loop(pricing, load, alone);
  EXPECT_GT(equal.ttft, spread.ttft);
  EXPECT_LT(equal.tpot, spread.tpot);
}

// A scheduler that looks at its queue every so many steps lets requests wait for half of them, and
// then prefills together who came meanwhile.
TEST(Steady, ASchedulerThatLooksSeldomServesLater) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  Load load{.input = 1024, .output = 1024, .concurrency = 32, .spread = 0.2, .waves = 10};
  const SteadyLimits always{.token_budget = 32768, .mixes_prefill = false};
  SteadyLimits seldom = always;
  seldom.poll_steps = 30;
  const Steady at_once = closed_loop(pricing, load, always);
  const Steady late = closed_loop(pricing, load, seldom);
  const Seconds plain = late.tpot;
  EXPECT_GT(late.ttft - at_once.ttft, plain * 10.0);
  EXPECT_LT(late.ttft - at_once.ttft, plain * 30.0);
  EXPECT_LE(late.tpot, at_once.tpot) << "fewer, fuller prefills stop decodes";
  // Alone there is nobody to step.
  load.concurrency = 1;
  EXPECT_EQ(closed_loop(pricing, load, seldom).ttft, closed_loop(pricing, load, always).ttft);
}

// Where attention is split by sequences, prompts wait until every group has one: half of a turn,
// which lasts no longer than the engine waits and no longer than finding one for each takes.
TEST(Steady, PromptsThatWaitForOtherGroupsStartLater) {
  const Context context = test_context("deepseek-v3", "b200", "fp8-block");
  const Pricing pricing(context, {.dp = 8, .ep = 8});
  Load load{.input = 1024, .output = 1024, .concurrency = 64, .spread = 0.2, .waves = 10};
  const SteadyLimits always{.token_budget = 65536, .groups = 8};
  SteadyLimits balanced = always;
  balanced.balance_steps = 60;
  const Steady at_once = closed_loop(pricing, load, always);
  const Steady turned = closed_loop(pricing, load, balanced);
  EXPECT_GT(turned.ttft - at_once.ttft, turned.tpot * 20.0);
  EXPECT_LT(turned.ttft - at_once.ttft, turned.tpot * 45.0) << "half of 60, and a fuller prefill";
  // With so many that each step brings a prompt for every group there is nothing to wait for.
  load = {.input = 64, .output = 64, .concurrency = 16384, .spread = 0.2, .waves = 10};
  const Seconds crowded = closed_loop(pricing, load, balanced).ttft;
  EXPECT_LT(crowded / closed_loop(pricing, load, always).ttft, 1.1);
  // One group has nobody to wait for.
  balanced.groups = 1;
  EXPECT_EQ(closed_loop(pricing, load, balanced).ttft, closed_loop(pricing, load, always).ttft);
}

// The host issues kernels while the device works: a short prompt takes the host's time, a long one
// the device's.
TEST(Steady, AShortPromptTakesWhatItsHostTakes) {
  Context slow = test_context("deepseek-v3", "b200", "fp8-block");
  slow.engine.prefill_kernel_us = 200;
  Context quick = slow;
  quick.engine.prefill_kernel_us = 0;
  const Deployment mapping{.tp = 8, .ep = 8};
  const Pricing hosted(slow, mapping), bare(quick, mapping);
  const Seconds host = hosted.attention().prefill.time;
  const auto alone = [](const Pricing& pricing, double input) {
    const Load load{.input = input, .output = 64, .concurrency = 1};
    return closed_loop(pricing, load, {.token_budget = 1e6}).prefill_alone;
  };
  EXPECT_EQ(alone(hosted, 64), host);
  EXPECT_LT(alone(bare, 64), host);
  EXPECT_EQ(alone(hosted, 65536), alone(bare, 65536));
  EXPECT_GT(alone(bare, 65536), host);
}

// Iterations launched ahead are waited for, each as long as one lasts, unless nobody else runs.
TEST(Steady, WhatWasLaunchedAheadIsWaitedFor) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  Load load{.input = 512, .output = 512, .concurrency = 16, .spread = 0.2};
  load.waves = 10;
  const Steady none = closed_loop(pricing, load, {});
  const Steady two = closed_loop(pricing, load, {.ahead_steps = 2});
  EXPECT_NEAR((two.ttft - none.ttft) / (two.iteration * 2.0), 1.0, 0.1);
  EXPECT_LE(two.request_rate, none.request_rate);
  load.concurrency = 1;
  EXPECT_EQ(closed_loop(pricing, load, {.ahead_steps = 2}).ttft,
            closed_loop(pricing, load, {}).ttft);
}

// Equal lengths that start together come in rows: with room for two prompts an iteration, eight
// clients fill four in a row, and the k-th pair finds prompts in k - 1 of those launched before it.
TEST(Steady, EqualRequestsComeInRows) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  Load load{.input = 1000, .output = 1000, .concurrency = 8};
  load.waves = 1e9;  // the first wave, which all meet at once, counts for nothing
  SteadyLimits limits{.token_budget = 2600};
  const Steady pairs = closed_loop(pricing, load, limits);
  limits.token_budget = 1500;
  const Steady singles = closed_loop(pricing, load, limits);
  limits.token_budget = 1e6;
  const Steady all = closed_loop(pricing, load, limits);
  const Seconds front = context.engine.front(load.input);
  // What shares an iteration waits for each other, and meets fewer of others' prompts.
  EXPECT_GT((pairs.ttft - front) / (singles.ttft - front), 1.3);
  EXPECT_GT((all.ttft - front) / (pairs.ttft - front), 2.0);
  EXPECT_LT(pairs.tpot, singles.tpot);
  EXPECT_LT(all.tpot, pairs.tpot);
  // A mean over four pairs: (0 + 1 + 1 + 1) / 4 of the one iteration launched before is like
  // theirs.
  limits.token_budget = 2600;
  limits.ahead_steps = 1;
  const Steady ahead = closed_loop(pricing, load, limits);
  const Seconds plain = all.tpot;
  EXPECT_NEAR((ahead.ttft - pairs.ttft) / (plain * 0.25 + (pairs.ttft - front) * 0.75), 1.0, 0.03);
  // Lengths that differ let the rows go.
  load.spread = 0.2;
  EXPECT_LT(closed_loop(pricing, load, limits).ttft, ahead.ttft);
}

// The same where prompts stop decodes: of four batches a request waits for two and a half.
TEST(Steady, EqualRequestsStopTogether) {
  Context context = test_context("llama3-70b", "h100", "fp8");
  context.engine.request_ms = context.engine.prompt_us = 0;
  const Pricing pricing(context, {.tp = 8});
  Load load{.input = 1000, .output = 1000, .concurrency = 8};
  load.waves = 10;
  SteadyLimits limits{.token_budget = 8000, .mixes_prefill = false};
  const Steady one = closed_loop(pricing, load, limits);
  limits.token_budget = 2000;
  const Steady four = closed_loop(pricing, load, limits);
  Load pair = load;
  pair.concurrency = 2;
  limits.token_budget = 2000;
  const Seconds batch = closed_loop(pricing, pair, limits).ttft;
  EXPECT_NEAR(four.ttft / batch, 2.5, 1e-6);
  EXPECT_NEAR((four.tpot - one.tpot) / (batch * (1.5 / 999.0)), 1.0, 1e-6);
}

// Who waits for a place is made ready meanwhile: the front's time is hidden in the wait.
TEST(Steady, TheFrontWorksWhileRequestsWait) {
  Context context = test_context("llama3-70b", "h100", "fp8");
  Load load{.input = 512, .output = 512, .concurrency = 16};
  const auto ttft = [&](double request_ms, double places) {
    context.engine.request_ms = request_ms;
    const Pricing pricing(context, {.tp = 8});
    return closed_loop(pricing, load, {.sequences = places}).ttft;
  };
  EXPECT_EQ(ttft(0, 8), ttft(50, 8));
  EXPECT_NEAR((ttft(50, 16) - ttft(0, 16)).raw(), 0.05, 1e-9);
}

// A request alone is never slowed by prompts of others.
TEST(Steady, OneClientDecodesUndisturbed) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  const Load load{.input = 8192, .output = 64, .concurrency = 1};
  for (const bool mixes : {true, false}) {
    const Steady s = closed_loop(pricing, load, {.mixes_prefill = mixes});
    const DecodeWork alone = decode_work(pricing, load, s.decoding);
    EXPECT_NEAR(s.tpot / alone.tpot, 1.0, 1e-9) << mixes;
  }
}

}  // namespace
}  // namespace tightrope::infer
