// Colour refinement: the coarsest stable partition of a labelled graph. Pure mathematics.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tightrope::netsim {

/// Who is seen by whom. Node u is seen, under label[i], by node seer[i] for begin[u] <= i < begin[u
/// + 1].
struct SightGraph {
  std::span<const std::uint32_t> begin;  ///< one more than there are nodes; begin[0] is 0
  std::span<const std::uint32_t> seer;
  std::span<const std::uint32_t> label;

  [[nodiscard]] std::uint32_t nodes() const {
    return begin.empty() ? 0 : static_cast<std::uint32_t>(begin.size() - 1);
  }
};

/// The coarsest partition that refines `colour` and is stable: any two nodes of a class see the
/// same multiset of (class, label). Overwrites `colour` by class numbers 0, 1, ... in the order in
/// which classes first appear among the nodes, and returns how many there are. Signatures are
/// 128-bit sums of hashes; the result is then compared arc by arc, so a collision cannot pass: it
/// is refined again under other hashes. Time O(arcs log nodes).
std::uint32_t refine(const SightGraph& graph, std::span<std::uint32_t> colour);

}  // namespace tightrope::netsim
