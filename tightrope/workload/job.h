// What is trained: task, sequence length, batch, and LoRA adapters.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tightrope/workload/model.h"

namespace tightrope::workload {

enum class Task {
  pretrain,
  sft,   ///< all weights; sequences packed from documents of `document_len` on average
  lora,  ///< the base is frozen: no weight gradients, no optimizer state but the adapters'
};
[[nodiscard]] std::string_view to_string(Task task);
[[nodiscard]] std::optional<Task> task_from(std::string_view text);

/// Matrices that get a low-rank adapter. A fused target has one A and one B for the fused product,
/// as in Megatron; the others are single matrices, as in PEFT.
enum class LoraTarget { qkv, q, k, v, attention_out, ffn_in, gate, up, ffn_out };
/// From PEFT's names (q_proj, o_proj, gate_proj, ...) or Megatron's (linear_qkv, linear_proj,
/// linear_fc1, linear_fc2) or ours.
[[nodiscard]] std::optional<LoraTarget> lora_target_from(std::string_view text);

struct Job {
  Task task = Task::pretrain;
  std::int64_t seq_len = 0;       ///< tokens a sequence, > 0
  std::int64_t global_batch = 0;  ///< sequences an optimizer step, > 0
  /// Mean document length in a packed sequence whose documents do not attend to each other;
  /// 0 = attention over the whole sequence.
  std::int64_t document_len = 0;
  int lora_rank = 0;  ///< task lora only, > 0
  std::vector<LoraTarget> lora_targets;
  /// Tokens attention looks back over: document_len when packed, else seq_len.
  [[nodiscard]] std::int64_t attended_len() const {
    return document_len > 0 && document_len < seq_len ? document_len : seq_len;
  }
};

/// Trainable parameters of adapters A (in x rank) and B (rank x out) on the targets of all layers.
/// FFN targets mean the dense FFN and, in routed layers, every expert and shared expert. MLA's
/// latent projections: q, qkv stand for q_down and q_up, k and v for kv_down and kv_up once.
[[nodiscard]] std::int64_t lora_parameters(const Model& model, int rank,
                                           const std::vector<LoraTarget>& targets);

/// Training FLOPs a token of a job: flops_per_token, less the frozen weights' gradients for LoRA
/// (6 N becomes 4 N + 6 adapters), attention over attended_len().
[[nodiscard]] double job_flops_per_token(const Model& model, const Job& job,
                                         FlopConvention convention);

}  // namespace tightrope::workload
