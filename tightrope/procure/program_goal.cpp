// Budgets, independence, CVaR and the objective: all of them sums of the entries of cash, carbon
// and work.
#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>

#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

/// Of equally clean (or equally serving) plans the cheaper one: M$ count so little.
constexpr double tie_break = 1e-6;

void budgets(const Terms& t, Program& p) {
  const int years = static_cast<int>(t.s.budget.size());
  for (int y = 0; y < years; ++y) {
    const double budget = t.s.budget[z(y)].raw() / 1e6;
    if (!std::isfinite(budget)) continue;
    const int from = y * t.s.calendar.quarters_in_year;
    const int to = std::min(t.quarters, from + t.s.calendar.quarters_in_year);
    double fixed = 0.0;
    for (int q = from; q < to; ++q) {
      for (const Site& site : t.s.sites) {
        if (site.power[z(q)].raw() <= 0.0) continue;
        fixed += site.fixed_cost.raw() * t.s.calendar.length.raw() / 1e6;
      }
    }
    for (int k = 0; k < t.futures; ++k) {
      milp::Row row{.name = fmt::format("budget[{},{}]", y, k),
                    .group = fmt::format("budget of year {}", y + 1),
                    .upper = budget - fixed};
      for (const Entry& e : p.cash) {
        if (e.quarter < from || e.quarter >= to || e.kind == CostKind::unserved) continue;
        if (e.future >= 0 && e.future != k) continue;
        row.terms.push_back({e.variable, driven(t, e, k)});
      }
      if (row.terms.empty()) continue;
      p.scarce.push_back({p.model.add_row(std::move(row)), ScarceKind::budget, y, from, 1e6});
    }
  }
}

/// Mean work on own silicon >= share * mean work.
void independence(const Terms& t, Program& p) {
  milp::Row row{
      .name = "own_share",
      .group = fmt::format("at least {:.4g} % of compute on own silicon", 100.0 * t.s.own_share),
      .lower = 0.0};
  for (int k = 0; k < t.futures; ++k) {
    for (int w = 0; w < t.workloads; ++w) {
      for (int c = 0; c < static_cast<int>(t.pools.size()); ++c) {
        const int i = t.pools[z(c)].system;
        const double own = t.s.systems[z(i)].own_silicon ? 1.0 : 0.0;
        const double factor = (own - t.s.own_share) * t.work[z(w)][z(i)];
        for (int q = t.s.own_share_from_quarter; q < t.quarters; ++q) {
          const int v = p.use(k, w, c, q);
          if (v >= 0) row.terms.push_back({v, factor * t.all_futures[z(k)].probability});
        }
      }
    }
  }
  if (t.s.own_share <= 0.0 || row.terms.empty()) return;
  p.own_share_row = p.model.add_row(std::move(row));
  p.scarce.push_back({p.own_share_row, ScarceKind::own_share, 0, -1, 1.0});
}

/// Mean work on own silicon from the quarter on in which it counts, `weight` a unit.
std::vector<milp::Term> own_work(const Terms& t, const Program& p, double weight) {
  std::vector<milp::Term> terms;
  for (int k = 0; k < t.futures; ++k) {
    for (int w = 0; w < t.workloads; ++w) {
      for (int c = 0; c < static_cast<int>(t.pools.size()); ++c) {
        const int i = t.pools[z(c)].system;
        if (!t.s.systems[z(i)].own_silicon) continue;
        for (int q = t.s.own_share_from_quarter; q < t.quarters; ++q) {
          const int v = p.use(k, w, c, q);
          if (v < 0) continue;
          terms.push_back({v, weight * t.work[z(w)][z(i)] * t.all_futures[z(k)].probability});
        }
      }
    }
  }
  return terms;
}

/// Mean discounted cost of every entry by variable, M$; sites' fixed cost apart.
void add_costs(const Terms& t, const std::vector<Entry>& entries, double weight, bool discounted,
               std::map<int, double>& costs);

