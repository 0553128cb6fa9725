// What fills a device's memory.
#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/explain_internal.h"

namespace tightrope::report {
namespace {

const step::RunBasis& run_of(const Workings& w, int stage, std::size_t& index) {
  for (index = 0; index + 1 < w.basis.runs.size(); ++index) {
    if (w.basis.runs[index].first == stage) break;
  }
  return w.basis.runs[index];
}

std::string parameters(double n) { return fmt::format("{:.4g} B", n / 1e9); }

void add_states(const step::Context& c, const step::Memory& memory, const step::RunBasis& run,
                const step::Mapping& m, Node& root) {
  const formula::StateBytes& bytes = c.recipe.states;
  const int replicas = m.dp * m.cp;
  const int sharing = m.shard_ranks > 0 ? m.shard_ranks * m.cp : replicas;
  std::string who =
      fmt::format("shared by {} of {} replicas", with_thousands(sharing), with_thousands(replicas));
  if (m.sharding == step::Sharding::none) who = "whole on every replica";
  const std::string shared = fmt::format(
      "this rank's {} parameters and {} of its experts, {} ({})", parameters(run.dense_parameters),
      parameters(run.expert_parameters), who, step::to_string(m.sharding));
  auto add = [&](const char* name, Bytes value, double each) {
    root.children.push_back(card_node(name, to_text(value), "state_memory"));
    root.children.back().note =
        fmt::format("{} bytes a parameter in {}; {}", each, c.recipe.name, shared);
  };
  const bool full = m.sharding == step::Sharding::full;
  add("weights", memory.weights, memory.weights > Bytes(0.0) ? bytes.weight : 0.0);
  add("gradients", memory.gradients, full ? bytes.gradient : c.recipe.gradient_kept);
  add("optimizer", memory.optimizer, c.recipe.optimizer_kept);
  if (m.offload_weights) root.children[0].note += "; offloaded, two layers resident";
  if (m.offload_optimizer) root.children[2].note += "; offloaded";
}

Node kept_node(const step::Context& c, const Workings& w, std::size_t k, int layers, bool plain) {
  const step::PartCost& cost = plain ? w.costs.plain[k] : w.costs.kinds[k];
  Node node =
      card_node(fmt::format("{} layer", c.model.kinds[k].name), to_text(cost.kept), "part_cost");
  node.formula = "sum of the tensors that forward keeps for backward";
  node.note =
      fmt::format("x {} layers; {} with nothing recomputed", layers, to_text(cost.kept_if_none));
  return node;
}

}  // namespace

Node memory_node(const step::Context& c, const study::Plan& plan, const Workings& w) {
  const step::Memory& memory = plan.estimate.memory;
  const step::Mapping& m = plan.estimate.mapping;
  std::size_t index = 0;
  const step::RunBasis& run = run_of(w, memory.stage, index);
  Node root = card_node("memory of the fullest device",
                        fmt::format("{} of {} ({:.1f} %)", to_text(memory.total()),
                                    to_text(plan.hbm), 100 * (memory.total() / plan.hbm)),
                        "peak_memory");
  root.formula = "weights + gradients + optimizer + activations + working + framework";
  root.note = fmt::format("on stage {}", memory.stage);
  add_states(c, memory, run, m, root);
  Node activations = card_node("activations", to_text(memory.activations), "in_flight");
  activations.note =
      fmt::format("{:.2f} micro-batches in flight x {} each{}", run.in_flight, to_text(run.kept),
                  m.offload_activations ? "; less what is offloaded but for two layers" : "");
  const step::StageLayers& stage = w.layout[index];
  int plain_left = m.recompute_layers > 0 ? stage.total() - m.recompute_layers : 0;
  for (std::size_t k = 0; k < c.kinds.size(); ++k) {
    const int plain = std::min(std::max(plain_left, 0), stage.layers[k]);
    plain_left -= plain;
    const int full = stage.layers[k] - plain;
    if (full > 0) activations.children.push_back(kept_node(c, w, k, full, false));
    if (plain > 0) activations.children.push_back(kept_node(c, w, k, plain, true));
  }
  root.children.push_back(std::move(activations));
  Node working = card_node("working", to_text(memory.transient), "peak_memory");
  working.formula =
      "logits; backward of one layer, or the loss; gathered layers (ZeRO-3); empty gradients";
  root.children.push_back(std::move(working));
  Node framework = card_node("framework", to_text(memory.reserve), "peak_memory");
  framework.formula = "reserve_gib, and reserve_share of the rest (calibration/training.toml)";
  root.children.push_back(std::move(framework));
  return root;
}

}  // namespace tightrope::report
