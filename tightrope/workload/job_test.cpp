// Jobs: packed sequences and LoRA adapters.
#include "tightrope/workload/job.h"

#include <gtest/gtest.h>

#include "tightrope/workload/test_models_internal.h"

namespace tightrope::workload {
namespace {

TEST(Lora, AdaptersEqualTheCountsThatTrainersPrint) {
  // PEFT on Llama-2-7B with rank 8 on q and v.
  EXPECT_EQ(lora_parameters(public_model("Llama-2-7b-hf"), 8, {LoraTarget::q, LoraTarget::v}),
            4'194'304);
  // MLPerf's Llama-2-70B LoRA: rank 16 on the fused qkv and on the output projection.
  EXPECT_EQ(lora_parameters(public_model("Llama-2-70b-hf"), 16,
                            {LoraTarget::qkv, LoraTarget::attention_out}),
            44'564'480);
}

TEST(Lora, GrowsInProportionToTheRank) {
  const Model m = public_model("Llama-3.1-8B");
  const std::vector<LoraTarget> all = {LoraTarget::qkv, LoraTarget::attention_out,
                                       LoraTarget::ffn_in, LoraTarget::ffn_out};
  EXPECT_EQ(lora_parameters(m, 64, all), 8 * lora_parameters(m, 8, all));
}

TEST(Lora, TargetsAddUp) {
  const Model m = public_model("Mixtral-8x7B-v0.1");
  const auto both = lora_parameters(m, 8, {LoraTarget::gate, LoraTarget::ffn_out});
  EXPECT_EQ(both, lora_parameters(m, 8, {LoraTarget::gate}) +
                      lora_parameters(m, 8, {LoraTarget::ffn_out}));
  EXPECT_EQ(lora_parameters(m, 8, {LoraTarget::gate}), 32 * 8 * 8 * (4096 + 14336));
}

TEST(Lora, LatentAttentionAdaptsItsFourProjections) {
  const Model m = public_model("DeepSeek-V3");
  const std::int64_t layer = 7168 + 1536 + 1536 + 128 * 192 + 7168 + 576 + 512 + 128 * 256;
  EXPECT_EQ(lora_parameters(m, 4, {LoraTarget::qkv}), 61 * 4 * layer);
}

TEST(Lora, NamesOfPeftAndMegatronAreKnown) {
  EXPECT_EQ(lora_target_from("q_proj"), LoraTarget::q);
  EXPECT_EQ(lora_target_from("linear_qkv"), LoraTarget::qkv);
  EXPECT_EQ(lora_target_from("linear_fc1"), LoraTarget::ffn_in);
  EXPECT_FALSE(lora_target_from("lm_heads").has_value());
}

// A frozen base costs two thirds of the products (MLPerf's figures show 0.67), adapters extra.
TEST(Job, FrozenBaseCostsTwoThirds) {
  const Model m = public_model("Llama-2-70b-hf");
  Job job{.task = Task::lora,
          .seq_len = 8192,
          .global_batch = 8,
          .lora_rank = 16,
          .lora_targets = {LoraTarget::qkv, LoraTarget::attention_out}};
  const double lora = job_flops_per_token(m, job, FlopConvention::six_n);
  job.task = Task::pretrain;
  const double full = job_flops_per_token(m, job, FlopConvention::six_n);
  EXPECT_NEAR(lora / full, 0.667, 0.001);
  EXPECT_GT(lora, full * 2 / 3);
}

TEST(Job, PackedDocumentsAttendWithinThemselves) {
  const Model m = public_model("Llama-3.1-8B");
  const Job whole{.task = Task::sft, .seq_len = 8192, .global_batch = 8, .lora_targets = {}};
  Job packed = whole;
  packed.document_len = 1024;
  EXPECT_LT(job_flops_per_token(m, packed, FlopConvention::causal),
            job_flops_per_token(m, whole, FlopConvention::causal));
  EXPECT_DOUBLE_EQ(job_flops_per_token(m, packed, FlopConvention::causal),
                   flops_per_token(m, 1024, FlopConvention::causal));
  packed.document_len = 100000;
  EXPECT_EQ(packed.attended_len(), 8192);
}

TEST(Job, TaskNamesRoundTrip) {
  for (const Task task : {Task::pretrain, Task::sft, Task::lora}) {
    EXPECT_EQ(task_from(to_string(task)), task);
  }
  EXPECT_FALSE(task_from("rlhf").has_value());
}

}  // namespace
}  // namespace tightrope::workload
