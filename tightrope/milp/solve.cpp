#include "tightrope/milp/solve.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/milp/library_internal.h"
#include "tightrope/milp/lp_session.h"

namespace tightrope::milp {

const char* to_string(SolveStatus status) {
  switch (status) {
    case SolveStatus::optimal: return "optimal";
    case SolveStatus::feasible: return "feasible";
    case SolveStatus::infeasible: return "infeasible";
    case SolveStatus::unbounded: return "unbounded";
    case SolveStatus::no_answer: return "no_answer";
  }
  return "?";
}

const char* to_string(Ended ended) {
  switch (ended) {
    case Ended::proven: return "proven";
    case Ended::work: return "work";
    case Ended::clock: return "clock";
  }
  return "?";
}

bool has_backend(Backend backend) {
#ifdef TIGHTROPE_HIGHS
  return backend == Backend::cbc || backend == Backend::highs;
#else
  return backend == Backend::cbc;
#endif
}

Columns columns_of(const Model& model, double big) {
  Columns c;
  const std::size_t n = model.variables().size();
  c.starts.assign(n + 1, 0);
  for (const Row& row : model.rows()) {
    for (const Term& t : row.terms) ++c.starts[static_cast<std::size_t>(t.variable) + 1];
  }
  for (std::size_t i = 0; i < n; ++i) c.starts[i + 1] += c.starts[i];
  c.indices.resize(static_cast<std::size_t>(c.starts[n]));
  c.factors.resize(c.indices.size());
  std::vector<int> next(c.starts.begin(), c.starts.end() - 1);
  const auto finite = [big](double x) { return std::clamp(x, -big, big); };
  for (std::size_t r = 0; r < model.rows().size(); ++r) {
    const Row& row = model.rows()[r];
    c.row_lower.push_back(finite(row.lower));
    c.row_upper.push_back(finite(row.upper));
    for (const Term& t : row.terms) {
      const int at = next[static_cast<std::size_t>(t.variable)]++;
      c.indices[static_cast<std::size_t>(at)] = static_cast<int>(r);
      c.factors[static_cast<std::size_t>(at)] = t.factor;
    }
  }
  for (const Variable& v : model.variables()) {
    c.lower.push_back(finite(v.lower));
    c.upper.push_back(finite(v.upper));
    c.cost.push_back(v.cost);
  }
  return c;
}

void judge(const Model& model, const SolveOptions& options, double library_bound,
           Solution& solution) {
  solution.objective = model.objective_at(solution.values);
  const double size = std::max(std::abs(solution.objective), 1e-9);
  solution.bound = std::min(library_bound + model.constant(), solution.objective);
  if (solution.status == SolveStatus::optimal && !options.relax && model.has_integers()) {
    // A search that ends within its gap may report the answer itself as the bound: no more than
    // the gap is proven.
    const double proven = solution.objective - options.gap * size;
    const bool told = solution.bound < solution.objective - 1e-12 * size;
    solution.bound = told ? std::max(solution.bound, proven) : proven;
  }
  solution.gap = (solution.objective - solution.bound) / size;
}

Result<void> price_fixed(const Model& model, Solution& solution) {
  LpSession session(model);
  for (std::size_t i = 0; i < model.variables().size(); ++i) {
    if (!model.variables()[i].integer) continue;
    const double value = std::round(solution.values[i]);
    session.set_bounds(static_cast<int>(i), value, value);
  }
  TR_TRY(Solution fixed, session.solve());
  if (fixed.status != SolveStatus::optimal) return {};  // within the library's tolerance only
  if (fixed.objective <= solution.objective) solution.values = std::move(fixed.values);
  solution.duals = std::move(fixed.duals);
  solution.reduced_costs = std::move(fixed.reduced_costs);
  return {};
}

Result<Solution> solve(const Model& model, const SolveOptions& options) {
  TR_CHECK(options.gap >= 0.0, options.gap);
  TR_CHECK(options.start.empty() || options.start.size() == model.variables().size(),
           options.start.size(), model.variables().size());
  if (!has_backend(options.backend)) {
    return fail(ErrorCode::unsupported, "this build has no HiGHS", {},
                "configure again where CMake finds the package `highs`, or solve with CBC");
  }
#ifdef TIGHTROPE_HIGHS
  if (options.backend == Backend::highs) return solve_with_highs(model, options);
#endif
  return solve_with_cbc(model, options);
}

}  // namespace tightrope::milp
