#include "tightrope/infer/pricing.h"

#include <gtest/gtest.h>

#include "tightrope/infer/memory.h"
#include "tightrope/infer/test_contexts_internal.h"

namespace tightrope::infer {
namespace {

struct Case {
  std::string model, chip, numerics;
  Deployment deployment;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"llama3-70b", "h100", "fp8", {.tp = 8}},
      {"llama3-8b", "trainium2", "bf16", {.tp = 4}},
      {"gpt-oss-120b", "h200", "mxfp4", {.tp = 2}},
      {"deepseek-v3", "b200", "nvfp4", {.dp = 8, .ep = 8}},
      {"deepseek-v3", "gb200", "fp8-block", {.tp = 8, .pp = 2, .ep = 8}},
      {"qwen3.5-397b-a17b", "b200", "bf16", {.tp = 8}},
  };
  return all;
}

TEST(Pricing, MoreTokensNeverTakeLess) {
  for (const Case& c : cases()) {
    const Context context = test_context(c.model, c.chip, c.numerics);
    const formula::IterationTimes t = iteration_times(Pricing(context, c.deployment), 4096, 512);
    EXPECT_EQ(t.by_tokens.front(), formula::IterationCost{}) << "no work costs nothing";
    for (std::size_t i = 1; i < t.by_tokens.size(); ++i) {
      ASSERT_GE(t.by_tokens[i].time, t.by_tokens[i - 1].time) << c.model << " " << i;
      ASSERT_GE(t.by_tokens[i].energy, t.by_tokens[i - 1].energy) << c.model << " " << i;
    }
    EXPECT_GT(t.by_tokens[1].time, 0);
    EXPECT_GT(t.by_yields[1].time, 0);
  }
}

TEST(Pricing, TablesAreThePricesUpTo64Tokens) {
  const Context context = test_context("llama3-70b", "h100", "fp8");
  const Pricing pricing(context, {.tp = 8});
  const formula::IterationTimes t = iteration_times(pricing, 256, 64);
  for (const int n : {1, 7, 33, 64}) {
    EXPECT_NEAR(static_cast<double>(t.by_tokens[static_cast<std::size_t>(n)].time) /
                    formula::ticks_per_second,
                pricing.tokens(n).time.raw(), 1e-9)
        << n;
  }
}

TEST(Pricing, ItemsSumToTheIteration) {
  for (const Case& c : cases()) {
    const Context context = test_context(c.model, c.chip, c.numerics);
    std::vector<PricedItem> items;
    const Pricing pricing(context,
                          {.tp = c.deployment.tp, .dp = c.deployment.dp, .ep = c.deployment.ep});
    const Spent whole = pricing.tokens(48, &items);
    Seconds sum{};
    for (const PricedItem& item : items) sum += item.time * static_cast<double>(item.layers);
    EXPECT_NEAR(sum / whole.time, 1.0, 1e-9) << c.model;
    EXPECT_LE(whole.busy, whole.time);
  }
}

TEST(Pricing, MoreBandwidthIsNeverSlower) {
  for (const Case& c : cases()) {
    Context context = test_context(c.model, c.chip, c.numerics);
    const Pricing before(context, c.deployment);
    const Seconds tokens = before.tokens(64).time, key = before.attention().decode_key.time;
    context.kernels.hbm_bandwidth *= 1.5;
    context.fabric.scaleup.bandwidth *= 1.5;
    context.fabric.scaleout.bandwidth *= 1.5;
    const Pricing after(context, c.deployment);
    EXPECT_LE(after.tokens(64).time, tokens) << c.model;
    EXPECT_LE(after.attention().decode_key.time, key) << c.model;
  }
}

TEST(Pricing, DraftsCostTokensAndYieldMore) {
  const Context plain = test_context("deepseek-v3", "b200", "fp8-block");
  const Context drafted = test_context("deepseek-v3", "b200", "fp8-block", 3);
  EXPECT_EQ(plain.speculation.accepted, 1.0);
  EXPECT_GT(drafted.speculation.accepted, 1.0);
  EXPECT_LT(drafted.speculation.accepted, 4.0);
  const Deployment d{.tp = 8};
  EXPECT_EQ(Pricing(drafted, d).decode_tokens(), 4.0);
  EXPECT_GT(Pricing(drafted, d).yields(8).time, Pricing(plain, d).yields(8).time);
}

