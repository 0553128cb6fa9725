// Reading a layer's tables: names of recompute modules, keys an attention core meets, sums of what
// stays saved.
#include <array>

#include "tightrope/core/check.h"
#include "tightrope/workload/layer_work.h"

namespace tightrope::workload {
namespace {

using enum RecomputeModule;

struct Spelling {
  RecomputeModule module;
  std::string_view ours, megatron;
};

constexpr std::array<Spelling, 9> spellings = {{
    {norms, "norms", "layernorm"},
    {qkv, "qkv", "qkv_proj"},
    {mla_up, "mla_up", "mla_up_proj"},
    {core_attention, "core_attention", "core_attn"},
    {activation, "activation", "moe_act"},
    {mlp, "mlp", "mlp"},
    {moe, "moe", "moe"},
    {shared_experts, "shared_experts", "shared_experts"},
    {layer, "layer", "full"},
}};

void sum_into(SavedSum& sum, const SavedTensor& t) {
  switch (t.shard) {
    case Shard::tensor: sum.tensor += t.elements; break;
    case Shard::sequence: sum.sequence += t.elements; break;
    case Shard::expert_tokens: sum.expert_tokens += t.elements; break;
    case Shard::expert_tensor: sum.expert_tensor += t.elements; break;
  }
  sum.tensor_per_key += t.elements_per_key;
}

}  // namespace

const std::vector<RecomputeModule>& all_recompute_modules() {
  static const std::vector<RecomputeModule> modules = [] {
    std::vector<RecomputeModule> all;
    all.reserve(spellings.size());
    for (const Spelling& s : spellings) all.push_back(s.module);
    return all;
  }();
  return modules;
}

std::string_view to_string(RecomputeModule module) {
  for (const Spelling& s : spellings) {
    if (s.module == module) return s.ours;
  }
  return "?";
}

std::optional<RecomputeModule> recompute_module_from(std::string_view text) {
  for (const Spelling& s : spellings) {
    if (s.ours == text || s.megatron == text) return s.module;
  }
  return std::nullopt;
}

double mean_keys(const AttentionCore& core, std::int64_t seq_len, bool causal_half) {
  TR_CHECK(seq_len > 0, seq_len);
  const double s = static_cast<double>(seq_len);
  const double w = static_cast<double>(core.window);
  const bool half = causal_half && core.causal;
  if (core.window <= 0 || core.window >= seq_len) return half ? s / 2 : s;
  if (!core.chunked) return half ? w - w * w / (2 * s) : w;
  const std::int64_t blocks = seq_len / core.window;
  const auto whole = static_cast<double>(blocks);
  const auto rest = static_cast<double>(seq_len % core.window);
  const double square = (whole * w * w + rest * rest) / s;
  return half ? square / 2 : square;
}

Flops attention_flops(const AttentionCore& core, std::int64_t seq_len, bool causal_half) {
  return Flops(2.0 * core.heads * (core.qk_dim + core.v_dim) *
               mean_keys(core, seq_len, causal_half));
}

std::int64_t kv_elements_per_token(const Attention& attention) {
  if (attention.kind == AttentionKind::latent) {
    return attention.kv_lora_rank + attention.rope_head_dim;
  }
  return std::int64_t{attention.kv_heads} * (attention.qk_head_dim + attention.v_head_dim);
}

SavedSum saved_elements(const LayerWork& work, ModuleSet recompute) {
  SavedSum sum;
  for (const SavedTensor& t : work.saved) {
    if (t.kept(recompute)) sum_into(sum, t);
  }
  return sum;
}

SavedSum saved_elements(const LayerWork& work, ModuleSet recompute, TensorKind kind) {
  SavedSum sum;
  for (const SavedTensor& t : work.saved) {
    if (t.kind == kind && t.kept(recompute)) sum_into(sum, t);
  }
  return sum;
}

}  // namespace tightrope::workload
