// Leases: machines of a lessor at our own sites, for a term.
#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

std::string label(const Terms& t, const char* what, const std::string& who, int quarter) {
  return fmt::format("{}[{},{}]", what, who, t.s.calendar.quarters[z(quarter)]);
}

void signed_lots(const Terms& t, Program& p, int l, int q) {
  const Lease& lease = t.s.leases[z(l)];
  const double most = t.lease_bound(l, q);
  const int v = p.model.add_variable(
      {.name = label(t, "lease", lease.id, q), .upper = most, .integer = true});
  p.lease(l, q) = v;
  p.first_stage.push_back(v);
  p.whole[z(q)].push_back(v);
  if (lease.least_lots <= 1) return;
  const int any = p.model.add_variable(
      {.name = label(t, "lease_any", lease.id, q), .upper = 1.0, .integer = true});
  p.first_stage.push_back(any);
  p.yes_no.push_back(any);
  p.any_orders.push_back({any, v, 1.0 * lease.least_lots});
  p.model.add_row({.name = label(t, "lease_least", lease.id, q),
                   .lower = 0.0,
                   .terms = {{v, 1.0}, {any, -1.0 * lease.least_lots}}});
  p.model.add_row({.name = label(t, "lease_most", lease.id, q),
                   .upper = 0.0,
                   .terms = {{v, 1.0}, {any, -most}}});
}

/// Lots that are bought when the term of those signed in `q` ends, within the plan or with it.
void bought_lots(const Terms& t, Program& p, int l, int q) {
  const Lease& lease = t.s.leases[z(l)];
  const int end = t.lease_end(l, q);
  if (lease.purchase_share == unlimited || end > t.quarters) return;
  if (lease.term_quarters >= t.s.systems[z(lease.system)].life_quarters) return;
  const int v = p.model.add_variable(
      {.name = label(t, "buy_out", lease.id, q), .upper = t.lease_bound(l, q), .integer = true});
  p.buy_out(l, q) = v;
  p.first_stage.push_back(v);
  p.whole[z(std::min(end, t.quarters - 1))].push_back(v);
  p.model.add_row({.name = label(t, "bought_out", lease.id, q),
                   .upper = 0.0,
                   .terms = {{v, 1.0}, {p.lease(l, q), -1.0}}});
  p.vintages[z(lease.system)].push_back({v, t.lease_arrival(l, q), q, end, l});
}

/// Which makers the lessor's machines come from, where that is scarce.
void makers(const Terms& t, Program& p, int l) {
  const Lease& lease = t.s.leases[z(l)];
  const System& system = t.s.systems[z(lease.system)];
  p.leased_part[z(l)].assign(system.routes.size(), std::vector<int>(z(t.quarters), -1));
  if (lease.lessors_supply || system.routes.empty()) return;
  for (int q = 0; q < t.quarters; ++q) {
    const int lots = p.lease(l, q);
    if (lots < 0) continue;
    milp::Row split{.name = label(t, "lease_split", lease.id, q), .lower = 0.0, .upper = 0.0};
    split.terms.push_back({lots, -1.0});
    for (std::size_t r = 0; r < system.routes.size(); ++r) {
      const Route& route = system.routes[r];
      if (t.lease_arrival(l, q) < route.first_quarter) continue;
      const int v =
          p.model.add_variable({.name = label(t, "lease_part", lease.id + "," + route.id, q)});
      p.leased_part[z(l)][r][z(q)] = v;
      p.first_stage.push_back(v);
      split.terms.push_back({v, 1.0});
      const int qualified = p.qualified[z(lease.system)][r];
      if (qualified < 0) continue;
      p.model.add_row({.name = label(t, "lease_qualified", lease.id, q),
                       .upper = 0.0,
                       .terms = {{v, 1.0}, {qualified, -t.lease_bound(l, q)}}});
    }
    p.model.add_row(std::move(split));
  }
}

/// What the lessor offers: at one time, and to be signed in a quarter.
void ceilings(const Terms& t, Program& p, int l) {
  const Lease& lease = t.s.leases[z(l)];
  const double chips = t.s.systems[z(lease.system)].chips_per_lot;
  const auto limit = [&](const char* what, const std::string& group, double ceiling, int q,
                         std::vector<milp::Term> terms) {
    if (ceiling == unlimited || terms.empty()) return;
    const int row = p.model.add_row({.name = label(t, what, lease.id, q),
                                     .group = group,
                                     .upper = ceiling / chips,
                                     .terms = std::move(terms)});
    p.scarce.push_back({row, ScarceKind::lease, l, q, chips});
  };
  for (int q = 0; q < t.quarters; ++q) {
    if (!lease.chips_ceiling.empty()) {
      std::vector<milp::Term> terms;
      add_leased(t, p, l, q, 0, 1.0, terms);
      limit("leased_most", "ceiling of lease " + lease.id, lease.chips_ceiling[z(q)], q, terms);
    }
    if (!lease.new_chips_ceiling.empty() && p.lease(l, q) >= 0) {
      limit("new_most", "new machines of lease " + lease.id, lease.new_chips_ceiling[z(q)], q,
            {{p.lease(l, q), 1.0}});
    }
  }
}

