// A machine's wires as text, JSON and a drawing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/topology/metrics.h"
#include "tightrope/topology/placement.h"

namespace tightrope::report {

/// How all ordered pairs of live chips fare under the faults.
struct PairCounts {
  std::int64_t direct = 0, detour = 0, cut_off = 0;
};

/// What `topology show` shows; the pointers outlive it.
struct TopologyView {
  const catalog::Catalog* catalog = nullptr;
  const catalog::System* system = nullptr;
  const topology::Router* router = nullptr;
  topology::Metrics metrics;
  topology::Faults faults;
  std::optional<PairCounts> pairs;  ///< where there are faults and few enough chips to try all
  std::optional<topology::PlacementSpec> spec;
  topology::Placement placement;            ///< of `spec`
  std::vector<topology::TriedOrder> tried;  ///< of a search, cheapest first
  int unit = 0;                             ///< the one that is drawn
  std::vector<double> use;  ///< of its scale-up links, 0 to 1: drawn as a heat map; empty: not
};

[[nodiscard]] std::string topology_text(const TopologyView& view);
[[nodiscard]] std::string topology_json(const TopologyView& view);
/// Every one-way link as CSV: `link,kind,from,from_kind,to,to_kind,bytes_per_s,latency_s`, with the
/// machine's numbers; a dead link has 0 bytes/s.
[[nodiscard]] std::string topology_csv(const TopologyView& view);
/// One unit with its links, by kind or by use (a torus of at most 1,024 chips, a ring of chips
/// round its switch) and the tiers of the network, faults marked. Placed ranks colour the chips by
/// pipeline stage.
[[nodiscard]] std::string topology_svg(const TopologyView& view);

}  // namespace tightrope::report
