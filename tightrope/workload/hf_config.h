// Reads the config.json of a Hugging Face checkpoint into a workload::Model.
//
// Besides the families' own files it reads Tightrope's neutral form, `"model_type":
// "tightrope_decoder"`, in which catalog/llms/*.json describe architectures that never were
// checkpoints. Its keys, all as in Hugging Face configs (default in brackets; null = default):
//   hidden_size, num_hidden_layers, num_attention_heads, vocab_size     required
//   num_key_value_heads [heads], head_dim [hidden / heads], intermediate_size [required by dense
//     layers], max_position_embeddings [unknown], tie_word_embeddings [false]
//   gated_mlp [true]          two input matrices (SwiGLU); false: one (GELU, squared ReLU)
//   norm_bias, attention_bias, mlp_bias, qk_norm, attention_sinks, embedding_norm [false]
//   norms_per_layer [2], parallel_block [norms_per_layer == 1]
//   position_embedding [rotary]   rotary | learned | alibi | none
//   sliding_window_size [none], sliding_window_pattern [all slide]: every n-th layer is global;
//     or layer_types, one entry a layer
//   num_experts, num_experts_per_tok, moe_intermediate_size: routed layers, where num_experts is
//     n_shared_experts [0], moe_shared_expert_intermediate_size [n_shared x moe_intermediate],
//     router_bias [false], first_k_dense_replace [0], interleave_moe_layer_step [1]
//   kv_lora_rank, q_lora_rank [none], qk_nope_head_dim, qk_rope_head_dim, v_head_dim: MLA
//   num_nextn_predict_layers [0]
//   unsupported_because: a text; the file is kept for its facts but read_hf_config refuses it
// Keys that begin with "_" are comments (_source, _note); any other key is a fault.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/workload/model.h"

namespace tightrope::workload {

/// Parses a config text; `file` names it in errors. Recognises the family by `model_type` or
/// `architectures`. Errors: syntax (with line and column), type, range, unknown_key for a missing
/// required key, unsupported for a family or feature that is not modelled, each with a hint.
/// The model is named after the file, or after its folder when the file is a config.json.
[[nodiscard]] Result<Model> read_hf_config(std::string_view text, const std::string& file);

/// Every `model_type` that read_hf_config knows, sorted.
[[nodiscard]] std::vector<std::string> known_model_types();

}  // namespace tightrope::workload
