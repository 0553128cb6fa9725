// Decoders with routed experts: Mixtral, Qwen MoE, DeepSeek and Kimi, GPT-OSS, Llama 4, Grok.
#include <algorithm>

#include <fmt/format.h>

#include "tightrope/workload/family_internal.h"

namespace tightrope::workload {
namespace {

LayerKind routed_copy(const LayerKind& dense) {
  LayerKind moe = dense;
  moe.name = "moe";
  moe.ffn.hidden = 0;
  return moe;
}

void add_layers(Frame& f, const LayerKind& moe, const std::vector<bool>& local, int window) {
  for (int i = 0; i < f.layer_count; ++i) {
    add_layer(f.model, window > 0 && local[i] ? with_window(moe, window) : moe);
  }
}

Model read_mixtral(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  LayerKind moe = routed_copy(f.kind);
  read_experts(c, "num_local_experts", "intermediate_size", moe.ffn);
  const int window = window_of(c, "sliding_window");
  add_layers(f, moe, local_layers(c, family, f.layer_count, true), window);
  return std::move(f.model);
}

Model read_qwen_moe(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  if (family.qkv_bias) {
    f.kind.attention.qkv_bias = true;
    f.kind.attention.out_bias = false;
  }
  if (c.flag_or("use_sliding_window", false)) {
    refuse(c, "use_sliding_window", "a Qwen MoE with sliding windows is not modelled",
           "set use_sliding_window to false");
  }
  LayerKind moe = routed_copy(f.kind);
  const std::string_view count = c.first_of({"num_experts", "num_local_experts"});
  read_experts(c, count, "moe_intermediate_size", moe.ffn);
  moe.ffn.shared_hidden = c.integer_or("shared_expert_intermediate_size", 0, {0, 1 << 22});
  moe.ffn.shared_gate = moe.ffn.shared_hidden > 0;
  const auto step = c.integer_or("decoder_sparse_step", 1, {1, 4096});
  std::vector<std::int64_t> dense_only = c.integers("mlp_only_layers");
  for (const std::int64_t layer : dense_only) {
    if (layer < 0 || layer >= f.layer_count) {
      c.fail(ErrorCode::range, "mlp_only_layers",
             fmt::format("'mlp_only_layers' names layer {}, but layers run from 0 to {}", layer,
                         f.layer_count - 1),
             "leave it out of the list");
    }
  }
  const auto routed = [&](int i) {
    return (i + 1) % step == 0 && std::ranges::count(dense_only, i) == 0;
  };
  for (int i = 0; i < f.layer_count; ++i) {
    if (!routed(i) && f.kind.ffn.hidden == 0) f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
    add_layer(f.model, routed(i) ? moe : f.kind);
  }
  return std::move(f.model);
}

/// Multi-head latent attention with DeepSeek's keys.
Attention read_latent(const ConfigObject& c, const Attention& base) {
  Attention a = base;
  a.kind = AttentionKind::latent;
  a.kv_heads = a.heads;
  a.q_lora_rank = static_cast<int>(c.integer_or("q_lora_rank", 0, {0, 1 << 20}));
  a.kv_lora_rank = static_cast<int>(c.integer("kv_lora_rank", {1, 1 << 20}));
  a.rope_head_dim = static_cast<int>(c.integer("qk_rope_head_dim", {1, 1 << 14}));
  const auto nope = c.integer("qk_nope_head_dim", {1, 1 << 14});
  a.qk_head_dim = static_cast<int>(nope) + a.rope_head_dim;
  a.v_head_dim = static_cast<int>(c.integer("v_head_dim", {1, 1 << 14}));
  return a;
}

Model read_deepseek(const ConfigObject& c, const Family& family) {
  Family plain = family;
  plain.head_dim = 128;  // replaced by the latent sizes; hidden need not divide by the heads
  Frame f = read_frame(c, plain);
  f.kind.attention = read_latent(c, f.kind.attention);
  f.model.mtp_layers = static_cast<int>(c.integer_or("num_nextn_predict_layers", 0, {0, 64}));
  if (!c.has("n_routed_experts")) {
    f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
    for (int i = 0; i < f.layer_count; ++i) add_layer(f.model, f.kind);
    return std::move(f.model);
  }
  LayerKind moe = routed_copy(f.kind);
  read_experts(c, "n_routed_experts", "moe_intermediate_size", moe.ffn);
  const auto shared = c.integer_or("n_shared_experts", 0, {0, 1 << 14});
  moe.ffn.shared_hidden = shared * moe.ffn.expert_hidden;
  moe.ffn.router_bias = c.text_or("topk_method", "") == "noaux_tc";
  const auto first = c.integer_or("first_k_dense_replace", 0, {0, 4096});
  const auto every = c.integer_or("moe_layer_freq", 1, {1, 4096});
  const auto routed = [&](int i) { return i >= first && i % every == 0; };
  for (int i = 0; i < f.layer_count; ++i) {
    if (!routed(i) && f.kind.ffn.hidden == 0) f.kind.ffn.hidden = ffn_width(c, "intermediate_size");
    add_layer(f.model, routed(i) ? moe : f.kind);
  }
  return std::move(f.model);
}

Model read_gpt_oss(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  f.kind.attention.sinks = true;
  LayerKind moe = routed_copy(f.kind);
  read_experts(c, "num_local_experts", "intermediate_size", moe.ffn);
  moe.ffn.bias = true;
  moe.ffn.router_bias = true;
  const int window = static_cast<int>(c.integer_or("sliding_window", 128, {1, 1 << 28}));
  add_layers(f, moe, local_layers(c, family, f.layer_count, false), window);
  return std::move(f.model);
}

// Llama 4: rotary layers attend within chunks, every fourth layer has no positions and sees all.
Model read_llama4(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  LayerKind moe = routed_copy(f.kind);
  read_experts(c, "num_local_experts", "intermediate_size", moe.ffn);
  moe.ffn.shared_hidden = moe.ffn.expert_hidden;
  const auto every = c.integer_or("interleave_moe_layer_step", 1, {1, 4096});
  const int chunk = window_of(c, "attention_chunk_size");
  const std::vector<std::int64_t> listed = c.integers("moe_layers");
  const std::vector<std::int64_t> rope = c.integers("no_rope_layers");
  if (!rope.empty() && static_cast<int>(rope.size()) != f.layer_count) {
    c.fail(ErrorCode::conflict, "no_rope_layers",
           fmt::format("'no_rope_layers' has {} entries for {} layers", rope.size(), f.layer_count),
           "give one entry a layer: 1 rotates, 0 does not");
    return std::move(f.model);
  }
  for (int i = 0; i < f.layer_count; ++i) {
    const bool routed = listed.empty() ? (i + 1) % every == 0 : std::ranges::count(listed, i) > 0;
    if (!routed && f.kind.ffn.hidden == 0) {
      f.kind.ffn.hidden = ffn_width(c, "intermediate_size_mlp");
    }
    LayerKind kind = routed ? moe : f.kind;
    kind.attention.rope = rope.empty() ? (i + 1) % 4 != 0 : rope[i] != 0;
    if (kind.attention.rope && chunk > 0) {
      kind = with_window(kind, chunk);
      kind.attention.chunked = true;
    }
    add_layer(f.model, kind);
  }
  return std::move(f.model);
}

Model read_grok(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  LayerKind moe = routed_copy(f.kind);
  const std::string_view count = c.first_of({"num_experts", "num_local_experts"});
  const std::string_view width = c.first_of({"moe_intermediate_size", "intermediate_size"});
  read_experts(c, count, width, moe.ffn);
  add_layers(f, moe, {}, 0);
  return std::move(f.model);
}

}  // namespace

const std::vector<Family>& moe_families() {
  static const std::vector<Family> families = {
      {.model_type = "mixtral", .architecture = "MixtralForCausalLM", .read = read_mixtral},
      {.model_type = "qwen2_moe",
       .architecture = "Qwen2MoeForCausalLM",
       .read = read_qwen_moe,
       .qkv_bias = true},
      {.model_type = "qwen3_moe",
       .architecture = "Qwen3MoeForCausalLM",
       .read = read_qwen_moe,
       .qk_norm = true},
      {.model_type = "deepseek_v2", .architecture = "DeepseekV2ForCausalLM", .read = read_deepseek},
      {.model_type = "deepseek_v3", .architecture = "DeepseekV3ForCausalLM", .read = read_deepseek},
      {.model_type = "kimi_k2", .architecture = "DeepseekV3ForCausalLM", .read = read_deepseek},
      {.model_type = "gpt_oss",
       .architecture = "GptOssForCausalLM",
       .read = read_gpt_oss,
       .qkv_bias = true,
       .out_bias = true,
       .window_period = 2},
      {.model_type = "llama4_text", .architecture = "Llama4ForCausalLM", .read = read_llama4},
      {.model_type = "grok-1",
       .architecture = "Grok1ModelForCausalLM",
       .read = read_grok,
       .tied = true,
       .norms = 4},
  };
  return families;
}

}  // namespace tightrope::workload
