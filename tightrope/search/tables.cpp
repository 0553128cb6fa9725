#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

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
  const auto capacity = std::bit_cast<std::uint64_t>(k.capacity_factor);
  return {static_cast<std::uint32_t>(k.tp),
          static_cast<std::uint32_t>(k.cp),
          static_cast<std::uint32_t>(k.ep),
          static_cast<std::uint32_t>(k.etp),
          static_cast<std::uint32_t>(k.micro_batch),
          flags,
          k.recompute.bits,
          static_cast<std::uint32_t>(capacity),
          static_cast<std::uint32_t>(capacity >> 32)};
}

const Block& Tables::block(const step::Mapping& mapping) {
  const step::CostKey key = step::cost_key(mapping);
  const auto [place, fresh] = blocks_.try_emplace(key_of(key));
  if (fresh) {
    place->second.costs = step::block_costs(c_, key);
    const bool whole_layers = key.recompute.meets(workload::RecomputeModule::layer);
    place->second.bare = bare_times(place->second.costs, whole_layers);
  }
  return place->second;
}

BareTimes Tables::bare_times(const step::BlockCosts& costs, bool whole_layers) const {
  auto part = [](const step::PartCost& c, double times = 1.0) {
    const Seconds backward = c.backward_total() + c.backward_weight;
    return BareTimes::Part{times * (c.forward_total() + backward), times * c.forward_total()};
  };
  const Seconds never(std::numeric_limits<double>::infinity());
  BareTimes bare;
  bare.layer_compute = bare.layer_again = never;
  const int kinds = static_cast<int>(c_.model.kinds.size());
  bare.kinds.resize(kinds);
  for (int k = 0; k < kinds; ++k) {
    const step::PartCost& plain = costs.plain[k];
    const BareTimes::Part dropped = part(costs.kinds[k]);
    bare.kinds[k] = whole_layers ? part(plain) : dropped;
    bare.layer_again = min(bare.layer_again, dropped.total - bare.kinds[k].total);
    bare.layer_compute =
        min(bare.layer_compute, plain.forward + plain.backward_input + plain.backward_weight);
    const auto layers = static_cast<double>(std::ranges::count(c_.model.layers, k));
    bare.whole += layers * bare.kinds[k].total;
  }
  bare.layer_again = max(bare.layer_again, Seconds(0.0));
  bare.embedding = part(costs.embedding);
  bare.head = part(costs.head);
  if (c_.model.mtp_layers > 0) {
    const double modules = c_.model.mtp_layers;
    for (const BareTimes::Part& more :
         {part(costs.mtp, modules), part(costs.plain[kinds - 1], modules),
          part(costs.head, modules)}) {
      bare.head.total += more.total;
      bare.head.forward += more.forward;
    }
  }
  bare.whole += bare.embedding.total + bare.head.total;
  return bare;
}

Seconds bare_pipeline(const Block& block, const Layout& layout, const step::Mapping& m,
                      long micro_batches) {
  const BareTimes& bare = block.bare;
  const bool whole_layers = m.recompute.meets(workload::RecomputeModule::layer);
  const bool split = m.schedule == step::Schedule::zero_bubble;
  const double share = 1.0 / m.vp, n = static_cast<double>(micro_batches);
  Seconds most{}, ahead{};
  for (const step::StageLayers& run : layout) {
    BareTimes::Part stage;
    auto add = [&stage](const BareTimes::Part& part, double times) {
      stage.total += times * part.total;
      stage.forward += times * part.forward;
    };
    int layers = 0;
    for (std::size_t k = 0; k < bare.kinds.size(); ++k) {
      layers += run.layers[k];
      add(bare.kinds[k], run.layers[k]);
    }
    if (whole_layers) {
      const int again = m.recompute_layers > 0 ? std::min(m.recompute_layers, layers) : layers;
      stage.total += again * bare.layer_again;
    }
    if (run.embedding) add(bare.embedding, 1);
    if (run.head) add(bare.head, 1);
    const Seconds passing = (split ? stage.forward : stage.total) * share;
    most = max(most, n * stage.total + ahead + (run.count - 1.0) * passing);
    ahead += run.count * passing;
  }
  return most;
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

// First and last stages set by hand, each cut once: spreading evenly may give it too.
void Tables::add_hand_set(int pp, std::vector<Stages::Cut>& cuts) const {
  if (space_.end_relief == 0 || pp == 1) return;
  const int layers = c_.model.layer_count();
  // Layers of the fullest stages: those between or, of two stages, one of them.
  for (int most = (layers + pp - 1) / pp; most * (pp - 2) <= layers - 2 && most < layers; ++most) {
    const int ends = layers - most * (pp - 2);
    const int least = std::max(1, most - space_.end_relief);
    for (int first = std::max(least, ends - most); first <= std::min(most, ends - least); ++first) {
      if (pp == 2 && std::max(first, ends - first) != most) continue;
      auto layout = step::spread_layers(c_.model, {pp, 1, first, ends - first});
      const bool known = std::ranges::any_of(
          cuts, [&](const Stages::Cut& cut) { return cut.chunks == 1 && cut.layout == layout; });
      if (!known) cuts.push_back({1, first, ends - first, std::move(layout), 0});
    }
  }
}

const Stages& Tables::stages(int pp) {
  const auto [place, fresh] = stages_.try_emplace(pp);
  Stages& stages = place->second;
  if (!fresh) return stages;
  stages.fewest_layers = c_.model.layer_count();
  for (const int vp : chunk_choices(pp)) {
    stages.cuts.push_back({vp, 0, 0, step::spread_layers(c_.model, {pp, vp, 0, 0}), 0});
    if (vp == 1) add_hand_set(pp, stages.cuts);
  }
  sum_up(pp, stages);
  return stages;
}

void Tables::sum_up(int pp, Stages& stages) const {
  for (Stages::Cut& cut : stages.cuts) {
    if (!cut.layout) {
      ++(cut.chunks == 1 ? stages.plain_empty : stages.interleaved_empty);
      continue;
    }
    ++(cut.chunks == 1 ? stages.plain : stages.interleaved);
    cut.fewest_layers = std::ranges::min(*cut.layout, {}, &step::StageLayers::total).total();
    stages.fewest_layers = std::min(stages.fewest_layers, cut.fewest_layers);
  }
  const int per_stage = (c_.model.layer_count() + pp - 1) / pp;
  std::vector<int>& list = stages.recompute_layers;
  for (const int quarters : space_.recompute_quarters) {
    const int some = std::max(1, per_stage * quarters / 4);
    const int layers = some < per_stage ? some : 0;
    if (std::ranges::find(list, layers) == list.end()) list.push_back(layers);
  }
}

}  // namespace tightrope::search::search_internal
