// The mix by quarter, cost and energy by workload, and what binds when.
#include <algorithm>
#include <cmath>
#include <utility>

#include "tightrope/procure/decode_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

/// Lots of a rental in force in a quarter, mean over the futures.
double in_force(const Terms& t, const Program& p, int r, int q, const std::vector<double>& values) {
  double lots = 0.0;
  for (int k = 0; k < t.futures; ++k) {
    for (int e = std::max(0, q - t.s.rentals[z(r)].term_quarters + 1); e <= q; ++e) {
      lots += t.all_futures[z(k)].probability * value_at(values, p.rent(k, r, e));
    }
  }
  return lots;
}

double rented_lots(const Terms& t, const Program& p, int i, int q,
                   const std::vector<double>& values) {
  double lots = 0.0;
  for (int r = 0; r < t.rentals; ++r) {
    if (t.s.rentals[z(r)].system == i) lots += in_force(t, p, r, q, values);
  }
  return lots;
}

/// Lots under a lease in a quarter.
double leased_lots(const Terms& t, const Program& p, int l, int q,
                   const std::vector<double>& values) {
  std::vector<milp::Term> terms;
  add_leased(t, p, l, q, 0, 1.0, terms);
  double lots = 0.0;
  for (const milp::Term& term : terms) lots += value_at(values, term.variable);
  return lots;
}

void stock_of(const Terms& t, const Program& p, const std::vector<double>& values, MixRow& row) {
  const int i = row.system, q = row.quarter;
  const int life = t.s.systems[z(i)].life_quarters;
  for (std::size_t v = 0; v < p.vintages[z(i)].size(); ++v) {
    const Vintage& vintage = p.vintages[z(i)][v];
    double left = value_at(values, vintage.variable);
    const bool bought_out = vintage.lease >= 0;
    if (bought_out && vintage.from == q) row.bought_out += left;
    if (!bought_out && vintage.arrival == q && v >= t.s.systems[z(i)].owned.size()) {
      row.arrived += left;
    }
    for (int e = 0; e <= q; ++e) left -= value_at(values, p.retire[z(i)][v][z(e)]);
    row.retired += value_at(values, p.retire[z(i)][v][z(q)]);
    if (q >= vintage.from && q < vintage.arrival + life) row.in_service += left;
    if (q == vintage.arrival + life) row.expired += left;
  }
}

/// Busy lots of a pool on a workload; u counts lots of nominal speed.
double busy(const Terms& t, const Program& p, int k, int w, int c, int q,
            const std::vector<double>& values) {
  const int i = t.pools[z(c)].system;
  return value_at(values, p.use(k, w, c, q)) / multiplier(t.all_futures[z(k)].performance, i);
}

/// What each system's lots cost in a future, discounted: own and rented apart. [pool], M$
std::vector<double> pool_costs(const Terms& t, const Program& p, int k,
                               const std::vector<double>& values) {
  std::vector<double> costs(t.pools.size(), 0.0);
  for (const Entry& e : p.cash) {
    if (e.future >= 0 && e.future != k) continue;
    if (e.kind == CostKind::unserved || e.kind == CostKind::porting) continue;
    const bool rented = e.driver == Driver::rental;
    for (std::size_t c = 0; c < t.pools.size(); ++c) {
      if (t.pools[c].system != e.index || t.pools[c].rented != rented) continue;
      costs[c] += driven(t, e, k) * value_at(values, e.variable) * t.discount[z(e.quarter)];
    }
  }
  return costs;
}

/// Energy at the meter of own system i in a quarter, J: idle and busy draw, at the PUE of the sites
/// where its lots stand.
double own_energy(const Terms& t, const Program& p, int k, int i, int q,
                  const std::vector<double>& values) {
  double lots = 0.0, pue = 0.0, mw = 0.0;
  for (int x = 0; x < t.sites; ++x) {
    const double here = value_at(values, p.place(i, x, q));
    lots += here;
    pue += here * t.s.sites[z(x)].pue;
  }
  if (lots <= 0.0) return 0.0;
  for (int w = 0; w < t.workloads; ++w) {
    mw += busy(t, p, k, w, i, q, values) * t.extra[z(w)][z(i)];
  }
  return (mw + lots * t.idle[z(i)]) * 1e6 * pue / lots * t.s.calendar.length.raw();
}

