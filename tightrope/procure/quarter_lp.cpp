#include <algorithm>
#include <utility>

#include "tightrope/procure/quarter_lp_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

/// In the LP only: what must be served comes before all else.
constexpr double must = 1e3;

}  // namespace

QuarterLp::QuarterLp(const Terms& t, const Program& p, const std::vector<double>& values, int q)
    : t_(t), p_(p), values_(values), q_(q) {
  variables();
  rows();
  session_.emplace_back(model_);
}

Result<void> QuarterLp::add(const Future& f, const Deliveries& d, Sums& sums) {
  milp::LpSession& lp = session_.front();
  state(f, d, lp);
  TR_TRY(milp::Solution s, lp.solve(false));
  if (s.status != milp::SolveStatus::optimal) {
    return fail(ErrorCode::unsupported, "a quarter of the plan has no answer");
  }
  sum(f, s.values, sums);
  return {};
}

void QuarterLp::variables() {
  for (int w = 0; w < t_.workloads; ++w) {
    unmet_.push_back(model_.add_variable({.name = "unmet"}));
    for (int c = 0; c < static_cast<int>(t_.pools.size()); ++c) {
      if (p_.use(0, w, c, q_) < 0) continue;
      uses_.push_back({model_.add_variable({.name = "use"}), w, c});
    }
  }
  for (int r = 0; r < t_.rentals; ++r) {
    const Rental& rental = t_.s.rentals[z(r)];
    if (rental.kind == RentalKind::reserved || rental.term_quarters > 1) continue;
    shorts_.push_back({model_.add_variable({.name = "rent"}), r});
  }
}

void QuarterLp::rows() {
  for (int c = 0; c < static_cast<int>(t_.pools.size()); ++c) {
    milp::Row row{.name = "capacity", .upper = 0.0};
    for (const Use& u : uses_) {
      if (u.pool == c) row.terms.push_back({u.variable, 1.0});
    }
    for (const Short& s : shorts_) {
      const Rental& rental = t_.s.rentals[z(s.rental)];
      if (!t_.pools[z(c)].rented || rental.system != t_.pools[z(c)].system) continue;
      row.terms.push_back({s.variable, -(1.0 - rental.interruption_share)});
    }
    if (!row.terms.empty()) capacities_.push_back({model_.add_row(std::move(row)), c, 0.0});
  }
  for (int w = 0; w < t_.workloads; ++w) workload_rows(w);
}

void QuarterLp::workload_rows(int w) {
  const Workload& workload = t_.s.workloads[z(w)];
  const double amount = t_.demand[z(w)][z(q_)];
  milp::Row demand{.name = "demand", .terms = {{unmet_[z(w)], 1.0}}};
  milp::Row insist{.name = "insist"};
  std::vector<milp::Row> ports(workload.ports.size());
  for (const Use& u : uses_) {
    if (u.workload != w) continue;
    const int i = t_.pools[z(u.pool)].system;
    const milp::Term term{u.variable, t_.work[z(w)][z(i)]};
    demand.terms.push_back(term);
    if (t_.s.systems[z(i)].architecture != workload.architecture) insist.terms.push_back(term);
    int port = -1;
    if (t_.port_state(w, i, &port) == 1) ports[z(port)].terms.push_back(term);
  }
  demands_.push_back({model_.add_row(std::move(demand)), w, amount});
  if (!insist.terms.empty() && workload.insist_share > 0.0) {
    const double most = amount * (1.0 - workload.insist_share);
    limits_.push_back({model_.add_row(std::move(insist)), w, most});
  }
  for (std::size_t o = 0; o < ports.size(); ++o) {
    if (ports[o].terms.empty()) continue;
    double share = 0.0;
    for (int e = 0; e <= q_; ++e) {
      share += value_at(values_, p_.start[z(w)][o][z(e)]) * Terms::ported(workload.ports[o], e, q_);
    }
    limits_.push_back({model_.add_row(std::move(ports[o])), w, amount * share});
  }
}

