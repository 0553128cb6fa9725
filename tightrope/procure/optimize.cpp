#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/milp/conflict.h"
#include "tightrope/procure/decode_internal.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure/stages_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

Result<std::vector<std::string>> conflict_of(const Scenario& scenario) {
  Terms loose(scenario);
  loose.loosen();
  return milp::smallest_conflict(build(loose).model);
}

Result<Answer> answer_with(const Terms& t, const Program& p, const Options& options) {
  std::vector<double> start;
  if (options.warm != nullptr && options.warm->values.size() == p.model.variables().size()) {
    start = options.warm->values;
  }
  TR_TRY(milp::Solution solution, solve_staged(t, p, options, start));
  Answer answer;
  answer.status = solution.status;
  answer.ended = solution.ended;
  answer.variables = static_cast<int>(p.model.variables().size());
  answer.rows = static_cast<int>(p.model.rows().size());
  answer.integers =
      static_cast<int>(std::count_if(p.model.variables().begin(), p.model.variables().end(),
                                     [](const milp::Variable& v) { return v.integer; }));
  if (solution.values.empty()) return answer;
  const double unit = goal_unit(t.s.goal);
  answer.objective = solution.objective * unit;
  answer.bound = solution.bound * unit;
  answer.gap = solution.gap;
  decode(t, p, solution.values, answer);
  if (options.duals) {
    TR_TRY(milp::Solution priced, price_fixed(t.s, solution.values));
    TR_CHECK(priced.duals.empty() || priced.duals.size() == p.model.rows().size(),
             priced.duals.size(), p.model.rows().size());
    answer.scarcities = scarcities_of(t, p, priced);
  }
  return answer;
}

/// Holds variables within the library's tolerance of a plan's value.
class Holder {
 public:
  explicit Holder(Program& p) : p_(p) {}

  void hold(int variable, double value) {
    if (variable < 0) return;
    const bool integer = p_.model.variables()[z(variable)].integer;
    const double slack = integer ? 0.0 : 1e-6 * std::max(1.0, std::abs(value));
    const double at = integer ? std::round(value) : value;
    p_.model.set_bounds(variable, std::max(0.0, at - slack), at + slack);
  }

  void hold(const std::vector<int>& variables, const std::vector<double>& values) {
    for (std::size_t i = 0; i < variables.size() && i < values.size(); ++i) {
      hold(variables[i], values[i]);
    }
  }

 private:
  Program& p_;
};

void hold_plan(const Terms& t, const Plan& plan, Program& p) {
  Holder holder(p);
  for (int i = 0; i < t.systems; ++i) {
    for (int q = 0; q < t.quarters; ++q) {
      holder.hold(p.buy(i, q), plan.ordered[z(i)][z(q)]);
      for (int x = 0; x < t.sites; ++x) {
        holder.hold(p.place(i, x, q), plan.placed[z(i)][z(x)][z(q)]);
      }
    }
    for (std::size_t r = 0; r < p.part[z(i)].size(); ++r) {
      holder.hold(p.part[z(i)][r], plan.by_route[z(i)][r]);
    }
    for (std::size_t v = 0; v < p.retire[z(i)].size(); ++v) {
      holder.hold(p.retire[z(i)][v], plan.retired[z(i)][v]);
    }
  }
  for (int r = 0; r < t.rentals; ++r) {
    if (t.s.rentals[z(r)].kind != RentalKind::reserved) continue;
    for (int q = 0; q < t.quarters; ++q) holder.hold(p.rent(0, r, q), plan.reserved[z(r)][z(q)]);
  }
  for (int l = 0; l < t.leases; ++l) {
    for (int q = 0; q < t.quarters; ++q) {
      holder.hold(p.lease(l, q), plan.leased[z(l)][z(q)]);
      holder.hold(p.buy_out(l, q), plan.bought_out[z(l)][z(q)]);
    }
  }
  for (std::size_t w = 0; w < p.start.size(); ++w) {
    for (std::size_t o = 0; o < p.start[w].size(); ++o) {
      for (int q = 0; q < t.quarters; ++q) {
        holder.hold(p.start[w][o][z(q)], plan.port_start[w][o] == q ? 1.0 : 0.0);
      }
    }
  }
}

