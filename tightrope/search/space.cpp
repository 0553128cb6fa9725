#include <algorithm>

#include "tightrope/search/search.h"

namespace tightrope::search {

using workload::ModuleSet;
using workload::RecomputeModule;

// Layers that a stage may give up for what else it holds: embedding, head and loss weigh one or two
// in most models. Prediction modules are made room for where layers are spread evenly, too.
constexpr int usual_end_relief = 2;

Space default_space(const step::Context& context) {
  Space space;
  const workload::Model& model = context.model;
  bool routed = false, latent = false;
  for (const workload::LayerKind& kind : model.kinds) {
    routed = routed || kind.routed();
    latent = latent || kind.attention.kind == workload::AttentionKind::latent;
  }
  const int domain = context.fabric.fabric.domain_ranks;
  space.max_tp = std::min(64, std::max(8, domain));
  space.max_pp = 64;
  space.max_vp = 8;
  space.max_micro_batch = 8;
  space.cp = {1};
  for (int cp = 2; cp <= 32 && context.job.seq_len / cp >= 2048; cp *= 2) space.cp.push_back(cp);
  space.ep = {};
  space.etp = {1};
  if (!routed) space.ep = {1};
  ModuleSet cheap = RecomputeModule::norms | RecomputeModule::activation;
  if (latent) cheap = cheap | RecomputeModule::mla_up;
  if (!context.tuning.stack.flash_attention) cheap = cheap | RecomputeModule::core_attention;
  // From what costs least a byte to what frees most: passes only, the FFN too, the whole layer.
  const ModuleSet ffn = cheap | RecomputeModule::mlp | RecomputeModule::moe;
  space.recompute = {ModuleSet(), cheap, ffn, ModuleSet(RecomputeModule::layer)};
  space.recompute_quarters = {1, 2, 4};
  space.sharding = {step::Sharding::optimizer, step::Sharding::full};
  space.shard_ranks = {};
  space.end_relief = usual_end_relief;
  space.tp_overlap = {step::TpOverlap::ring};
  space.cp_kind = {step::CpKind::ring, step::CpKind::all_to_all};
  space.schedule = {step::Schedule::one_f_one_b, step::Schedule::zero_bubble};
  space.ep_overlap = {routed};
  if (context.fabric.fabric.host_bandwidth > BytesPerSecond(0.0)) {
    space.offload_activations = {false, true};
    space.offload_optimizer = {false, true};
  }
  return space;
}

Objective energy_objective(const step::Context& context) {
  const formula::PowerShares& shares = context.power;
  const Watts chip = context.chip.power.value_or(Watts(0.0));
  Watts host(0.0);
  if (context.system.unit_power.known && context.system.chips > 0) {
    host = max(Watts(0.0), context.system.unit_power.value / context.system.chips - chip);
  }
  return {(chip * shares.waiting + host).raw(), (chip * (shares.active - shares.waiting)).raw()};
}

Counters& Counters::operator+=(const Counters& other) {
  enumerated += other.enumerated;
  replayed += other.replayed;
  bounded += other.bounded;
  evaluated += other.evaluated;
  for (std::size_t i = 0; i < infeasible.size(); ++i) infeasible[i] += other.infeasible[i];
  return *this;
}

}  // namespace tightrope::search