/// Facility power of the lots that the plan puts at a site, MW.
double QuarterLp::powered(int x) const {
  double mw = 0.0;
  for (int i = 0; i < t_.systems; ++i) {
    mw += value_at(values_, p_.place(i, x, q_)) * t_.s.systems[z(i)].lot_power.raw() / 1e6;
  }
  return mw * t_.s.sites[z(x)].pue;
}

/// The share of a site's lots that its power in this future can feed.
double QuarterLp::lit(int x, const Future& f) const {
  const double part = factor(f, Scales::power, x);
  if (part >= 1.0) return 1.0;
  const double used = powered(x), power = t_.s.sites[z(x)].power[z(q_)].raw() / 1e6 * part;
  return used > power ? power / used : 1.0;
}

/// Computing lots of a pool, before those that are rented for this quarter alone.
double QuarterLp::lots(int c, const Future& f, const Deliveries& d) const {
  const int i = t_.pools[z(c)].system;
  if (t_.pools[z(c)].rented) return rented(i);
  double placed = 0.0, fed = 0.0, there = 0.0;
  for (int x = 0; x < t_.sites; ++x) {
    const double here = value_at(values_, p_.place(i, x, q_));
    placed += here;
    if (here > 0.0) fed += here * lit(x, f);
  }
  const int slip = f.slip_quarters.empty() ? 0 : f.slip_quarters[z(i)];
  if (slip == 0 && !d.cut) return std::max(0.0, fed * t_.computing(i));
  const System& system = t_.s.systems[z(i)];
  for (std::size_t v = 0; v < p_.vintages[z(i)].size(); ++v) {
    const Vintage& vintage = p_.vintages[z(i)][v];
    const bool owned = v < system.owned.size();
    const int from = owned ? vintage.from : std::max(vintage.from, vintage.arrival + slip);
    if (from > q_ || q_ >= vintage.arrival + system.life_quarters) continue;
    double left = value_at(values_, vintage.variable);
    for (int e = 0; e <= q_; ++e) left -= value_at(values_, p_.retire[z(i)][v][z(e)]);
    const Table<double>& share = vintage.lease < 0 ? d.of_order : d.of_lease;
    const int of = vintage.lease < 0 ? i : vintage.lease;
    there += owned || !d.cut ? left : left * share[z(of)][z(vintage.price_quarter)];
  }
  there += leased(i, slip, d);
  const double standing = placed > 0.0 ? std::min(1.0, std::max(0.0, there) / placed) : 0.0;
  return std::max(0.0, fed * standing * t_.computing(i));
}

/// Lots under leases that have come.
double QuarterLp::leased(int i, int slip, const Deliveries& d) const {
  double sum = 0.0;
  for (int l = 0; l < t_.leases; ++l) {
    if (t_.s.leases[z(l)].system != i) continue;
    for (int e = 0; e <= q_; ++e) {
      if (t_.lease_arrival(l, e) + slip > q_ || q_ >= t_.lease_end(l, e)) continue;
      sum += value_at(values_, p_.lease(l, e)) * (d.cut ? d.of_lease[z(l)][z(e)] : 1.0);
    }
  }
  return sum;
}

double QuarterLp::rented(int i) const {
  double sum = 0.0;
  for (int r = 0; r < t_.rentals; ++r) {
    const Rental& rental = t_.s.rentals[z(r)];
    if (rental.system != i) continue;
    if (rental.kind != RentalKind::reserved && rental.term_quarters == 1) continue;
    sum += planned(r) * (1.0 - rental.interruption_share);
  }
  return sum;
}

/// Lots of a rental in force as planned, mean over the plan's futures.
double QuarterLp::planned(int r) const {
  double sum = 0.0;
  const int term = t_.s.rentals[z(r)].term_quarters;
  for (int k = 0; k < t_.futures; ++k) {
    for (int e = std::max(0, q_ - term + 1); e <= q_; ++e) {
      sum += t_.all_futures[z(k)].probability * value_at(values_, p_.rent(k, r, e));
    }
  }
  return sum;
}

/// M$ of one lot rented for this quarter.
double QuarterLp::rent(int r, const Future& f) const {
  return t_.rent_of_quarter(r, q_) * multiplier(f.rental_price, t_.s.rentals[z(r)].system) *
         factor(f, Scales::rental_price, r);
}

