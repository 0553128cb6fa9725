// One plan of a file that `plan --json` wrote, for the commands that make it again.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/study/plan.h"

namespace tightrope::cli {

/// The plan that was asked about.
struct AskedPlan {
  study::PlanRequest request;
  study::PlanKey key;
  std::vector<std::string> warnings;  ///< it was made with other numbers than those here
};

/// Reads plan `index` (from 1) of a file. `calibration`: as WorkWords::calibration; empty: the one
/// in the program. Errors: those of the file; range when it holds fewer plans.
[[nodiscard]] Result<AskedPlan> read_plan(const std::string& file, int index,
                                          const std::string& calibration,
                                          const catalog::Catalog& catalog);

}  // namespace tightrope::cli
