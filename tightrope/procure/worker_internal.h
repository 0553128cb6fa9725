// The relaxation of a program with many futures, solved again and again under a budget of solves.
#pragma once

#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/milp/lp_session.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {

/// Other bounds of a variable or a row.
struct Change {
  int index = 0;
  double lower = 0.0, upper = 0.0;
  bool row = false;
};

/// Only integers and the rows of ports ever get other bounds.
class Worker {
 public:
  /// Both outlive it.
  Worker(const Program& p, const Options& options);

  /// The bounds of the program, then these changes.
  void load(const std::vector<Change>& changes);
  void set(const Change& change);
  void hold(int variable, double value) { set({variable, value, value}); }
  /// A solution without values where there is none.
  Result<milp::Solution> solve();
  /// No more solves are left, or no time.
  [[nodiscard]] bool spent() const { return solves_ >= options_.most_solves || late(); }
  [[nodiscard]] bool late() const;
  [[nodiscard]] int solves() const { return solves_; }

 private:
  struct Bounds {
    double lower, upper;
  };
  const Program& p_;
  const Options& options_;
  milp::LpSession session_;
  std::vector<int> integers_, port_rows_;
  std::vector<Bounds> variables_, rows_;
  int solves_ = 0;
};

/// Whether each variable is a lot (an integer that is no yes/no decision).
[[nodiscard]] std::vector<char> lots_of(const Program& p);

/// From a relaxed plan to a whole one: one kind of decision after the other is made and the LP
/// solved again, from the bounds that the worker has. `trials`: ports that are tried both ways.
/// Without an answer the solution has no values.
[[nodiscard]] Result<milp::Solution> dive(const Terms& t, const Program& p, Worker& worker,
                                          milp::Solution now, int trials);
/// Lots made whole, yes/no decisions being whole already.
[[nodiscard]] Result<milp::Solution> round_lots(const Terms& t, const Program& p, Worker& worker,
                                                const milp::Solution& fixed);

/// Branch and bound over the yes/no decisions, lots rounded: the bound is the LP's with lots
/// divisible. Ends at the gap, when the worker is spent, or (feasible, `ended` by proof) when only
/// whole lots lie between plan and bound.
[[nodiscard]] Result<milp::Solution> branch(const Terms& t, const Program& p,
                                            const Options& options);

/// Bound, gap and status of a solution.
void state_gap(double bound, double allowed, milp::Solution& s);

}  // namespace tightrope::procure
