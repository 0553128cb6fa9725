// A neural network as the planner sees it: layer kinds with their matrix products, attention,
// experts and parameter counts. The word "model" means the network in this room, nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tightrope::workload {

enum class AttentionKind { softmax, latent };  ///< MHA/MQA/GQA, or MLA

struct Attention {
  AttentionKind kind = AttentionKind::softmax;
  int heads = 0;
  int kv_heads = 0;
  int qk_head_dim = 0;  ///< width of one query/key head (MLA: nope + rope)
  int v_head_dim = 0;
  int window = 0;        ///< sliding window in tokens; 0 attends to everything before
  bool chunked = false;  ///< `window` is a block that tokens attend within (Llama 4), not a band
  bool causal = true;
  bool qkv_bias = false, out_bias = false, sinks = false, qk_norm = false;
  bool qk_norm_full = false;  ///< qk_norm weighs every head's channels (OLMo 2), not one head's
  bool out_gate = false;      ///< heads' outputs are gated by a projection as wide (Qwen3-Next)
  bool rope = true;           ///< q and k are rotated; false: ALiBi, learned or no positions
  int q_lora_rank = 0, kv_lora_rank = 0, rope_head_dim = 0;  ///< MLA only; q_lora_rank 0 = none
};

/// A Mamba-2 or gated-delta mixer: each head keeps a state of head_dim x state, scanned over the
/// sequence in chunks; groups of heads share the vectors that write and read it.
struct StateSpace {
  int heads = 0;  ///< 0: the layer has none
  int head_dim = 0, state = 0, groups = 1;
  int conv = 4;     ///< taps of the causal convolution before the scan
  int chunk = 256;  ///< tokens
  int gates = 1;    ///< scalars a head and token: Mamba-2's step; a delta rule has two
  [[nodiscard]] std::int64_t inner() const { return std::int64_t{heads} * head_dim; }
  /// What the convolution sees: the heads' inputs and the groups' two vectors.
  [[nodiscard]] std::int64_t channels() const { return inner() + std::int64_t{2} * groups * state; }
};

struct Ffn {
  bool gated = true;        ///< SwiGLU/GeGLU: two input matrices; else one
  std::int64_t hidden = 0;  ///< dense intermediate width; 0 in a routed layer
  bool bias = false;
  int experts = 0;  ///< routed experts; 0 = dense layer
  int experts_per_token = 0;
  int expert_groups = 0;     ///< DeepSeek's group-limited routing; 0 = none
  int groups_per_token = 0;  ///< groups whose experts a token may choose
  std::int64_t expert_hidden = 0;
  std::int64_t shared_hidden = 0;  ///< total width of always-on experts
  bool router_bias = false;
  bool shared_gate = false;  ///< Qwen2-MoE: one gate vector on the shared expert
};

/// One kind of layer. Transformers have attention and an FFN in each; hybrids have one of
/// attention, mixer and FFN (Nemotron-H), or attention or mixer and an FFN (Qwen3-Next).
struct LayerKind {
  std::string name;     ///< "dense", "moe", "dense_local", ...
  Attention attention;  ///< heads 0: none
  StateSpace mixer;
  Ffn ffn;                      ///< without width and experts: none
  int norms = 2;                ///< norms of `hidden` in the layer: 1 shared, 2, or 4 (Gemma, Grok)
  bool norm_bias = false;       ///< LayerNorm with bias (2 vectors a norm)
  bool parallel_block = false;  ///< attention and FFN read the same norm (Falcon, GPT-NeoX)
  bool post_norm = false;       ///< the two norms follow attention and FFN (OLMo 2)
  [[nodiscard]] bool routed() const { return ffn.experts > 0; }
  [[nodiscard]] bool attends() const { return attention.heads > 0; }
  [[nodiscard]] bool mixes() const { return mixer.heads > 0; }
  [[nodiscard]] bool feeds() const { return ffn.hidden > 0 || routed(); }
};

/// A decoder-only transformer, or a hybrid of its layers and state-space ones.
struct Model {
  std::string name;
  std::string family;  ///< "llama", "deepseek", "gpt2", ...
  std::int64_t hidden = 0;
  std::int64_t vocab = 0;
  std::int64_t max_positions = 0;
  bool tied_embeddings = false;
  bool learned_positions = false;  ///< a trained position table of max_positions x hidden
  bool embedding_norm = false;     ///< BLOOM
  bool final_norm_bias = false;
  bool head_bias = false;
  std::vector<LayerKind> kinds;
  std::vector<int> layers;  ///< kind index of each layer, first to last
  int mtp_layers = 0;       ///< multi-token-prediction layers after the last, of the last kind
  std::vector<std::string> notes;  ///< what the reader left out or assumed, for people
  [[nodiscard]] int layer_count() const { return static_cast<int>(layers.size()); }
  [[nodiscard]] const LayerKind& kind_of(int layer) const { return kinds[layers[layer]]; }
};

/// Parameters of one layer, split as parallelism splits them.
struct LayerParameters {
  std::int64_t attention = 0;       ///< projection matrices (and their biases), or a mixer
  std::int64_t ffn = 0;             ///< dense FFN, or the shared experts of a routed layer
  std::int64_t experts = 0;         ///< all routed experts
  std::int64_t active_experts = 0;  ///< the share one token uses
  std::int64_t router = 0;
  std::int64_t norms = 0;
  [[nodiscard]] std::int64_t total() const { return attention + ffn + experts + router + norms; }
  [[nodiscard]] std::int64_t active() const {
    return attention + ffn + active_experts + router + norms;
  }
};

struct ParameterCount {
  std::int64_t embedding = 0;  ///< input table and learned positions
  std::int64_t head = 0;       ///< output projection; 0 when tied
  std::int64_t final_norm = 0;
  std::int64_t layers = 0;         ///< all layers, every expert
  std::int64_t active_layers = 0;  ///< all layers, the experts one token uses
  std::int64_t mtp = 0;            ///< multi-token-prediction modules, not in total()
  [[nodiscard]] std::int64_t total() const { return embedding + head + final_norm + layers; }
  [[nodiscard]] std::int64_t active() const {
    return embedding + head + final_norm + active_layers;
  }
};

[[nodiscard]] LayerParameters count_layer(const Model& model, const LayerKind& kind);
[[nodiscard]] ParameterCount count_parameters(const Model& model);

/// FLOP conventions of published figures (forward + backward, a token, no recompute).
enum class FlopConvention {
  /// 6 x matmul parameters one token uses (head and router counted, input table and norms not) +
  /// attention over half the square; windows as mean_keys() in layer_work.h counts them.
  causal,
  full,   ///< the same with attention over the whole square (a windowed layer: over its window)
  six_n,  ///< 6 x active parameters, all of them, no attention
};
/// Training FLOPs a token at a sequence length > 0 (model FLOPs: what MFU divides by), forward and
/// backward. Each multi-token-prediction module (mtp_layers) adds its layer, its projection and one
/// more use of the head; set mtp_layers = 0 for figures published without it.
[[nodiscard]] double flops_per_token(const Model& model, std::int64_t seq_len,
                                     FlopConvention convention);

/// The same in two parts: products with weights (a third each for outputs, input gradients and
/// weight gradients) and the attention core. Attention is 0 by six_n.
struct TrainingFlops {
  double products = 0, attention = 0;
};
[[nodiscard]] TrainingFlops training_flops(const Model& model, std::int64_t seq_len,
                                           FlopConvention convention);

}  // namespace tightrope::workload
