// Small networks on real systems, for the tests of this room and of the search.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "tightrope/step/context.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::step {

inline constexpr const char* small_dense = R"({
  "model_type": "tightrope_decoder", "hidden_size": 1024, "num_hidden_layers": 6,
  "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 4096,
  "vocab_size": 32000, "max_position_embeddings": 4096})";

/// One dense layer, then routed ones: 8 experts, 2 a token, and a shared expert.
inline constexpr const char* small_routed = R"({
  "model_type": "tightrope_decoder", "hidden_size": 1024, "num_hidden_layers": 5,
  "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 4096,
  "vocab_size": 32000, "max_position_embeddings": 4096, "num_experts": 8,
  "num_experts_per_tok": 2, "moe_intermediate_size": 1024, "n_shared_experts": 1,
  "first_k_dense_replace": 1, "num_nextn_predict_layers": 1})";

/// One of mixer, attention, experts and dense FFN a layer.
inline constexpr const char* small_hybrid = R"({
  "model_type": "nemotron_h", "hidden_size": 1024, "num_hidden_layers": 8,
  "hybrid_override_pattern": "MEM*EM-E", "num_attention_heads": 16, "num_key_value_heads": 8,
  "intermediate_size": 4096, "vocab_size": 32000, "max_position_embeddings": 4096,
  "mamba_num_heads": 32, "mamba_head_dim": 64, "ssm_state_size": 128, "n_groups": 8,
  "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 1024})";

struct TestSetup {
  std::string config = small_dense;
  std::string system = "dgx-h100";
  std::string precision = "bf16";
  std::string stack = "megatron-core-2025";
  std::int64_t sequence = 2048, batch = 16;
  workload::Task task = workload::Task::pretrain;
};

inline Context test_context(const TestSetup& setup) {
  const auto model = workload::read_hf_config(setup.config, "test.json");
  EXPECT_TRUE(model.has_value()) << (model ? "" : to_string(model.error()));
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  const catalog::System* system = catalog.find_system(setup.system);
  EXPECT_NE(system, nullptr) << setup.system;
  ContextRequest request;
  request.model = model.value_or(workload::Model());
  request.job.task = setup.task;
  request.job.seq_len = setup.sequence;
  request.job.global_batch = setup.batch;
  if (setup.task == workload::Task::lora) {
    request.job.lora_rank = 16;
    request.job.lora_targets = {workload::LoraTarget::qkv, workload::LoraTarget::ffn_out};
  }
  request.precision = setup.precision;
  request.stack = setup.stack;
  auto context = make_context(request, *system, catalog, formula::embedded_calibration());
  EXPECT_TRUE(context.has_value()) << (context ? "" : to_string(context.error()));
  return context.value_or(Context());
}

}  // namespace tightrope::step
