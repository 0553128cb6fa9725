#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "tightrope/procure/decode_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

template <class T>
using Cube = std::vector<std::vector<std::vector<T>>>;

std::vector<double> values_of(const std::vector<int>& variables,
                              const std::vector<double>& values) {
  std::vector<double> out;
  for (int v : variables) out.push_back(value_at(values, v));
  return out;
}

Cube<double> cube_of(const Table<std::vector<int>>& variables, const std::vector<double>& values) {
  Cube<double> out;
  for (const auto& table : variables) {
    out.emplace_back();
    for (const auto& row : table) out.back().push_back(values_of(row, values));
  }
  return out;
}

/// Work done in a future: in all, on own silicon, and what was demanded.
struct Work {
  double demanded = 0.0, served = 0.0, own = 0.0, counted = 0.0;
};

Work work_of(const Terms& t, const Program& p, int k, const std::vector<double>& values) {
  Work sum;
  for (int w = 0; w < t.workloads; ++w) {
    const double growth = multiplier(t.all_futures[z(k)].demand, w);
    for (int q = 0; q < t.quarters; ++q) {
      sum.demanded += t.demand[z(w)][z(q)] * growth;
      for (int c = 0; c < static_cast<int>(t.pools.size()); ++c) {
        const int i = t.pools[z(c)].system;
        const double work = value_at(values, p.use(k, w, c, q)) * t.work[z(w)][z(i)];
        sum.served += work;
        if (q < t.s.own_share_from_quarter) continue;
        sum.counted += work;
        if (t.s.systems[z(i)].own_silicon) sum.own += work;
      }
    }
  }
  return sum;
}

void add_fixed(const Terms& t, Outcome& o) {
  for (int q = 0; q < t.quarters; ++q) {
    for (const Site& site : t.s.sites) {
      if (site.power[z(q)].raw() <= 0.0) continue;
      o.cash[z(q)][static_cast<std::size_t>(CostKind::upkeep)] +=
          site.fixed_cost * t.s.calendar.length;
    }
  }
}

Outcome outcome_of(const Terms& t, const Program& p, int k, const std::vector<double>& values) {
  Outcome o;
  o.id = t.all_futures[z(k)].id;
  o.probability = t.all_futures[z(k)].probability;
  o.cash.assign(z(t.quarters + 1), std::vector<Dollars>(cost_kinds));
  for (const Entry& e : p.cash) {
    if (e.future >= 0 && e.future != k) continue;
    const double amount = driven(t, e, k) * value_at(values, e.variable) * 1e6;
    o.cash[z(e.quarter)][static_cast<std::size_t>(e.kind)] += Dollars(amount);
  }
  add_fixed(t, o);
  for (int q = 0; q <= t.quarters; ++q) {
    for (const Dollars& cash : o.cash[z(q)]) o.cost += cash * t.discount[z(q)];
  }
  for (const Entry& e : p.carbon) {
    if (e.future >= 0 && e.future != k) continue;
    o.carbon += GramsCo2(driven(t, e, k) * value_at(values, e.variable) * 1e9);
  }
  const Work work = work_of(t, p, k, values);
  o.served_share = work.demanded > 0.0 ? work.served / work.demanded : 1.0;
  o.own_share = work.counted > 0.0 ? work.own / work.counted : 0.0;
  return o;
}

}  // namespace

double goal_unit(Goal goal) {
  switch (goal) {
    case Goal::cost: return 1e6;
    case Goal::carbon: return 1e9;
    case Goal::served:
    case Goal::independence: return 1.0;
  }
  return 1.0;
}

double conditional_mean(std::vector<std::pair<double, double>> list, double level) {
  std::sort(list.begin(), list.end(), std::greater<>());
  double left = 1.0 - level, sum = 0.0;
  for (const auto& [cost, probability] : list) {
    const double take = std::min(left, probability);
    sum += take * cost;
    left -= take;
    if (left <= 0.0) break;
  }
  return sum / (1.0 - level);
}

Plan plan_of(const Terms& t, const Program& p, const std::vector<double>& values) {
  Plan plan;
  plan.by_route = cube_of(p.part, values);
  plan.retired = cube_of(p.retire, values);
  for (int i = 0; i < t.systems; ++i) {
    plan.ordered.emplace_back();
    plan.placed.emplace_back(z(t.sites), std::vector<double>(z(t.quarters), 0.0));
    for (int q = 0; q < t.quarters; ++q) {
      plan.ordered.back().push_back(value_at(values, p.buy(i, q)));
      for (int x = 0; x < t.sites; ++x) {
        plan.placed.back()[z(x)][z(q)] = value_at(values, p.place(i, x, q));
      }
    }
  }
  for (int r = 0; r < t.rentals; ++r) {
    plan.reserved.emplace_back(z(t.quarters), 0.0);
    if (t.s.rentals[z(r)].kind != RentalKind::reserved) continue;
    for (int q = 0; q < t.quarters; ++q) {
      plan.reserved.back()[z(q)] = value_at(values, p.rent(0, r, q));
    }
  }
  for (int l = 0; l < t.leases; ++l) {
    plan.leased.emplace_back();
    plan.bought_out.emplace_back();
    for (int q = 0; q < t.quarters; ++q) {
      plan.leased.back().push_back(value_at(values, p.lease(l, q)));
      plan.bought_out.back().push_back(value_at(values, p.buy_out(l, q)));
    }
  }
  for (const auto& ports : p.start) {
    plan.port_start.emplace_back();
    for (const auto& by_quarter : ports) {
      plan.port_start.back().push_back(-1);
      for (int q = 0; q < t.quarters; ++q) {
        if (value_at(values, by_quarter[z(q)]) > 0.5) plan.port_start.back().back() = q;
      }
    }
  }
  return plan;
}

void decode(const Terms& t, const Program& p, const std::vector<double>& values, Answer& answer) {
  answer.plan = plan_of(t, p, values);
  std::vector<std::pair<double, double>> costs;
  answer.mean_cost = Dollars();
  answer.mean_carbon = GramsCo2();
  Work mean;
  for (int k = 0; k < t.futures; ++k) {
    answer.outcomes.push_back(outcome_of(t, p, k, values));
    const Outcome& o = answer.outcomes.back();
    costs.emplace_back(o.cost.raw(), o.probability);
    answer.mean_cost += o.cost * o.probability;
    answer.mean_carbon += o.carbon * o.probability;
    const Work work = work_of(t, p, k, values);
    mean.demanded += work.demanded * o.probability;
    mean.served += work.served * o.probability;
    mean.counted += work.counted * o.probability;
    mean.own += work.own * o.probability;
  }
  answer.cvar = Dollars(conditional_mean(costs, t.s.cvar_level));
  answer.served_share = mean.demanded > 0.0 ? mean.served / mean.demanded : 1.0;
  answer.own_share = mean.counted > 0.0 ? mean.own / mean.counted : 0.0;
  const double asked = t.asked(t.s.own_share_from_quarter);
  answer.own_of_asked = asked > 0.0 ? mean.own / asked : 0.0;
  answer.mix = mix_of(t, p, values);
  answer.rented = rented_of(t, p, values);
  answer.leased = leased_of(t, p, values);
  answer.workloads = workloads_of(t, p, values);
  answer.values = values;
}

}  // namespace tightrope::procure
