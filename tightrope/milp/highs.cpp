// HiGHS through its C interface, where CMake found it.
#ifdef TIGHTROPE_HIGHS
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <interfaces/highs_c_api.h>

#include "tightrope/milp/library_internal.h"

namespace tightrope::milp {
namespace {

struct HighsDeleter {
  void operator()(void* highs) const { Highs_destroy(highs); }
};
using HighsHandle = std::unique_ptr<void, HighsDeleter>;

HighsHandle load(const Model& model, const SolveOptions& options) {
  HighsHandle highs(Highs_create());
  Highs_setBoolOptionValue(highs.get(), "output_flag", 0);
  Highs_setDoubleOptionValue(highs.get(), "mip_rel_gap", options.gap);
  Highs_setDoubleOptionValue(highs.get(), "time_limit", options.time_limit.raw());
  Highs_setIntOptionValue(highs.get(), "mip_max_nodes", options.node_limit);
  Highs_setStringOptionValue(highs.get(), "parallel", "off");
  Highs_setIntOptionValue(highs.get(), "threads", 1);
  const Columns c = columns_of(model, Highs_getInfinity(highs.get()));
  const std::vector<HighsInt> starts(c.starts.begin(), c.starts.end());
  const std::vector<HighsInt> indices(c.indices.begin(), c.indices.end());
  std::vector<HighsInt> kinds;
  for (const Variable& v : model.variables()) {
    kinds.push_back(v.integer && !options.relax ? kHighsVarTypeInteger : kHighsVarTypeContinuous);
  }
  Highs_passMip(highs.get(), static_cast<HighsInt>(c.cost.size()),
                static_cast<HighsInt>(c.row_lower.size()), static_cast<HighsInt>(indices.size()),
                kHighsMatrixFormatColwise, kHighsObjSenseMinimize, 0.0, c.cost.data(),
                c.lower.data(), c.upper.data(), c.row_lower.data(), c.row_upper.data(),
                starts.data(), indices.data(), c.factors.data(), kinds.data());
  if (!options.start.empty()) {
    Highs_setSolution(highs.get(), options.start.data(), nullptr, nullptr, nullptr);
  }
  return highs;
}

SolveStatus status_of(HighsInt status, bool any) {
  if (status == kHighsModelStatusOptimal) return SolveStatus::optimal;
  if (status == kHighsModelStatusModelEmpty) return SolveStatus::optimal;
  if (status == kHighsModelStatusInfeasible) return SolveStatus::infeasible;
  if (status == kHighsModelStatusUnbounded) return SolveStatus::unbounded;
  return any ? SolveStatus::feasible : SolveStatus::no_answer;
}

Ended ended_by(HighsInt status) {
  switch (status) {
    case kHighsModelStatusOptimal:
    case kHighsModelStatusModelEmpty:
    case kHighsModelStatusInfeasible:
    case kHighsModelStatusUnbounded: return Ended::proven;
    case kHighsModelStatusTimeLimit: return Ended::clock;
    default: return Ended::work;
  }
}

/// Presolve may leave open which of the two it is: decided without the objective.
SolveStatus unbounded_or_infeasible(Model model, const SolveOptions& options) {
  for (std::size_t i = 0; i < model.variables().size(); ++i) {
    model.set_cost(static_cast<int>(i), 0.0);
  }
  const HighsHandle bare = load(model, options);
  Highs_run(bare.get());
  const bool none = Highs_getModelStatus(bare.get()) == kHighsModelStatusInfeasible;
  return none ? SolveStatus::infeasible : SolveStatus::unbounded;
}

}  // namespace

Result<Solution> solve_with_highs(const Model& model, const SolveOptions& options) {
  const HighsHandle highs = load(model, options);
  if (Highs_run(highs.get()) == kHighsStatusError) {
    return fail(ErrorCode::unsupported, "HiGHS could not solve the program");
  }
  const HighsInt told = Highs_getModelStatus(highs.get());
  if (told == kHighsModelStatusUnboundedOrInfeasible) {
    return Solution{.status = unbounded_or_infeasible(model, options)};
  }
  HighsInt point = 0;
  Highs_getIntInfoValue(highs.get(), "primal_solution_status", &point);
  Solution s;
  s.status = status_of(told, point == kHighsSolutionStatusFeasible);
  s.ended = ended_by(told);
  std::int64_t nodes = 0;
  if (Highs_getInt64InfoValue(highs.get(), "mip_node_count", &nodes) == kHighsStatusOk) {
    s.nodes = static_cast<int>(std::max<std::int64_t>(0, nodes));
  }
  if (s.status != SolveStatus::optimal && s.status != SolveStatus::feasible) return s;
  s.values.resize(model.variables().size());
  s.duals.resize(model.rows().size());
  s.reduced_costs.resize(model.variables().size());
  std::vector<double> activity(model.rows().size());
  Highs_getSolution(highs.get(), s.values.data(), s.reduced_costs.data(), activity.data(),
                    s.duals.data());
  const bool integer = model.has_integers() && !options.relax;
  double bound = 0.0;
  if (integer) {
    Highs_getDoubleInfoValue(highs.get(), "mip_dual_bound", &bound);
    for (std::size_t i = 0; i < s.values.size(); ++i) {
      if (model.variables()[i].integer) s.values[i] = std::round(s.values[i]);
    }
    s.objective = model.objective_at(s.values);
    TR_TRY_VOID(price_fixed(model, s));
  } else {
    bound = model.objective_at(s.values) - model.constant();
  }
  judge(model, options, bound, s);
  return s;
}

}  // namespace tightrope::milp
#endif
