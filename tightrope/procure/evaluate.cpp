#include "tightrope/procure/evaluate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "tightrope/procure/quarter_lp_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

constexpr double tolerance = 1e-6;  ///< of what was promised: below it nothing is broken

/// Of which order, or (lease >= 0) of which lease; quarter -1: of none.
struct Lots {
  int system = -1, lease = -1, quarter = -1;
};

enum class Breakable { budget, own_share, demand, power, supply, resource };

/// One thing that a plan promises, and where its breach is read.
struct Watched {
  Breakable kind;
  int index;
};

}  // namespace

struct Evaluator::State {
  State(const Scenario& scenario, const Answer& answer)
      : t(scenario), p(build(t)), values(answer.values) {
    values.resize(p.model.variables().size(), 0.0);
    for (int q = 0; q < t.quarters; ++q) quarters.emplace_back(t, p, values, q);
    mark_blocks();
    mark_orders();
    watch();
  }

  void mark_blocks() {
    long_block.assign(values.size(), 0);
    for (int k = 0; k < t.futures; ++k) {
      for (int r = 0; r < t.rentals; ++r) {
        for (int q = 0; q < t.quarters; ++q) {
          if (t.s.rentals[z(r)].term_quarters > 1) long_block[z(p.rent(k, r, q))] = 1;
        }
      }
    }
  }

  /// Which order's or lease's lots a variable counts: its own, those of it that are sold.
  void mark_orders() {
    order_of.assign(values.size(), Lots{});
    for (int i = 0; i < t.systems; ++i) {
      const std::size_t owned = t.s.systems[z(i)].owned.size();
      for (std::size_t v = owned; v < p.vintages[z(i)].size(); ++v) {
        const Vintage& vintage = p.vintages[z(i)][v];
        const Lots lots{i, vintage.lease, vintage.price_quarter};
        order_of[z(vintage.variable)] = lots;
        for (int retire : p.retire[z(i)][v]) {
          if (retire >= 0) order_of[z(retire)] = lots;
        }
      }
    }
    for (int l = 0; l < t.leases; ++l) {
      for (int q = 0; q < t.quarters; ++q) {
        const int v = p.lease(l, q);
        if (v >= 0) order_of[z(v)] = {t.s.leases[z(l)].system, l, q};
      }
    }
  }

  void promise(Breakable kind, int index, std::string what, std::string unit) {
    watched.push_back({kind, index});
    promises.push_back({std::move(what), std::move(unit)});
  }

  void watch() {
    for (int y = 0; y < static_cast<int>(t.s.budget.size()); ++y) {
      if (!std::isfinite(t.s.budget[z(y)].raw())) continue;
      promise(Breakable::budget, y, fmt::format("budget of year {}", y + 1), "USD");
    }
    if (t.s.own_share > 0.0) {
      promise(Breakable::own_share, 0,
              fmt::format("at least {:.4g} % of compute on own silicon", 100.0 * t.s.own_share),
              "percent");
    }
    for (int w = 0; w < t.workloads; ++w) {
      const Workload& workload = t.s.workloads[z(w)];
      if (!workload.must_serve) continue;
      promise(Breakable::demand, w, "demand of " + workload.id + " must be served", "percent");
    }
    for (const UncertainNumber& n : t.s.numbers) watch(n);
  }

  void watch(const UncertainNumber& n) {
    const auto i = z(n.index);
    const auto once = [&](Breakable kind, const std::string& what, const std::string& unit) {
      for (const Watched& w : watched) {
        if (w.kind == kind && w.index == n.index) return;
      }
      promise(kind, n.index, what, unit);
    };
    if (n.scales == Scales::power) {
      once(Breakable::power, "power of site " + t.s.sites[i].id, "MW");
    } else if (n.scales == Scales::supply) {
      once(Breakable::supply, "supply of " + t.s.systems[i].id, "chips");
    } else if (n.scales == Scales::resource) {
      once(Breakable::resource, "supply of " + t.s.resources[i].id, t.s.resources[i].unit);
    }
  }

  /// What the plan takes of a resource in a quarter of arrival.
  [[nodiscard]] double resource_use(int x, int arrival) const {
    double sum = 0.0;
    for (int i = 0; i < t.systems; ++i) {
      const System& system = t.s.systems[z(i)];
      for (int r = 0; r < static_cast<int>(system.routes.size()); ++r) {
        sum += arriving(i, r, arrival) * chip_use(system.routes[z(r)], x, arrival) *
               system.chips_per_lot;
      }
    }
    return sum;
  }

  /// Lots of a system, of one route or (-1) of all, that the plan takes of its supply in a quarter.
  [[nodiscard]] double arriving(int i, int route, int arrival) const {
    double lots = 0.0;
    for (const milp::Term& term : arriving_lots(t, p, i, route, arrival)) {
      lots += value_at(values, term.variable);
    }
    return lots;
  }

