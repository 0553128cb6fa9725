// Machines and laws that several tests of this room share.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "tightrope/topology/machine.h"

namespace tightrope::topology::test {

inline Machine machine(const std::string& system, const MachineOptions& options = {}) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  return machine_of(catalog, *catalog.find_system(system), options).value();
}

inline Machine units_of(const std::string& system, int units) {
  MachineOptions options;
  options.units = units;
  return machine(system, options);
}

/// Empty when `hops` carry exactly one message from a to b: what enters a vertex leaves it again,
/// one leaves a, one reaches b. Then the shares over any cut between a and b sum to one.
inline std::string broken_flow(const Machine& m, std::uint32_t a, std::uint32_t b,
                               const std::vector<Hop>& hops) {
  std::map<std::uint32_t, double> net;
  for (const Hop& hop : hops) {
    if (hop.link >= m.links()) return "link " + std::to_string(hop.link) + " does not exist";
    if (!(hop.share > 0.0 && hop.share <= 1.0 + 1e-12)) return "a share outside (0, 1]";
    const Link link = link_at(m, hop.link);
    net[link.from] -= hop.share;
    net[link.to] += hop.share;
  }
  net[a] += 1.0;
  net[b] -= 1.0;
  for (const auto& [vertex, left] : net) {
    if (std::abs(left) > 1e-9) return "vertex " + std::to_string(vertex) + " keeps a part";
  }
  return {};
}

inline std::uint32_t chip_vertex_of(const Machine& m, int chip) {
  const int n = m.unit.chips();
  return static_cast<std::uint32_t>(chip / n) * m.unit_vertices() +
         static_cast<std::uint32_t>(chip % n);
}

/// Links a message crosses on average.
inline double hops_of(const std::vector<Hop>& hops) {
  double sum = 0.0;
  for (const Hop& hop : hops) sum += hop.share;
  return sum;
}

}  // namespace tightrope::topology::test
