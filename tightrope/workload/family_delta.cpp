// Qwen3-Next and Qwen3.5: three gated-delta mixers to one gated attention, experts in every layer.
#include <fmt/format.h>

#include "tightrope/workload/family_internal.h"

namespace tightrope::workload {
namespace {

constexpr Bounds state_bounds{1, 1 << 14};

int small(const ConfigObject& c, std::string_view key, Bounds bounds) {
  return static_cast<int>(c.integer(key, bounds));
}

// A delta rule's state is keys by values a head; groups of value heads share a key.
StateSpace read_delta(const ConfigObject& c) {
  StateSpace m;
  m.groups = small(c, "linear_num_key_heads", head_bounds);
  m.heads = small(c, "linear_num_value_heads", head_bounds);
  m.state = small(c, "linear_key_head_dim", state_bounds);
  m.head_dim = small(c, "linear_value_head_dim", state_bounds);
  m.conv = static_cast<int>(c.integer_or("linear_conv_kernel_dim", 4, {1, 64}));
  constexpr int kernel_chunk = 64;  // of the published chunked kernels
  m.chunk = kernel_chunk;
  m.gates = 2;
  if (m.groups > 0 && m.heads % m.groups != 0) {
    c.fail(ErrorCode::conflict, "linear_num_value_heads",
           fmt::format("{} value heads do not divide into {} key heads", m.heads, m.groups),
           "every key head serves the same number of value heads");
  }
  return m;
}

Model read_qwen_delta(const ConfigObject& c, const Family& family) {
  Frame f = read_frame(c, family);
  LayerKind attention = f.kind;
  attention.name = "attention";
  attention.attention.out_gate = c.flag_or("attn_output_gate", true);
  const std::string_view count = c.first_of({"num_experts", "num_local_experts"});
  if (c.has(count)) {
    read_experts(c, count, "moe_intermediate_size", attention.ffn);
    attention.ffn.shared_hidden = c.integer_or("shared_expert_intermediate_size", 0, {0, 1 << 22});
    attention.ffn.shared_gate = attention.ffn.shared_hidden > 0;
  } else {
    attention.ffn.hidden = ffn_width(c, "intermediate_size");
  }
  LayerKind delta = attention;
  delta.name = "delta";
  delta.attention = {};
  delta.attention.heads = 0;
  delta.mixer = read_delta(c);
  const auto period = c.integer_or("full_attention_interval", 4, {1, 4096});
  for (int i = 0; i < f.layer_count; ++i) {
    add_layer(f.model, (i + 1) % period == 0 ? attention : delta);
  }
  return std::move(f.model);
}

}  // namespace

const std::vector<Family>& delta_families() {
  static const std::vector<Family> families = {
      {.model_type = "qwen3_next",
       .architecture = "Qwen3NextForCausalLM",
       .read = read_qwen_delta,
       .qk_norm = true},
      {.model_type = "qwen3_5_moe_text",
       .architecture = "Qwen3_5MoeForCausalLM",
       .read = read_qwen_delta,
       .qk_norm = true},
  };
  return families;
}

}  // namespace tightrope::workload
