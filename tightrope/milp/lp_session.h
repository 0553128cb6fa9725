// An LP that is solved again and again with other bounds and costs: each solve starts where the
// last one ended.
#pragma once

#include <memory>

#include "tightrope/core/result.h"
#include "tightrope/milp/model.h"
#include "tightrope/milp/solve.h"

namespace tightrope::milp {

/// Holds a copy of the model with its integers relaxed. One thread at a time.
class LpSession {
 public:
  explicit LpSession(const Model& model);
  LpSession(LpSession&&) noexcept;
  LpSession& operator=(LpSession&&) noexcept;
  ~LpSession();

  void set_row_bounds(int row, double lower, double upper);
  void set_bounds(int variable, double lower, double upper);
  void set_cost(int variable, double cost);

  /// Forgets where the last solve ended, so that the next does not depend on those before.
  void forget();

  /// `duals` false leaves duals and reduced costs empty.
  [[nodiscard]] Result<Solution> solve(bool duals = true);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tightrope::milp