void add_future(const Terms& t, const Program& p, int k, const std::vector<double>& values,
                std::vector<WorkloadRow>& rows) {
  const double probability = t.all_futures[z(k)].probability;
  const std::vector<double> costs = pool_costs(t, p, k, values);
  for (int c = 0; c < static_cast<int>(t.pools.size()); ++c) {
    const int i = t.pools[z(c)].system;
    double all = 0.0;
    std::vector<double> in_quarter(z(t.quarters), 0.0);
    for (int w = 0; w < t.workloads; ++w) {
      for (int q = 0; q < t.quarters; ++q) {
        const double lots = busy(t, p, k, w, c, q, values);
        in_quarter[z(q)] += lots;
        all += lots;
      }
    }
    if (all <= 0.0) continue;
    for (int q = 0; q < t.quarters; ++q) {
      if (in_quarter[z(q)] <= 0.0) continue;
      const double energy = t.pools[z(c)].rented ? 0.0 : own_energy(t, p, k, i, q, values);
      for (int w = 0; w < t.workloads; ++w) {
        const double lots = busy(t, p, k, w, c, q, values);
        if (lots <= 0.0) continue;
        WorkloadRow& row = rows[z(w)];
        row.cost += Dollars(probability * costs[z(c)] * 1e6 * lots / all);
        const double rented = lots * t.heat[z(w)][z(i)] * 1e6 * t.s.calendar.length.raw();
        row.energy += Joules(probability *
                             (t.pools[z(c)].rented ? rented : energy * lots / in_quarter[z(q)]));
        row.quarters[z(q)].chips[z(i)] += probability * lots * t.s.systems[z(i)].chips_per_lot;
      }
    }
  }
  for (const Entry& e : p.cash) {
    if (e.future >= 0 && e.future != k) continue;
    const double usd = probability * driven(t, e, k) * value_at(values, e.variable) *
                       t.discount[z(e.quarter)] * 1e6;
    if (e.kind == CostKind::unserved) rows[z(e.index)].unserved += Dollars(usd);
    if (e.kind == CostKind::porting) rows[z(e.index)].cost += Dollars(usd);
  }
}

void add_served(const Terms& t, const Program& p, const std::vector<double>& values,
                WorkloadRow& row) {
  const int w = row.workload;
  double demanded = 0.0, served = 0.0;
  for (int q = 0; q < t.quarters; ++q) {
    const TokensPerSecond nominal = t.s.workloads[z(w)].demand[z(q)];
    for (int k = 0; k < t.futures; ++k) {
      const Future& f = t.all_futures[z(k)];
      const double growth = multiplier(f.demand, w) * f.probability;
      double work = 0.0;
      for (int c = 0; c < static_cast<int>(t.pools.size()); ++c) {
        work += value_at(values, p.use(k, w, c, q)) * t.work[z(w)][z(t.pools[z(c)].system)];
      }
      const double reference = t.demand[z(w)][z(q)];
      row.quarters[z(q)].demand += nominal * growth;
      if (reference > 0.0) {
        row.quarters[z(q)].served += nominal * (f.probability * work / reference);
      }
    }
    demanded += row.quarters[z(q)].demand.raw();
    served += row.quarters[z(q)].served.raw();
  }
  row.served_share = demanded > 0.0 ? served / demanded : 1.0;
}

}  // namespace

Named name_of(const Terms& t, const ScarceRow& row) {
  const auto at = z(row.subject);
  switch (row.kind) {
    case ScarceKind::power: return {t.s.sites[at].id, "MW"};
    case ScarceKind::site_chips: return {t.s.sites[at].id, "chips"};
    case ScarceKind::supply: return {t.s.systems[at].id, "chips"};
    case ScarceKind::route: return {t.s.systems[at].id, "chips"};
    case ScarceKind::resource: return {t.s.resources[at].id, t.s.resources[at].unit};
    case ScarceKind::rental: return {t.s.rentals[at].id, "chips"};
    case ScarceKind::lease: return {t.s.leases[at].id, "chips"};
    case ScarceKind::budget: return {"year " + std::to_string(row.subject + 1), "USD"};
    case ScarceKind::own_share: return {"own silicon", "percent"};
    case ScarceKind::teams: return {"porting teams", "teams"};
  }
  return {};
}

