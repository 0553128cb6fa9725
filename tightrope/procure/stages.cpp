#include <algorithm>
#include <cmath>
#include <utility>

#include "tightrope/milp/lp_session.h"
#include "tightrope/procure/stages_internal.h"

namespace tightrope::procure {
namespace {

constexpr std::size_t most_trials = 16;  ///< of ports, an LP each

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

void state_gap(double bound, double allowed, milp::Solution& s) {
  s.bound = std::min(bound, s.objective);
  s.gap = (s.objective - s.bound) / std::max(std::abs(s.objective), 1e-9);
  s.status = s.gap <= allowed ? milp::SolveStatus::optimal : milp::SolveStatus::feasible;
}

milp::SolveOptions options_of(const Options& options, double gap_part, double time_part) {
  milp::SolveOptions how{.backend = options.backend};
  how.gap = options.gap * gap_part;
  how.time_limit = options.time_limit * time_part;
  return how;
}

Result<milp::Solution> whole(const Program& p, const Options& options, double time_part,
                             std::vector<double> start, double bound) {
  milp::SolveOptions how = options_of(options, 1.0, time_part);
  how.start = std::move(start);
  TR_TRY(milp::Solution s, milp::solve(p.model, how));
  if (!s.values.empty()) state_gap(std::max(bound, s.bound), options.gap, s);
  return s;
}

Result<milp::Solution> solve_single(const Program& p, const Options& options,
                                    const std::vector<double>& start) {
  milp::SolveOptions first = options_of(options, 0.6, 0.5);
  first.start = start;
  TR_TRY(milp::Solution divisible, milp::solve(with_divisible_lots(p), first));
  if (divisible.values.empty()) {
    if (divisible.status != milp::SolveStatus::no_answer) return divisible;
    return whole(p, options, 0.5, start, -milp::infinity);
  }
  TR_TRY(milp::Solution lots,
         milp::solve(with_fixed_answers(p, divisible.values), options_of(options, 0.2, 0.2)));
  if (lots.values.empty()) return whole(p, options, 0.5, start, divisible.bound);
  state_gap(divisible.bound, options.gap, lots);
  if (lots.gap <= options.gap) return lots;
  TR_TRY(milp::Solution all, whole(p, options, 0.3, lots.values, divisible.bound));
  if (all.values.empty() || all.objective > lots.objective) {
    lots.status = all.status == milp::SolveStatus::optimal ? all.status : lots.status;
    return lots;
  }
  return all;
}

/// The middle of all futures as one.
Scenario mean_scenario(const Terms& t) {
  Scenario mean = t.s;
  Future middle{};
  middle.electricity = 0.0;
  middle.demand.assign(z(t.workloads), 0.0);
  middle.purchase_price.assign(z(t.systems), 0.0);
  middle.rental_price = middle.performance = middle.purchase_price;
  std::vector<double> slip(z(t.systems), 0.0);
  for (const Future& f : t.all_futures) {
    middle.electricity += f.probability * f.electricity;
    for (int w = 0; w < t.workloads; ++w) {
      middle.demand[z(w)] += f.probability * multiplier(f.demand, w);
    }
    for (int i = 0; i < t.systems; ++i) {
      middle.purchase_price[z(i)] += f.probability * multiplier(f.purchase_price, i);
      middle.rental_price[z(i)] += f.probability * multiplier(f.rental_price, i);
      middle.performance[z(i)] += f.probability * multiplier(f.performance, i);
      if (!f.slip_quarters.empty()) slip[z(i)] += f.probability * f.slip_quarters[z(i)];
    }
  }
  for (double x : slip) middle.slip_quarters.push_back(static_cast<int>(std::lround(x)));
  mean.futures = {middle};
  mean.cvar_weight = 0.0;
  return mean;
}

/// First-stage yes/no decisions stand in the same order in both programs.
Result<std::vector<double>> answers_of_mean(const Terms& t, const Program& p,
                                            const Options& options) {
  const Scenario scenario = mean_scenario(t);
  const Terms mean(scenario);
  const Program middle = build(mean);
  Options quick = options;
  quick.gap = std::max(1e-3, options.gap * 0.2);
  quick.time_limit = options.time_limit * 0.2;
  TR_TRY(milp::Solution s, solve_single(middle, quick, {}));
  if (s.values.empty() || middle.yes_no.size() != p.yes_no.size()) return std::vector<double>{};
  std::vector<double> values;
  for (int v : middle.yes_no) values.push_back(std::round(s.values[z(v)]));
  return values;
}

/// Lots rounded one way, then the LP.
Result<milp::Solution> rounded(const Program& p, milp::LpSession& session,
                               const std::vector<double>& values, double up_from) {
  const std::vector<char> yes_no = marks(p);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const milp::Variable& v = p.model.variables()[i];
    if (!v.integer || yes_no[i] != 0) continue;
    const double lots = std::clamp(std::floor(values[i] + 1.0 - up_from), v.lower, v.upper);
    session.set_bounds(static_cast<int>(i), lots, lots);
  }
  return session.solve();
}

void hold(milp::LpSession& session, int variable, double value) {
  session.set_bounds(variable, value, value);
}

/// A port begins in the quarter by which half of it would, or never.
void hold_ports(const Terms& t, const Program& p, const std::vector<double>& values,
                milp::LpSession& session) {
  for (const auto& ports : p.start) {
    for (const auto& by_quarter : ports) {
      double sum = 0.0;
      bool begun = false;
      for (int q = 0; q < t.quarters; ++q) {
        const int v = by_quarter[z(q)];
        if (v < 0) continue;
        sum += values[z(v)];
        const bool now = !begun && sum >= 0.5;
        hold(session, v, now ? 1.0 : 0.0);
        begun = begun || now;
      }
    }
  }
}

/// Qualifying is cheap beside what it opens; orders near the least become one.
void hold_orders(const Program& p, const std::vector<double>& values, milp::LpSession& session) {
  for (const auto& system : p.qualified) {
    for (int v : system) {
      if (v >= 0) hold(session, v, values[z(v)] >= 0.25 ? 1.0 : 0.0);
    }
  }
  for (const AnyOrder& any : p.any_orders) {
    hold(session, any.variable, values[z(any.buy)] >= 0.5 * any.least ? 1.0 : 0.0);
  }
}

/// A step is open once so many lots were bought.
void hold_steps(const Terms& t, const Program& p, const std::vector<double>& values,
                milp::LpSession& session) {
  for (const OpenStep& open : p.opens) {
    double lots = 0.0;
    for (int q = 0; q <= open.quarter && q < t.quarters; ++q) {
      if (p.buy(open.system, q) >= 0) lots += values[z(p.buy(open.system, q))];
    }
    hold(session, open.variable, lots >= open.from - 1e-6 ? 1.0 : 0.0);
  }
}

/// Rounds every way, the LP after each; keeps the best.
Result<void> round_lots(const Program& p, milp::LpSession& session, const Options& options,
                        const milp::Solution& fixed, milp::Solution& best) {
  if (fixed.status != milp::SolveStatus::optimal) return {};
  const double bound = best.bound;
  for (const double up_from : {0.5, 1.0 - 1e-6}) {
    TR_TRY(milp::Solution tried, rounded(p, session, fixed.values, up_from));
    if (tried.status != milp::SolveStatus::optimal) continue;
    if (!best.values.empty() && tried.objective >= best.objective) continue;
    best = std::move(tried);
    state_gap(bound, options.gap, best);
    if (best.gap <= options.gap) break;
  }
  const std::vector<char> yes_no = marks(p);
  for (std::size_t i = 0; i < yes_no.size(); ++i) {
    const milp::Variable& v = p.model.variables()[i];
    if (v.integer && yes_no[i] == 0) session.set_bounds(static_cast<int>(i), v.lower, v.upper);
  }
  return {};
}

/// Ports tried one by one, the least decided first: dropped when begun, begun when not, kept when
/// the LP gains by it.
Result<void> try_ports(const Terms& t, const Program& p, const std::vector<double>& relaxed,
                       milp::LpSession& session, milp::Solution& now) {
  struct Trial {
    double doubt = 0.0;
    const std::vector<int>* by_quarter = nullptr;
  };
  std::vector<Trial> trials;
  for (const auto& ports : p.start) {
    for (const auto& by_quarter : ports) {
      double sum = 0.0;
      for (int v : by_quarter) sum += v < 0 ? 0.0 : relaxed[z(v)];
      if (sum > 0.01 && sum < 0.99) trials.push_back({std::abs(sum - 0.5), &by_quarter});
    }
  }
  std::stable_sort(trials.begin(), trials.end(),
                   [](const Trial& a, const Trial& b) { return a.doubt < b.doubt; });
  if (trials.size() > most_trials) trials.resize(most_trials);
  for (const Trial& trial : trials) {
    int begun = -1, likely = -1;
    for (int q = 0; q < t.quarters; ++q) {
      const int v = (*trial.by_quarter)[z(q)];
      if (v < 0) continue;
      if (now.values[z(v)] > 0.5) begun = v;
      if (likely < 0 || relaxed[z(v)] > relaxed[z(likely)]) likely = v;
    }
    const int flipped = begun >= 0 ? begun : likely;
    hold(session, flipped, begun >= 0 ? 0.0 : 1.0);
    TR_TRY(milp::Solution other, session.solve(false));
    if (other.status == milp::SolveStatus::optimal && other.objective < now.objective) {
      now = std::move(other);
    } else {
      hold(session, flipped, begun >= 0 ? 1.0 : 0.0);
    }
  }
  return {};
}

/// From the relaxed plan, one kind of decision after the other is made and the LP solved again.
Result<void> dive(const Terms& t, const Program& p, milp::LpSession& session,
                  const Options& options, milp::Solution now, milp::Solution& best) {
  const std::vector<double> relaxed = now.values;
  hold_ports(t, p, now.values, session);
  TR_TRY(now, session.solve(false));
  if (now.status != milp::SolveStatus::optimal) return {};
  TR_TRY_VOID(try_ports(t, p, relaxed, session, now));
  hold_orders(p, now.values, session);
  TR_TRY(now, session.solve(false));
  if (now.status != milp::SolveStatus::optimal) return {};
  hold_steps(t, p, now.values, session);
  TR_TRY(now, session.solve(false));
  return round_lots(p, session, options, now, best);
}

/// Many futures: the bound is the LP's; yes/no decisions come from a dive, or from the mean future.
Result<milp::Solution> solve_many(const Terms& t, const Program& p, const Options& options) {
  milp::LpSession session(p.model);
  TR_TRY(milp::Solution relaxed, session.solve(false));
  if (relaxed.status != milp::SolveStatus::optimal) return relaxed;
  milp::Solution best;
  best.bound = relaxed.bound;
  TR_TRY_VOID(dive(t, p, session, options, relaxed, best));
  if (!best.values.empty() && best.gap <= options.gap) return best;
  TR_TRY(std::vector<double> answers, answers_of_mean(t, p, options));
  if (!answers.empty()) {
    for (std::size_t i = 0; i < answers.size(); ++i) hold(session, p.yes_no[i], answers[i]);
    TR_TRY(milp::Solution fixed, session.solve(false));
    TR_TRY_VOID(round_lots(p, session, options, fixed, best));
    if (!best.values.empty() && best.gap <= options.gap) return best;
  }
  TR_TRY(milp::Solution all, whole(p, options, 0.5, best.values, relaxed.bound));
  if (!best.values.empty() && (all.values.empty() || all.objective > best.objective)) return best;
  return all;
}

}  // namespace

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
