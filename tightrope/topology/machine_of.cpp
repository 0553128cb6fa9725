// From catalog records to a machine.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/topology/machine.h"

namespace tightrope::topology {
namespace {

using catalog::Fact;
using catalog::ScaleupTopology;

constexpr LinkKind torus_kinds[] = {LinkKind::torus_x, LinkKind::torus_y, LinkKind::torus_z};

/// What is assumed where the catalog says nothing.
catalog::Provenance assumed(std::string note) {
  return {"", "", catalog::Grade::estimate, std::move(note), "", {}};
}

/// The scale-up bandwidth of one chip: the system's own figure, else the chip's.
const Fact<BytesPerSecond>& chip_fact(const catalog::System& system, const catalog::Chip& chip) {
  return system.scaleup_bandwidth.known ? system.scaleup_bandwidth : chip.scaleup_bandwidth;
}

void fill_torus(const catalog::System& system, const catalog::Chip& chip, UnitSpec& spec,
                std::vector<LinkFact>& facts) {
  spec.shape = UnitShape::torus;
  int dimensions = 0;
  if (system.topology == ScaleupTopology::ring) {
    spec.extents = {spec.chips, 1, 1};
  } else {
    for (std::size_t d = 0; d < system.torus.size(); ++d) spec.extents[d] = system.torus[d];
  }
  for (const int extent : spec.extents) dimensions += extent > 1 ? 1 : 0;
  const Fact<BytesPerSecond>* own[] = {&system.torus_x_bandwidth, &system.torus_y_bandwidth,
                                       &system.torus_z_bandwidth};
  const Fact<BytesPerSecond>& whole = chip_fact(system, chip);
  for (std::size_t d = 0; d < 3; ++d) {
    const int ways = std::min(spec.extents[d] - 1, 2);
    if (ways == 0) continue;
    const bool given = own[d]->known;
    spec.dimension_bandwidth[d] =
        given ? own[d]->value : whole.value_or(BytesPerSecond{}) / dimensions;
    const int parts = given ? ways : ways * dimensions;
    facts.push_back({torus_kinds[d], spec.dimension_bandwidth[d] / ways,
                     given ? own[d]->from : whole.from,
                     fmt::format("1/{} of a chip's {}", parts, given ? "dimension" : "links")});
  }
}

/// Chips of one node that have no links of their own meet in the host.
void fill_host(const catalog::Chip& chip, UnitSpec& spec, std::vector<LinkFact>& facts) {
  spec.shape = UnitShape::switched;
  if (chip.host_bandwidth.known) {
    spec.chip_bandwidth = chip.host_bandwidth.value;
    facts.push_back({LinkKind::switch_up, spec.chip_bandwidth, chip.host_bandwidth.from,
                     "a chip's link to the host, which joins the node's chips"});
  } else {
    spec.chip_bandwidth = chip.hbm_bandwidth.value_or(BytesPerSecond{}) / 2.0;
    facts.push_back({LinkKind::switch_up, spec.chip_bandwidth,
                     assumed("no link between chips is known: read and written once in memory"),
                     "1/2 of a chip's memory bandwidth"});
  }
}

Result<UnitSpec> unit_spec(const catalog::System& system, const catalog::Chip& chip,
                           std::vector<LinkFact>& facts) {
  const int domain = std::max(1, system.scaleup_domain);
  const int node = std::max(1, system.chips_per_node);
  UnitSpec spec;
  spec.chips = std::max(domain, node);
  if (domain > 1 && domain % node != 0) {
    return fail(ErrorCode::unsupported,
                fmt::format("{}: a scale-up domain of {} chips does not fill nodes of {}",
                            system.name, domain, node),
                {}, "scaleup_domain must be a multiple of chips_per_node, or 1");
  }
  if (spec.chips == 1) return spec;
  if (domain == 1) {
    fill_host(chip, spec, facts);
    return spec;
  }
  switch (system.topology) {
    case ScaleupTopology::torus2d:
    case ScaleupTopology::torus3d:
    case ScaleupTopology::ring: fill_torus(system, chip, spec, facts); return spec;
    case ScaleupTopology::mesh: spec.shape = UnitShape::mesh; break;
    case ScaleupTopology::switched:
    case ScaleupTopology::none: spec.shape = UnitShape::switched; break;
  }
  const Fact<BytesPerSecond>& whole = chip_fact(system, chip);
  const bool mesh = spec.shape == UnitShape::mesh;
  spec.chip_bandwidth = whole.value_or(BytesPerSecond{});
  if (!mesh) spec.planes = static_cast<int>(std::lround(system.scaleup_switches.value_or(1.0)));
  facts.push_back({mesh ? LinkKind::mesh : LinkKind::switch_up,
                   mesh ? spec.chip_bandwidth / (spec.chips - 1) : spec.chip_bandwidth, whole.from,
                   mesh ? fmt::format("1/{} of a chip's links", spec.chips - 1)
                        : std::string("all links of a chip")});
  return spec;
}

/// Interfaces: one port a chip, or fewer where chips share them.
void fill_ports(const catalog::System& system, const catalog::Chip& chip, bool keep_host,
                Machine& m) {
  if (!system.nic_bandwidth.known) return;
  const int nics = static_cast<int>(std::lround(system.nics_per_node.value_or(0.0)));
  const bool shared = nics > 0 && nics < m.chips_per_node && m.chips_per_node % nics == 0;
  m.ports_per_node = shared ? nics : m.chips_per_node;
  m.port_bandwidth = system.nic_bandwidth.value / m.ports_per_node;
  m.host_bandwidth = chip.host_bandwidth.value_or(m.port_bandwidth);
  m.host_links = shared || keep_host ||
                 (chip.host_bandwidth.known && chip.host_bandwidth.value < m.port_bandwidth);
  if (m.host_links) {
    m.facts.push_back({LinkKind::host_up, m.host_bandwidth,
                       chip.host_bandwidth.known ? chip.host_bandwidth.from
                                                 : assumed("not known: as wide as the interface"),
                       "a chip's link to the host"});
  }
  m.facts.push_back({LinkKind::nic_up, m.port_bandwidth, system.nic_bandwidth.from,
                     fmt::format("1/{} of a node's", m.ports_per_node)});
}

struct Taper {
  double value = 1.0;
  catalog::Provenance from;
};

Taper taper_of(double asked, const Fact<double>* fact) {
  if (asked > 0) return {asked, assumed("as asked")};
  if (fact != nullptr && fact->known) return {fact->value, fact->from};
  return {1.0, assumed("not known: taken as non-blocking")};
}

int whole(const Fact<double>& fact, int otherwise) {
  return fact.known ? std::max(1, static_cast<int>(std::lround(fact.value))) : otherwise;
}

int rounded_up(int value, int step) { return (value + step - 1) / step * step; }

void fill_outer(const catalog::Network* network, const MachineOptions& options, Machine& m) {
  if (m.ports_per_node == 0) return;
  Outer& o = m.outer;
  o.nodes = m.nodes();
  o.sites = options.sites;
  o.nodes_per_site = (m.units + o.sites - 1) / o.sites * m.nodes_per_unit;
  o.tiers = network != nullptr ? network->tiers : 2;
  o.rail_aligned = network != nullptr && network->wiring == catalog::Wiring::rail;
  o.rails = o.rail_aligned ? m.ports_per_node : 1;
  // Without a known network: one switch that blocks nothing.
  o.nodes_per_leaf = network != nullptr ? whole(network->nodes_per_leaf, 1) : o.nodes_per_site;
  const int all = rounded_up(o.nodes_per_site, o.nodes_per_leaf);
  o.nodes_per_pod = o.tiers == 3 ? whole(network->nodes_per_pod, all) : all;
  const Taper leaf = taper_of(options.leaf_oversubscription,
                              network != nullptr ? &network->leaf_oversubscription : nullptr);
  const Taper pod = taper_of(options.pod_oversubscription,
                             network != nullptr ? &network->pod_oversubscription : nullptr);
  o.leaf_oversubscription = leaf.value;
  o.pod_oversubscription = pod.value;
  const int ports = o.nodes_per_leaf * m.ports_per_node / o.rails;
  o.leaf_bandwidth = m.port_bandwidth * ports / leaf.value;
  o.pod_bandwidth = o.leaf_bandwidth * (o.leaf_groups_per_pod() * o.rails) / pod.value;
  o.nodes_per_pod = std::min(o.nodes_per_pod, all);
  m.facts.push_back({LinkKind::leaf_up, o.leaf_bandwidth, leaf.from,
                     fmt::format("{} ports, {:g} to 1", ports, leaf.value)});
  m.facts.push_back({LinkKind::pod_up, o.pod_bandwidth, pod.from,
                     fmt::format("its leaves, {:g} to 1", pod.value)});
  if (network != nullptr) {
    m.nic_latency = network->nic_latency.value_or(Seconds{});
    o.switch_latency = network->switch_latency.value_or(Seconds{});
    o.site_latency = network->latency_per_km.value_or(Seconds{}) * options.site_distance_km;
  }
  if (o.sites > 1) {
    o.site_bandwidth = options.site_bandwidth;
    m.facts.push_back({LinkKind::site_up, o.site_bandwidth, assumed("as asked"), "of one site"});
  }
}

Result<void> check_options(const catalog::System& system, const MachineOptions& options) {
  if (options.units < 1 || options.units > 1'000'000) {
    return fail(ErrorCode::range, fmt::format("{} units of {}", options.units, system.name), {},
                "1 to 1000000 units");
  }
  if (options.sites < 1 || options.sites > options.units) {
    return fail(ErrorCode::range,
                fmt::format("{} sites for {} units", options.sites, options.units), {},
                "each site holds at least one unit");
  }
  if (options.sites > 1 && !(options.site_bandwidth.raw() > 0)) {
    return fail(ErrorCode::usage, "several sites, but not how wide the links between them are", {},
                "say it, for example --site-bandwidth \"10 TB/s\"");
  }
  if (options.leaf_oversubscription < 0 || options.pod_oversubscription < 0 ||
      options.site_distance_km < 0) {
    return fail(ErrorCode::range, "oversubscription and distance must not be negative");
  }
  if (options.units > 1 && !system.nic_bandwidth.known) {
    return fail(
        ErrorCode::usage,
        fmt::format("{} has no known network, so units of it cannot be joined", system.name), {},
        "ask for one unit, or state nic_bandwidth in a catalog of yours");
  }
  return {};
}

}  // namespace

Result<Machine> machine_of(const catalog::Catalog& catalog, const catalog::System& system,
                           const MachineOptions& options) {
  TR_TRY_VOID(check_options(system, options));
  const catalog::Chip* chip = catalog.find_chip(system.chip);
  if (chip == nullptr) {
    return fail(ErrorCode::not_found, fmt::format("unknown chip \"{}\"", system.chip));
  }
  Machine m;
  m.system = system.name;
  TR_TRY(const UnitSpec spec, unit_spec(system, *chip, m.facts));
  m.unit = Unit(spec);
  m.units = options.units;
  m.chips_per_node = std::max(1, system.chips_per_node);
  m.nodes_per_unit = m.unit.chips() / m.chips_per_node;
  m.ranks_per_chip = std::max(1, chip->ranks_per_chip);
  fill_ports(system, *chip, options.host_links, m);
  const catalog::Network* network = catalog.find_network(system.network);
  if (network != nullptr) m.network = network->name;
  fill_outer(network, options, m);
  m.outer.max_chips = system.max_chips.value_or(0.0);
  return m;
}

}  // namespace tightrope::topology
