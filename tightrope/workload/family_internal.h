// How the config files of model families differ, as data where that is enough and as one reader a
// group where it is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/workload/config_object_internal.h"
#include "tightrope/workload/model.h"

namespace tightrope::workload {

struct Family;
/// Reads one family. Faults are recorded in the config; the model is used only without any.
using FamilyReader = Model (*)(const ConfigObject& config, const Family& family);

/// One `model_type`. Flags are what the family's code does when the config has no say.
struct Family {
  std::string_view model_type;
  std::string_view architecture;  ///< in `architectures`, for configs without model_type
  FamilyReader read = nullptr;
  bool gated = true;
  bool norm_bias = false;
  bool qkv_bias = false, out_bias = false, ffn_bias = false;
  bool qk_norm = false, qk_norm_full = false;
  bool parallel_block = false, post_norm = false;
  bool tied = false;
  int norms = 2;
  int window_period = 0;      ///< every n-th layer is global, the others slide; 0: all alike
  std::int64_t head_dim = 0;  ///< when the key is absent; 0: hidden / heads
  std::int64_t vocab = 0;     ///< when the key is absent; 0: required
  std::int64_t heads = 0, kv_heads = 0;  ///< likewise; kv_heads 0: as many as heads
};

/// The families of each group of readers.
[[nodiscard]] const std::vector<Family>& dense_families();
[[nodiscard]] const std::vector<Family>& moe_families();
[[nodiscard]] const std::vector<Family>& classic_families();
[[nodiscard]] const std::vector<Family>& hybrid_families();
[[nodiscard]] const std::vector<Family>& delta_families();
[[nodiscard]] const std::vector<Family>& generic_families();

/// The size keys of a config, for families that call them otherwise.
struct SizeKeys {
  std::string_view hidden = "hidden_size", layers = "num_hidden_layers",
                   heads = "num_attention_heads", kv_heads = "num_key_value_heads",
                   vocab = "vocab_size", positions = "max_position_embeddings";
};

/// What every family has: the model without layers, and a layer kind with its attention.
struct Frame {
  Model model;
  LayerKind kind;  ///< softmax attention and flags of the family; FFN still empty
  int layer_count = 0;
};

/// Reads sizes, heads, tying and biases. `attention_bias` and `mlp_bias` override the family.
[[nodiscard]] Frame read_frame(const ConfigObject& config, const Family& family,
                               const SizeKeys& keys = {});
/// The dense FFN width under `key`.
[[nodiscard]] std::int64_t ffn_width(const ConfigObject& config, std::string_view key);
/// Which layers slide: `layer_types` where given, else the family's period, else `all`.
[[nodiscard]] std::vector<bool> local_layers(const ConfigObject& config, const Family& family,
                                             int layers, bool all);
/// The window of sliding layers under `key`; 0 when absent, null or switched off.
[[nodiscard]] int window_of(const ConfigObject& config, std::string_view key);
/// Experts and how many a token uses, checked against each other.
void read_experts(const ConfigObject& config, std::string_view count_key,
                  std::string_view width_key, Ffn& ffn);
/// Appends a layer of `kind`; a kind is known by its name, and equal names must mean equal kinds.
void add_layer(Model& model, const LayerKind& kind);
/// `kind` with a window and a name that says so.
[[nodiscard]] LayerKind with_window(LayerKind kind, int window);
/// Refuses a key that, when true or present, means something that is not modelled.
void refuse(const ConfigObject& config, std::string_view key, std::string what,
            std::string hint = {});

inline constexpr Bounds layer_bounds{1, 4096};
inline constexpr Bounds head_bounds{1, 1 << 14};
inline constexpr Bounds width_bounds{1, 1 << 22};
inline constexpr Bounds expert_bounds{1, 1 << 14};
inline constexpr Bounds position_bounds{1, std::int64_t{1} << 40};

}  // namespace tightrope::workload