/// Payments of one lot signed in `q`, and what of them is left at the plan's end.
std::vector<Entry> payments(const Terms& t, int l, int q) {
  const Lease& lease = t.s.leases[z(l)];
  const int arrival = t.lease_arrival(l, q);
  std::vector<Entry> list;
  const auto add = [&](int quarter, CostKind kind, double amount) {
    Entry entry{-1, quarter, kind, amount, -1, Driver::lease, lease.system, l};
    entry.since = arrival;
    entry.signed_in = q;
    list.push_back(entry);
  };
  for (int e = arrival; e < std::min(t.quarters, t.lease_end(l, q)); ++e) {
    add(e, CostKind::lease, t.lease_of_quarter(l, q));
  }
  const double left = t.lease_remainder(l, q);
  if (left > 0.0) add(t.quarters, CostKind::remainder, left);
  return list;
}

/// The end of a term beyond the plan, at the plan's end: of a cost (handing back) the share of the
/// term that has passed and of the rest what is not worth its price; of a gain (buying below what
/// the machine is worth) the share of the term that has passed.
void end_beyond(const Terms& t, Program& p, int l, int q) {
  const Lease& lease = t.s.leases[z(l)];
  const int i = lease.system, end = t.lease_end(l, q);
  const double passed = 1.0 * (t.quarters - t.lease_arrival(l, q)) / lease.term_quarters;
  const double later = std::pow(t.step, end - t.quarters);
  const double back = lease.hand_back_cost.raw() / 1e6;
  double bought = back;
  if (lease.purchase_share < unlimited) {
    bought = (lease.purchase_share - t.resale(i, lease.term_quarters) * t.cheapest[z(i)]) *
             t.lot_price[z(i)][z(q)];
  }
  const double cost = std::min(back, bought);
  const double share = cost > 0.0 ? 1.0 - t.s.remainder_worth * (1.0 - passed) : passed;
  if (cost == 0.0) return;
  const Driver driver = bought < back ? Driver::purchase : Driver::hand_back;
  p.cash.push_back(
      {p.lease(l, q), t.quarters, CostKind::remainder, cost * share * later, -1, driver, i, l});
}

void hand_back(const Terms& t, Program& p, int l, int q) {
  const Lease& lease = t.s.leases[z(l)];
  const double cost = lease.hand_back_cost.raw() / 1e6;
  const int end = t.lease_end(l, q);
  if (cost <= 0.0) return;
  const auto add = [&](int variable, double amount) {
    if (variable < 0) return;
    p.cash.push_back(
        {variable, end, CostKind::lease, amount, -1, Driver::hand_back, lease.system, l});
  };
  add(p.lease(l, q), cost);
  add(p.buy_out(l, q), -cost);
}

void prices(const Terms& t, Program& p, int l) {
  const Lease& lease = t.s.leases[z(l)];
  const System& system = t.s.systems[z(lease.system)];
  SteppedOffer offer{.id = "lease_" + lease.id, .chips = 1.0 * system.chips_per_lot};
  for (int q = 0; q < t.quarters; ++q) {
    const int v = p.lease(l, q);
    offer.lots.push_back(v);
    offer.most.push_back(v < 0 ? 0.0 : t.lease_bound(l, q));
    offer.bound.push_back(offer.most.back());
    offer.price.emplace_back();
    if (v < 0) continue;
    offer.price.back() = payments(t, l, q);
    for (Entry entry : offer.price.back()) {
      entry.variable = v;
      p.cash.push_back(entry);
    }
    if (!lease.serviced) {
      keep(t, p, lease.system, {v, t.lease_arrival(l, q), t.lease_end(l, q), 1.0});
    }
    if (t.lease_end(l, q) > t.quarters) {
      end_beyond(t, p, l, q);
    } else {
      hand_back(t, p, l, q);
    }
    const double carbon = system.embodied_carbon.raw() * system.chips_per_lot / 1e9;
    if (carbon > 0.0) {
      p.carbon.push_back({v, q, CostKind::lease, carbon, -1, Driver::none, lease.system});
    }
  }
  if (lease.price_steps.empty()) return;
  offer.steps = lease.price_steps;
  if (offer.steps.front().from_chips > 0.0) offer.steps.insert(offer.steps.begin(), {0.0, 1.0});
  add_price_steps(t, p, offer);
}

}  // namespace

bool has_own(const Terms& t, const Program& p, int system) {
  if (!p.vintages[z(system)].empty()) return true;
  for (int l = 0; l < t.leases; ++l) {
    for (int q = 0; t.s.leases[z(l)].system == system && q < t.quarters; ++q) {
      if (p.lease(l, q) >= 0) return true;
    }
  }
  return false;
}

void add_leased(const Terms& t, const Program& p, int lease, int quarter, int slip, double factor,
                std::vector<milp::Term>& terms) {
  for (int e = 0; e <= quarter; ++e) {
    if (p.lease(lease, e) < 0 || t.lease_arrival(lease, e) + slip > quarter) continue;
    if (quarter < t.lease_end(lease, e)) terms.push_back({p.lease(lease, e), factor});
  }
}

void add_leases_of(const Terms& t, Program& p, int system) {
  for (int l = 0; l < t.leases; ++l) {
    if (t.s.leases[z(l)].system != system) continue;
    for (int q = 0; q < t.quarters; ++q) {
      if (!t.can_sign(l, q)) continue;
      signed_lots(t, p, l, q);
      bought_lots(t, p, l, q);
    }
    makers(t, p, l);
    ceilings(t, p, l);
  }
}

void add_lease_prices(const Terms& t, Program& p) {
  for (int l = 0; l < t.leases; ++l) prices(t, p, l);
}

}  // namespace tightrope::procure
