// `tightrope plan --serve`: which system and deployment serve a model best.
#pragma once

#include <string>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

/// Empty texts mean: not said.
struct ServePlanOptions {
  std::string config;  ///< as of `plan`
  std::string input, output, cached, trace, rate;
  std::string ttft, tpot, e2e;
  double percentile = 90;
  std::string systems, regions, numerics, engine, scheduler, term;
  std::string rank = "usd";
  int drafts = 0;
  std::string accepted;
  double acceptance = -1;  ///< below 0: not said
  bool disaggregated = true, only_disaggregated = false;
  bool announced = false, prune = true;
  int top = 12, details = 3;
  std::string json, pareto;  ///< file, or "-" for standard output instead of the table
};

/// Prints the plans. exit_infeasible when nothing keeps the limits.
int run_plan_serve(const Session& session, const ServePlanOptions& options);

}  // namespace tightrope::cli