  static double chip_use(const Route& route, int x, int arrival) {
    double sum = 0.0;
    for (const ResourceUse& use : route.uses) {
      if (use.resource != x || arrival < use.from_quarter || arrival >= use.until_quarter) continue;
      sum += use.a_chip;
    }
    return sum;
  }

  static double within(double have, double want) {
    return want > have * (1.0 + 1e-9) ? have / want : 1.0;
  }

  /// Orders above what a future supplies are cut in proportion.
  [[nodiscard]] Deliveries deliveries(const Future& f) const {
    Deliveries d;
    if (f.factors.empty()) return d;
    for (int x = 0; x < static_cast<int>(t.s.resources.size()); ++x) {
      const double part = factor(f, Scales::resource, x);
      d.of_resource.emplace_back(z(t.quarters), 1.0);
      for (int q = 0; q < t.quarters && part < 1.0; ++q) {
        d.of_resource.back()[z(q)] =
            within(t.s.resources[z(x)].supply[z(q)] * part, resource_use(x, q));
      }
    }
    for (int i = 0; i < t.systems; ++i) {
      d.of_order.emplace_back(z(t.quarters), 1.0);
      for (int q = 0; q < t.quarters; ++q) {
        const int arrival = q + t.s.systems[z(i)].lead_quarters;
        const double share = delivered(i, p.buy(i, q), arrival, p.part[z(i)], q, f, d);
        d.of_order.back()[z(q)] = share;
        d.cut = d.cut || share < 1.0;
      }
    }
    for (int l = 0; l < t.leases; ++l) {
      const Lease& lease = t.s.leases[z(l)];
      d.of_lease.emplace_back(z(t.quarters), 1.0);
      for (int q = 0; q < t.quarters && !lease.lessors_supply; ++q) {
        const double share = delivered(lease.system, p.lease(l, q), t.lease_arrival(l, q),
                                       p.leased_part[z(l)], q, f, d);
        d.of_lease.back()[z(q)] = share;
        d.cut = d.cut || share < 1.0;
      }
    }
    return d;
  }

  /// The share that comes of the lots of a variable, whose makers stand in `parts` at `q`.
  [[nodiscard]] double delivered(int i, int variable, int arrival, const Table<int>& parts, int q,
                                 const Future& f, const Deliveries& d) const {
    const System& system = t.s.systems[z(i)];
    const double lots = value_at(values, variable), part = factor(f, Scales::supply, i);
    if (lots <= 0.0 || arrival >= t.quarters) return 1.0;
    double share = 1.0;
    if (!system.chips_ceiling.empty() && part < 1.0) {
      share = within(system.chips_ceiling[z(arrival)] * part,
                     arriving(i, -1, arrival) * system.chips_per_lot);
    }
    double come = 0.0;
    for (int r = 0; r < static_cast<int>(system.routes.size()); ++r) {
      const Route& route = system.routes[z(r)];
      const double of_route = value_at(values, parts[z(r)][z(q)]);
      double here = 1.0;
      if (!route.chips_ceiling.empty() && part < 1.0) {
        here = within(route.chips_ceiling[z(arrival)] * part,
                      arriving(i, r, arrival) * system.chips_per_lot);
      }
      for (int x = 0; x < static_cast<int>(t.s.resources.size()); ++x) {
        if (chip_use(route, x, arrival) > 0.0)
          here = std::min(here, d.of_resource[z(x)][z(arrival)]);
      }
      come += of_route * here;
    }
    return system.routes.empty() ? share : std::min(share, come / lots);
  }

  /// Discounted M$ and kt of what was decided before: planned blocks longer than a quarter too.
  void add_first(const Future& f, const Deliveries& d, Sums& sums) const {
    sums.cost += p.fixed_cost;
    for (int q = 0; q < t.quarters; ++q) {
      for (const Site& site : t.s.sites) {
        if (site.power[z(q)].raw() <= 0.0) continue;
        sums.cash[z(q)] += site.fixed_cost.raw() * t.s.calendar.length.raw() / 1e6;
      }
    }
    for (const Entry& e : p.cash) {
      const double share = share_of(e) * came(e, d);
      if (share <= 0.0) continue;
      const double money = share * driven(t, e, f) * value_at(values, e.variable);
      sums.cost += money * t.discount[z(e.quarter)];
      if (e.quarter < t.quarters) sums.cash[z(e.quarter)] += money;
    }
    for (const Entry& e : p.carbon) {
      if (e.future >= 0) continue;
      sums.carbon += came(e, d) * driven(t, e, f) * value_at(values, e.variable);
    }
  }

  /// 1: first stage; a probability: a long block of that future; 0: chosen anew.
  [[nodiscard]] double share_of(const Entry& e) const {
    if (e.future < 0) return 1.0;
    const bool contract = e.kind == CostKind::rental || e.kind == CostKind::remainder;
    if (!contract || !long_block[z(e.variable)]) return 0.0;
    return t.all_futures[z(e.future)].probability;
  }

