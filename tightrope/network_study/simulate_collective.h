// `simulate collective`: one collective on a system's wires by every algorithm, beside the closed
// form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/netsim/collective_run.h"
#include "tightrope/topology/placement.h"

namespace tightrope::network_study {

struct CollectiveScene {
  topology::MachineOptions machine;
  std::vector<std::string> faults;        ///< as topology::read_fault reads them
  int ranks = 0;                          ///< 0: all chips of nodes without dead ones
  int chips_per_unit = 0;                 ///< the others are spares; 0: all
  netsim::CollectiveQuestion question;    ///< its model is ours
  bool ideal = false;                     ///< nameplate and question.latency; else fitted terms
  std::optional<netsim::Algorithm> only;  ///< forced; absent: all of them
};

struct CollectiveStudy {
  topology::Machine machine;
  topology::Faults faults;
  int ranks = 0;
  std::vector<int> chip_of_rank;
  netsim::CollectiveQuestion question;
  bool ideal = false;
  std::vector<netsim::CollectiveAnswer> answers;
  std::optional<netsim::Algorithm> chosen;
  std::optional<Seconds> closed;  ///< formula::collective; none for a broadcast
};

/// Errors: those of topology::machine_of and read_fault; range for fewer than two ranks or channels
/// and pieces below 1; unsupported when ranks cannot be placed, with the reason.
[[nodiscard]] Result<CollectiveStudy> simulate_collective(const catalog::Catalog& catalog,
                                                          const catalog::System& system,
                                                          const CollectiveScene& scene);

/// The same links without any loss, each message `latency` late.
[[nodiscard]] formula::FabricModel ideal_model(formula::FabricModel model, Seconds latency);

}  // namespace tightrope::network_study
