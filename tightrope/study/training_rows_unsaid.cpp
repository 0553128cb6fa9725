// What a row leaves unsaid, read as its users had to choose it: the least that fits the device.
#include <fmt/format.h>

#include "tightrope/step/estimate.h"
#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study::rows_internal {
namespace {

using step::Mapping;
using workload::ModuleSet;
using workload::RecomputeModule;

bool fits(const step::Context& context, const Mapping& m) {
  const step::Infeasible why = step::estimate(context, m).infeasible;
  return why == step::Infeasible::none;
}

bool torch_blocks(Software software) {
  return software == Software::torchtitan || software == Software::torch_fsdp ||
         software == Software::llm_foundry;
}

// Lighter ways than whole layers, lightest first, as the software offers them.
std::vector<Mapping> light_ways(const step::Context& context, Software software, const Mapping& m) {
  std::vector<Mapping> ways;
  auto add = [&](ModuleSet modules, int layers) {
    ways.push_back(m);
    ways.back().recompute = modules;
    ways.back().recompute_layers = layers;
  };
  if (torch_blocks(software)) {
    add(RecomputeModule::layer, selective_layers(context.model, m, software));
    return ways;
  }
  if (!context.tuning.stack.flash_attention) add(RecomputeModule::core_attention, 0);
  if (software != Software::megatron) return ways;
  ModuleSet modules = RecomputeModule::norms | RecomputeModule::activation;
  for (const workload::LayerKind& kind : context.model.kinds) {
    if (kind.attention.kind == workload::AttentionKind::latent) {
      modules = modules | RecomputeModule::mla_up;
    }
  }
  add(modules, 0);
  return ways;
}

// Whole layers, as few of a stage as fit; all of them when fewer do not.
bool fewest_layers(const step::Context& context, Mapping& m) {
  m.recompute = RecomputeModule::layer;
  m.recompute_layers = 0;
  if (!fits(context, m)) return false;
  int high = layers_a_stage(context.model, m), low = 0;  // high fits, low does not
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    m.recompute_layers = middle;
    (fits(context, m) ? high : low) = middle;
  }
  m.recompute_layers = high < layers_a_stage(context.model, m) ? high : 0;
  return true;
}

}  // namespace

std::string fit_unsaid(const TrainingRow& row, Software software, const step::Context& context,
                       Mapping& m) {
  if (fits(context, m)) return {};
  const std::string words = lower(row.recompute);
  // "Selective" names no share of the blocks in PyTorch's frameworks.
  const bool open = words.empty() || (words.starts_with("selective") && torch_blocks(software) &&
                                      !has_any(words, {"per-op", "modules:"}));
  if (open && software != Software::jax) {
    for (const Mapping& way : light_ways(context, software, m)) {
      if (!fits(context, way)) continue;
      m = way;
      return "recompute not said: the least that fits";
    }
    Mapping whole = m;
    if (fewest_layers(context, whole)) {
      m = whole;
      return "recompute not said: the least that fits";
    }
    return {};
  }
  // "Host offload" that does not say of what: the optimizer's states follow the activations.
  if (has_any(words, {"host offload"}) && !m.offload_optimizer) {
    Mapping more = m;
    more.offload_optimizer = true;
    if (fits(context, more)) {
      m = more;
      return "offload not said of what: activations and optimizer, the least that fits";
    }
  }
  return {};
}

}  // namespace tightrope::study::rows_internal
