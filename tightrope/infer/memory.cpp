#include "tightrope/infer/memory.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tightrope::infer {
namespace {

using workload::Gemm;
using workload::GemmRole;
using workload::Split;

constexpr double half_precision = 2.0;

double layer_weights(const Context& c, const LayerPart& part, const Deployment& d) {
  double bytes = part.other_parameters * half_precision;
  for (const Gemm& g : part.work.gemms) {
    const auto weights = static_cast<double>(g.weights());
    if (g.role == GemmRole::expert) {
      const double places = std::ceil(std::max(part.experts, c.expert_slots) / d.ep);
      bytes += weights * places / d.etp() * c.numerics.feed.weight_bytes;
      continue;
    }
    const bool feed = g.role == GemmRole::ffn || g.role == GemmRole::shared;
    const double element = g.role == GemmRole::router  ? half_precision
                           : feed                      ? c.numerics.feed.weight_bytes
                           : g.name == "attention_out" ? c.numerics.attention_out.weight_bytes
                                                       : c.numerics.attention.weight_bytes;
    bytes += weights * element / (g.split == Split::none ? 1 : d.tp);
  }
  return bytes;
}

// Keys and values of one layer and token on one rank: heads divide by tp, latents do not.
double layer_cache(const Context& c, const LayerPart& part, const Deployment& d) {
  const workload::Attention& a = part.attention;
  if (a.heads == 0) return 0.0;
  const double whole = part.kv_elements * c.numerics.kv_bytes;
  if (a.kind == workload::AttentionKind::latent) return whole;
  return whole / std::min(d.tp, a.kv_heads);
}

}  // namespace

ServingMemory serving_memory(const Context& c, const Deployment& d, double iteration_tokens) {
  ServingMemory m;
  m.device = c.kernels.hbm;
  double weights = 0, token = 0, sequence = 0, widest = 0;
  for (const LayerPart& part : c.parts) {
    const double layers = std::ceil(static_cast<double>(part.layers) / d.pp);
    weights += layers * layer_weights(c, part, d);
    // A layer that sees a window keeps no more than that, and counts by sequence.
    if (part.attention.window > 0) {
      sequence += layers * layer_cache(c, part, d) * part.attention.window;
    } else {
      token += layers * layer_cache(c, part, d);
    }
    sequence += layers * part.state_elements / d.tp * half_precision;
    for (const Gemm& g : part.work.gemms) {
      double out = static_cast<double>(g.out) / (g.split == Split::column ? d.tp : 1);
      if (g.role == GemmRole::expert) out *= part.experts_per_token / d.ep;
      widest = std::max(widest, out);
    }
  }
  const double ends =
      (c.embedding_parameters + (c.model.tied_embeddings ? 0 : c.head_parameters)) / d.tp;
  weights += ends * half_precision;
  if (c.speculation.drafts > 0)
    weights += c.mtp_parameters / d.tp * c.numerics.feed.weight_bytes / d.dp;
  m.weights = Bytes(weights);
  const auto hidden = static_cast<double>(c.model.hidden);
  m.activations = Bytes(iteration_tokens / d.dp * (4 * hidden + 2 * widest) * half_precision);
  constexpr double gib = 1024.0 * 1024 * 1024;
  const Bytes shared = c.engine.shares_free_memory
                           ? max(m.device - m.weights - m.activations, Bytes(0.0))
                           : m.device;
  m.reserve = (1.0 - c.engine.memory_share) * shared + Bytes(c.engine.reserve_gib * gib);
  m.cache = m.device - m.weights - m.activations - m.reserve;
  m.token = Bytes(token);
  m.sequence = Bytes(sequence);
  const double left = std::max(0.0, m.cache.raw());
  m.tokens = token > 0 ? left / token * d.dp : left > 0 ? 1e12 : 0.0;
  return m;
}

std::string why_not(const Context& c, const Deployment& d) {
  const int ranks = d.tp * d.dp;
  for (const LayerPart& part : c.parts) {
    const workload::Attention& a = part.attention;
    if (a.heads > 0 && a.heads % d.tp != 0 && !c.engine.copies_heads) {
      return fmt::format("{} attention heads do not divide by tp {}", a.heads, d.tp);
    }
    if (part.mixer.heads > 0 && part.mixer.heads % d.tp != 0) {
      return fmt::format("{} state-space heads do not divide by tp {}", part.mixer.heads, d.tp);
    }
    const int experts = static_cast<int>(part.experts);
    if (experts > 0 && std::max<double>(experts, c.expert_slots) < d.ep) {
      return fmt::format("{} experts are fewer than ep {}", experts, d.ep);
    }
  }
  if (ranks % d.ep != 0) return fmt::format("ep {} does not divide tp x dp = {}", d.ep, ranks);
  if (c.model.layer_count() < d.pp) {
    return fmt::format("{} layers are fewer than pp {}", c.model.layer_count(), d.pp);
  }
  return {};
}

formula::ReplicaLimits replica_limits(const Context& c, const Deployment& d,
                                      const ServingMemory& memory) {
  formula::ReplicaLimits limits;
  limits.kv_tokens = static_cast<std::int64_t>(memory.tokens);
  // Copies of heads that tp repeats count in the cache, of which both are shares alike.
  double token = 0, sequence = 0;
  for (const LayerPart& part : c.parts) {
    sequence += part.layers * part.state_elements * half_precision;
    if (part.attention.heads == 0) continue;
    const double each = part.layers * part.kv_elements * c.numerics.kv_bytes;
    const double window = part.attention.window;
    (window > 0 ? sequence : token) += window > 0 ? each * window : each;
  }
  limits.kv_token = Bytes(token);
  limits.sequence_state = Bytes(sequence);
  limits.chips = std::max(1, d.ranks() / c.chip.ranks_per_chip);
  limits.transfer = c.fabric.scaleout.bandwidth * (c.fabric.scaleout.send_share * d.tp * d.pp);
  limits.transfer_latency = c.fabric.scaleout.peer_latency;
  limits.swap = c.fabric.fabric.host_bandwidth * static_cast<double>(d.tp * d.pp);
  return limits;
}

}  // namespace tightrope::infer
