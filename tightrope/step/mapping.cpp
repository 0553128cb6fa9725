#include "tightrope/step/mapping.h"

#include <fmt/format.h>

namespace tightrope::step {

bool tensors_divide(const workload::Model& model, int tp, int cp, CpKind kind) {
  const int heads_over = tp * (kind == CpKind::all_to_all ? cp : 1);
  for (const workload::LayerKind& k : model.kinds) {
    if (k.attention.heads % heads_over != 0) return false;
    if (k.ffn.hidden % tp != 0 || k.ffn.shared_hidden % tp != 0) return false;
    if (k.mixes() && (k.mixer.heads % tp != 0 || k.mixer.groups % tp != 0 || cp > 1)) return false;
  }
  return true;
}

bool experts_divide(const workload::Model& model, int ep, int etp) {
  for (const workload::LayerKind& k : model.kinds) {
    if (k.routed() && (k.ffn.experts % ep != 0 || k.ffn.expert_hidden % etp != 0)) return false;
  }
  return true;
}

const char* to_string(Schedule value) {
  return value == Schedule::one_f_one_b ? "1f1b" : "zero_bubble";
}
const char* to_string(Sharding value) {
  switch (value) {
    case Sharding::none: return "zero0";
    case Sharding::optimizer: return "zero1";
    case Sharding::gradients: return "zero2";
    case Sharding::full: return "zero3";
  }
  return "?";
}
const char* to_string(TpComm value) {
  return value == TpComm::all_reduce ? "all_reduce" : "sequence_parallel";
}
const char* to_string(TpOverlap value) {
  switch (value) {
    case TpOverlap::none: return "none";
    case TpOverlap::ring: return "ring";
    case TpOverlap::bulk: return "bulk";
  }
  return "?";
}
const char* to_string(CpKind value) { return value == CpKind::ring ? "ring" : "all_to_all"; }

std::string recompute_text(workload::ModuleSet modules) {
  if (modules.empty()) return "none";
  if (modules.meets(workload::RecomputeModule::layer)) return "full";
  std::string text;
  for (workload::RecomputeModule m : workload::all_recompute_modules()) {
    if (!modules.meets(m)) continue;
    if (!text.empty()) text += '+';
    text += workload::to_string(m);
  }
  return text;
}

std::string to_text(const Mapping& m) {
  std::string t = fmt::format("tp{} pp{} dp{} mbs{}", m.tp, m.pp, m.dp, m.micro_batch);
  auto add = [&t](const std::string& word) { t += " " + word; };
  if (m.cp > 1) add(fmt::format("cp{}{}", m.cp, m.cp_kind == CpKind::ring ? "" : "(a2a)"));
  if (m.vp > 1) add(fmt::format("vp{}", m.vp));
  if (m.ep > 1) add(fmt::format("ep{}", m.ep));
  if (m.etp > 1) add(fmt::format("etp{}", m.etp));
  if (m.schedule == Schedule::zero_bubble) add("zb");
  if (m.first_stage_layers > 0) add(fmt::format("first{}", m.first_stage_layers));
  if (m.last_stage_layers > 0) add(fmt::format("last{}", m.last_stage_layers));
  add(to_string(m.sharding));
  if (m.shard_ranks > 0) add(fmt::format("shard{}", m.shard_ranks));
  if (m.tp > 1) {
    add(m.tp_comm == TpComm::sequence_parallel ? "sp" : "ar");
    if (m.tp_overlap != TpOverlap::none) add(fmt::format("tp-{}", to_string(m.tp_overlap)));
    if (!m.regather) add("keep-gathered");
    if (!m.p2p_scatter) add("p2p-whole");
    if (m.tp_scaleout) add("tp-nic");
  }
  if (!m.recompute.empty()) {
    add("recompute=" + recompute_text(m.recompute));
    if (m.recompute_layers > 0) add(fmt::format("x{}", m.recompute_layers));
  }
  if (m.dp > 1 && !m.dp_overlap) add("dp-exposed");
  if (m.ep_overlap) add("ep-overlap");
  if (m.capacity_factor > 0) add(fmt::format("capacity{}", m.capacity_factor));
  if (m.graph) add("graph");
  if (m.pp_scaleout) add("pp-nic");
  if (m.dp_scaleout) add("dp-nic");
  if (m.offload_weights) add("off-w");
  if (m.offload_activations) {
    add(m.offload_layers > 0 ? fmt::format("off-a{}", m.offload_layers) : "off-a");
  }
  if (m.offload_optimizer) add("off-o");
  return t;
}

}  // namespace tightrope::step