  /// The share of an entry's lots that were delivered; what does not come is not paid.
  [[nodiscard]] double came(const Entry& e, const Deliveries& d) const {
    if (!d.cut) return 1.0;
    if (e.source >= 0 && e.driver == Driver::lease && order_of[z(e.variable)].quarter < 0) {
      return d.of_lease[z(e.source)][z(e.signed_in)];  // a step of its price
    }
    const Lots& lots = order_of[z(e.variable)];
    if (lots.lease >= 0) return d.of_lease[z(lots.lease)][z(lots.quarter)];
    const int q = e.kind == CostKind::purchase ? e.quarter : lots.quarter;
    return q < 0 ? 1.0 : d.of_order[z(e.index)][z(q)];
  }

  [[nodiscard]] double missing(const Watched& w, const Sums& sums, const Deliveries& d,
                               const Future& f) const {
    switch (w.kind) {
      case Breakable::budget: {
        double spent = 0.0;
        const int length = t.s.calendar.quarters_in_year, from = w.index * length;
        for (int q = from; q < std::min(t.quarters, from + length); ++q) spent += sums.cash[z(q)];
        const double budget = t.s.budget[z(w.index)].raw();
        const double over = spent * 1e6 - budget;
        return over > tolerance * std::max(1.0, budget) ? over : 0.0;
      }
      case Breakable::own_share: {
        const double share = sums.counted > 0.0 ? sums.own / sums.counted : 0.0;
        const double below = t.s.own_share - share;
        return sums.counted > 0.0 && below > tolerance ? 100.0 * below : 0.0;
      }
      case Breakable::demand: {
        const double asked = sums.demand[z(w.index)];
        const double share = asked > 0.0 ? sums.unserved[z(w.index)] / asked : 0.0;
        return share > tolerance ? 100.0 * share : 0.0;
      }
      case Breakable::power: return sums.missing_power[z(w.index)];
      case Breakable::supply: {
        double chips = 0.0;
        for (int q = 0; d.cut && q < t.quarters; ++q) {
          chips += value_at(values, p.buy(w.index, q)) * (1.0 - d.of_order[z(w.index)][z(q)]) *
                   t.s.systems[z(w.index)].chips_per_lot;
        }
        for (int l = 0; d.cut && l < t.leases; ++l) {
          if (t.s.leases[z(l)].system != w.index) continue;
          for (int q = 0; q < t.quarters; ++q) {
            chips += value_at(values, p.lease(l, q)) * (1.0 - d.of_lease[z(l)][z(q)]) *
                     t.s.systems[z(w.index)].chips_per_lot;
          }
        }
        return chips;
      }
      case Breakable::resource: {
        double units = 0.0;
        const double part = factor(f, Scales::resource, w.index);
        for (int q = 0; part < 1.0 && q < t.quarters; ++q) {
          const double have = t.s.resources[z(w.index)].supply[z(q)] * part;
          if (d.of_resource[z(w.index)][z(q)] < 1.0) units += resource_use(w.index, q) - have;
        }
        return units;
      }
    }
    return 0.0;
  }

  Terms t;
  Program p;
  std::vector<double> values;
  std::vector<QuarterLp> quarters;
  std::vector<char> long_block;
  std::vector<Lots> order_of;
  std::vector<Watched> watched;
  std::vector<Promise> promises;
};

Evaluator::Evaluator(const Scenario& scenario, const Answer& answer)
    : state_(std::make_unique<State>(scenario, answer)) {}
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;
Evaluator::~Evaluator() = default;

void Evaluator::forget() {
  for (QuarterLp& lp : state_->quarters) lp.forget();
}

const std::vector<Promise>& Evaluator::promises() const { return state_->promises; }

Result<Evaluation> Evaluator::evaluate(const Future& future) {
  const Terms& t = state_->t;
  Sums sums;
  sums.cash.assign(z(t.quarters), 0.0);
  sums.unserved.assign(z(t.workloads), 0.0);
  sums.demand = sums.unserved;
  sums.missing_power.assign(z(t.sites), 0.0);
  const Deliveries d = state_->deliveries(future);
  state_->add_first(future, d, sums);
  for (QuarterLp& lp : state_->quarters) TR_TRY_VOID(lp.add(future, d, sums));
  Evaluation e;
  e.cost = Dollars(sums.cost * 1e6);
  e.carbon = GramsCo2(sums.carbon * 1e9);
  e.served_share = sums.demanded > 0.0 ? sums.served / sums.demanded : 1.0;
  e.own_share = sums.counted > 0.0 ? sums.own / sums.counted : 0.0;
  for (const Watched& w : state_->watched) {
    e.missing.push_back(state_->missing(w, sums, d, future));
  }
  return e;
}

}  // namespace tightrope::procure
