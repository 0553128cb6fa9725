// `tightrope procure`: which chips to buy, build and rent, when and where.
#pragma once

#include <string>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct ProcureOptions {
  std::string scenario;  ///< a file, or "schema"
  std::string goal;
  std::string independence, cost_cap, backend, break_even, regret, cvar;
  bool curve = false, tornado = false, more = false, speeds = false;
  int scenarios = 0, monte_carlo = 0, seed = 1;

  double gap = 0.0;  ///< 0: 0.001
  std::string time_limit, lp, mps, json, csv, html, cache;
};

int run_procure(const Session& session, const ProcureOptions& options);

}  // namespace tightrope::cli
