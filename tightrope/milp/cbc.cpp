// COIN-OR: CBC for integers, CLP for LPs, OSI to write models. Nothing else includes their headers.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <Cbc_C_Interface.h>
#include <ClpSimplex.hpp>
#include <CoinError.hpp>
#include <CoinPackedMatrix.hpp>
#include <OsiClpSolverInterface.hpp>
#include <fmt/format.h>

#include "tightrope/core/check.h"
#include "tightrope/milp/library_internal.h"
#include "tightrope/milp/lp_session.h"

namespace tightrope::milp {
namespace {

/// Runs `body`, the only place where the library may throw.
template <class Body>
auto guarded(const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const CoinError& e) {
    return fail(ErrorCode::unsupported, fmt::format("CBC: {}: {}", e.methodName(), e.message()));
  } catch (const std::exception& e) {
    return fail(ErrorCode::unsupported, fmt::format("CBC: {}", e.what()));
  }
}

CoinPackedMatrix matrix_of(const Columns& c, int rows) {
  std::vector<int> lengths(c.starts.size() - 1);
  for (std::size_t i = 0; i + 1 < c.starts.size(); ++i) {
    lengths[i] = c.starts[i + 1] - c.starts[i];
  }
  return {true,
          rows,
          static_cast<int>(lengths.size()),
          static_cast<CoinBigIndex>(c.indices.size()),
          c.factors.data(),
          c.indices.data(),
          c.starts.data(),
          lengths.data()};
}

void load(const Model& model, ClpSimplex& clp) {
  const Columns c = columns_of(model, COIN_DBL_MAX);
  clp.setLogLevel(0);
  clp.loadProblem(matrix_of(c, static_cast<int>(model.rows().size())), c.lower.data(),
                  c.upper.data(), c.cost.data(), c.row_lower.data(), c.row_upper.data());
}

Solution answer_of(const Model& model, ClpSimplex& clp, bool duals) {
  Solution s;
  if (clp.isProvenPrimalInfeasible()) s.status = SolveStatus::infeasible;
  if (clp.isProvenDualInfeasible()) s.status = SolveStatus::unbounded;
  if (!clp.isProvenOptimal()) return s;
  s.status = SolveStatus::optimal;
  const double* values = clp.getColSolution();
  s.values.assign(values, values + clp.getNumCols());
  s.objective = s.bound = clp.getObjValue() + model.constant();
  if (duals) {
    s.duals.assign(clp.getRowPrice(), clp.getRowPrice() + clp.getNumRows());
    s.reduced_costs.assign(clp.getReducedCost(), clp.getReducedCost() + clp.getNumCols());
  }
  return s;
}

Solution solve_relaxed(const Model& model, const SolveOptions& options) {
  ClpSimplex clp;
  load(model, clp);
  clp.setMaximumSeconds(options.time_limit.raw());
  clp.initialSolve();
  if (clp.isProvenDualInfeasible()) {
    // Unbounded or infeasible: decided without the objective.
    std::vector<double> zero(model.variables().size(), 0.0);
    ClpSimplex bare;
    load(model, bare);
    bare.chgObjCoefficients(zero.data());
    bare.initialSolve();
    if (!bare.isProvenOptimal()) return {.status = SolveStatus::infeasible};
  }
  return answer_of(model, clp, true);
}

struct CbcDeleter {
  void operator()(Cbc_Model* model) const { Cbc_deleteModel(model); }
};
using CbcHandle = std::unique_ptr<Cbc_Model, CbcDeleter>;

void set_start(const Model& model, const std::vector<double>& start, Cbc_Model* cbc) {
  std::vector<int> columns;
  std::vector<double> values;
  for (std::size_t i = 0; i < start.size(); ++i) {
    const Variable& v = model.variables()[i];
    if (!v.integer) continue;
    columns.push_back(static_cast<int>(i));
    values.push_back(std::clamp(std::round(start[i]), v.lower, v.upper));
  }
  if (columns.empty()) return;
  Cbc_setMIPStartI(cbc, static_cast<int>(columns.size()), columns.data(), values.data());
}

CbcHandle load_integer(const Model& model, const SolveOptions& options) {
  CbcHandle cbc(Cbc_newModel());
  const Columns c = columns_of(model, COIN_DBL_MAX);
  Cbc_loadProblem(cbc.get(), static_cast<int>(model.variables().size()),
                  static_cast<int>(model.rows().size()), c.starts.data(), c.indices.data(),
                  c.factors.data(), c.lower.data(), c.upper.data(), c.cost.data(),
                  c.row_lower.data(), c.row_upper.data());
  for (std::size_t i = 0; i < model.variables().size(); ++i) {
    if (model.variables()[i].integer) Cbc_setInteger(cbc.get(), static_cast<int>(i));
  }
  Cbc_setParameter(cbc.get(), "log", "0");
  Cbc_setParameter(cbc.get(), "ratioGap", fmt::format("{:.9g}", options.gap).c_str());
  Cbc_setParameter(cbc.get(), "sec", fmt::format("{:.3f}", options.time_limit.raw()).c_str());
  Cbc_setParameter(cbc.get(), "timeMode", "elapsed");
  Cbc_setParameter(cbc.get(), "maxNodes", fmt::format("{}", options.node_limit).c_str());
  Cbc_setParameter(cbc.get(), "randomCbcSeed", "20261122");
  if (!options.start.empty()) {
    // CBC's usual way of preparing a program adds columns, at whose names a start then stumbles.
    Cbc_setParameter(cbc.get(), "preprocess", "on");
    set_start(model, options.start, cbc.get());
  }
  return cbc;
}

Result<Solution> solve_integer(const Model& model, const SolveOptions& options) {
  const CbcHandle cbc = load_integer(model, options);
  Cbc_solve(cbc.get());
  Solution s;
  s.nodes = Cbc_getNodeCount(cbc.get());
  if (Cbc_isNodeLimitReached(cbc.get()) != 0) s.ended = Ended::work;
  if (Cbc_isSecondsLimitReached(cbc.get()) != 0) s.ended = Ended::clock;
  if (Cbc_isContinuousUnbounded(cbc.get()) != 0) {
    s.status = SolveStatus::unbounded;
    return s;
  }
  const double* values = Cbc_getColSolution(cbc.get());
  const bool proven = Cbc_isProvenOptimal(cbc.get()) != 0;
  const bool any = proven || Cbc_bestSolution(cbc.get()) != nullptr;
  if (!any || values == nullptr) {
    const bool none = Cbc_isProvenInfeasible(cbc.get()) != 0;
    if (!none && !options.start.empty() && s.ended == Ended::proven) {
      // No limit and no proof: CBC gave up over the start (it mistakes columns after presolve).
      SolveOptions bare = options;
      bare.start.clear();
      return solve_integer(model, bare);
    }
    s.status = none ? SolveStatus::infeasible : SolveStatus::no_answer;
    return s;
  }
  s.status = proven ? SolveStatus::optimal : SolveStatus::feasible;
  s.values.assign(values, values + model.variables().size());
  for (std::size_t i = 0; i < s.values.size(); ++i) {
    if (model.variables()[i].integer) s.values[i] = std::round(s.values[i]);
  }
  const double bound = Cbc_getBestPossibleObjValue(cbc.get());
  s.objective = model.objective_at(s.values);
  TR_TRY_VOID(price_fixed(model, s));
  judge(model, options, bound, s);
  return s;
}

}  // namespace