void ceilings_of_goal(const Terms& t, Program& p) {
  if (t.s.least_own_work > 0.0) {
    p.model.add_row({.name = "own_work",
                     .group = "as much compute on own silicon",
                     .lower = t.s.least_own_work,
                     .terms = own_work(t, p, 1.0)});
  }
  if (!std::isfinite(t.s.cost_cap.raw())) return;
  std::map<int, double> costs;
  add_costs(t, p.cash, 1.0, true, costs);
  milp::Row row{
      .name = "cost_cap",
      .group = fmt::format("cost of at most {:.6g} million USD", t.s.cost_cap.raw() / 1e6),
      .upper = t.s.cost_cap.raw() / 1e6 - p.fixed_cost};
  for (const auto& [variable, cost] : costs) row.terms.push_back({variable, cost});
  p.model.add_row(std::move(row));
}

/// z_k >= cost_k - eta; CVaR = eta + sum p_k z_k / (1 - level).
void conditional_tail(const Terms& t, Program& p) {
  if (t.s.cvar_weight <= 0.0 || t.futures < 2 || t.s.goal != Goal::cost) return;
  p.cvar_eta =
      p.model.add_variable({.name = "cvar_eta", .lower = -milp::infinity, .cost = t.s.cvar_weight});
  for (int k = 0; k < t.futures; ++k) {
    const double weight =
        t.s.cvar_weight * t.all_futures[z(k)].probability / (1.0 - t.s.cvar_level);
    const int tail = p.model.add_variable({.name = fmt::format("cvar_z[{}]", k), .cost = weight});
    p.cvar_z.push_back(tail);
    milp::Row row{.name = fmt::format("cvar[{}]", k),
                  .lower = p.fixed_cost,
                  .terms = {{tail, 1.0}, {p.cvar_eta, 1.0}}};
    for (const Entry& e : p.cash) {
      if (e.future >= 0 && e.future != k) continue;
      row.terms.push_back({e.variable, -driven(t, e, k) * t.discount[z(e.quarter)]});
    }
    p.model.add_row(std::move(row));
  }
}

void add_costs(const Terms& t, const std::vector<Entry>& entries, double weight, bool discounted,
               std::map<int, double>& costs) {
  for (const Entry& e : entries) {
    double mean = 0.0;
    for (int k = 0; k < t.futures; ++k) {
      if (e.future >= 0 && e.future != k) continue;
      mean += t.all_futures[z(k)].probability * driven(t, e, k);
    }
    costs[e.variable] += weight * mean * (discounted ? t.discount[z(e.quarter)] : 1.0);
  }
}

/// In goals without money, unserved demand counts as `weight` of the goal's unit.
void add_unmet(const Terms& t, const Program& p, bool as_carbon, std::map<int, double>& costs) {
  for (int w = 0; w < t.workloads; ++w) {
    double weight = 1.0;
    if (as_carbon) {
      // Ten times what serving it in the dirtiest way emits: serving always wins.
      double worst = 1.0;
      for (int i = 0; i < t.systems; ++i) {
        if (t.work[z(w)][z(i)] <= 0.0) continue;
        double dirt =
            t.s.systems[z(i)].embodied_carbon.raw() * t.s.systems[z(i)].chips_per_lot / 1e9;
        for (int q = 0; q < t.quarters; ++q) {
          for (int x = 0; x < t.sites; ++x) {
            const double lot = t.heat[z(w)][z(i)] + t.idle[z(i)];
            dirt = std::max(dirt, lot * t.energy_carbon(x, q) * 10.0);
          }
        }
        worst = std::max(worst, dirt / t.work[z(w)][z(i)]);
      }
      weight = worst;
    }
    for (int k = 0; k < t.futures; ++k) {
      for (int q = 0; q < t.quarters; ++q) {
        const int v = p.unmet(k, w, q);
        if (v >= 0) costs[v] += weight * t.all_futures[z(k)].probability;
      }
    }
  }
}