bool same_shape(const Terms& t, const Plan& plan, const Program& p) {
  bool same = plan.ordered.size() == z(t.systems) && plan.placed.size() == z(t.systems) &&
              plan.reserved.size() == z(t.rentals) && plan.port_start.size() == z(t.workloads) &&
              plan.by_route.size() == z(t.systems) && plan.leased.size() == z(t.leases) &&
              plan.bought_out.size() == z(t.leases);
  for (std::size_t i = 0; same && i < z(t.systems); ++i) {
    same = plan.ordered[i].size() == z(t.quarters) && plan.placed[i].size() == z(t.sites) &&
           plan.by_route[i].size() == p.part[i].size();
  }
  for (std::size_t w = 0; same && w < z(t.workloads); ++w) {
    same = plan.port_start[w].size() == p.start[w].size();
  }
  return same;
}

bool has_plan(const Answer& answer) { return !answer.values.empty(); }

/// The cheapest plan that does as much on own silicon, to the gap. What was proven of independence
/// stays the answer's objective and bound.
Result<Answer> cheapest_as_independent(const Scenario& scenario, const Answer& first,
                                       const Options& options) {
  const Terms asked(scenario);
  const double all = asked.asked(scenario.own_share_from_quarter);
  Scenario s = scenario;
  s.goal = Goal::cost;
  s.least_own_work = (1.0 - std::max(options.gap, 1e-6)) * first.own_of_asked * all;
  const Terms t(s);
  const Program p = build(t);
  Options how = options;
  how.warm = nullptr;  // CBC may stumble over a start here (cbc.cpp), and finds plans without
  TR_TRY(Answer answer, answer_with(t, p, how));
  if (!has_plan(answer)) return first;
  if (answer.ended == milp::Ended::proven) answer.ended = first.ended;
  answer.objective = all * (1.0 - answer.own_of_asked);
  answer.bound = std::min(first.bound, answer.objective);
  answer.gap = (answer.objective - answer.bound) / std::max(answer.objective, 1e-9);
  answer.status = first.status;
  answer.own_of_asked_most = all > 0.0 ? std::min(1.0, 1.0 - first.bound / all) : 0.0;
  return answer;
}

}  // namespace

Result<Answer> optimize(const Scenario& scenario, const Options& options) {
  TR_TRY_VOID(check_scenario(scenario));
  const Terms t(scenario);
  const Program p = build(t);
  TR_TRY(Answer answer, answer_with(t, p, options));
  if (scenario.goal == Goal::independence && has_plan(answer) && !options.divisible) {
    return cheapest_as_independent(scenario, answer, options);
  }
  if (answer.status == milp::SolveStatus::infeasible) {
    TR_TRY(answer.conflict, conflict_of(scenario));
  }
  return answer;
}

Result<Answer> follow(const Scenario& scenario, const Plan& plan, const Options& options) {
  TR_TRY_VOID(check_scenario(scenario));
  const Terms t(scenario);
  Program p = build(t);
  if (!same_shape(t, plan, p)) {
    return fail(
        ErrorCode::conflict, "the plan is of a scenario of another shape", {},
        "systems, routes, sites, rentals, leases, workloads, ports and quarters must agree");
  }
  hold_plan(t, plan, p);
  TR_TRY(Answer answer, answer_with(t, p, options));
  if (answer.status == milp::SolveStatus::infeasible) {
    TR_TRY(answer.conflict, milp::smallest_conflict(p.model));
  }
  return answer;
}

Result<void> write_program(const Scenario& scenario, milp::ModelFormat format,
                           const std::string& path) {
  TR_TRY_VOID(check_scenario(scenario));
  const Terms t(scenario);
  return milp::write_model(build(t).model, format, path);
}

const char* to_string(CostKind kind) {
  switch (kind) {
    case CostKind::purchase: return "purchase";
    case CostKind::qualifying: return "qualifying";
    case CostKind::install: return "install";
    case CostKind::upkeep: return "upkeep";
    case CostKind::repair: return "repair";
    case CostKind::electricity: return "electricity";
    case CostKind::rental: return "rental";
    case CostKind::porting: return "porting";
    case CostKind::unserved: return "unserved";
    case CostKind::resale: return "resale";
    case CostKind::lease: return "lease";
    case CostKind::remainder: return "remainder";
  }
  return "?";
}

const char* to_string(ScarceKind kind) {
  switch (kind) {
    case ScarceKind::power: return "power";
    case ScarceKind::site_chips: return "site_chips";
    case ScarceKind::supply: return "supply";
    case ScarceKind::route: return "route";
    case ScarceKind::resource: return "resource";
    case ScarceKind::rental: return "rental";
    case ScarceKind::lease: return "lease";
    case ScarceKind::budget: return "budget";
    case ScarceKind::own_share: return "own_share";
    case ScarceKind::teams: return "teams";
  }
  return "?";
}

}  // namespace tightrope::procure
