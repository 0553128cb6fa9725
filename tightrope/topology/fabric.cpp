#include "tightrope/topology/fabric.h"

#include <algorithm>

namespace tightrope::topology {

Fabric fabric_of(const catalog::System& system, const catalog::Chip& chip) {
  const int per_chip = std::max(1, chip.ranks_per_chip);
  const int node_chips = std::max(1, system.chips_per_node);
  Fabric fabric;
  fabric.ranks_per_chip = per_chip;
  fabric.node_ranks = node_chips * per_chip;
  fabric.domain_ranks = std::max(1, system.scaleup_domain) * per_chip;
  fabric.scaleup = system.topology;
  for (std::size_t d = 0; d < fabric.torus.size() && d < system.torus.size(); ++d) {
    fabric.torus[d] = std::max(1, system.torus[d]);
  }
  const BytesPerSecond none{};
  // A system may wire fewer of the chip's links than the chip has.
  fabric.scaleup_bandwidth =
      system.scaleup_bandwidth.value_or(chip.scaleup_bandwidth.value_or(none)) / per_chip;
  fabric.scaleout_bandwidth = system.nic_bandwidth.value_or(none) / (node_chips * per_chip);
  fabric.host_bandwidth = chip.host_bandwidth.value_or(none) / per_chip;
  return fabric;
}

}  // namespace tightrope::topology