TEST(Numerics, ChipsWithoutAFormatWidenProductsAndKeepWeightsNarrow) {
  const Context hopper = test_context("gpt-oss-120b", "h100", "mxfp4");
  EXPECT_EQ(hopper.numerics.feed.product, DType::bf16);
  EXPECT_LT(hopper.numerics.feed.weight_bytes, 0.6);
  EXPECT_EQ(hopper.numerics.feed.experts, formula::ExpertFormat::mxfp4);
  const Context blackwell = test_context("gpt-oss-120b", "b200", "mxfp4");
  EXPECT_EQ(blackwell.numerics.feed.product, DType::fp8) << "activations in mxfp8";
  EXPECT_LT(blackwell.numerics.feed.weight_bytes, 0.6);
  const Context narrow = test_context("deepseek-v3", "b200", "nvfp4");
  EXPECT_EQ(narrow.numerics.feed.product, DType::fp4);
  const Context widened = test_context("deepseek-v3", "h200", "nvfp4");
  EXPECT_EQ(widened.numerics.feed.product, DType::bf16);
  EXPECT_EQ(widened.numerics.feed.experts, formula::ExpertFormat::int4) << "weights widened";
  EXPECT_EQ(blackwell.numerics.attention.product, DType::bf16) << "experts only";
  const Result<Numerics> unknown = find_numerics("fp7", false);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().what, "unknown weight format \"fp7\"");
  EXPECT_EQ(find_numerics("fp8+kv4", false).error().what, "unknown cache format \"kv4\"");
  EXPECT_EQ(find_numerics("bf16+kv8", false)->kv_bytes, 1.0);
}

TEST(Memory, PartsSumToTheDevice) {
  for (const Case& c : cases()) {
    const Context context = test_context(c.model, c.chip, c.numerics);
    const ServingMemory m = serving_memory(context, c.deployment, 8192);
    EXPECT_NEAR((m.weights + m.activations + m.reserve + m.cache) / m.device, 1.0, 1e-12)
        << c.model;
    EXPECT_TRUE(m.fits()) << c.model;
    EXPECT_EQ(why_not(context, c.deployment), "");
  }
}

TEST(Memory, TensorParallelismDividesWeightsAndCacheUpToItsHeads) {
  const Context context = test_context("llama3-70b", "h200", "bf16");
  const ServingMemory two = serving_memory(context, {.tp = 2}, 1024);
  const ServingMemory eight = serving_memory(context, {.tp = 8}, 1024);
  const ServingMemory wide = serving_memory(context, {.tp = 16}, 1024);
  EXPECT_NEAR(two.weights / eight.weights, 4.0, 0.01);
  EXPECT_EQ(two.token.raw(), 4 * eight.token.raw());
  EXPECT_EQ(wide.token.raw(), eight.token.raw()) << "8 heads are not divided by 16";
  EXPECT_FALSE(serving_memory(context, {}, 1024).fits());
}

TEST(Memory, WhatDoesNotDivideSaysSo) {
  const Context context = test_context("deepseek-v3", "b200", "fp8-block");
  EXPECT_EQ(why_not(context, {.tp = 24}), "128 attention heads do not divide by tp 24");
  EXPECT_EQ(why_not(context, {.dp = 72, .ep = 72}), "") << "some ranks hold one expert more";
  EXPECT_EQ(why_not(context, {.dp = 320, .ep = 320}), "256 experts are fewer than ep 320");
}

// Kernels of routed experts differ by number format: arithmetic at half the rate shows where many
// tokens meet each expert, and hardly where one token reads its own.
TEST(Pricing, ExpertsFollowTheKernelsOfTheirFormat) {
  Context context = test_context("gpt-oss-120b", "h100", "mxfp4");
  const auto time = [&](double tokens) { return Pricing(context, {.tp = 1}).tokens(tokens).time; };
  const Seconds few = time(1), many = time(8192);
  formula::ExpertCoefficients& own = context.kernels.experts[formula::ExpertFormat::mxfp4];
  context.kernels.experts[formula::ExpertFormat::fp8].peak_share = 0.01;
  EXPECT_EQ(time(8192), many) << "not the format it is kept in";
  own.peak_share *= 0.5;
  EXPECT_LT(time(1), few * 1.1);
  EXPECT_GT(time(8192), many * 1.2);
}

// What an iteration draws: at least what its chips draw waiting, at most their limit; parts add up;
// the same work in more time costs more; narrow products cost less energy than wide ones.
TEST(Pricing, EnergyLaws) {
  const Context context = test_context("llama3-70b", "h200", "fp8");
  const Pricing pricing(context, {.tp = 4});
  const Watts limit = context.chip.power.value;
  for (const double tokens : {1.0, 64.0, 2048.0}) {
    const Spent s = pricing.tokens(tokens) + pricing.yields(std::min(tokens, 64.0));
    const double least = context.power.waiting, chips = pricing.chips();
    const Joules host = chips * (context.host_share * s.time), drawn = pricing.energy(s) - host;
    EXPECT_GE(drawn, chips * (limit * s.time) * least);
    EXPECT_LE(drawn, chips * (limit * s.time) * context.power.cap);
    Spent longer = s;
    longer.time += Seconds(0.01);
    EXPECT_GT(pricing.energy(longer), pricing.energy(s));
    const Joules parts = pricing.energy(pricing.tokens(tokens)) +
                         pricing.energy(pricing.yields(std::min(tokens, 64.0)));
    EXPECT_NEAR(parts.raw(), pricing.energy(s).raw(), 1e-9 * parts.raw());
  }
  const Context wide = test_context("llama3-70b", "h200", "bf16");
  EXPECT_LT(pricing.energy(pricing.tokens(2048)),
            Pricing(wide, {.tp = 4}).energy(Pricing(wide, {.tp = 4}).tokens(2048)));
}

}  // namespace
}  // namespace tightrope::infer
