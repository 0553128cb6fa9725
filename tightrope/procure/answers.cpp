#include "tightrope/procure/answers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/milp/lp_session.h"
#include "tightrope/procure/decode_internal.h"
#include "tightrope/procure/stages_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

double amount_of(const Terms& t, const ScarceRow& row, double wafer_lot) {
  switch (row.kind) {
    case ScarceKind::supply:
    case ScarceKind::route: return t.s.systems[z(row.subject)].chips_per_lot;
    case ScarceKind::rental:
      return t.s.systems[z(t.s.rentals[z(row.subject)].system)].chips_per_lot;
    case ScarceKind::lease: return t.s.systems[z(t.s.leases[z(row.subject)].system)].chips_per_lot;
    case ScarceKind::resource: return wafer_lot;
    case ScarceKind::budget: return 1e6;
    case ScarceKind::power:
    case ScarceKind::site_chips:
    case ScarceKind::teams:
    case ScarceKind::own_share: return 1.0;
  }
  return 1.0;
}

/// Rows of one scarce thing in every quarter.
using Things = std::map<std::pair<ScarceKind, int>, std::vector<ScarceRow>>;

Result<double> with_more(const Program& p, const std::vector<ScarceRow>& rows, double amount,
                         milp::LpSession& session) {
  for (const ScarceRow& row : rows) {
    const milp::Row& r = p.model.rows()[z(row.row)];
    session.set_row_bounds(row.row, r.lower, std::max(0.0, r.upper + amount / row.unit));
  }
  TR_TRY(milp::Solution s, session.solve(false));
  for (const ScarceRow& row : rows) {
    const milp::Row& r = p.model.rows()[z(row.row)];
    session.set_row_bounds(row.row, r.lower, r.upper);
  }
  return s.status == milp::SolveStatus::optimal ? s.objective : milp::infinity;
}

/// Where independence is the goal, money is told of plans that do as much on own silicon.
Scenario in_money(const Scenario& scenario, const Answer& answer) {
  Scenario s = scenario;
  if (s.goal != Goal::independence) return s;
  s.goal = Goal::cost;
  const Terms t(scenario);
  s.least_own_work = (1.0 - 1e-6) * answer.own_of_asked * t.asked(s.own_share_from_quarter);
  return s;
}

struct MeanSite {
  double cost = 0.0;  ///< M$ of one MW through a quarter
};

MeanSite mean_site(const Terms& t, int system, int quarter) {
  MeanSite mean;
  double power = 0.0;
  for (int x = 0; x < t.sites; ++x) {
    if (!t.stands_at(system, x)) continue;
    const double w = t.s.sites[z(x)].power[z(quarter)].raw();
    mean.cost += w * t.energy_cost(x, quarter);
    power += w;
  }
  mean.cost = power > 0.0 ? mean.cost / power : 0.0;
  return mean;
}

/// Costs of a lot as a multiple of its price, and apart from it.
struct LotCost {
  double purchase = 1.0, upkeep = 0.0, resale = 0.0;  ///< in prices of the lot
  double energy = 0.0, install = 0.0;                 ///< M$
  double tokens = 0.0;                                ///< discounted
  [[nodiscard]] double of_price() const { return purchase + upkeep - resale; }
};

LotCost lot_cost(const Terms& t, int workload, int system, int quarter) {
  const System& s = t.s.systems[z(system)];
  const double year = t.s.calendar.quarters_in_year;
  const double step = std::pow(1.0 + t.s.calendar.discount_rate, -1.0 / year);
  LotCost lot;
  const double busy = t.extra[z(workload)][z(system)] * t.computing(system) + t.idle[z(system)];
  const double speed = t.s.throughput[z(workload)][z(system)].of_chip.raw() * s.chips_per_lot *
                       t.computing(system) * t.s.calendar.length.raw();
  for (int a = 0; a < s.life_quarters; ++a) {
    const double discount = std::pow(step, s.lead_quarters + a);
    const int q = std::min(t.quarters - 1, quarter + s.lead_quarters + a);
    lot.upkeep += discount * (s.upkeep_a_year + s.failures_a_year * s.repair_cost_share) / year;
    lot.energy += discount * busy * mean_site(t, system, q).cost;
    lot.tokens += discount * speed;
  }
  lot.resale =
      t.resale(system, s.life_quarters - 1) * std::pow(step, s.lead_quarters + s.life_quarters);
  lot.install = s.install_cost.raw() / 1e6 * std::pow(step, s.lead_quarters);
  return lot;
}

}  // namespace

Result<std::vector<CurvePoint>> independence_curve(const Scenario& scenario, const Options& options,
                                                   int points, const Progress& progress) {
  TR_CHECK(points >= 2, points);
  std::vector<CurvePoint> curve;
  Answer before;
  for (int n = 0; n < points; ++n) {
    Scenario s = scenario;
    s.own_share = static_cast<double>(n) / (points - 1);
    if (s.goal == Goal::independence) s.goal = Goal::cost;
    Options how = options;
    how.duals = false;
    how.warm = before.values.empty() ? options.warm : &before;
    TR_TRY_VOID(check_scenario(s));
    const Terms t(s);
    const Program p = build(t);
    std::vector<double> start;
    if (how.warm != nullptr && how.warm->values.size() == p.model.variables().size()) {
      start = how.warm->values;
    }
    TR_TRY(milp::Solution solution, solve_staged(t, p, how, start));
    CurvePoint point{.asked = s.own_share, .status = solution.status};
    if (!solution.values.empty()) {
      Answer answer;
      decode(t, p, solution.values, answer);
      point.own_share = answer.own_share;
      point.cost = answer.mean_cost;
      point.carbon = answer.mean_carbon;
      point.served_share = answer.served_share;
      point.gap = solution.gap;
      before = std::move(answer);
    }
    curve.push_back(point);
    if (progress) progress(n + 1, points);
  }
  return curve;
}

