#include <algorithm>
#include <cmath>
#include <set>

#include "tightrope/core/check.h"
#include "tightrope/procure/terms_internal.h"

namespace tightrope::procure {
namespace {

constexpr double million = 1e6;     // USD in M$, W in MW
constexpr double kilotonne = 1e9;   // g in kt
constexpr int most_doublings = 20;  ///< only those that can be reached become steps

double steps_at(const std::vector<PriceStep>& steps, double chips) {
  double m = 1.0;
  for (const PriceStep& step : steps) {
    if (step.from_chips <= chips) m = step.multiplier;
  }
  return m;
}

void fill_work(const Scenario& s, Terms& t) {
  for (std::size_t w = 0; w < s.workloads.size(); ++w) {
    const Workload& workload = s.workloads[w];
    double best = 0.0;
    for (const Throughput& x : s.throughput[w]) {
      if (x.feasible) best = std::max(best, x.of_chip.raw());
    }
    const double scale = best > 0.0 ? best : 1.0;
    std::vector<double> work, extra, heat, demand;
    for (std::size_t i = 0; i < s.systems.size(); ++i) {
      const System& system = s.systems[i];
      const Throughput& x = s.throughput[w][i];
      const double lot = x.power_of_chip.raw() * system.chips_per_lot / million;
      work.push_back(x.feasible ? system.chips_per_lot * x.of_chip.raw() / scale : 0.0);
      heat.push_back(lot);
      extra.push_back(std::max(0.0, lot - t.idle[i]));
    }
    for (const TokensPerSecond& d : workload.demand) demand.push_back(d.raw() / scale);
    t.work.push_back(work);
    t.extra.push_back(extra);
    t.heat.push_back(heat);
    t.demand.push_back(demand);
    t.penalty.push_back(workload.unserved_penalty.raw() * scale * s.calendar.length.raw() /
                        million);
  }
}

/// Lots of a system beyond which no more can compute, by demand.
double busy_lots(const Terms& t, int system) {
  const auto i = static_cast<std::size_t>(system);
  double most = 0.0;
  for (const Future& future : t.all_futures) {
    for (int q = 0; q < t.quarters; ++q) {
      double lots = 0.0;
      for (int w = 0; w < t.workloads; ++w) {
        if (!t.runs(w, system)) continue;
        const auto x = static_cast<std::size_t>(w);
        lots += t.demand[x][static_cast<std::size_t>(q)] * multiplier(future.demand, w) /
                (t.work[x][i] * t.computing(system) * multiplier(future.performance, system));
      }
      most = std::max(most, lots);
    }
  }
  return most;
}

/// The same by power and by what sites allow.
double powered_lots(const Terms& t, int system) {
  const auto i = static_cast<std::size_t>(system);
  double powered = 0.0;
  for (int site = 0; site < t.sites; ++site) {
    if (!t.stands_at(system, site)) continue;
    const Site& place = t.s.sites[static_cast<std::size_t>(site)];
    double power = 0.0;
    for (const Watts& p : place.power) power = std::max(power, p.raw());
    powered += std::min(power / (t.s.systems[i].lot_power.raw() * place.pue),
                        place.chips_ceiling / t.s.systems[i].chips_per_lot);
  }
  return powered;
}

/// Lots that one route can bring in a quarter, by its ceiling and by each resource alone.
double route_lots(const Scenario& s, const System& system, const Route& route, int arrival) {
  const auto q = static_cast<std::size_t>(arrival);
  if (arrival < route.first_quarter) return 0.0;
  double chips = route.chips_ceiling.empty() ? unlimited : route.chips_ceiling[q];
  for (const ResourceUse& use : route.uses) {
    if (arrival < use.from_quarter || arrival >= use.until_quarter || use.a_chip <= 0.0) continue;
    chips =
        std::min(chips, s.resources[static_cast<std::size_t>(use.resource)].supply[q] / use.a_chip);
  }
  return chips / system.chips_per_lot;
}

/// The largest order of a quarter that supply and use allow; whole lots.
double largest_order(const Scenario& s, const System& system, int quarter, double most) {
  const int arrival = quarter + system.lead_quarters;
  if (arrival >= static_cast<int>(s.calendar.quarters.size())) return 0.0;
  double lots = most;
  if (!system.chips_ceiling.empty()) {
    lots = std::min(lots,
                    system.chips_ceiling[static_cast<std::size_t>(arrival)] / system.chips_per_lot);
  }
  if (!system.routes.empty()) {
    double routes = 0.0;
    for (const Route& route : system.routes) routes += route_lots(s, system, route, arrival);
    lots = std::min(lots, routes);
  }
  return std::floor(lots + 1e-9);
}

constexpr double any_lots = 1e7;

}  // namespace

void Terms::loosen() {
  widened = true;
  for (double& most : most_lots) most = any_lots;
  most_busy = most_lots;
}

double Terms::order_bound(int system, int quarter) const {
  const auto i = static_cast<std::size_t>(system);
  return widened ? most_busy[i] : most_order[i][static_cast<std::size_t>(quarter)];
}

double multiplier(const std::vector<double>& list, int index) {
  return list.empty() ? 1.0 : list[static_cast<std::size_t>(index)];
}

std::size_t things_of(const Scenario& s, Scales scales) {
  switch (scales) {
    case Scales::demand:
    case Scales::penalty:
    case Scales::port_cost: return s.workloads.size();
    case Scales::rental_price: return s.rentals.size();
    case Scales::lease_price:
    case Scales::hand_back:
    case Scales::buy_out: return s.leases.size();
    case Scales::electricity:
    case Scales::carbon:
    case Scales::power: return s.sites.size();
    case Scales::resource: return s.resources.size();
    default: return s.systems.size();
  }
}

double factor(const Future& future, Scales scales, int index) {
  const auto of = static_cast<std::size_t>(scales);
  return of < future.factors.size() ? multiplier(future.factors[of], index) : 1.0;
}

std::vector<PriceStep> merged_steps(const System& system, double most_chips) {
  std::vector<PriceStep> learning = {{0.0, 1.0}};
  if (system.learning_rate > 0.0) {
    double from = system.learning_from_chips, m = 1.0;
    for (int n = 0; n < most_doublings && from * 2.0 < most_chips; ++n) {
      from *= 2.0;
      m *= 1.0 - system.learning_rate;
      learning.push_back({from, m});
    }
  }
  std::set<double> starts = {0.0};
  for (const PriceStep& step : learning) starts.insert(step.from_chips);
  for (const PriceStep& step : system.price_steps) starts.insert(step.from_chips);
  std::vector<PriceStep> merged;
  for (double from : starts) {
    const double m = steps_at(learning, from) * steps_at(system.price_steps, from);
    if (from >= most_chips && !merged.empty()) break;
    if (!merged.empty() && m >= merged.back().multiplier) continue;
    merged.push_back({from, m});
  }
  return merged;
}

Terms::Terms(const Scenario& scenario)
    : s(scenario),
      quarters(static_cast<int>(s.calendar.quarters.size())),
      systems(static_cast<int>(s.systems.size())),
      sites(static_cast<int>(s.sites.size())),
      workloads(static_cast<int>(s.workloads.size())),
      rentals(static_cast<int>(s.rentals.size())),
      leases(static_cast<int>(s.leases.size())),
      all_futures(s.futures) {
  if (all_futures.empty()) all_futures.resize(1);
  futures = static_cast<int>(all_futures.size());
  step = std::pow(1.0 + s.calendar.discount_rate, -1.0 / s.calendar.quarters_in_year);
  for (int q = 0; q <= quarters; ++q) discount.push_back(std::pow(step, q));
  for (const System& system : s.systems) {
    idle.push_back(system.lot_power.raw() * system.idle_power_share / million);
    std::vector<double> prices;
    for (const Dollars& price : system.price) {
      prices.push_back(price.raw() * system.chips_per_lot / million);
    }
    prices.resize(static_cast<std::size_t>(quarters), prices.empty() ? 0.0 : prices.back());
    lot_price.push_back(prices);
  }
  fill_work(s, *this);
  for (int i = 0; i < systems; ++i) {
    const System& system = s.systems[static_cast<std::size_t>(i)];
    most_busy.push_back(std::ceil(busy_lots(*this, i) - 1e-9) + system.least_lots - 1);
    const double powered = std::ceil(powered_lots(*this, i) - 1e-9) + system.least_lots - 1;
    most_lots.push_back(std::min(most_busy.back(), powered));
    most_order.emplace_back();
    for (int q = 0; q < quarters; ++q) {
      most_order.back().push_back(largest_order(s, system, q, most_lots.back()));
    }
    double route = system.routes.empty() ? 1.0 : unlimited;
    for (const Route& r : system.routes) route = std::min(route, r.price_multiplier);
    double chips = 0.0;
    for (double lots : most_order.back()) chips += lots * system.chips_per_lot;
    cheapest.push_back(std::max(0.0, merged_steps(system, chips).back().multiplier + route - 1.0));
    pools.push_back({i, false});
  }
  std::set<int> rented;
  for (const Rental& rental : s.rentals) rented.insert(rental.system);
  for (int i : rented) pools.push_back({i, true});
}

double Terms::asked(int from_quarter) const {
  double sum = 0.0;
  for (const Future& f : all_futures) {
    for (int w = 0; w < workloads; ++w) {
      for (int q = from_quarter; q < quarters; ++q) {
        sum += f.probability * multiplier(f.demand, w) *
               demand[static_cast<std::size_t>(w)][static_cast<std::size_t>(q)];
      }
    }
  }
  return sum;
}

double Terms::computing(int system) const {
  return 1.0 - s.systems[static_cast<std::size_t>(system)].spares_share;
}

bool Terms::stands_at(int system, int site) const {
  return s.systems[static_cast<std::size_t>(system)].rack_power <=
         s.sites[static_cast<std::size_t>(site)].cooling_per_rack;
}

double Terms::ported(const Port& port, int start, int quarter) {
  if (quarter < start) return 0.0;
  if (port.work_quarters <= 0) return 1.0;
  return std::min(1.0, static_cast<double>(quarter - start) / port.work_quarters);
}

int Terms::port_state(int workload, int system, int* port) const {
  const Workload& w = s.workloads[static_cast<std::size_t>(workload)];
  const std::string& architecture = s.systems[static_cast<std::size_t>(system)].architecture;
  if (architecture == w.architecture) return 0;
  for (std::size_t p = 0; p < w.ports.size(); ++p) {
    if (w.ports[p].architecture != architecture) continue;
    if (port != nullptr) *port = static_cast<int>(p);
    return w.ports[p].done ? 0 : 1;
  }
  return -1;
}

bool Terms::runs(int workload, int system) const {
  return work[static_cast<std::size_t>(workload)][static_cast<std::size_t>(system)] > 0.0 &&
         port_state(workload, system) >= 0;
}

double Terms::energy_cost(int site, int quarter, const Future* future) const {
  const Site& place = s.sites[static_cast<std::size_t>(site)];
  const double cost = place.pue * s.calendar.length.raw() *
                      place.electricity[static_cast<std::size_t>(quarter)].raw();
  if (future == nullptr) return cost;
  return cost * future->electricity * factor(*future, Scales::electricity, site);
}

double Terms::energy_carbon(int site, int quarter, const Future* future) const {
  const Site& place = s.sites[static_cast<std::size_t>(site)];
  const double carbon = place.pue * s.calendar.length.raw() *
                        place.carbon[static_cast<std::size_t>(quarter)].raw() * million / kilotonne;
  return future == nullptr ? carbon : carbon * factor(*future, Scales::carbon, site);
}

double Terms::least_energy_cost(int system, int quarter, const Future* future) const {
  double least = unlimited;
  for (int x = 0; x < sites; ++x) {
    if (stands_at(system, x)) least = std::min(least, energy_cost(x, quarter, future));
  }
  return least < unlimited ? least : 0.0;
}

double Terms::least_energy_carbon(int system, int quarter, const Future* future) const {
  double least = unlimited;
  for (int x = 0; x < sites; ++x) {
    if (stands_at(system, x)) least = std::min(least, energy_carbon(x, quarter, future));
  }
  return least < unlimited ? least : 0.0;
}

double Terms::usual_extra(int system) const {
  double sum = 0.0, count = 0.0;
  for (int w = 0; w < workloads; ++w) {
    if (!runs(w, system)) continue;
    sum += extra[static_cast<std::size_t>(w)][static_cast<std::size_t>(system)];
    count += 1.0;
  }
  return count > 0.0 ? sum / count * computing(system) : 0.0;
}

double Terms::rented_carbon(int workload, int system) const {
  double sum = 0.0, count = 0.0;
  for (const Rental& rental : s.rentals) {
    if (rental.system != system) continue;
    sum += rental.carbon.raw();
    count += 1.0;
  }
  if (count <= 0.0) return 0.0;
  return heat[static_cast<std::size_t>(workload)][static_cast<std::size_t>(system)] *
         s.calendar.length.raw() * sum / count * million / kilotonne;
}

double Terms::resale(int system, int age) const {
  const System& x = s.systems[static_cast<std::size_t>(system)];
  const auto a = static_cast<std::size_t>(std::max(age, 0));
  return a < x.resale_by_age.size() && age < x.life_quarters ? x.resale_by_age[a] : 0.0;
}

}  // namespace tightrope::procure
