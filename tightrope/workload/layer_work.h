// What one layer does for one token, before any parallel split: matrix products, attention,
// elementwise passes, and the tensors its backward pass needs.
//
// Everything is counted in ELEMENTS for ONE token; the caller multiplies by tokens, divides by the
// parallel split that `Shard` and `Split` allow, and prices an element by its TensorKind and the
// precision recipe. Products are fused as training frameworks fuse them (q, k, v in one; gate and
// up in one). Tables are small and built once a model, never in the search's inner loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tightrope/core/units.h"
#include "tightrope/workload/model.h"

namespace tightrope::workload {

// ---- Recompute ------------------------------------------------------------------------------

/// Parts of a layer that can be run again in the backward pass instead of keeping their results.
/// In brackets Megatron's `recompute_modules` spelling where there is one.
enum class RecomputeModule : std::uint32_t {
  norms = 1U << 0,           ///< outputs of the norms before attention and FFN ("layernorm")
  qkv = 1U << 1,             ///< q, k, v from the normed input: the projection runs again
  mla_up = 1U << 2,          ///< MLA's q, k, v from the latents ("mla_up_proj")
  core_attention = 1U << 3,  ///< scores and softmax ("core_attn"); with flash only statistics
  activation = 1U << 4,      ///< the activation function's output ("moe_act"), dense or expert
  mlp = 1U << 5,             ///< the dense FFN as a whole ("mlp")
  moe = 1U << 6,             ///< router, dispatch, experts and shared experts as a whole ("moe")
  shared_experts = 1U << 7,  ///< the shared experts only ("shared_experts")
  layer = 1U << 8,           ///< everything but the layer's input: "full"
};

/// A set of RecomputeModule.
struct ModuleSet {
  std::uint32_t bits = 0;
  constexpr ModuleSet() = default;
  constexpr ModuleSet(RecomputeModule m) : bits(static_cast<std::uint32_t>(m)) {}
  [[nodiscard]] constexpr bool empty() const { return bits == 0; }
  [[nodiscard]] constexpr bool meets(ModuleSet o) const { return (bits & o.bits) != 0; }
  friend constexpr bool operator==(ModuleSet, ModuleSet) = default;
};
constexpr ModuleSet operator|(ModuleSet a, ModuleSet b) {
  ModuleSet r;
  r.bits = a.bits | b.bits;
  return r;
}
constexpr ModuleSet operator|(RecomputeModule a, RecomputeModule b) {
  return ModuleSet(a) | ModuleSet(b);
}

/// All modules, in the order of their bits.
[[nodiscard]] const std::vector<RecomputeModule>& all_recompute_modules();
/// As spelled above: "norms", "core_attention", ...
[[nodiscard]] std::string_view to_string(RecomputeModule module);
/// From our spelling or Megatron's ("layernorm", "core_attn", "moe_act", "mla_up_proj", "full").
[[nodiscard]] std::optional<RecomputeModule> recompute_module_from(std::string_view text);

// ---- Matrix products ------------------------------------------------------------------------

/// How tensor parallelism cuts a weight of in x out.
enum class Split {
  column,  ///< out is divided; the input must be whole on every rank
  row,     ///< in is divided; partial outputs are summed
  none,    ///< every rank holds the weight (MLA's down projections, the router)
};

enum class GemmRole { attention, latent, ffn, expert, shared, router, head };

/// y[out] = x[in] W for each token. Forward 2 in out FLOPs a token; backward as much for the input
/// gradient and, unless the weight is frozen, as much for the weight gradient.
/// Role `expert`: in and out of ONE routed expert, run for each of a token's experts_per_token
/// copies; cut by expert-tensor-parallelism, not by TP.
struct Gemm {
  /// qkv, q, q_down, q_up, kv_down, kv_up, attention_out, mixer_in, mixer_out, ffn_in, ffn_out,
  /// router, expert_in, expert_out, shared_gate, shared_in, shared_out, head, mtp_projection
  std::string_view name;
  std::int64_t in = 0, out = 0;
  Split split = Split::none;
  GemmRole role = GemmRole::attention;
  ModuleSet recomputed_by{};  ///< runs again when the recompute set meets this
  [[nodiscard]] std::int64_t weights() const { return in * out; }
};

// ---- Attention ------------------------------------------------------------------------------

/// The score and value products as the attention kernel sees them in training. MLA runs as
/// multi-head attention on the expanded k and v (kv_heads = heads).
struct AttentionCore {
  int heads = 0, kv_heads = 0;  ///< divided by TP (kv_heads at least 1 a rank)
  int qk_dim = 0, v_dim = 0;
  std::int64_t window = 0;  ///< tokens; 0 = all before
  bool chunked = false;     ///< window is the block a token sits in, not a band behind it
  bool causal = true;
  ModuleSet recomputed_by{};
};

/// Mean number of keys a query meets in a sequence of seq_len tokens (> 0), square mask: s/2 when
/// causal, s when not; a band of w: w - w^2/2s (w when not causal); blocks of w: w/2. FLOPs of the
/// forward core a token are 2 heads (qk_dim + v_dim) mean_keys. `causal_half` false counts the
/// masked half too (the `full` convention of published FLOPs).
[[nodiscard]] double mean_keys(const AttentionCore& core, std::int64_t seq_len,
                               bool causal_half = true);
/// FLOPs of the attention core a token, forward (backward is twice that, 2.5 times with flash's
/// recomputed scores).
[[nodiscard]] Flops attention_flops(const AttentionCore& core, std::int64_t seq_len,
                                    bool causal_half = true);

/// FLOPs a token of a mixer's scan, forward: within its chunk over half the square as attention
/// does, and through the chunk's state, written once and read once.
[[nodiscard]] Flops scan_flops(const StateSpace& mixer);

/// Elements a token adds to a key-value cache in one layer: kv_heads (qk + v), or MLA's latent.
[[nodiscard]] std::int64_t kv_elements_per_token(const Attention& attention);

// ---- Elementwise passes and saved tensors ---------------------------------------------------

/// What divides a tensor between ranks.
enum class Shard {
  tensor,         ///< TP divides the width (heads, FFN width)
  sequence,       ///< TP divides the tokens under sequence parallelism; else every rank has it
  expert_tokens,  ///< counted per routed copy of a token (experts_per_token of them); width whole
  expert_tensor,  ///< counted per routed copy; expert-TP divides the width
};

/// One memory-bound kernel: elements a token read and written, forward and backward.
///   norm      read h write h            | read 2h (input, gradient) write h
///   rope      read q+k write q+k        | the same
///   residual  read 2h write h           | read 2h write h (gradients of branch and stream add)
///   gated act read 2f write f           | read 3f write 2f
///   plain act read f write f            | read 2f write f
///   scan      kernels of one chunked scan, each reading what the one before wrote
///   permute   read h write h a copy     | the same (dispatch; and again for combine)
///   router    read E write E (softmax and top-k over E experts) | the same
///   scores    without flash: per key and head, read 2 write 2 | read 5 write 2 (dropout: +1 each)
///   loss      read 2V write V | read V write V
struct Pass {
  std::string_view name;
  Shard shard = Shard::sequence;
  std::int64_t reads = 0, writes = 0;
  std::int64_t backward_reads = 0, backward_writes = 0;
  ModuleSet recomputed_by{};
  /// Further elements a token and key of the sequence: the score matrix without flash.
  std::int64_t reads_per_key = 0, writes_per_key = 0;
  std::int64_t backward_reads_per_key = 0, backward_writes_per_key = 0;
  bool scanned = false;  ///< a kernel of a state-space scan, which does not reach HBM's speed
};

/// What a saved tensor is, which decides the bytes of an element: gemm_input follows the recipe
/// (bf16 2, fp8 1 where the framework keeps the cast input), norm_input, attention and activation
/// are 2 in bf16 recipes, mask 1, statistics and router 4, logits 4 (or 2 with fused loss).
enum class TensorKind {
  gemm_input,  ///< needed only for the weight gradient of `consumer`: not kept when it is frozen
  norm_input,
  attention,  ///< q, k, v and the core's output (also the input of attention_out)
  activation,
  mask,        ///< dropout masks
  statistics,  ///< log-sum-exp of flash attention
  router,      ///< router probabilities
  logits,
};

/// A tensor kept from forward for backward.
struct SavedTensor {
  std::string_view name;
  TensorKind kind = TensorKind::activation;
  Shard shard = Shard::sequence;
  std::int64_t elements = 0;          ///< a token (a routed copy for the expert shards)
  std::int64_t elements_per_key = 0;  ///< further elements a token and key (without flash only)
  ModuleSet dropped_by{};             ///< not kept when the recompute set meets this
  std::string_view consumer{};        ///< the Gemm that needs it (kind gemm_input)
  [[nodiscard]] constexpr bool kept(ModuleSet recompute) const {
    return !dropped_by.meets(recompute);
  }
};

/// How the layer is executed, as far as it changes what is saved.
struct WorkOptions {
  bool flash_attention = true;  ///< false: scores, softmax (and their mask) are kept, a s^2 a layer
  bool dropout = false;         ///< GPT-3 era training: three masks a layer. LLMs since do without
};

/// One layer's work.
struct LayerWork {
  std::vector<Gemm> gemms;  ///< in order of execution
  AttentionCore attention;
  std::vector<Pass> passes;
  /// With dropout, without flash, 2 bytes an element and 1 a mask this sums to the closed form of
  /// Korthikanti et al. 2022 (arXiv 2205.05198): s b h (34 + 5 a s / h) for a GPT layer.
  std::vector<SavedTensor> saved;
};

/// `kind` must be one of the model's. Never fails.
[[nodiscard]] LayerWork layer_work(const Model& model, const LayerKind& kind,
                                   const WorkOptions& options = {});

/// Before the first layer (table look-up, positions, embedding norm, dropout): no products.
[[nodiscard]] LayerWork embedding_work(const Model& model, const WorkOptions& options = {});
/// After the last layer: final norm, output projection, loss over the vocabulary.
[[nodiscard]] LayerWork head_work(const Model& model);
/// What one multi-token-prediction module adds to a layer of the last kind and to one more
/// head_work: two norms, the 2h -> h projection.
[[nodiscard]] LayerWork mtp_work(const Model& model);

/// Elements a token that stay saved in one layer, by shard and kind; the sum callers price.
struct SavedSum {
  std::int64_t tensor = 0, sequence = 0;              ///< a token
  std::int64_t expert_tokens = 0, expert_tensor = 0;  ///< a routed copy
  std::int64_t tensor_per_key = 0;                    ///< a token and key (no flash)
};
[[nodiscard]] SavedSum saved_elements(const LayerWork& work, ModuleSet recompute);
[[nodiscard]] SavedSum saved_elements(const LayerWork& work, ModuleSet recompute, TensorKind kind);

}  // namespace tightrope::workload
