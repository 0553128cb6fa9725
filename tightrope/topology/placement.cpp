#include "tightrope/topology/placement.h"

#include <algorithm>

#include <fmt/format.h>

#include "tightrope/core/check.h"

namespace tightrope::topology {
namespace {

constexpr std::string_view axis_words[axes] = {"tp", "cp", "dp", "pp"};

std::size_t index(Axis axis) { return static_cast<std::size_t>(axis); }

std::int64_t ranks_in(const AxisSizes& sizes) {
  std::int64_t ranks = 1;
  for (const int size : sizes) ranks *= size;
  return ranks;
}

/// Live chips of a unit in walk order, without those whose granule has a dead one.
std::vector<int> usable(const Router& router, int unit, const PlacementSpec& spec,
                        const std::vector<int>& walk) {
  const Machine& m = router.machine();
  const int chip0 = unit * m.unit.chips();
  std::vector<bool> bad(static_cast<std::size_t>(m.nodes_per_unit));
  bool any = false;
  for (int c = 0; c < m.unit.chips(); ++c) {
    if (router.chip_alive(chip0 + c)) continue;
    bad[static_cast<std::size_t>(c / m.chips_per_node)] = true;
    any = true;
  }
  std::vector<int> chips;
  if (any && spec.granule == Granule::unit) return chips;
  for (const int c : walk) {
    const bool left_out = spec.granule == Granule::chip
                              ? !router.chip_alive(chip0 + c)
                              : bad[static_cast<std::size_t>(c / m.chips_per_node)];
    if (!left_out) chips.push_back(chip0 + c);
  }
  return chips;
}

/// How many of a unit's usable chips hold ranks.
std::size_t taken(const Machine& m, const PlacementSpec& spec, std::size_t chips) {
  if (spec.chips_per_unit > 0) {
    const auto wanted = static_cast<std::size_t>(spec.chips_per_unit);
    return chips >= wanted ? wanted : 0;
  }
  int group = 1;  // ranks along the innermost axis that has several
  for (std::size_t i = 0; i < axes && group == 1; ++i) group = spec.sizes[index(spec.order[i])];
  const auto inner = static_cast<std::size_t>((group + m.ranks_per_chip - 1) / m.ranks_per_chip);
  return inner > chips ? chips : chips / inner * inner;
}

/// The rank that a place of the walk holds.
int rank_at(const PlacementSpec& spec, int place) {
  std::array<int, axes> at{};
  for (const Axis axis : spec.order) {
    const int size = spec.sizes[index(axis)];
    at[index(axis)] = place % size;
    place /= size;
  }
  return rank_of(spec.sizes, at);
}

}  // namespace

const char* to_string(Axis axis) { return axis_words[index(axis)].data(); }

std::string to_string(const AxisOrder& order) {
  return fmt::format("{}-{}-{}-{}", to_string(order[0]), to_string(order[1]), to_string(order[2]),
                     to_string(order[3]));
}

Result<AxisOrder> read_order(std::string_view text) {
  AxisOrder order = megatron_order;
  do {
    if (to_string(order) == text) return order;
  } while (std::ranges::next_permutation(order).found);
  // next_permutation starts from tp, cp, dp, pp, which is sorted, so all 24 were tried.
  return fail(ErrorCode::syntax, fmt::format("cannot read the order \"{}\"", text), {},
              "tp, cp, dp and pp, each once, innermost first: tp-cp-dp-pp");
}

int rank_of(const AxisSizes& sizes, const std::array<int, axes>& at) {
  int rank = 0;
  for (std::size_t i = axes; i-- > 0;) rank = rank * sizes[i] + at[i];
  return rank;
}

std::array<int, axes> axes_of(const AxisSizes& sizes, int rank) {
  std::array<int, axes> at{};
  for (std::size_t i = 0; i < axes; ++i) {
    at[i] = rank % sizes[i];
    rank /= sizes[i];
  }
  return at;
}

std::vector<int> walk_of(const Unit& unit, Walk walk) {
  std::vector<int> chips;
  chips.reserve(static_cast<std::size_t>(unit.chips()));
  const auto& e = unit.spec().extents;
  const bool snake = walk == Walk::snake && unit.spec().shape == UnitShape::torus;
  for (int i = 0; i < unit.chips(); ++i) {
    if (!snake) {
      chips.push_back(i);
      continue;
    }
    const int row = i / e[0];
    const int z = row / e[1];
    const int x = row % 2 == 0 ? i % e[0] : e[0] - 1 - i % e[0];
    const int y = z % 2 == 0 ? row % e[1] : e[1] - 1 - row % e[1];
    chips.push_back(x + e[0] * (y + e[1] * z));
  }
  return chips;
}

Placement place(const Router& router, const PlacementSpec& spec) {
  const Machine& m = router.machine();
  Placement placement;
  const std::int64_t ranks = ranks_in(spec.sizes);
  const std::int64_t wanted = (ranks + m.ranks_per_chip - 1) / m.ranks_per_chip;
  if (wanted > m.chips()) {
    placement.reason =
        fmt::format("{} ranks need {} chips, the machine has {}", ranks, wanted, m.chips());
    return placement;
  }
  const std::vector<int> walk = walk_of(m.unit, spec.walk);
  std::vector<int> line;
  for (int unit = 0; unit < m.units; ++unit) {
    const std::vector<int> chips = usable(router, unit, spec, walk);
    const std::size_t count = taken(m, spec, chips.size());
    for (std::size_t i = 0; i < chips.size(); ++i) {
      const bool used = i < count && line.size() < static_cast<std::size_t>(wanted);
      (used ? line : placement.spares).push_back(chips[i]);
    }
  }
  if (line.size() < static_cast<std::size_t>(wanted)) {
    placement.reason =
        fmt::format("{} ranks need {} chips, {} can be used{}", ranks, wanted, line.size(),
                    spec.chips_per_unit > 0 ? fmt::format(" at {} a unit", spec.chips_per_unit)
                                            : std::string());
    placement.spares.clear();
    return placement;
  }
  placement.feasible = true;
  placement.chip_of_rank.resize(static_cast<std::size_t>(ranks));
  for (int s = 0; s < static_cast<int>(ranks); ++s) {
    placement.chip_of_rank[static_cast<std::size_t>(rank_at(spec, s))] =
        line[static_cast<std::size_t>(s / m.ranks_per_chip)];
  }
  return placement;
}

double hop_cost(const Router& router, const PlacementSpec& spec, const Placement& placement,
                const AxisTraffic& bytes) {
  double cost = 0.0;
  std::vector<Hop> hops;
  for (std::size_t rank = 0; rank < placement.chip_of_rank.size(); ++rank) {
    const std::array<int, axes> at = axes_of(spec.sizes, static_cast<int>(rank));
    for (std::size_t a = 0; a < axes; ++a) {
      const int size = spec.sizes[a];
      const bool last_stage = a == index(Axis::pp) && at[a] == size - 1;
      if (size == 1 || bytes[a] == 0.0 || last_stage) continue;
      std::array<int, axes> next = at;
      next[a] = (at[a] + 1) % size;
      const auto to = static_cast<std::size_t>(rank_of(spec.sizes, next));
      hops.clear();
      const Reach reach =
          router.route(placement.chip_of_rank[rank], placement.chip_of_rank[to], hops);
      double links = reached(reach) ? 0.0 : unreachable_hops;
      for (const Hop& hop : hops) links += hop.share;
      cost += bytes[a] * links;
    }
  }
  return cost;
}

std::vector<TriedOrder> search_orders(
    const Router& router, PlacementSpec spec,
    const std::function<double(const PlacementSpec&, const Placement&)>& cost) {
  std::vector<TriedOrder> tried;
  std::vector<std::vector<Axis>> seen;  // axes of one rank do not tell orders apart
  const bool torus = router.machine().unit.spec().shape == UnitShape::torus;
  spec.order = megatron_order;
  do {
    std::vector<Axis> long_axes;
    for (const Axis axis : spec.order) {
      if (spec.sizes[index(axis)] > 1) long_axes.push_back(axis);
    }
    if (std::ranges::find(seen, long_axes) != seen.end()) continue;
    seen.push_back(long_axes);
    for (const Walk walk : {Walk::rows, Walk::snake}) {
      if (walk == Walk::snake && !torus) continue;
      spec.walk = walk;
      const Placement placement = place(router, spec);
      if (placement.feasible) tried.push_back({spec.order, walk, cost(spec, placement)});
    }
  } while (std::ranges::next_permutation(spec.order).found);
  std::ranges::stable_sort(tried, {}, &TriedOrder::cost);
  return tried;
}

}  // namespace tightrope::topology
