// `tightrope simulate collective`: one collective on a system's wires.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct SimulateCollectiveOptions {
  std::string system, kind = "all_reduce", size = "1GiB", algorithm = "auto", latency;
  int units = 1, ranks = 0, chips_per_unit = 0, channels = 0, pieces = 16;
  bool calibrated = false, ideal = false, stepped = false, no_symmetry = false;
  std::vector<std::string> faults;
  std::string json;
};

/// Prints times by algorithm. Exit 1 when none applies.
int run_simulate_collective(const Session& session, const SimulateCollectiveOptions& options);

/// A system by name. Errors: not_found, with near names.
[[nodiscard]] Result<const catalog::System*> system_named(const catalog::Catalog& catalog,
                                                          const std::string& name);

}  // namespace tightrope::cli
