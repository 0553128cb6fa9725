// Fat trees with static routes: each switch sends upwards by the destination's number (D-mod-K).
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/core/units.h"

namespace tightrope::netsim {

/// An extended generalised fat tree (Öhring et al. 1995), one link between neighbours. Level 0 are
/// the hosts; a node of level i + 1 has down[i] children, a node of level i has up[i] parents. {32,
/// 32} and {1, 32} is 1,024 hosts under 32 leaves, each leaf under the same 32 spines.
struct FatTreeShape {
  std::vector<std::uint32_t> down;  ///< each >= 1
  std::vector<std::uint32_t> up;    ///< as many, each >= 1
};

/// Links are numbered from 0; each direction of a cable is a link of its own.
class FatTree {
 public:
  explicit FatTree(FatTreeShape shape);

  [[nodiscard]] std::uint32_t hosts() const { return nodes_[0]; }
  [[nodiscard]] std::uint32_t links() const { return first_link_.back(); }
  /// Links from host to host, in order; none from a host to itself. At a switch of level i on the
  /// way up the parent is (to / (up[0] ... up[i - 1])) mod up[i].
  [[nodiscard]] std::vector<std::uint32_t> route(std::uint32_t from, std::uint32_t to) const;

 private:
  FatTreeShape shape_;
  std::vector<std::uint32_t> nodes_;       ///< of each level
  std::vector<std::uint32_t> first_link_;  ///< of the links above each level; then their number
};

}  // namespace tightrope::netsim
