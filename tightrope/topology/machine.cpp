#include "tightrope/topology/machine.h"

#include <algorithm>

#include "tightrope/core/check.h"

namespace tightrope::topology {
namespace {

std::uint32_t base_of(const Machine& m, int unit) {
  return static_cast<std::uint32_t>(unit) * m.unit_links();
}
std::uint32_t outer_base(const Machine& m) { return base_of(m, m.units); }

constexpr std::uint32_t side(bool up) { return up ? 0u : 1u; }

// Vertices of the outer network.
std::uint32_t leaf_vertex(const Machine& m, int leaf) {
  return static_cast<std::uint32_t>(m.units) * m.unit_vertices() + static_cast<std::uint32_t>(leaf);
}
std::uint32_t pod_vertex(const Machine& m, int pod) {
  return leaf_vertex(m, m.outer.leaves() + pod);
}
std::uint32_t core_vertex(const Machine& m, int site) {
  return pod_vertex(m, m.outer.pods() + site);
}

/// The ends of an upward link; `up` turns it round.
Link two_way(std::uint32_t low, std::uint32_t high, bool up, LinkKind kind, BytesPerSecond capacity,
             Seconds latency) {
  const auto down = static_cast<LinkKind>(static_cast<int>(kind) + 1);
  return up ? Link{low, high, kind, capacity, latency} : Link{high, low, down, capacity, latency};
}

Link outer_link(const Machine& m, std::uint32_t id) {
  const Outer& o = m.outer;
  const bool up = id % 2 == 0;
  int at = static_cast<int>(id / 2);
  if (at < o.leaves()) {
    const int pod = at / (o.leaf_groups_per_pod() * o.rails);
    return two_way(leaf_vertex(m, at), pod_vertex(m, pod), up, LinkKind::leaf_up, o.leaf_bandwidth,
                   o.switch_latency);
  }
  at -= o.leaves();
  if (at < o.pods()) {
    return two_way(pod_vertex(m, at), core_vertex(m, at / o.pods_per_site()), up, LinkKind::pod_up,
                   o.pod_bandwidth, o.switch_latency);
  }
  at -= o.pods();
  return two_way(core_vertex(m, at), core_vertex(m, o.sites), up, LinkKind::site_up,
                 o.site_bandwidth, o.site_latency / 2.0);
}

Link unit_link(const Machine& m, int unit, std::uint32_t local) {
  const auto vertex0 = static_cast<std::uint32_t>(unit) * m.unit_vertices();
  const auto scaleup = static_cast<std::uint32_t>(m.unit.links().size());
  if (local < scaleup) {
    Link link = m.unit.links()[local];
    link.from += vertex0;
    link.to += vertex0;
    return link;
  }
  local -= scaleup;
  const bool up = local % 2 == 0;
  const auto interface0 = vertex0 + static_cast<std::uint32_t>(m.unit.vertices());
  if (local < m.host_links_of_unit()) {
    const int chip = static_cast<int>(local / 2);
    const int port = chip / m.chips_per_node * m.ports_per_node + port_of(m, chip);
    return two_way(vertex0 + local / 2, interface0 + static_cast<std::uint32_t>(port), up,
                   LinkKind::host_up, m.host_bandwidth, {});
  }
  local -= m.host_links_of_unit();
  const int port = static_cast<int>(local / 2);
  // Without interfaces of their own every chip is its port.
  const auto low = (m.host_links ? interface0 : vertex0) + static_cast<std::uint32_t>(port);
  const int node = unit * m.nodes_per_unit + port / m.ports_per_node;
  const int leaf = m.outer.leaf_of(node, port % m.ports_per_node);
  return two_way(low, leaf_vertex(m, leaf), up, LinkKind::nic_up, m.port_bandwidth, m.nic_latency);
}

}  // namespace

std::uint32_t host_link(const Machine& m, int unit, int chip, bool up) {
  return base_of(m, unit) + static_cast<std::uint32_t>(m.unit.links().size()) +
         2u * static_cast<std::uint32_t>(chip) + side(up);
}
std::uint32_t nic_link(const Machine& m, int unit, int port, bool up) {
  return base_of(m, unit) + static_cast<std::uint32_t>(m.unit.links().size()) +
         m.host_links_of_unit() + 2u * static_cast<std::uint32_t>(port) + side(up);
}
std::uint32_t leaf_link(const Machine& m, int leaf, bool up) {
  return outer_base(m) + 2u * static_cast<std::uint32_t>(leaf) + side(up);
}
std::uint32_t pod_link(const Machine& m, int pod, bool up) {
  return leaf_link(m, m.outer.leaves() + pod, up);
}
std::uint32_t site_link(const Machine& m, int site, bool up) {
  return pod_link(m, m.outer.pods() + site, up);
}

Link link_at(const Machine& m, std::uint32_t id) {
  TR_CHECK(id < m.links(), id, m.links());
  if (id >= outer_base(m)) return outer_link(m, id - outer_base(m));
  return unit_link(m, static_cast<int>(id / m.unit_links()), id % m.unit_links());
}

void outer_route(const Machine& m, const PortPair& ports, double share, std::vector<Hop>& out) {
  const Outer& o = m.outer;
  TR_CHECK(o.tiers > 0, o.tiers);
  const int per_node = m.ports_per_node;
  const int node_a = ports.unit_a * m.nodes_per_unit + ports.port_a / per_node;
  const int node_b = ports.unit_b * m.nodes_per_unit + ports.port_b / per_node;
  const int leaf_a = o.leaf_of(node_a, ports.port_a % per_node);
  const int leaf_b = o.leaf_of(node_b, ports.port_b % per_node);
  out.push_back({nic_link(m, ports.unit_a, ports.port_a, true), share});
  if (leaf_a != leaf_b) {
    const int pod_a = o.pod_of(node_a);
    const int pod_b = o.pod_of(node_b);
    out.push_back({leaf_link(m, leaf_a, true), share});
    if (pod_a != pod_b) {
      const int site_a = o.site_of(node_a);
      const int site_b = o.site_of(node_b);
      out.push_back({pod_link(m, pod_a, true), share});
      if (site_a != site_b) {
        out.push_back({site_link(m, site_a, true), share});
        out.push_back({site_link(m, site_b, false), share});
      }
      out.push_back({pod_link(m, pod_b, false), share});
    }
    out.push_back({leaf_link(m, leaf_b, false), share});
  }
  out.push_back({nic_link(m, ports.unit_b, ports.port_b, false), share});
}

void route(const Machine& m, int a, int b, std::vector<Hop>& out) {
  const int n = m.unit.chips();
  const int unit_a = a / n;
  const int unit_b = b / n;
  const int chip_a = a % n;
  const int chip_b = b % n;
  if (unit_a == unit_b) {
    const std::size_t first = out.size();
    m.unit.route(chip_a, chip_b, out);
    const std::uint32_t base = base_of(m, unit_a);
    for (std::size_t i = first; i < out.size(); ++i) out[i].link += base;
    return;
  }
  const int port_a = chip_a / m.chips_per_node * m.ports_per_node + port_of(m, chip_a);
  const int port_b = chip_b / m.chips_per_node * m.ports_per_node + port_of(m, chip_b);
  if (m.host_links) out.push_back({host_link(m, unit_a, chip_a, true), 1.0});
  outer_route(m, {unit_a, port_a, unit_b, port_b}, 1.0, out);
  if (m.host_links) out.push_back({host_link(m, unit_b, chip_b, false), 1.0});
}

}  // namespace tightrope::topology