Result<std::vector<MoreOf>> value_of_more(const Scenario& scenario, const Answer& answer,
                                          double wafer_lot) {
  TR_TRY_VOID(check_scenario(scenario));
  const Scenario priced = in_money(scenario, answer);
  Terms t(priced);
  t.widen();
  const Program p = build(t);
  if (answer.values.size() != p.model.variables().size()) {
    return fail(ErrorCode::conflict, "the answer is of a scenario of another shape");
  }
  Things things;
  for (const ScarceRow& row : p.scarce) {
    if (row.kind != ScarceKind::own_share) things[{row.kind, row.subject}].push_back(row);
  }
  milp::LpSession session(p.model);
  for (int v : p.yes_no) {
    const double value = std::round(answer.values[z(v)]);
    session.set_bounds(v, value, value);
  }
  TR_TRY(milp::Solution now, session.solve(false));
  const double unit = goal_unit(t.s.goal);
  std::vector<MoreOf> list;
  for (const auto& [thing, rows] : things) {
    MoreOf more{.kind = thing.first, .subject = {}, .unit = {}};
    const Named named = name_of(t, rows.front());
    more.subject = named.subject;
    more.unit = named.unit;
    more.amount = amount_of(t, rows.front(), wafer_lot);
    TR_TRY(double plus, with_more(p, rows, more.amount, session));
    TR_TRY(double minus, with_more(p, rows, -more.amount, session));
    more.saved = std::max(0.0, (now.objective - plus) * unit);
    more.taken_away = std::max(0.0, (minus - now.objective) * unit);
    list.push_back(more);
  }
  return list;
}

Levelised levelised_cost(const Scenario& scenario, int workload, int system, int quarter) {
  const Terms t(scenario);
  Levelised l;
  l.possible =
      scenario.throughput[z(workload)][z(system)].feasible && scenario.systems[z(system)].can_buy;
  if (!l.possible) return l;
  const LotCost lot = lot_cost(t, workload, system, quarter);
  const double price = t.lot_price[z(system)][z(quarter)];
  l.purchase = Dollars((price * lot.purchase + lot.install) * 1e6);
  l.upkeep = Dollars(price * lot.upkeep * 1e6);
  l.resale = Dollars(price * lot.resale * 1e6);
  l.energy = Dollars(lot.energy * 1e6);
  const Dollars all = l.purchase + l.upkeep + l.energy - l.resale;
  l.a_token = DollarsPerToken(all.raw() / lot.tokens);
  return l;
}

std::vector<BreakEven> break_even(const Scenario& scenario, const BreakEvenQuestion& question) {
  const Terms t(scenario);
  std::vector<BreakEven> list;
  for (int w = 0; w < t.workloads; ++w) {
    BreakEven b{.workload = w};
    const Levelised mine = levelised_cost(scenario, w, question.challenger, question.quarter);
    const Levelised theirs = levelised_cost(scenario, w, question.incumbent, question.quarter);
    b.possible = mine.possible && theirs.possible;
    if (b.possible) {
      const LotCost lot = lot_cost(t, w, question.challenger, question.quarter);
      b.challenger = mine.a_token;
      b.incumbent = theirs.a_token;
      b.performance = mine.a_token / theirs.a_token;
      const double may_cost = theirs.a_token.raw() * lot.tokens / 1e6;
      const double price = (may_cost - lot.energy - lot.install) / lot.of_price();
      b.chip_price = Dollars(price * 1e6 / scenario.systems[z(question.challenger)].chips_per_lot);
    }
    list.push_back(b);
  }
  return list;
}

Scenario in_future(const Scenario& scenario, const Future& future) {
  Scenario s = scenario;
  s.futures = {future};
  s.futures.front().probability = 1.0;
  s.cvar_weight = 0.0;
  return s;
}

Result<std::vector<Regret>> regret(const Scenario& scenario, const Plan& plan,
                                   const Options& options, const std::vector<Future>& futures,
                                   const Progress& progress) {
  const std::vector<Future>& list = futures.empty() ? scenario.futures : futures;
  std::vector<Regret> rows;
  Options how = options;
  how.duals = false;
  how.warm = nullptr;
  for (const Future& future : list) {
    const Scenario s = in_future(scenario, future);
    TR_TRY(Answer best, optimize(s, how));
    TR_TRY(Answer followed, follow(s, plan, how));
    Regret row{.future = future.id, .status = followed.status};
    row.best = best.mean_cost;
    row.followed = followed.mean_cost;
    row.regret = max(Dollars(), row.followed - row.best);
    rows.push_back(row);
    if (progress) progress(static_cast<int>(rows.size()), static_cast<int>(list.size()));
  }
  return rows;
}

}  // namespace tightrope::procure
