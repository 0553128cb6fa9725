// Solves a Model with a library: COIN-OR CBC, or HiGHS where CMake found it.
#pragma once

#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/milp/model.h"

namespace tightrope::milp {

enum class Backend { cbc, highs };

/// What a solver may do. The same model and options give the same answer, unless `time_limit` ends
/// the search: `node_limit` ends it at the same place everywhere.
struct SolveOptions {
  Backend backend = Backend::cbc;
  double gap = 1e-4;  ///< relative, between best answer and bound, at which the search ends; >= 0
  Seconds time_limit{600.0};
  int node_limit = 1 << 30;
  /// A point to start from; empty, or one value a variable. Only its integers matter: a point
  /// whose integers lead nowhere is ignored.
  std::vector<double> start = {};
  bool relax = false;  ///< integers may be fractions: the LP bound
};

enum class SolveStatus {
  optimal,     ///< within `gap`
  feasible,    ///< a limit came first; `gap` says how far the bound is
  infeasible,  ///< no point satisfies the rows
  unbounded,   ///< the objective falls for ever
  no_answer,   ///< a limit came before any point was found
};
[[nodiscard]] const char* to_string(SolveStatus status);

/// What ended a search.
enum class Ended {
  proven,  ///< the gap that was asked, or that there is no answer
  work,    ///< a limit of work: the same on every machine
  clock,   ///< the time limit: another run may end elsewhere
};
[[nodiscard]] const char* to_string(Ended ended);

/// Values, duals and reduced costs are empty without a point. Duals and reduced costs are those of
/// the LP in which the integers are fixed at their values: a row's dual is the change of the
/// objective when its binding bound rises by one.
struct Solution {
  SolveStatus status = SolveStatus::no_answer;
  double objective = 0.0;
  double bound = 0.0;  ///< no point is better
  double gap = 0.0;    ///< |objective - bound| / max(|objective|, 1e-9)
  std::vector<double> values = {};
  std::vector<double> duals = {};          ///< by row
  std::vector<double> reduced_costs = {};  ///< by variable
  int nodes = 0;
  Ended ended = Ended::proven;
};

[[nodiscard]] bool has_backend(Backend backend);

/// Error: unsupported when the backend was not built in, or when the library threw.
[[nodiscard]] Result<Solution> solve(const Model& model, const SolveOptions& options);

enum class ModelFormat { lp, mps };

/// Writes the model as text to `path`. Names are kept where the format allows, else made unique by
/// their index. Error: io.
[[nodiscard]] Result<void> write_model(const Model& model, ModelFormat format,
                                       const std::string& path);

}  // namespace tightrope::milp
