// The scale-out network as data: a Clos of two or three tiers, and sites joined by long links.
#pragma once

#include <cstdint>

#include "tightrope/core/units.h"

namespace tightrope::topology {

/// How many of everything stands between the nodes, and how wide it is. Every tier is one fat link
/// up and one down for each switch group: with traffic sprayed evenly over a group's cables (EFA's
/// SRD, adaptive routing) that is exact; with flows hashed to single cables it is the best case.
///
/// Nodes are numbered through all units; `nodes_per_leaf` of them share a leaf group. Plain: the
/// group is one leaf. Rail-aligned: it is `rails` leaves, and port p of each node is on leaf p.
/// A leaf never crosses a pod, a pod never a site; the last of each may be partly filled.
struct Outer {
  bool rail_aligned = false;
  int tiers = 0;           ///< 0: no scale-out network; 2: leaf, spine; 3: leaf, pod, core
  int rails = 1;           ///< leaves of a leaf group
  int nodes_per_leaf = 1;  ///< nodes of a leaf group
  int nodes_per_pod = 1;   ///< a multiple of nodes_per_leaf
  int nodes_per_site = 1;  ///< nodes of the fullest site
  int sites = 1;
  int nodes = 0;                       ///< in all sites
  double leaf_oversubscription = 1.0;  ///< bandwidth into a leaf from its nodes over that upwards
  double pod_oversubscription = 1.0;   ///< the same of a pod
  BytesPerSecond leaf_bandwidth{};     ///< of one leaf upwards, one direction
  BytesPerSecond pod_bandwidth{};      ///< of one pod upwards
  BytesPerSecond site_bandwidth{};     ///< of one site to all others together; sites > 1
  Seconds switch_latency{};            ///< of one hop between switches; 0: not known
  Seconds site_latency{};              ///< one way between two sites
  double max_chips = 0;                ///< largest cluster that is offered; 0: not known

  [[nodiscard]] int leaf_groups_per_pod() const { return up(nodes_per_pod, nodes_per_leaf); }
  [[nodiscard]] int pods_per_site() const { return up(nodes_per_site, nodes_per_pod); }
  [[nodiscard]] int pods() const { return sites * pods_per_site(); }
  /// Leaves of all sites, those of partly filled pods too.
  [[nodiscard]] int leaves() const { return pods() * leaf_groups_per_pod() * rails; }

  [[nodiscard]] int site_of(int node) const { return node / nodes_per_site; }
  [[nodiscard]] int pod_of(int node) const {
    const int site = site_of(node);
    return site * pods_per_site() + (node - site * nodes_per_site) / nodes_per_pod;
  }
  /// The leaf of a node's port p.
  [[nodiscard]] int leaf_of(int node, int port) const {
    const int in_pod = (node - site_of(node) * nodes_per_site) % nodes_per_pod;
    const int group = pod_of(node) * leaf_groups_per_pod() + in_pod / nodes_per_leaf;
    return group * rails + (rail_aligned ? port % rails : 0);
  }

  /// Outer links are numbered from 0: two for each leaf (up, down), each pod, and, where there are
  /// several sites, each site.
  [[nodiscard]] std::uint32_t links() const {
    return tiers == 0 ? 0u : 2u * static_cast<std::uint32_t>(leaves() + pods() + site_links());
  }
  /// Vertices: leaves, pods, a core for each site, and one where the sites meet.
  [[nodiscard]] std::uint32_t vertices() const {
    return tiers == 0 ? 0u
                      : static_cast<std::uint32_t>(leaves() + pods() + sites) + (sites > 1 ? 1 : 0);
  }
  [[nodiscard]] int site_links() const { return sites > 1 ? sites : 0; }

 private:
  static constexpr int up(int a, int b) { return (a + b - 1) / b; }
};

}  // namespace tightrope::topology
