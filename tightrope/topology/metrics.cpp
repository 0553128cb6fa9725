#include "tightrope/topology/metrics.h"

#include <algorithm>
#include <vector>

namespace tightrope::topology {
namespace {

BytesPerSecond torus_bisection(const UnitSpec& spec) {
  BytesPerSecond narrowest{};
  bool found = false;
  for (std::size_t d = 0; d < 3; ++d) {
    const int extent = spec.extents[d];
    if (extent < 2) continue;
    // A plane cuts each ring twice; of an extent of two the one link has all the bandwidth.
    const BytesPerSecond crossing = spec.dimension_bandwidth[d] * (spec.chips / extent);
    if (!found || crossing < narrowest) narrowest = crossing;
    found = true;
  }
  return narrowest;
}

BytesPerSecond bisection_of(const Unit& unit) {
  const UnitSpec& spec = unit.spec();
  const int half = spec.chips / 2;
  switch (spec.shape) {
    case UnitShape::single: return {};
    case UnitShape::switched: return spec.chip_bandwidth * half;
    case UnitShape::mesh:
      return spec.chip_bandwidth / (spec.chips - 1) * (half * (spec.chips - half));
    case UnitShape::torus: return torus_bisection(spec);
  }
  return {};
}

/// What the nodes of the first half can send, and those of the second receive, at one switch group.
struct Sides {
  double send = 0.0, receive = 0.0;

  /// Meets what it can and leaves the rest.
  double meet() {
    const double met = std::min(send, receive);
    send -= met;
    receive -= met;
    return met;
  }
  /// Hands the rest up a link of this width.
  void lift(double width, Sides& above) const {
    above.send += std::min(send, width);
    above.receive += std::min(receive, width);
  }
};

/// The greatest flow from the first half of the units to the second. In a tree it is found from the
/// bottom: what meets below takes nothing from above.
BytesPerSecond cluster_bisection(const Machine& m) {
  const Outer& o = m.outer;
  const int border = m.units / 2 * m.nodes_per_unit;
  double port = m.port_bandwidth.raw();
  if (m.host_links) {
    const int sharing = m.chips_per_node / m.ports_per_node;
    port = std::min(port, m.host_bandwidth.raw() * sharing);
  }
  std::vector<Sides> leaves(static_cast<std::size_t>(o.leaves()));
  for (int node = 0; node < m.nodes(); ++node) {
    for (int p = 0; p < m.ports_per_node; ++p) {
      Sides& leaf = leaves[static_cast<std::size_t>(o.leaf_of(node, p))];
      (node < border ? leaf.send : leaf.receive) += port;
    }
  }
  double flow = 0.0;
  std::vector<Sides> pods(static_cast<std::size_t>(o.pods()));
  const std::size_t leaves_of_pod = leaves.size() / pods.size();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    flow += leaves[i].meet();
    leaves[i].lift(o.leaf_bandwidth.raw(), pods[i / leaves_of_pod]);
  }
  std::vector<Sides> sites(static_cast<std::size_t>(o.sites));
  for (std::size_t i = 0; i < pods.size(); ++i) {
    flow += pods[i].meet();
    pods[i].lift(o.pod_bandwidth.raw(), sites[i / static_cast<std::size_t>(o.pods_per_site())]);
  }
  Sides all;
  for (Sides& site : sites) {
    flow += site.meet();
    site.lift(o.site_bandwidth.raw(), all);
  }
  return BytesPerSecond(flow + all.meet());
}

/// Switch groups with nodes under them, and the longest way through the tiers.
void count_tiers(const Machine& m, Metrics& metrics) {
  const Outer& o = m.outer;
  if (o.tiers == 0) return;
  std::vector<bool> leaf(static_cast<std::size_t>(o.leaves()));
  std::vector<bool> pod(static_cast<std::size_t>(o.pods()));
  std::vector<bool> site(static_cast<std::size_t>(o.sites));
  for (int node = 0; node < m.nodes(); ++node) {
    for (int p = 0; p < m.ports_per_node; ++p) {
      leaf[static_cast<std::size_t>(o.leaf_of(node, p))] = true;
    }
    pod[static_cast<std::size_t>(o.pod_of(node))] = true;
    site[static_cast<std::size_t>(o.site_of(node))] = true;
  }
  metrics.leaves = static_cast<int>(std::ranges::count(leaf, true));
  metrics.pods = static_cast<int>(std::ranges::count(pod, true));
  metrics.sites = static_cast<int>(std::ranges::count(site, true));
  if (m.units == 1) return;
  int longest = m.host_links ? 4 : 2;
  if (metrics.leaves > 1) longest += 2;
  if (metrics.pods > 1) longest += 2;
  if (metrics.sites > 1) longest += 2;
  metrics.diameter = std::max(metrics.diameter, longest);
}

}  // namespace

Metrics measure(const Router& router) {
  const Machine& m = router.machine();
  Metrics metrics;
  metrics.chips = m.chips();
  metrics.ranks = m.ranks();
  metrics.nodes = m.nodes();
  metrics.units = m.units;
  for (int chip = 0; chip < m.chips(); ++chip)
    metrics.live_chips += router.chip_alive(chip) ? 1 : 0;
  for (std::uint32_t id = 0; id < m.links(); ++id) {
    const double left = router.factor(id);
    if (left == 0.0) continue;
    const Link link = link_at(m, id);
    LinkCount& count = metrics.by_kind[static_cast<std::size_t>(link.kind)];
    ++count.links;
    count.capacity += link.capacity * left;
  }
  for (const Link& link : m.unit.links()) {
    if (link.from == 0) metrics.chip_scaleup += link.capacity;
  }
  metrics.unit_bisection = bisection_of(m.unit);
  metrics.unit_diameter = m.unit.diameter();
  metrics.diameter = metrics.unit_diameter;
  count_tiers(m, metrics);
  if (m.ports_per_node > 0) {
    metrics.chip_injection = m.port_bandwidth * m.ports_per_node / m.chips_per_node;
  }
  metrics.cluster_bisection = m.units > 1 ? cluster_bisection(m) : metrics.unit_bisection;
  metrics.over_limit = m.outer.max_chips > 0 && m.chips() > m.outer.max_chips;
  return metrics;
}

}  // namespace tightrope::topology
