// Tightrope's own neutral architecture form, documented in hf_config.h.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tightrope/workload/family_internal.h"

namespace tightrope::workload {
namespace {

constexpr std::array<std::string_view, 39> known_keys = {"model_type",
                                                         "architectures",
                                                         "hidden_size",
                                                         "num_hidden_layers",
                                                         "num_attention_heads",
                                                         "num_key_value_heads",
                                                         "head_dim",
                                                         "intermediate_size",
                                                         "vocab_size",
                                                         "max_position_embeddings",
                                                         "tie_word_embeddings",
                                                         "gated_mlp",
                                                         "norm_bias",
                                                         "attention_bias",
                                                         "mlp_bias",
                                                         "qk_norm",
                                                         "attention_sinks",
                                                         "parallel_block",
                                                         "norms_per_layer",
                                                         "position_embedding",
                                                         "embedding_norm",
                                                         "sliding_window_size",
                                                         "sliding_window_pattern",
                                                         "num_experts",
                                                         "num_experts_per_tok",
                                                         "moe_intermediate_size",
                                                         "n_shared_experts",
                                                         "moe_shared_expert_intermediate_size",
                                                         "first_k_dense_replace",
                                                         "interleave_moe_layer_step",
                                                         "router_bias",
                                                         "q_lora_rank",
                                                         "kv_lora_rank",
                                                         "qk_nope_head_dim",
                                                         "qk_rope_head_dim",
                                                         "v_head_dim",
                                                         "num_nextn_predict_layers",
                                                         "layer_types",
                                                         "unsupported_because"};

// Our own files are ours to get right: a key nobody reads is a fault, comments begin with "_".
void check_keys(const ConfigObject& c) {
  const std::vector<std::string> known(known_keys.begin(), known_keys.end());
  for (const std::string& key : c.keys()) {
    if (key.starts_with('_') || std::ranges::count(known, key) > 0) continue;
    const std::string near = nearest(key, known);
    c.fail(ErrorCode::unknown_key, key, fmt::format("'{}' is no key of a tightrope_decoder", key),
           near.empty() ? "begin comments with '_'" : fmt::format("did you mean '{}'?", near));
  }
}

void refuse_unmodelled(const ConfigObject& c) {
  if (c.has("unsupported_because")) {
    refuse(c, "unsupported_because",
           "this architecture is not modelled: " + c.text_or("unsupported_because", ""),
           "Tightrope models decoder-only transformers with softmax or latent attention");
  }
}

void read_positions(const ConfigObject& c, Frame& f) {
  const std::string kind = c.text_or("position_embedding", "rotary");
  f.kind.attention.rope = kind == "rotary";
  f.model.learned_positions = kind == "learned";
  if (kind != "rotary" && kind != "learned" && kind != "alibi" && kind != "none") {
    c.fail(ErrorCode::range, "position_embedding",
           fmt::format("'position_embedding' is \"{}\"", kind),
           "expected rotary, learned, alibi or none");
  }
  if (f.model.learned_positions && f.model.max_positions == 0) {
    c.fail(ErrorCode::unknown_key, "max_position_embeddings",
           "'max_position_embeddings' is missing, expected a whole number",
           "learned positions have one trained row a position");
  }
}

void read_latent(const ConfigObject& c, Attention& a) {
  a.kind = AttentionKind::latent;
  a.kv_heads = a.heads;
  a.q_lora_rank = static_cast<int>(c.integer_or("q_lora_rank", 0, {0, 1 << 20}));
  a.kv_lora_rank = static_cast<int>(c.integer("kv_lora_rank", {1, 1 << 20}));
  a.rope_head_dim = static_cast<int>(c.integer("qk_rope_head_dim", {1, 1 << 14}));
  a.qk_head_dim = static_cast<int>(c.integer("qk_nope_head_dim", {1, 1 << 14})) + a.rope_head_dim;
  a.v_head_dim = static_cast<int>(c.integer("v_head_dim", {1, 1 << 14}));
}

LayerKind read_routed(const ConfigObject& c, const LayerKind& dense) {
  LayerKind moe = dense;
  moe.name = "moe";
  read_experts(c, "num_experts", "moe_intermediate_size", moe.ffn);
  const auto shared = c.integer_or("n_shared_experts", 0, {0, 1 << 14});
  moe.ffn.shared_hidden = c.integer_or("moe_shared_expert_intermediate_size",
                                       shared * moe.ffn.expert_hidden, {0, 1 << 22});
  moe.ffn.router_bias = c.flag_or("router_bias", false);
  return moe;
}

Model read_decoder(const ConfigObject& c, const Family& family) {
  refuse_unmodelled(c);
  check_keys(c);
  Family own = family;
  if (c.has("kv_lora_rank")) own.head_dim = 128;  // replaced by the latent sizes
  Frame f = read_frame(c, own);
  LayerKind& dense = f.kind;
  dense.ffn.gated = c.flag_or("gated_mlp", true);
  dense.norm_bias = c.flag_or("norm_bias", false);
  dense.norms = static_cast<int>(c.integer_or("norms_per_layer", 2, {1, 4}));
  if (dense.norms == 3) {
    c.fail(ErrorCode::range, "norms_per_layer", "'norms_per_layer' is 3",
           "expected 1 (shared), 2, or 4 (before and after both branches)");
  }
  dense.parallel_block = c.flag_or("parallel_block", dense.norms == 1);
  dense.attention.qk_norm = c.flag_or("qk_norm", false);
  dense.attention.sinks = c.flag_or("attention_sinks", false);
  f.model.final_norm_bias = dense.norm_bias;
  f.model.embedding_norm = c.flag_or("embedding_norm", false);
  f.model.mtp_layers = static_cast<int>(c.integer_or("num_nextn_predict_layers", 0, {0, 64}));
  read_positions(c, f);
  if (c.has("kv_lora_rank")) read_latent(c, dense.attention);
  const bool has_experts = c.has("num_experts");
  const LayerKind moe = has_experts ? read_routed(c, dense) : LayerKind();
  const auto first = c.integer_or("first_k_dense_replace", 0, {0, 4096});
  const auto every = c.integer_or("interleave_moe_layer_step", 1, {1, 4096});
  const int window = window_of(c, "sliding_window_size");
  const std::vector<bool> local = local_layers(c, family, f.layer_count, true);
  for (int i = 0; i < f.layer_count; ++i) {
    const bool routed = has_experts && i >= first && (i + 1) % every == 0;
    if (!routed && dense.ffn.hidden == 0) dense.ffn.hidden = ffn_width(c, "intermediate_size");
    const LayerKind& kind = routed ? moe : dense;
    add_layer(f.model, window > 0 && local[i] ? with_window(kind, window) : kind);
  }
  return std::move(f.model);
}

}  // namespace

const std::vector<Family>& generic_families() {
  static const std::vector<Family> families = {
      {.model_type = "tightrope_decoder", .architecture = "TightropeDecoder", .read = read_decoder},
  };
  return families;
}

}  // namespace tightrope::workload
