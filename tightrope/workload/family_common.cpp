#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tightrope/workload/family_internal.h"

namespace tightrope::workload {
namespace {

// Heads, their width and how many share a key; divisions are guarded, faults recorded.
void read_heads(const ConfigObject& c, const Family& family, const SizeKeys& keys,
                std::int64_t hidden, Attention& a) {
  const std::int64_t heads = family.heads > 0 ? c.integer_or(keys.heads, family.heads, head_bounds)
                                              : c.integer(keys.heads, head_bounds);
  const std::int64_t kv_absent = family.kv_heads > 0 ? family.kv_heads : heads;
  const std::int64_t kv_heads = c.integer_or(keys.kv_heads, kv_absent, head_bounds);
  const bool own_width = c.has("head_dim") || family.head_dim > 0;
  const std::int64_t width =
      own_width ? c.integer_or("head_dim", family.head_dim, {1, 1 << 14}) : hidden / heads;
  if (!own_width && hidden % heads != 0) {
    c.fail(ErrorCode::conflict, keys.heads,
           fmt::format("{} {} do not divide {} {}", keys.heads, heads, keys.hidden, hidden),
           "correct one of the two, or give head_dim");
  }
  if (heads % kv_heads != 0) {
    c.fail(ErrorCode::conflict, keys.kv_heads,
           fmt::format("{} {} do not divide {} {}", keys.kv_heads, kv_heads, keys.heads, heads),
           "every key-value head serves the same number of query heads");
  }
  a.heads = static_cast<int>(heads);
  a.kv_heads = static_cast<int>(kv_heads);
  a.qk_head_dim = static_cast<int>(std::max<std::int64_t>(width, 1));
  a.v_head_dim = a.qk_head_dim;
}

}  // namespace

Frame read_frame(const ConfigObject& c, const Family& family, const SizeKeys& keys) {
  Frame f;
  Model& m = f.model;
  m.hidden = c.integer(keys.hidden, width_bounds);
  m.vocab = family.vocab > 0 ? c.integer_or(keys.vocab, family.vocab, {1, 1 << 28})
                             : c.integer(keys.vocab, {1, 1 << 28});
  m.max_positions = c.integer_or(keys.positions, 0, position_bounds);
  m.tied_embeddings = c.flag_or("tie_word_embeddings", family.tied);
  m.final_norm_bias = family.norm_bias;
  f.layer_count = static_cast<int>(c.integer(keys.layers, layer_bounds));
  LayerKind& k = f.kind;
  k.name = "dense";
  k.norms = family.norms;
  k.norm_bias = family.norm_bias;
  k.parallel_block = family.parallel_block;
  k.post_norm = family.post_norm;
  Attention& a = k.attention;
  read_heads(c, family, keys, m.hidden, a);
  a.qkv_bias = c.flag_or("attention_bias", family.qkv_bias);
  a.out_bias = c.has("attention_bias") ? a.qkv_bias : family.out_bias;
  a.qk_norm = family.qk_norm;
  a.qk_norm_full = family.qk_norm_full;
  k.ffn.gated = family.gated;
  k.ffn.bias = c.flag_or("mlp_bias", family.ffn_bias);
  return f;
}

std::int64_t ffn_width(const ConfigObject& config, std::string_view key) {
  return config.integer(key, width_bounds);
}

std::vector<bool> local_layers(const ConfigObject& config, const Family& family, int layers,
                               bool all) {
  std::vector<bool> local(static_cast<std::size_t>(layers), all);
  const auto period = config.integer_or("sliding_window_pattern", family.window_period, {1, 4096});
  if (period > 0) {
    for (int i = 0; i < layers; ++i) local[i] = (i + 1) % period != 0;
  }
  if (!config.has("layer_types")) return local;
  const std::vector<std::string> types = config.texts("layer_types");
  if (static_cast<int>(types.size()) != layers) {
    config.fail(ErrorCode::conflict, "layer_types",
                fmt::format("'layer_types' has {} entries for {} layers", types.size(), layers),
                "give one entry a layer");
    return local;
  }
  for (int i = 0; i < layers; ++i) {
    local[i] = types[i] == "sliding_attention" || types[i] == "chunked_attention";
    if (!local[i] && types[i] != "full_attention") {
      config.fail(ErrorCode::unsupported, "layer_types",
                  fmt::format("layer type \"{}\" is not modelled", types[i]),
                  "full_attention, sliding_attention and chunked_attention are");
    }
  }
  return local;
}

int window_of(const ConfigObject& config, std::string_view key) {
  return static_cast<int>(config.integer_or(key, 0, {0, 1 << 28}));
}

void read_experts(const ConfigObject& config, std::string_view count_key,
                  std::string_view width_key, Ffn& ffn) {
  const auto count = config.integer(count_key, expert_bounds);
  const std::string_view used_key =
      config.first_of({"num_experts_per_tok", "num_experts_per_token", "experts_per_token"});
  const auto used = config.integer(used_key, expert_bounds);
  if (used > count) {
    config.fail(ErrorCode::conflict, used_key,
                fmt::format("a token uses {} experts of {}", used, count),
                fmt::format("'{}' must not exceed '{}'", used_key, count_key));
  }
  ffn.hidden = 0;
  ffn.experts = static_cast<int>(count);
  ffn.experts_per_token = static_cast<int>(used);
  ffn.expert_hidden = config.integer(width_key, width_bounds);
  ffn.expert_groups = static_cast<int>(config.integer_or("n_group", 0, {0, count}));
  ffn.groups_per_token = static_cast<int>(config.integer_or("topk_group", 0, {0, count}));
}

void add_layer(Model& model, const LayerKind& kind) {
  const auto known = std::ranges::find(model.kinds, kind.name, &LayerKind::name);
  const auto index = known - model.kinds.begin();
  if (known == model.kinds.end()) model.kinds.push_back(kind);
  model.layers.push_back(static_cast<int>(index));
}

LayerKind with_window(LayerKind kind, int window) {
  kind.attention.window = window;
  kind.name += "_local";
  return kind;
}

void refuse(const ConfigObject& config, std::string_view key, std::string what, std::string hint) {
  config.fail(ErrorCode::unsupported, key, std::move(what), std::move(hint));
}

}  // namespace tightrope::workload
