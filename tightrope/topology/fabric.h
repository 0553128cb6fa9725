// The wires of a system as one rank sees them: the scale-up domain and the scale-out network.
#pragma once

#include <array>

#include "tightrope/catalog/records.h"
#include "tightrope/core/units.h"

namespace tightrope::topology {

/// What carries the scale-up domain; decides algorithm and latency.
using catalog::ScaleupTopology;

/// A system's links, per rank (a chip's share when one chip is several ranks), one direction.
struct Fabric {
  int ranks_per_chip = 1;
  int node_ranks = 1;    ///< ranks behind one host
  int domain_ranks = 1;  ///< ranks reachable over scale-up links alone
  ScaleupTopology scaleup = ScaleupTopology::none;
  std::array<int, 3> torus{1, 1, 1};    ///< chips along each dimension of a torus, else 1
  BytesPerSecond scaleup_bandwidth{};   ///< nameplate, per rank, one direction
  BytesPerSecond scaleout_bandwidth{};  ///< nameplate, per rank, one direction: NIC share
  BytesPerSecond host_bandwidth{};      ///< to host memory, per rank, one direction
};

/// The fabric of a system with its chip. Unknown scale-out bandwidth is 0: no cluster beyond the
/// scale-up domain.
[[nodiscard]] Fabric fabric_of(const catalog::System& system, const catalog::Chip& chip);

/// How a communicator lies on the fabric: `ranks` in all, `per_domain` of them in each scale-up
/// domain (ranks is a multiple of per_domain, or per_domain == ranks).
struct Group {
  int ranks = 1;
  int per_domain = 1;
};

/// The group of `ranks` ranks that stand `stride` apart in rank order, on domains of
/// `domain_ranks`: tensor parallel has stride 1, data parallel the product of what is inside it.
[[nodiscard]] constexpr Group group_of(int ranks, int stride, int domain_ranks) {
  if (ranks <= 1) return {1, 1};
  int per_domain = domain_ranks / stride;
  if (per_domain < 1) per_domain = 1;
  if (per_domain > ranks) per_domain = ranks;
  while (ranks % per_domain != 0) --per_domain;
  return {ranks, per_domain};
}

}  // namespace tightrope::topology
