// A step's transfers laid on a machine's links.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tightrope/netsim/communicators.h"
#include "tightrope/netsim/step_loads.h"
#include "tightrope/netsim/step_program.h"
#include "tightrope/netsim/unit_classes.h"
#include "tightrope/topology/router.h"

namespace tightrope::netsim {

/// Everything that decides where a step's bytes go.
struct StepPlace {
  const topology::Machine* machine = nullptr;
  const Layout* layout = nullptr;
  const Seating* seating = nullptr;
  const StepProgram* program = nullptr;
  const topology::Router* router = nullptr;  ///< of the machine, with its faults
  const topology::Faults* faults = nullptr;  ///< the same faults; no dead chip may hold a rank
  bool merge = true;  ///< false: no symmetry is used; for tests and small machines
};

/// Seconds that each transfer takes of each link of one unit.
struct UnitLoads {
  std::vector<int> rows;        ///< of StepLoads that touch the unit
  std::vector<double> seconds;  ///< [row in `rows`][link of the unit], once carried out
};

/// A step's reduced network.
struct StepNetwork {
  StepLoads loads;
  UnitClasses classes;
  bool unreachable = false;  ///< faults leave some ranks without a way to each other: do not run it
  std::uint32_t links_before = 0;  ///< of the classes, before dominated ones were dropped
};

/// What: loads of every transfer on the links of one unit of each class. Rings go round the
///   members of a unit in order (along the lines of a torus that they fill, over all pairs of a
///   mesh) and leave through every member's own interface; exchanges take the routes of the
///   topology; messages go to the same rank of the next stage.
/// A link whose load never exceeds another's, for every transfer, can never bind first: it is left
/// out, which changes no rate.
[[nodiscard]] StepNetwork lay_out(const StepPlace& place);

/// The loads of one unit with all its links, for utilisation; `network` must be of this place.
[[nodiscard]] UnitLoads unit_loads(const StepPlace& place, const StepNetwork& network, int unit);

}  // namespace tightrope::netsim
