// What a machine's wires add up to.
#pragma once

#include <array>

#include "tightrope/topology/router.h"

namespace tightrope::topology {

struct LinkCount {
  std::int64_t links = 0;     ///< one-way links that are alive
  BytesPerSecond capacity{};  ///< of all of them, one direction each
};

/// All bandwidths are of one direction. A bisection is what one half of the chips can send to the
/// other: in a torus across the narrowest plane that halves one dimension (an odd one: as near as
/// it goes); in the cluster with the first half of the units on one side.
struct Metrics {
  int chips = 0, ranks = 0, nodes = 0, units = 0;
  int live_chips = 0;
  int leaves = 0, pods = 0, sites = 0;  ///< with at least one node under them
  std::array<LinkCount, link_kinds> by_kind{};
  BytesPerSecond unit_bisection{};     ///< of a sound unit
  BytesPerSecond cluster_bisection{};  ///< of a sound cluster; one unit: the unit's
  BytesPerSecond chip_scaleup{};       ///< what one chip sends over all its scale-up links
  BytesPerSecond chip_injection{};     ///< a chip's share of its node's interfaces
  int unit_diameter = 0;               ///< links of the longest route in a unit
  int diameter = 0;                    ///< of the longest route in the cluster
  bool over_limit = false;             ///< more chips than max_chips of the provider
};

/// Costs a pass over links and nodes.
[[nodiscard]] Metrics measure(const Router& router);

}  // namespace tightrope::topology
