// What the files of this room that call a library share: the model as arrays, and its solvers.
#pragma once

#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/milp/model.h"
#include "tightrope/milp/solve.h"

namespace tightrope::milp {

/// A model as the columns of a sparse matrix; infinities are `big`.
struct Columns {
  std::vector<int> starts;  ///< variables + 1
  std::vector<int> indices;
  std::vector<double> factors;
  std::vector<double> lower, upper, cost;
  std::vector<double> row_lower, row_upper;
};
[[nodiscard]] Columns columns_of(const Model& model, double big);

/// Valid and different in .lp and .mps, from names that need be neither.
[[nodiscard]] std::vector<std::string> variable_names(const Model& model);
[[nodiscard]] std::vector<std::string> row_names(const Model& model);

[[nodiscard]] Result<Solution> solve_with_cbc(const Model& model, const SolveOptions& options);
/// Defined only where TIGHTROPE_HIGHS is.
[[nodiscard]] Result<Solution> solve_with_highs(const Model& model, const SolveOptions& options);

/// Objective, bound and gap from the values and what the library said of its bound.
void judge(const Model& model, const SolveOptions& options, double library_bound,
           Solution& solution);

/// Duals and reduced costs of the LP with the integers at `solution.values`.
[[nodiscard]] Result<void> price_fixed(const Model& model, Solution& solution);

}  // namespace tightrope::milp
