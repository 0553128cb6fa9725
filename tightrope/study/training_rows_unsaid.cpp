// What a row leaves unsaid, read as its users had to choose it: the least that fits the device,
// which is what takes the least time.
#include <optional>

#include "tightrope/step/estimate.h"
#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study::rows_internal {
namespace {

using step::Mapping;
using workload::ModuleSet;
using workload::RecomputeModule;

constexpr int first_offload_year = 2025;
constexpr int first_full_sharding_year = 2025;  // Megatron-FSDP

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

// The fewest layers of a stage, by `set`, with which a mapping fits; nothing when all do not help.
// `set(m, n)` makes n of them lighter; 0 stands for all.
template <class Set>
void add_fewest(const step::Context& context, Mapping m, Set set, std::vector<Mapping>& ways) {
  set(m, 0);
  if (!fits(context, m)) return;
  const int all = layers_a_stage(context.model, m);
  int high = all, low = 0;  // high fits, low does not
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    set(m, middle);
    (fits(context, m) ? high : low) = middle;
  }
  set(m, high < all ? high : 0);
  ways.push_back(m);
}

// Of all ways that fit, the fastest.
std::optional<Mapping> fastest(const step::Context& context, const std::vector<Mapping>& ways) {
  std::optional<Mapping> best;
  Seconds best_time{};
  for (const Mapping& way : ways) {
    const step::Estimate e = step::estimate(context, way);
    if (e.infeasible != step::Infeasible::none) continue;
    if (best && !(e.step_time < best_time)) continue;
    best = way;
    best_time = e.step_time;
  }
  return best;
}

std::vector<Mapping> ways_of(const TrainingRow& row, const step::Context& context,
                             Software software, const Mapping& m) {
  std::vector<Mapping> ways = light_ways(context, software, m);
  const auto recompute = [](Mapping& way, int layers) {
    way.recompute = RecomputeModule::layer;
    way.recompute_layers = layers;
  };
  const auto offload = [](Mapping& way, int layers) {
    way.offload_activations = true;
    way.offload_layers = layers;
  };
  add_fewest(context, m, recompute, ways);
  // Megatron's recipes offload activations since 2025.
  const bool host = context.fabric.fabric.host_bandwidth > BytesPerSecond(0.0);
  const bool offloads = software == Software::megatron && year_of(row) >= first_offload_year;
  if (offloads && host && !m.offload_activations) {
    add_fewest(context, m, offload, ways);
  }
  return ways;
}

// Tables print full sharding in a column of its own, which some leave out: states that fit in no
// way as they are said must have been shared.
bool shard_fully(const TrainingRow& row, const step::Context& context, Software software,
                 Mapping& m) {
  const bool offered = software == Software::megatron && year_of(row) >= first_full_sharding_year;
  if (!offered || m.pp > 1 || m.sharding != step::Sharding::optimizer) return false;
  Mapping full = m;
  full.sharding = step::Sharding::full;
  std::vector<Mapping> ways = ways_of(row, context, software, full);
  ways.push_back(full);
  const auto best = fastest(context, ways);
  if (best) m = *best;
  return best.has_value();
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
    if (const auto best = fastest(context, ways_of(row, context, software, m))) {
      m = *best;
      return "recompute not said: the least that fits";
    }
    return shard_fully(row, context, software, m) ? "ZeRO-1 never fits: fully sharded" : "";
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
