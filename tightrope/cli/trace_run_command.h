// `tightrope simulate trace`: Chakra execution traces on a system's wires.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct SimulateTraceOptions {
  std::vector<std::string> prefixes, faults;
  std::string system, chips, order, sizes, algorithm = "auto", latency, json, timeline;
  int units = 0;
  bool snake = false, ideal = false, stepped = false, no_symmetry = false;
};

/// Exit 1 when something never ends.
int run_simulate_trace(const Session& session, const SimulateTraceOptions& options);

}  // namespace tightrope::cli