Result<Solution> solve_with_cbc(const Model& model, const SolveOptions& options) {
  return guarded([&]() -> Result<Solution> {
    if (options.relax || !model.has_integers()) return solve_relaxed(model, options);
    return solve_integer(model, options);
  });
}

Result<void> write_model(const Model& model, ModelFormat format, const std::string& path) {
  return guarded([&]() -> Result<void> {
    OsiClpSolverInterface osi;
    osi.messageHandler()->setLogLevel(0);
    ClpSimplex& clp = *osi.getModelPtr();
    load(model, clp);
    clp.setObjectiveOffset(-model.constant());
    clp.copyNames(row_names(model), variable_names(model));
    for (std::size_t i = 0; i < model.variables().size(); ++i) {
      if (model.variables()[i].integer) clp.setInteger(static_cast<int>(i));
    }
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    if (format == ModelFormat::mps) {
      clp.writeMps(path.c_str(), 1, 1, 1.0);
    } else {
      const std::vector<std::string> columns = variable_names(model);
      const std::vector<std::string> rows = row_names(model);
      osi.setIntParam(OsiNameDiscipline, 2);
      for (std::size_t i = 0; i < columns.size(); ++i) {
        osi.setColName(static_cast<int>(i), columns[i]);
        if (model.variables()[i].integer) osi.setInteger(static_cast<int>(i));
      }
      for (std::size_t i = 0; i < rows.size(); ++i) osi.setRowName(static_cast<int>(i), rows[i]);
      osi.writeLp(path.c_str(), "", 1e-12, 10, 15, 1.0, true);
    }
    if (!std::filesystem::exists(path, ignored)) {
      return fail(ErrorCode::io, fmt::format("cannot write '{}'", path));
    }
    return {};
  });
}

struct LpSession::State {
  Model model;
  ClpSimplex clp;
  bool fresh = true;
};

LpSession::LpSession(const Model& model) : state_(std::make_unique<State>()) {
  state_->model = model;
  load(model, state_->clp);
}
LpSession::LpSession(LpSession&&) noexcept = default;
LpSession& LpSession::operator=(LpSession&&) noexcept = default;
LpSession::~LpSession() = default;

void LpSession::set_row_bounds(int row, double lower, double upper) {
  TR_CHECK(lower <= upper, lower, upper);
  state_->clp.setRowBounds(row, std::max(lower, -COIN_DBL_MAX), std::min(upper, COIN_DBL_MAX));
}

void LpSession::set_bounds(int variable, double lower, double upper) {
  TR_CHECK(lower <= upper, lower, upper);
  state_->clp.setColumnBounds(variable, std::max(lower, -COIN_DBL_MAX),
                              std::min(upper, COIN_DBL_MAX));
}

void LpSession::set_cost(int variable, double cost) {
  state_->clp.setObjectiveCoefficient(variable, cost);
}

void LpSession::forget() { state_->fresh = true; }

Result<Solution> LpSession::solve(bool duals) {
  return guarded([&]() -> Result<Solution> {
    ClpSimplex& clp = state_->clp;
    if (state_->fresh) {
      clp.allSlackBasis(true);
      clp.initialSolve();
    } else {
      clp.dual(0, 1);
      if (!clp.isProvenOptimal()) clp.primal(0, 1);
    }
    state_->fresh = false;
    return answer_of(state_->model, clp, duals);
  });
}

}  // namespace tightrope::milp
