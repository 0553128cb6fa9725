#include "tightrope/milp/conflict.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tightrope/milp/lp_session.h"
#include "tightrope/milp/solve.h"

namespace tightrope::milp {
namespace {

std::vector<std::string> groups_of(const Model& model) {
  std::vector<std::string> groups;
  for (const Row& row : model.rows()) {
    if (row.group.empty()) continue;
    if (std::find(groups.begin(), groups.end(), row.group) == groups.end()) {
      groups.push_back(row.group);
    }
  }
  return groups;
}

/// Asks of a set of groups whether they can hold together: by the LP first, which is quick and
/// right when it says no, then with integers.
class Oracle {
 public:
  explicit Oracle(Model model) : model_(std::move(model)), original_(model_) {
    for (std::size_t i = 0; i < model_.variables().size(); ++i) {
      model_.set_cost(static_cast<int>(i), 0.0);
    }
    session_ = std::make_unique<LpSession>(model_);
  }

  void keep(const std::string& group, bool kept) {
    for (std::size_t r = 0; r < original_.rows().size(); ++r) {
      const Row& row = original_.rows()[r];
      if (row.group != group) continue;
      const double lower = kept ? row.lower : -infinity;
      const double upper = kept ? row.upper : infinity;
      model_.set_row_bounds(static_cast<int>(r), lower, upper);
      session_->set_row_bounds(static_cast<int>(r), lower, upper);
    }
  }

  Result<bool> satisfiable() {
    TR_TRY(Solution relaxed, session_->solve(false));
    if (relaxed.status == SolveStatus::infeasible) return false;
    if (lp_only_ || !model_.has_integers()) return true;
    TR_TRY(Solution whole, solve(model_, {.gap = 1.0}));
    return whole.status != SolveStatus::infeasible;
  }

  /// When the relaxation is already impossible, its conflict is a conflict; integers stay out.
  void lp_only(bool value) { lp_only_ = value; }

 private:
  Model model_;
  Model original_;
  std::unique_ptr<LpSession> session_;
  bool lp_only_ = true;
};

}  // namespace

Result<std::vector<std::string>> smallest_conflict(const Model& model) {
  const std::vector<std::string> groups = groups_of(model);
  Oracle oracle(model);
  TR_TRY(bool relaxed, oracle.satisfiable());
  if (relaxed) {
    oracle.lp_only(false);
    TR_TRY(bool whole, oracle.satisfiable());
    if (whole) return std::vector<std::string>{};
  }
  std::vector<std::string> conflict;
  for (const std::string& group : groups) {
    oracle.keep(group, false);
    TR_TRY(bool fine, oracle.satisfiable());
    if (!fine) continue;  // not needed for the conflict: stays out
    oracle.keep(group, true);
    conflict.push_back(group);
  }
  if (conflict.empty()) conflict.emplace_back();
  return conflict;
}

}  // namespace tightrope::milp
