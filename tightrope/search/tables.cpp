#include <algorithm>
#include <limits>

#include "tightrope/search/tables_internal.h"

namespace tightrope::search::search_internal {

std::size_t Tables::Hash::operator()(const Key& key) const {
  std::uint64_t hash = 0;
  for (const std::uint32_t word : key) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29;
  }
  return hash;
}

// The key in words; two keys are equal when their words are.
Tables::Key Tables::key_of(const step::CostKey& k) {
  const std::uint32_t flags =
      static_cast<std::uint32_t>(k.tp_comm) | static_cast<std::uint32_t>(k.tp_overlap) << 2 |
      static_cast<std::uint32_t>(k.cp_kind) << 5 | std::uint32_t{k.regather} << 7 |
      std::uint32_t{k.ep_overlap} << 8 | std::uint32_t{k.tp_scaleout} << 9;
  return {static_cast<std::uint32_t>(k.tp),
          static_cast<std::uint32_t>(k.cp),
          static_cast<std::uint32_t>(k.ep),
          static_cast<std::uint32_t>(k.etp),
          static_cast<std::uint32_t>(k.micro_batch),
          flags,
          k.recompute.bits};
}

const Block& Tables::block(const step::Mapping& mapping) {
  const step::CostKey key = step::cost_key(mapping);
  const auto [place, fresh] = blocks_.try_emplace(key_of(key));
  if (fresh) {
    place->second.costs = step::block_costs(c_, key);
    place->second.least = least_times(place->second.costs);
  }
  return place->second;
}

LeastTimes Tables::least_times(const step::BlockCosts& costs) const {
  LeastTimes least;
  least.layer_compute = Seconds(std::numeric_limits<double>::infinity());
  auto total = [](const step::PartCost& c) {
    return c.forward_total() + c.backward_total() + c.backward_weight;
  };
  const int kinds = static_cast<int>(c_.model.kinds.size());
  for (int k = 0; k < kinds; ++k) {
    const step::PartCost& plain = costs.plain[k];
    const auto layers = static_cast<double>(std::ranges::count(c_.model.layers, k));
    least.whole += layers * min(total(plain), total(costs.kinds[k]));
    least.layer_compute =
        min(least.layer_compute, plain.forward + plain.backward_input + plain.backward_weight);
  }
  least.whole += total(costs.embedding) + total(costs.head);
  if (c_.model.mtp_layers > 0) {
    const double modules = c_.model.mtp_layers;
    least.whole += modules * (total(costs.mtp) + total(costs.plain[kinds - 1]) + total(costs.head));
  }
  return least;
}

std::vector<int> Tables::chunk_choices(int pp) const {
  if (pp == 1) return {1};
  if (!space_.vp.empty()) return space_.vp;
  const int per_stage = (c_.model.layer_count() + pp - 1) / pp;
  std::vector<int> list;
  for (int vp = 1; vp <= std::min(per_stage, space_.max_vp); ++vp) {
    if (per_stage % vp == 0) list.push_back(vp);
  }
  return list;
}

const Stages& Tables::stages(int pp) {
  const auto [place, fresh] = stages_.try_emplace(pp);
  Stages& stages = place->second;
  if (!fresh) return stages;
  stages.fewest_layers = c_.model.layer_count();
  for (const int vp : chunk_choices(pp)) {
    stages.cuts.push_back({vp, step::spread_layers(c_.model, {pp, vp, 0, 0})});
    const auto& layout = stages.cuts.back().layout;
    if (!layout) continue;
    for (const step::StageLayers& run : *layout) {
      stages.fewest_layers = std::min(stages.fewest_layers, run.total());
    }
  }
  return stages;
}

}  // namespace tightrope::search::search_internal