/// Of money that follows from the price, what has a number of its own.
double kind_factor(const Entry& e, const Future& f) {
  if (e.kind == CostKind::upkeep) return factor(f, Scales::upkeep, e.index);
  if (e.kind == CostKind::repair) return factor(f, Scales::repair, e.index);
  if (e.kind == CostKind::resale) return factor(f, Scales::resale, e.index);
  return 1.0;
}

}  // namespace

double driven(const Terms& t, const Entry& e, int future) {
  return driven(t, e, t.all_futures[z(future)]);
}

double driven(const Terms& t, const Entry& e, const Future& f) {
  switch (e.driver) {
    case Driver::none: return e.amount;
    case Driver::purchase:
      return e.amount * multiplier(f.purchase_price, e.index) * kind_factor(e, f);
    case Driver::rental:
      return e.amount * multiplier(f.rental_price, e.index) *
             factor(f, Scales::rental_price, e.source);
    case Driver::lease: {
      const int slip = f.slip_quarters.empty() ? 0 : f.slip_quarters[z(e.index)];
      if (e.quarter < e.since + slip) return 0.0;
      return e.amount * multiplier(f.rental_price, e.index) *
             factor(f, Scales::lease_price, e.source);
    }
    case Driver::hand_back: return e.amount * factor(f, Scales::hand_back, e.source);
    case Driver::buy_out:
      return e.amount * multiplier(f.purchase_price, e.index) *
             factor(f, Scales::buy_out, e.source);
    case Driver::energy: return e.amount * t.least_energy_cost(e.index, e.quarter, &f);
    case Driver::carbon: return e.amount * t.least_energy_carbon(e.index, e.quarter, &f);
    case Driver::place: {
      const double here = t.energy_cost(e.source, e.quarter, &f);
      return e.amount * here + e.usual * (here - t.least_energy_cost(e.index, e.quarter, &f));
    }
    case Driver::place_carbon: {
      const double here = t.energy_carbon(e.source, e.quarter, &f);
      return e.amount * here + e.usual * (here - t.least_energy_carbon(e.index, e.quarter, &f));
    }
    case Driver::install: return e.amount * factor(f, Scales::install, e.index);
    case Driver::penalty: return e.amount * factor(f, Scales::penalty, e.index);
    case Driver::port: return e.amount * factor(f, Scales::port_cost, e.index);
  }
  return e.amount;
}

void add_goal(const Terms& t, Program& p) {
  budgets(t, p);
  independence(t, p);
  ceilings_of_goal(t, p);
  std::map<int, double> costs;
  switch (t.s.goal) {
    case Goal::cost: {
      conditional_tail(t, p);
      const double mean = p.cvar_eta >= 0 ? 1.0 - t.s.cvar_weight : 1.0;
      add_costs(t, p.cash, mean, true, costs);
      p.model.set_constant(mean * p.fixed_cost);
      break;
    }
    case Goal::carbon:
      add_costs(t, p.carbon, 1.0, false, costs);
      add_costs(t, p.cash, tie_break, true, costs);
      add_unmet(t, p, true, costs);
      break;
    case Goal::served:
      add_costs(t, p.cash, tie_break, true, costs);
      add_unmet(t, p, false, costs);
      break;
    case Goal::independence:
      add_costs(t, p.cash, tie_break, true, costs);
      for (const milp::Term& term : own_work(t, p, -1.0)) costs[term.variable] += term.factor;
      p.model.set_constant(t.asked(t.s.own_share_from_quarter));
      break;
  }
  for (const auto& [variable, cost] : costs) {
    p.model.set_cost(variable, p.model.variables()[z(variable)].cost + cost);
  }
}

Program build(const Terms& t) {
  Program p;
  add_supply(t, p);
  add_prices(t, p);
  add_lease_prices(t, p);
  add_sites(t, p);
  add_ports(t, p);
  add_futures(t, p);
  add_goal(t, p);
  return p;
}

}  // namespace tightrope::procure