double QuarterLp::energy_cost(const Use& u, const Future& f) const {
  const Pool& pool = t_.pools[z(u.pool)];
  if (pool.rented) return 0.0;
  return t_.extra[z(u.workload)][z(pool.system)] * t_.least_energy_cost(pool.system, q_, &f) /
         multiplier(f.performance, pool.system);
}

double QuarterLp::carbon_of(const Use& u, const Future& f) const {
  const Pool& pool = t_.pools[z(u.pool)];
  const double kt = pool.rented ? t_.rented_carbon(u.workload, pool.system)
                                : t_.extra[z(u.workload)][z(pool.system)] *
                                      t_.least_energy_carbon(pool.system, q_, &f);
  return kt / multiplier(f.performance, pool.system);
}

void QuarterLp::state(const Future& f, const Deliveries& d, milp::LpSession& lp) const {
  for (const Limit& c : capacities_) {
    const double speed = multiplier(f.performance, t_.pools[z(c.index)].system);
    lp.set_row_bounds(c.row, -milp::infinity, speed * lots(c.index, f, d));
  }
  for (const Limit& l : demands_) {
    const double amount = l.amount * multiplier(f.demand, l.index);
    lp.set_row_bounds(l.row, amount, amount);
    const double penalty = t_.penalty[z(l.index)] * factor(f, Scales::penalty, l.index);
    const bool first = t_.s.workloads[z(l.index)].must_serve;
    lp.set_cost(unmet_[z(l.index)], first ? penalty + must : penalty);
  }
  for (const Limit& l : limits_) {
    lp.set_row_bounds(l.row, -milp::infinity, l.amount * multiplier(f.demand, l.index));
  }
  for (const Use& u : uses_) lp.set_cost(u.variable, energy_cost(u, f));
  for (const Short& s : shorts_) {
    const Rental& rental = t_.s.rentals[z(s.rental)];
    const double speed = multiplier(f.performance, rental.system);
    const double chips = t_.s.systems[z(rental.system)].chips_per_lot;
    const double most =
        rental.chips_ceiling.empty() ? milp::infinity : rental.chips_ceiling[z(q_)] / chips;
    lp.set_bounds(s.variable, 0.0, speed * most);
    lp.set_cost(s.variable, rent(s.rental, f) / speed);
  }
}

void QuarterLp::sum(const Future& f, const std::vector<double>& x, Sums& sums) const {
  double cash = 0.0, penalties = 0.0;
  for (const Limit& d : demands_) {
    const double unmet = x[z(unmet_[z(d.index)])];
    const double asked = d.amount * multiplier(f.demand, d.index);
    penalties += t_.penalty[z(d.index)] * factor(f, Scales::penalty, d.index) * unmet;
    sums.demanded += asked;
    sums.demand[z(d.index)] += asked;
    sums.unserved[z(d.index)] += unmet;
  }
  for (const Short& s : shorts_) {
    const double speed = multiplier(f.performance, t_.s.rentals[z(s.rental)].system);
    cash += x[z(s.variable)] / speed * rent(s.rental, f);
  }
  for (const Use& u : uses_) {
    const int i = t_.pools[z(u.pool)].system;
    const double done = x[z(u.variable)] * t_.work[z(u.workload)][z(i)];
    sums.served += done;
    cash += x[z(u.variable)] * energy_cost(u, f);
    sums.carbon += x[z(u.variable)] * carbon_of(u, f);
    if (q_ < t_.s.own_share_from_quarter) continue;
    sums.counted += done;
    if (t_.s.systems[z(i)].own_silicon) sums.own += done;
  }
  for (int site = 0; site < t_.sites; ++site) {
    const double power = t_.s.sites[z(site)].power[z(q_)].raw() / 1e6;
    const double missing = powered(site) - power * factor(f, Scales::power, site);
    double& worst = sums.missing_power[z(site)];
    if (lit(site, f) < 1.0 - 1e-9) worst = std::max(worst, missing);
  }
  sums.cash[z(q_)] += cash;
  sums.cost += (cash + penalties) * t_.discount[z(q_)];
}

}  // namespace tightrope::procure
