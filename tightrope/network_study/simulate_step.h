// `simulate step`: a planned step on the wires of its system, beside what the closed form says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/netsim/step_network.h"
#include "tightrope/netsim/step_run.h"
#include "tightrope/network_study/step_builder.h"
#include "tightrope/step/context.h"
#include "tightrope/step/estimate.h"
#include "tightrope/topology/placement.h"

namespace tightrope::network_study {

/// How the machine and the seats differ from those that the plan assumes.
struct StepScene {
  topology::MachineOptions machine{
      .units = 0};  ///< units 0: as many as the ranks need, and `spare_units`
  int spare_units = 0;
  std::vector<std::string> faults;  ///< as topology::read_fault reads them
  int dead_links = 0;               ///< so many links inside units or to their NICs, at random
  std::uint64_t seed = 1;           ///< of the random ones
  std::optional<topology::AxisOrder> order;  ///< absent: order_of(mapping)
  topology::Walk walk = topology::Walk::rows;
  int chips_per_unit = 0;      ///< the others are spares; 0: all that hold whole tp groups
  bool merge = true;           ///< false: without symmetry
  std::size_t most_spans = 0;  ///< for timelines
};

/// One transfer of the program: what the closed form and the network take for it alone.
struct TransferReport {
  int transfer = 0;
  int stage = 0;
  bool joint = false;
  double closed = 0;   ///< seconds of one of them, formula::collective on this fabric
  double network = 0;  ///< the same on the wires, alone
  double times = 0;    ///< carried out in a step by this stage
};

/// A kind of link, with its busiest one.
struct LinkReport {
  topology::LinkKind kind = topology::LinkKind::mesh;
  double links = 0;  ///< in the units of all classes
  double mean = 0;   ///< share of the step in which it carries bytes
  double busiest = 0;
  int unit = 0;            ///< of the busiest
  std::uint32_t link = 0;  ///< in the unit
};

/// Visible communication of one dimension on the stage with the most work, seconds a step.
struct ExposedReport {
  netsim::Dimension over = netsim::Dimension::tp;
  double closed = 0;    ///< the closed form's transfer times
  double topology = 0;  ///< more or less of it because of the links that the transfers take alone
  double sharing = 0;   ///< more because transfers meet on links
};

struct StepSimulation {
  topology::Machine machine;
  topology::Faults faults;
  topology::Placement placement;
  topology::PlacementSpec spec;
  BuiltStep built;
  netsim::StepNetwork network;
  netsim::StepResult result;
  int busiest = 0;                        ///< process with the most work
  std::vector<ExposedReport> exposed;     ///< of its stage; dimensions that it uses
  std::vector<TransferReport> transfers;  ///< largest difference first
  std::vector<LinkReport> links;
  std::vector<std::vector<double>> unit_use;  ///< [unit class][link]: share of the step
  double closed_step = 0;                     ///< seconds, the closed form
};

/// Runs the step of an estimate whose mapping divides. Errors: those of topology::machine_of and
/// read_fault; unsupported when ranks cannot be placed or reach each other, with the reason.
[[nodiscard]] Result<StepSimulation> simulate_step(const catalog::Catalog& catalog,
                                                   const step::Context& context,
                                                   const step::Estimate& estimate,
                                                   const StepScene& scene);

}  // namespace tightrope::network_study
