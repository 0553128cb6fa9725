#include "tightrope/workload/model.h"

#include "tightrope/core/check.h"
#include "tightrope/workload/layer_work.h"

namespace tightrope::workload {
namespace {

// Projections in and out, convolution with bias, decay, skip and step of each head, gated norm.
std::int64_t mixer_parameters(const Model& model, const StateSpace& m) {
  if (m.heads == 0) return 0;
  const std::int64_t in =
      model.hidden * (m.inner() + m.channels() + std::int64_t{m.gates} * m.heads);
  return in + m.channels() * (m.conv + 1) + std::int64_t{3} * m.heads + m.inner() +
         m.inner() * model.hidden;
}

std::int64_t attention_parameters(const Model& model, const Attention& a) {
  if (a.heads == 0) return 0;
  const std::int64_t h = model.hidden;
  const std::int64_t q = std::int64_t{a.heads} * a.qk_head_dim;
  const std::int64_t out = std::int64_t{a.heads} * a.v_head_dim;
  std::int64_t n = out * h;
  if (a.out_bias) n += h;
  if (a.kind == AttentionKind::latent) {
    const std::int64_t kv_down = a.kv_lora_rank + a.rope_head_dim;
    const std::int64_t nope = a.qk_head_dim - a.rope_head_dim;
    n += a.q_lora_rank > 0 ? h * a.q_lora_rank + a.q_lora_rank * q : h * q;
    n += h * kv_down + std::int64_t{a.kv_lora_rank} * a.heads * (nope + a.v_head_dim);
    if (a.qkv_bias) n += (a.q_lora_rank > 0 ? a.q_lora_rank : q) + kv_down;
  } else {
    const std::int64_t qkv =
        q + std::int64_t{a.kv_heads} * (a.qk_head_dim + a.v_head_dim) + (a.out_gate ? out : 0);
    n += h * qkv;
    if (a.qkv_bias) n += qkv;
  }
  if (a.sinks) n += a.heads;
  return n;
}

std::int64_t norm_parameters(const Model& model, const LayerKind& kind) {
  const Attention& a = kind.attention;
  std::int64_t n = kind.norms * model.hidden * (kind.norm_bias ? 2 : 1);
  if (a.qk_norm_full) {
    n += std::int64_t{a.heads + a.kv_heads} * a.qk_head_dim;
  } else if (a.qk_norm) {
    n += std::int64_t{2} * a.qk_head_dim;
  }
  if (a.kind == AttentionKind::latent) n += a.q_lora_rank + a.kv_lora_rank;
  return n;
}

std::int64_t ffn_parameters(const Model& model, const Ffn& f, std::int64_t width) {
  if (width == 0) return 0;
  const std::int64_t in = (f.gated ? 2 : 1) * width;
  const std::int64_t bias = f.bias ? in + model.hidden : 0;
  return model.hidden * (in + width) + bias;
}

/// Modules of one prediction depth beyond its layer: two input norms, a head norm, 2h -> h.
std::int64_t mtp_extra(const Model& model) {
  return 2 * model.hidden * model.hidden + 3 * model.hidden;
}

/// Weights of all products that one token uses in a layer.
double matmul_weights(const LayerWork& work, const Ffn& ffn) {
  double sum = 0;
  for (const Gemm& g : work.gemms) {
    const int copies = g.role == GemmRole::expert ? ffn.experts_per_token : 1;
    sum += static_cast<double>(g.weights()) * copies;
  }
  return sum;
}

TrainingFlops layer_flops(const Model& model, const LayerKind& kind, std::int64_t seq_len,
                          FlopConvention convention) {
  const LayerWork work = layer_work(model, kind);
  const bool half = convention == FlopConvention::causal;
  return {6.0 * matmul_weights(work, kind.ffn),
          3.0 * (attention_flops(work.attention, seq_len, half) + scan_flops(kind.mixer)).raw()};
}

}  // namespace

LayerParameters count_layer(const Model& model, const LayerKind& kind) {
  const Ffn& f = kind.ffn;
  LayerParameters p;
  p.attention = attention_parameters(model, kind.attention) + mixer_parameters(model, kind.mixer);
  p.norms = norm_parameters(model, kind);
  if (!kind.routed()) {
    p.ffn = ffn_parameters(model, f, f.hidden);
    return p;
  }
  const std::int64_t expert = ffn_parameters(model, f, f.expert_hidden);
  p.experts = f.experts * expert;
  p.active_experts = f.experts_per_token * expert;
  p.ffn = ffn_parameters(model, f, f.shared_hidden) + (f.shared_gate ? model.hidden : 0);
  p.router = model.hidden * f.experts + (f.router_bias ? f.experts : 0);
  return p;
}

ParameterCount count_parameters(const Model& model) {
  TR_CHECK(!model.layers.empty() && !model.kinds.empty());
  ParameterCount count;
  count.embedding = model.vocab * model.hidden;
  if (model.learned_positions) count.embedding += model.max_positions * model.hidden;
  if (model.embedding_norm) count.embedding += 2 * model.hidden;
  count.head = (model.tied_embeddings ? 0 : model.vocab * model.hidden) +
               (model.head_bias ? model.vocab : 0);
  count.final_norm = model.hidden * (model.final_norm_bias ? 2 : 1);
  std::vector<LayerParameters> by_kind;
  by_kind.reserve(model.kinds.size());
  for (const LayerKind& kind : model.kinds) by_kind.push_back(count_layer(model, kind));
  for (const int kind : model.layers) {
    count.layers += by_kind[kind].total();
    count.active_layers += by_kind[kind].active();
  }
  count.mtp = model.mtp_layers * (by_kind[model.layers.back()].total() + mtp_extra(model));
  return count;
}

TrainingFlops training_flops(const Model& model, std::int64_t seq_len, FlopConvention convention) {
  TR_CHECK(seq_len > 0, seq_len);
  const double head = static_cast<double>(model.hidden) * static_cast<double>(model.vocab);
  const LayerKind& last = model.kinds[model.layers.back()];
  if (convention == FlopConvention::six_n) {
    const double mtp = static_cast<double>(count_layer(model, last).active() + mtp_extra(model));
    const double once = static_cast<double>(count_parameters(model).active());
    return {6.0 * (once + model.mtp_layers * (mtp + head)), 0.0};
  }
  std::vector<TrainingFlops> by_kind;
  by_kind.reserve(model.kinds.size());
  for (const LayerKind& kind : model.kinds) {
    by_kind.push_back(layer_flops(model, kind, seq_len, convention));
  }
  TrainingFlops sum{6.0 * head, 0.0};
  for (const int kind : model.layers) {
    sum.products += by_kind[kind].products;
    sum.attention += by_kind[kind].attention;
  }
  const TrainingFlops& mtp = by_kind[model.layers.back()];
  const double projection = 2.0 * static_cast<double>(model.hidden * model.hidden);
  sum.products += model.mtp_layers * (mtp.products + 6.0 * (projection + head));
  sum.attention += model.mtp_layers * mtp.attention;
  return sum;
}

double flops_per_token(const Model& model, std::int64_t seq_len, FlopConvention convention) {
  const TrainingFlops flops = training_flops(model, seq_len, convention);
  return flops.products + flops.attention;
}

}  // namespace tightrope::workload
