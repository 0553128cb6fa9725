// Units and islands that behave alike, so that one of each stands for all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tightrope/netsim/communicators.h"
#include "tightrope/topology/machine.h"

namespace tightrope::netsim {

/// Ranks on chips, both ways.
struct Seating {
  std::vector<int> chip_of_rank;  ///< numbered through the machine
  std::vector<int> first_rank;    ///< of each chip, into `ranks`; one more than there are chips
  std::vector<int> ranks;         ///< by chip
};
/// `chip_of_rank` must hold chips of the machine, each no more than ranks_per_chip times.
[[nodiscard]] Seating seat(const topology::Machine& machine, std::vector<int> chip_of_rank);

struct ClassRequest {
  const topology::Machine* machine = nullptr;
  const Layout* layout = nullptr;
  const Seating* seating = nullptr;
  std::span<const Layout::Part> parts;  ///< what the transfers of a process join
  std::span<const Layout::Part> joint;  ///< what those join in which a whole stage keeps step
  /// A number for each unit that differs where its links differ (failed, degraded); empty: none.
  std::span<const std::uint64_t> marks;
  bool outer_matters = false;  ///< leaf, pod or site links may bind
  bool merge = true;           ///< false: every unit and island is a class of its own
};

/// The coarsest partition that the refinement finds. Units of a class see the same transfers of the
/// same processes on the same links; islands of a class hold units of the same classes.
struct UnitClasses {
  std::vector<int> class_of_unit, unit_of_class;
  std::vector<long> units;  ///< in each class
  std::vector<int> class_of_island, island_of_class;
  std::vector<long> islands;  ///< in each class
  int rounds = 0;
};

/// What: colour refinement over units, groups and islands (docs/netsim_step.md proves that the
///   reduced network is exact for transfers that keep step).
/// Cost: units x ranks of a unit x parts that leave the unit, a round; few rounds.
[[nodiscard]] UnitClasses classify(const ClassRequest& request);

}  // namespace tightrope::netsim
