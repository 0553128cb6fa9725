// A cluster as data: equal scale-up units behind a scale-out network, with the routes between
// chips.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/topology/outer_network.h"
#include "tightrope/topology/unit_graph.h"

namespace tightrope::topology {

/// What a link's number rests on, for printing.
struct LinkFact {
  LinkKind kind = LinkKind::mesh;  ///< the `_up` one of a pair
  BytesPerSecond value{};          ///< of one link, one direction
  catalog::Provenance from;
  std::string how;  ///< from the fact to the link: "1/2 of a chip's x bandwidth"
};

/// `units` equal units. Chips are numbered through: chip = unit * unit.chips() + chip in unit;
/// nodes likewise, a node being `chips_per_node` chips in a row.
///
/// Ranks: when one chip is several ranks, they are that chip's ranks_per_chip ranks in a row and
/// share its links; a message between two of them takes no link (it stays in the chip).
///
/// Links are numbered through: unit u's are u * unit_links() onwards (scale-up, then host, then
/// NIC links), then those of the outer network. Vertices: unit u's are u * unit_vertices()
/// onwards (chips, switch, network interfaces where host links are kept apart), then the outer
/// ones.
struct Machine {
  std::string system;   ///< id in the catalog
  std::string network;  ///< id in the catalog; empty: none is named
  Unit unit;
  int units = 1;
  int nodes_per_unit = 1;
  int chips_per_node = 1;
  int ranks_per_chip = 1;
  int ports_per_node = 0;  ///< network interfaces as modelled; chips_per_node is a multiple of it
  /// Links between chip and interface are kept where they are narrower than the interface or where
  /// chips share one.
  bool host_links = false;
  BytesPerSecond port_bandwidth{};  ///< of one port, one direction
  BytesPerSecond host_bandwidth{};  ///< of one chip's host link
  Seconds nic_latency{};            ///< interface and cable to its leaf; 0: not known
  Outer outer;
  std::vector<LinkFact> facts;

  [[nodiscard]] int chips() const { return units * unit.chips(); }
  [[nodiscard]] int nodes() const { return units * nodes_per_unit; }
  [[nodiscard]] int ranks() const { return chips() * ranks_per_chip; }
  [[nodiscard]] int ports_per_unit() const { return nodes_per_unit * ports_per_node; }

  [[nodiscard]] std::uint32_t host_links_of_unit() const {
    return host_links ? 2u * static_cast<std::uint32_t>(unit.chips()) : 0u;
  }
  [[nodiscard]] std::uint32_t unit_links() const {
    return static_cast<std::uint32_t>(unit.links().size()) + host_links_of_unit() +
           2u * static_cast<std::uint32_t>(ports_per_unit());
  }
  [[nodiscard]] std::uint32_t unit_vertices() const {
    return static_cast<std::uint32_t>(unit.vertices() + (host_links ? ports_per_unit() : 0));
  }
  [[nodiscard]] std::uint32_t links() const {
    return static_cast<std::uint32_t>(units) * unit_links() + outer.links();
  }
  [[nodiscard]] std::uint32_t vertices() const {
    return static_cast<std::uint32_t>(units) * unit_vertices() + outer.vertices();
  }
};

[[nodiscard]] inline int node_of(const Machine& m, int unit, int chip) {
  return unit * m.nodes_per_unit + chip / m.chips_per_node;
}
/// The port of its node that a chip sends through: also its rail on a rail-aligned network.
[[nodiscard]] inline int port_of(const Machine& m, int chip) {
  return chip % m.chips_per_node * m.ports_per_node / m.chips_per_node;
}
[[nodiscard]] inline int leaf_of(const Machine& m, int unit, int chip) {
  return m.outer.leaf_of(node_of(m, unit, chip), port_of(m, chip));
}
[[nodiscard]] inline int pod_of(const Machine& m, int unit, int chip) {
  return m.outer.pod_of(node_of(m, unit, chip));
}
[[nodiscard]] inline int site_of(const Machine& m, int unit, int chip) {
  return m.outer.site_of(node_of(m, unit, chip));
}

/// Numbers of single links. `port` counts in the unit: node in unit * ports_per_node + port.
[[nodiscard]] std::uint32_t host_link(const Machine& m, int unit, int chip, bool up);
[[nodiscard]] std::uint32_t nic_link(const Machine& m, int unit, int port, bool up);
[[nodiscard]] std::uint32_t leaf_link(const Machine& m, int leaf, bool up);
[[nodiscard]] std::uint32_t pod_link(const Machine& m, int pod, bool up);
[[nodiscard]] std::uint32_t site_link(const Machine& m, int site, bool up);

/// Link `id` of 0 .. m.links()-1, computed, with its ends numbered through the machine.
[[nodiscard]] Link link_at(const Machine& m, std::uint32_t id);

/// Appends the links from chip a to chip b (numbered through the machine; nothing when they are the
/// same chip). Same unit: the unit's own route. Else a's host link and NIC up, its leaf's, pod's
/// and site's links up as far as the two differ, the same down, b's NIC and host link down. The
/// chips of different units need a scale-out network (outer.tiers > 0).
void route(const Machine& m, int a, int b, std::vector<Hop>& out);

/// The outer part of route(): from the port of one unit to the port of another, NIC links included.
struct PortPair {
  int unit_a = 0, port_a = 0, unit_b = 0, port_b = 0;  ///< ports count in their unit
};
void outer_route(const Machine& m, const PortPair& ports, double share, std::vector<Hop>& out);

/// What a machine is asked to be, beyond its system.
struct MachineOptions {
  int units = 1;
  int sites = 1;                     ///< units are split evenly, in order
  BytesPerSecond site_bandwidth{};   ///< of one site to all others; needed when sites > 1
  double site_distance_km = 0;       ///< of fibre between two sites
  double leaf_oversubscription = 0;  ///< 0: as the network says, 1 when it does not
  double pod_oversubscription = 0;
  bool host_links = false;  ///< keep host links apart even where they never bind
};

/// The machine of a system. Units larger than what one buys do not exist: a unit is the system's
/// scale-up domain, or its node where chips of one node have no links of their own but the host's.
/// Errors: conflict when domain and nodes do not fit each other; usage when several units are asked
/// of a system without a known network, or several sites without bandwidth; range.
[[nodiscard]] Result<Machine> machine_of(const catalog::Catalog& catalog,
                                         const catalog::System& system,
                                         const MachineOptions& options);

}  // namespace tightrope::topology
