// `tightrope explain`: where a plan's numbers come from.
#pragma once

#include <string>

#include "tightrope/cli/plan_request.h"
#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct ExplainOptions {
  std::string plan_file;  ///< what `plan --json FILE` wrote; or say the plan by the words below
  int plan = 1;           ///< which of the file's plans, from 1
  WorkWords work;
  std::string system, mapping;
  int depth = 2;
  std::string timeline;  ///< file for a trace of the step
  std::string json;      ///< file, or "-" for standard output instead of the text
};

/// Prints the tree of a plan. exit_infeasible when the mapping cannot run (it says why).
int run_explain(const Session& session, const ExplainOptions& options);

}  // namespace tightrope::cli
