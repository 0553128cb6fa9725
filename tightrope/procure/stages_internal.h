// How the program is solved: yes/no decisions first, whole lots after.
#pragma once

#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/milp/solve.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {

/// Solves by stages and, where these leave a gap, whole. `start`: values to start from, or empty.
[[nodiscard]] Result<milp::Solution> solve_staged(const Terms& t, const Program& p,
                                                  const Options& options,
                                                  const std::vector<double>& start);

/// The LP with yes/no decisions as they are and lots divisible: duals for people.
[[nodiscard]] Result<milp::Solution> price_fixed(const Scenario& scenario,
                                                 const std::vector<double>& values);

}  // namespace tightrope::procure
