// Hybrids whose layers are each one of Mamba-2 mixer, attention, dense FFN and experts: Nemotron-H
// and Nemotron 3.
#include <algorithm>

#include <fmt/format.h>

#include "tightrope/workload/family_internal.h"

namespace tightrope::workload {
namespace {

constexpr const char* letters = "give one letter a layer: M mixer, * attention, - FFN, E experts";
constexpr Bounds state_bounds{1, 1 << 14};

int small(const ConfigObject& c, std::string_view key, Bounds bounds) {
  return static_cast<int>(c.integer(key, bounds));
}

StateSpace read_mixer(const ConfigObject& c) {
  StateSpace m;
  m.heads = small(c, "mamba_num_heads", head_bounds);
  m.head_dim = small(c, "mamba_head_dim", state_bounds);
  m.state = small(c, "ssm_state_size", state_bounds);
  m.groups = small(c, c.first_of({"n_groups", "mamba_n_groups"}), head_bounds);
  m.conv = static_cast<int>(c.integer_or("conv_kernel", 4, {1, 64}));
  m.chunk = static_cast<int>(c.integer_or("chunk_size", 256, {1, 1 << 16}));
  if (m.groups > 0 && m.heads % m.groups != 0) {
    c.fail(ErrorCode::conflict, "n_groups",
           fmt::format("{} mixer heads do not divide into {} groups", m.heads, m.groups),
           "every group serves the same number of heads");
  }
  return m;
}

LayerKind read_experts_layer(const ConfigObject& c, const LayerKind& bare) {
  LayerKind moe = bare;
  moe.name = "moe";
  read_experts(c, c.first_of({"n_routed_experts", "num_experts"}), "moe_intermediate_size",
               moe.ffn);
  const auto shared = c.integer_or("n_shared_experts", 1, {0, 1 << 14});
  moe.ffn.shared_hidden = c.integer_or("moe_shared_expert_intermediate_size",
                                       shared * moe.ffn.expert_hidden, {0, 1 << 22});
  moe.ffn.router_bias = true;
  return moe;
}

// The kinds that the pattern's letters stand for, read when the pattern first needs them.
class Kinds {
 public:
  Kinds(const ConfigObject& c, const Frame& frame) : c_(c), bare_(frame.kind) {
    attention_ = bare_;
    attention_.name = "attention";
    attention_.attention.rope = false;
    bare_.attention = {};
    bare_.attention.heads = 0;
  }

  const LayerKind* of(char letter) {
    switch (letter) {
      case '*': return &attention_;
      case 'M':
        if (!mixer_.mixes()) {
          mixer_ = bare_;
          mixer_.name = "mamba";
          mixer_.mixer = read_mixer(c_);
        }
        return &mixer_;
      case '-':
        if (!dense_.feeds()) {
          dense_ = bare_;
          dense_.name = "mlp";
          dense_.ffn.hidden = ffn_width(c_, "intermediate_size");
        }
        return &dense_;
      case 'E':
        if (!moe_.feeds()) moe_ = read_experts_layer(c_, bare_);
        return &moe_;
      default: return nullptr;
    }
  }

 private:
  const ConfigObject& c_;
  LayerKind bare_, attention_, mixer_, dense_, moe_;
};

Model read_nemotron_h(const ConfigObject& c, const Family& family) {
  Family own = family;
  if (c.has("attention_head_dim")) own.head_dim = c.integer("attention_head_dim", state_bounds);
  Frame f = read_frame(c, own);
  f.kind.norms = 1;
  f.model.mtp_layers = static_cast<int>(c.integer_or("num_nextn_predict_layers", 0, {0, 64}));
  const std::string pattern = c.text_or("hybrid_override_pattern", "");
  if (c.failed()) return std::move(f.model);
  if (pattern.empty()) {
    c.fail(ErrorCode::unknown_key, "hybrid_override_pattern",
           "'hybrid_override_pattern' is missing, expected one letter a layer", letters);
    return std::move(f.model);
  }
  if (static_cast<int>(pattern.size()) != f.layer_count) {
    c.fail(ErrorCode::conflict, "hybrid_override_pattern",
           fmt::format("'hybrid_override_pattern' has {} letters for {} layers", pattern.size(),
                       f.layer_count),
           letters);
    return std::move(f.model);
  }
  Kinds kinds(c, f);
  for (const char letter : pattern) {
    const LayerKind* kind = kinds.of(letter);
    if (kind == nullptr) {
      c.fail(ErrorCode::range, "hybrid_override_pattern",
             fmt::format("'hybrid_override_pattern' has the letter '{}'", letter), letters);
      return std::move(f.model);
    }
    if (c.failed()) return std::move(f.model);
    add_layer(f.model, *kind);
  }
  return std::move(f.model);
}

}  // namespace

const std::vector<Family>& hybrid_families() {
  static const std::vector<Family> families = {
      {.model_type = "nemotron_h",
       .architecture = "NemotronHForCausalLM",
       .read = read_nemotron_h,
       .gated = false},
  };
  return families;
}

}  // namespace tightrope::workload
