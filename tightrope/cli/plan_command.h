// `tightrope plan`: which system, how many chips and which mapping train a model best.
#pragma once

#include <string>

#include "tightrope/cli/plan_request.h"
#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct PlanOptions {
  WorkWords work;
  std::string goal = "cost";
  std::string deadline, budget;  ///< "none" lifts the assumed deadline
  std::string max_chips, chips, units;
  std::string systems, capacity;
  double margin = 0.05;  ///< share of device memory that stays free
  int top = 1;           ///< plans a system
  int refine = 0;        ///< plans simulated on their networks and ranked anew
  int details = 3;       ///< plans described beyond their line
  bool announced = false, prune = true;
  std::string json, csv;  ///< file, or "-" for standard output instead of the table
};

/// Prints the plans. exit_infeasible when no plan keeps all constraints.
int run_plan(const Session& session, const PlanOptions& options);

}  // namespace tightrope::cli
