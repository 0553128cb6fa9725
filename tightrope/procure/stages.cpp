#include <algorithm>
#include <cmath>
#include <utility>

#include "tightrope/milp/lp_session.h"
#include "tightrope/procure/stages_internal.h"
#include "tightrope/procure/worker_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

/// Which integers of the program are yes/no (the others are lots).
std::vector<char> marks(const Program& p) {
  std::vector<char> mark(p.model.variables().size(), 0);
  for (int v : p.yes_no) mark[z(v)] = 1;
  return mark;
}

milp::Model with_divisible_lots(const Program& p) {
  const std::vector<char> yes_no = marks(p);
  milp::Model model;
  for (std::size_t i = 0; i < p.model.variables().size(); ++i) {
    milp::Variable v = p.model.variables()[i];
    v.integer = v.integer && yes_no[i] != 0;
    model.add_variable(std::move(v));
  }
  for (const milp::Row& row : p.model.rows()) model.add_row(row);
  model.set_constant(p.model.constant());
  return model;
}

milp::Model with_fixed_answers(const Program& p, const std::vector<double>& values) {
  milp::Model model = p.model;
  for (int v : p.yes_no) {
    const double value = std::round(values[z(v)]);
    model.set_bounds(v, value, value);
  }
  return model;
}

/// Nodes end a search at the same place everywhere; the clock only guards against the worst.
milp::SolveOptions options_of(const Options& options, double gap_part, double part) {
  milp::SolveOptions how{.backend = options.backend};
  how.gap = options.gap * gap_part;
  how.node_limit = static_cast<int>(std::max(1.0, options.most_nodes * part));
  how.time_limit = options.time_left ? options.time_left() : options.time_limit;
  how.time_limit = std::max(how.time_limit, Seconds(0.01));
  return how;
}

Result<milp::Solution> whole(const Program& p, const Options& options, std::vector<double> start,
                             double bound) {
  milp::SolveOptions how = options_of(options, 1.0, 1.0);
  how.start = std::move(start);
  TR_TRY(milp::Solution s, milp::solve(p.model, how));
  if (!s.values.empty()) state_gap(std::max(bound, s.bound), options.gap, s);
  return s;
}

Result<milp::Solution> solve_single(const Program& p, const Options& options,
                                    const std::vector<double>& start) {
  milp::SolveOptions first = options_of(options, 0.6, 1.0);
  first.start = start;
  TR_TRY(milp::Solution divisible, milp::solve(with_divisible_lots(p), first));
  if (divisible.values.empty()) {
    if (divisible.status != milp::SolveStatus::no_answer) return divisible;
    return whole(p, options, start, -milp::infinity);
  }
  TR_TRY(milp::Solution lots,
         milp::solve(with_fixed_answers(p, divisible.values), options_of(options, 0.2, 0.5)));
  if (lots.values.empty()) return whole(p, options, start, divisible.bound);
  state_gap(divisible.bound, options.gap, lots);
  if (lots.gap <= options.gap) return lots;
  TR_TRY(milp::Solution all, whole(p, options, lots.values, divisible.bound));
  if (all.values.empty() || all.objective > lots.objective) {
    state_gap(std::max(divisible.bound, all.bound), options.gap, lots);
    if (lots.status != milp::SolveStatus::optimal) lots.ended = all.ended;
    return lots;
  }
  return all;
}

/// Many futures: our own search over yes/no decisions; CBC where only whole lots are left, or where
/// no plan was found.
Result<milp::Solution> solve_many(const Terms& t, const Program& p, const Options& options) {
  TR_TRY(milp::Solution found, branch(t, p, options));
  const bool some = !found.values.empty();
  const bool decided = found.status == milp::SolveStatus::optimal ||
                       found.status == milp::SolveStatus::infeasible ||
                       found.status == milp::SolveStatus::unbounded;
  if (decided || (some && found.ended != milp::Ended::proven)) return found;
  TR_TRY(milp::Solution all, whole(p, options, found.values, found.bound));
  if (!some || (!all.values.empty() && all.objective <= found.objective)) return all;
  state_gap(std::max(found.bound, all.bound), options.gap, found);
  if (found.status != milp::SolveStatus::optimal) found.ended = all.ended;
  return found;
}

}  // namespace

void state_gap(double bound, double allowed, milp::Solution& s) {
  s.bound = std::min(bound, s.objective);
  s.gap = (s.objective - s.bound) / std::max(std::abs(s.objective), 1e-9);
  if (s.gap <= allowed * (1.0 + 1e-9)) s.ended = milp::Ended::proven;
  s.status =
      s.gap <= allowed * (1.0 + 1e-9) ? milp::SolveStatus::optimal : milp::SolveStatus::feasible;
}

Result<milp::Solution> solve_staged(const Terms& t, const Program& p, const Options& options,
                                    const std::vector<double>& start) {
  if (options.divisible) {
    milp::SolveOptions how = options_of(options, 1.0, 1.0);
    how.relax = true;
    return milp::solve(p.model, how);
  }
  if (t.futures > 1) return solve_many(t, p, options);
  return solve_single(p, options, start);
}

Result<milp::Solution> price_fixed(const Scenario& scenario, const std::vector<double>& values) {
  Terms t(scenario);
  t.widen();
  const Program p = build(t);
  milp::LpSession session(p.model);
  for (int v : p.yes_no) {
    const double value = std::round(values[z(v)]);
    session.set_bounds(v, value, value);
  }
  return session.solve();
}

}  // namespace tightrope::procure