std::vector<MixRow> mix_of(const Terms& t, const Program& p, const std::vector<double>& values) {
  std::vector<MixRow> rows;
  for (int i = 0; i < t.systems; ++i) {
    for (int q = 0; q < t.quarters; ++q) {
      MixRow row{.system = i, .quarter = q};
      row.ordered = value_at(values, p.buy(i, q));
      stock_of(t, p, values, row);
      for (int x = 0; x < t.sites; ++x) row.placed += value_at(values, p.place(i, x, q));
      row.rented = rented_lots(t, p, i, q, values);
      for (int l = 0; l < t.leases; ++l) {
        if (t.s.leases[z(l)].system == i) row.leased += leased_lots(t, p, l, q, values);
      }
      for (int c = 0; c < static_cast<int>(t.pools.size()); ++c) {
        if (t.pools[z(c)].system != i) continue;
        for (int k = 0; k < t.futures; ++k) {
          for (int w = 0; w < t.workloads; ++w) {
            row.computing += t.all_futures[z(k)].probability * busy(t, p, k, w, c, q, values);
          }
        }
      }
      rows.push_back(row);
    }
  }
  return rows;
}

std::vector<std::vector<double>> rented_of(const Terms& t, const Program& p,
                                           const std::vector<double>& values) {
  std::vector<std::vector<double>> rented(z(t.rentals));
  for (int r = 0; r < t.rentals; ++r) {
    for (int q = 0; q < t.quarters; ++q) rented[z(r)].push_back(in_force(t, p, r, q, values));
  }
  return rented;
}

std::vector<std::vector<double>> leased_of(const Terms& t, const Program& p,
                                           const std::vector<double>& values) {
  std::vector<std::vector<double>> leased(z(t.leases));
  for (int l = 0; l < t.leases; ++l) {
    for (int q = 0; q < t.quarters; ++q) leased[z(l)].push_back(leased_lots(t, p, l, q, values));
  }
  return leased;
}

std::vector<WorkloadRow> workloads_of(const Terms& t, const Program& p,
                                      const std::vector<double>& values) {
  std::vector<WorkloadRow> rows;
  for (int w = 0; w < t.workloads; ++w) {
    WorkloadRow row;
    row.workload = w;
    row.quarters.resize(z(t.quarters));
    for (WorkloadQuarter& quarter : row.quarters) quarter.chips.assign(z(t.systems), 0.0);
    rows.push_back(row);
  }
  for (int k = 0; k < t.futures; ++k) add_future(t, p, k, values, rows);
  for (WorkloadRow& row : rows) add_served(t, p, values, row);
  return rows;
}

std::vector<Scarcity> scarcities_of(const Terms& t, const Program& p,
                                    const milp::Solution& priced) {
  std::vector<Scarcity> list;
  if (priced.duals.empty()) return list;
  double work = 0.0;  // of which one percent moves when the required share does
  for (const milp::Term& term :
       p.own_share_row < 0 ? std::vector<milp::Term>{} : p.model.rows()[z(p.own_share_row)].terms) {
    const double factor =
        term.factor > 0.0 ? term.factor / (1.0 - t.s.own_share) : -term.factor / t.s.own_share;
    if (t.s.own_share < 1.0 || term.factor < 0.0) work += factor * priced.values[z(term.variable)];
  }
  const double unit = goal_unit(t.s.goal);
  for (const ScarceRow& row : p.scarce) {
    double saved = -priced.duals[z(row.row)] * unit / row.unit;
    if (row.kind == ScarceKind::own_share) saved = -saved * work * 0.01;
    const double total = std::abs(priced.objective) * unit;
    if (std::abs(saved) * row.unit <= 1e-9 * std::max(1.0, total)) continue;
    const Named named = name_of(t, row);
    list.push_back({.kind = row.kind,
                    .subject = named.subject,
                    .unit = named.unit,
                    .quarter = row.quarter,
                    .value = t.s.goal == Goal::cost ? Dollars(saved) : Dollars(),
                    .value_of_goal = saved});
  }
  return list;
}

}  // namespace tightrope::procure
