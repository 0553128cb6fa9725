// What fills a device: laws of single terms of the peak.
#include <algorithm>

#include <gtest/gtest.h>

#include "tightrope/step/estimate.h"
#include "tightrope/step/test_contexts_internal.h"

namespace tightrope::step {
namespace {

Mapping shape(int tp, int pp, int dp) {
  Mapping m;
  m.tp = tp;
  m.pp = pp;
  m.dp = dp;
  return m;
}

Memory memory_of(const Context& c, const Mapping& m) { return estimate(c, m).memory; }

double dense_of(const Context& c, const Mapping& m) {
  const auto layout = spread_layers(c.model, {m.pp, m.vp, 0, 0});
  return make_basis(c, m, block_costs(c, cost_key(m)), *layout, 1).runs[0].dense_parameters;
}

}  // namespace

TEST(Memory, GradientBuffersFollowTheStack) {
  Context c = test_context({});
  const Mapping m = shape(2, 1, 8);
  c.recipe.gradient_kept = 2;
  const Bytes half = memory_of(c, m).gradients;
  c.recipe.gradient_kept = 4;
  EXPECT_EQ(memory_of(c, m).gradients, 2.0 * half);
  EXPECT_EQ(half, Bytes(2.0 * dense_of(c, m)));
}

TEST(Memory, ARequestMayWidenWhatTheStackKeeps) {
  // Megatron's recipes halve the buffer; a run that accumulates in 32 bits says so.
  EXPECT_EQ(test_context({}).recipe.gradient_kept, 2.0);
  EXPECT_EQ(test_context({.stack = "megatron-2022"}).recipe.gradient_kept, 4.0);
}

TEST(Memory, FullShardsAreTheMasterCopyItself) {
  const Context c = test_context({.stack = "torchtitan"});
  Mapping m = shape(1, 1, 8);
  m.sharding = Sharding::full;
  EXPECT_EQ(memory_of(c, m).weights, Bytes(0.0));
  m.sharding = Sharding::gradients;
  EXPECT_GT(memory_of(c, m).weights, Bytes(0.0));
}

TEST(Memory, FrozenWeightsOfNarrowProductsStandInAByte) {
  const TestSetup wide{.system = "p6-b200.48xlarge", .task = workload::Task::lora};
  TestSetup narrow = wide;
  narrow.precision = "fp8";
  const Mapping m = shape(1, 1, 8);
  EXPECT_EQ(memory_of(test_context(narrow), m).weights,
            0.5 * memory_of(test_context(wide), m).weights);
}

TEST(Memory, PlaceholdersTakeOneLayerAndTheHead) {
  Context c = test_context({});
  const Mapping m = shape(2, 1, 4);
  c.tuning.stack.placeholder_gradients = false;
  const Bytes without = memory_of(c, m).transient;
  c.tuning.stack.placeholder_gradients = true;
  const BlockCosts costs = block_costs(c, cost_key(m));
  const double distinct = costs.kinds[0].distinct_parameters + costs.head.distinct_parameters;
  EXPECT_NEAR((memory_of(c, m).transient - without).raw(), 2.0 * distinct, 1.0);
}

TEST(Memory, TheLossWorksOnItsBytesALogit) {
  Context c = test_context({});
  c.tuning.stack.placeholder_gradients = false;
  const Mapping m = shape(1, 1, 8);
  const double logits = 2048.0 * 32000.0;
  c.tuning.stack.logit_bytes = 30;  // more than any layer's backward
  EXPECT_NEAR(memory_of(c, m).transient.raw(), 30 * logits, 1.0);
  c.tuning.stack.split_logit_bytes = 32;
  EXPECT_NEAR(memory_of(c, m).transient.raw(), 30 * logits, 1.0) << "the vocabulary is whole";
  EXPECT_NEAR(memory_of(c, shape(2, 1, 4)).transient.raw(), 32 * logits / 2, 1.0);
}

TEST(Memory, PipelinesThatKeepOutputsHoldAllLogits) {
  Context c = test_context({});
  const Mapping m = shape(1, 4, 2);  // 8 micro-batches
  c.tuning.stack.logit_bytes = 30;
  const Memory once = memory_of(c, m);
  ASSERT_EQ(once.stage, 3);
  c.tuning.stack.keeps_outputs = true;
  const Memory all = memory_of(c, m);
  EXPECT_NEAR((all.transient - once.transient).raw(), 7 * 2.0 * 2048 * 32000, 1.0);
}

TEST(Memory, PipelinesThatKeepOutputsHoldMessagesOfEveryMicroBatch) {
  Context c = test_context({});
  c.tuning.stack.keeps_outputs = true;
  const Mapping m = shape(1, 4, 2);
  auto held = [&](int micro_batches) {
    const auto layout = spread_layers(c.model, {m.pp, m.vp, 0, 0});
    return make_basis(c, m, block_costs(c, cost_key(m)), *layout, micro_batches).runs[0].held;
  };
  const double message = 2.0 * 2048 * static_cast<double>(c.model.hidden);
  EXPECT_NEAR((held(8) - held(4)).raw(), 4 * 2 * message, 1.0) << "the output and its gradient";
  c.tuning.stack.keeps_outputs = false;
  EXPECT_EQ(held(8), Bytes(0.0));
}

TEST(Memory, ChunksFreeTheirGradientsInTurn) {
  Context c = test_context({});
  Mapping m = shape(1, 4, 4);  // 4 micro-batches, as many as stages
  m.vp = 2;
  const Bytes all = memory_of(c, m).gradients;
  c.tuning.stack.frees_gradients = true;
  EXPECT_NEAR(memory_of(c, m).gradients / all, 0.5, 0.1);
  m.dp = 2;  // 8 micro-batches: the chunks take turns, both gather gradients
  EXPECT_NEAR(memory_of(c, m).gradients / all, 1.0, 0.1);
}

TEST(Memory, MessagesOfFullShardsStandInPoolsOfTheirOwn) {
  Context c = test_context({});
  const Mapping m = shape(1, 4, 4);
  const Memory before = memory_of(c, m);
  c.tuning.stack.frees_gradients = true;
  EXPECT_GE(memory_of(c, m).transient, before.transient + before.gradients / 4);
  const Mapping flat = shape(1, 1, 16);
  const Bytes pooled = memory_of(c, flat).transient;
  c.tuning.stack.frees_gradients = false;
  EXPECT_EQ(memory_of(c, flat).transient, pooled) << "only under a pipeline";
}

TEST(Memory, ScoresHandOneGradientOnWithAndWithoutDropout) {
  Context c = test_context({.stack = "megatron-2022"});
  const Mapping m = shape(1, 1, 8);
  const PartCost with = part_cost(c, c.kinds[0], cost_key(m));
  double scores = 0, rest = 0;
  for (const workload::SavedTensor& t : c.kinds[0].work.saved) {
    if (t.kind != workload::TensorKind::attention) continue;
    scores = std::max(scores, 2048.0 * 2048.0 * static_cast<double>(t.elements_per_key));
    rest += 2048.0 * static_cast<double>(t.elements);
  }
  ASSERT_GT(scores, 0);
  EXPECT_NEAR(with.beside.raw(), 2 * (scores + rest), 1.0);
}

TEST(Memory, WideInputsAreKeptWhereTheStackKeepsThem) {
  Context c = test_context({.precision = "fp8"});
  const Mapping m = shape(1, 1, 8);
  const Bytes narrow = memory_of(c, m).activations;
  c.tuning.stack.keeps_wide_inputs = true;
  EXPECT_GT(memory_of(c, m).activations, narrow);
  const Context wide = test_context({});
  EXPECT_EQ(memory_of(c, m).activations, memory_of(wide, m).activations);
}

TEST(Memory, CheckpointCopiesCountOnlyUnderRecompute) {
  Context c = test_context({});
  Mapping m = shape(1, 1, 8);
  const Bytes plain = memory_of(c, m).activations;
  c.tuning.stack.checkpoint_copies = 2;
  EXPECT_EQ(memory_of(c, m).activations, plain);
  m.recompute = workload::RecomputeModule::layer;
  const Bytes twice = memory_of(c, m).activations;
  c.tuning.stack.checkpoint_copies = 1;
  EXPECT_LT(memory_of(c, m).activations, twice);
  EXPECT_LT(twice, plain);
}

TEST(Memory, PrintedPeaksGrowWithWhatTheyCount) {
  Context c = test_context({});
  c.tuning.stack.reserve_share = 0.1;
  const Memory m = memory_of(c, shape(1, 1, 8));
  Tuning t = c.tuning;
  EXPECT_EQ(printed_peak(t, m), m.allocated());
  t.stack.figure_reserved = true;
  EXPECT_NEAR(printed_peak(t, m) / m.allocated(), 1.1, 1e-12);
  t.stack.figure_device = true;
  EXPECT_EQ(printed_peak(t, m), m.total());
  EXPECT_NEAR((m.reserve - 0.1 * m.allocated()).raw(), t.runtime().raw(), 1.0);
}

TEST(Memory, SlackAloneNeverOverflowsADevice) {
  Context c = test_context({});
  const Mapping m = shape(1, 1, 8);
  c.kernels.hbm = memory_of(c, m).total() + Bytes(1e6);
  c.tuning.stack.reserve_share = 0.5;
  const Estimate e = estimate(c, m);
  EXPECT_EQ(e.infeasible, Infeasible::none);
  EXPECT_NEAR(e.memory.total() / c.kernels.hbm, 1.0, 1e-8);
  c.kernels.hbm -= Bytes(2e6);
  EXPECT_EQ(estimate(c, m).infeasible, Infeasible::does_not_fit);
}

}  // namespace tightrope::step
