// `tightrope simulate step`: a plan on the wires of its system.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/plan_request.h"
#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct SimulateStepOptions {
  std::string plan_file;  ///< what `plan --json FILE` wrote
  int plan = 1;           ///< which of the file's plans, from 1
  std::vector<std::string> faults;
  int dead_links = 0;
  int seed = 1;
  std::string order, site_bandwidth;
  bool search_order = false, snake = false, no_symmetry = false, no_what_if = false;
  int chips_per_unit = 0, units = 0, spare_units = 0, sites = 0;
  double site_distance_km = 0, leaf_oversubscription = 0, pod_oversubscription = 0;
  std::string json, svg, timeline, chakra;
};

/// Simulates and prints, beside the closed form. Exit 1 when the mapping cannot run or its ranks
/// have no place or no way to each other.
int run_simulate_step(const Session& session, const SimulateStepOptions& options);

}  // namespace tightrope::cli
