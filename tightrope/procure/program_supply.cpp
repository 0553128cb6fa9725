// Orders, arrivals, what limits them, their prices, and the end of a lot's life.
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

void order_variables(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  for (int b = 0; b < static_cast<int>(system.owned.size()); ++b) {
    const OwnedLots& owned = system.owned[z(b)];
    const double lots = owned.lots;
    const int v = p.model.add_variable(
        {.name = fmt::format("owned[{},{}]", system.id, b), .lower = lots, .upper = lots});
    p.vintages[z(i)].push_back({v, -owned.age_quarters, 0, 0});
  }
  for (int q = 0; q < t.quarters; ++q) {
    const int arrival = q + system.lead_quarters;
    if (!system.can_buy || arrival >= t.quarters || t.most_lots[z(i)] <= 0.0) continue;
    const int v = p.model.add_variable(
        {.name = label(t, "buy", system.id, q), .upper = t.order_bound(i, q), .integer = true});
    p.buy(i, q) = v;
    p.first_stage.push_back(v);
    p.whole[z(q)].push_back(v);
    p.vintages[z(i)].push_back({v, arrival, q, arrival});
    if (system.least_lots <= 1) continue;
    const int any = p.model.add_variable(
        {.name = label(t, "order", system.id, q), .upper = 1.0, .integer = true});
    p.first_stage.push_back(any);
    p.yes_no.push_back(any);
    p.any_orders.push_back({any, v, 1.0 * system.least_lots});
    p.model.add_row({.name = label(t, "least", system.id, q),
                     .lower = 0.0,
                     .terms = {{v, 1.0}, {any, -1.0 * system.least_lots}}});
    p.model.add_row({.name = label(t, "most", system.id, q),
                     .upper = 0.0,
                     .terms = {{v, 1.0}, {any, -t.order_bound(i, q)}}});
  }
}

/// How orders are split over routes; without routes or with one, the order itself.
void route_variables(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  const int routes = std::max<int>(1, static_cast<int>(system.routes.size()));
  p.part[z(i)].assign(z(routes), std::vector<int>(z(t.quarters), -1));
  p.qualified[z(i)].assign(z(routes), -1);
  for (int r = 0; r < routes; ++r) {
    if (system.routes.empty()) break;
    if (system.routes[z(r)].qualifying_cost.raw() <= 0.0) continue;
    const int v = p.model.add_variable(
        {.name = fmt::format("qualify[{},{}]", system.id, r), .upper = 1.0, .integer = true});
    p.qualified[z(i)][z(r)] = v;
    p.first_stage.push_back(v);
    p.yes_no.push_back(v);
    p.cash.push_back({v, 0, CostKind::qualifying, system.routes[z(r)].qualifying_cost.raw() / 1e6,
                      -1, Driver::none, i});
  }
  for (int q = 0; q < t.quarters; ++q) {
    const int buy = p.buy(i, q);
    if (buy < 0) continue;
    if (system.routes.empty()) {
      p.part[z(i)][0][z(q)] = buy;
      continue;
    }
    milp::Row split{.name = label(t, "split", system.id, q), .lower = 0.0, .upper = 0.0};
    split.terms.push_back({buy, -1.0});
    for (int r = 0; r < routes; ++r) {
      if (q + system.lead_quarters < system.routes[z(r)].first_quarter) continue;
      const int v = p.model.add_variable(
          {.name = label(t, "part", system.id + "," + system.routes[z(r)].id, q)});
      p.part[z(i)][z(r)][z(q)] = v;
      p.first_stage.push_back(v);
      split.terms.push_back({v, 1.0});
      const int qualified = p.qualified[z(i)][z(r)];
      if (qualified >= 0) {
        p.model.add_row({.name = label(t, "qualified", system.id, q),
                         .upper = 0.0,
                         .terms = {{v, 1.0}, {qualified, -t.order_bound(i, q)}}});
      }
    }
    p.model.add_row(std::move(split));
  }
}

void ceilings(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  const double chips = system.chips_per_lot;
  for (int arrival = 0; arrival < t.quarters; ++arrival) {
    const auto limit = [&](int route, double ceiling, ScarceKind kind, const std::string& group) {
      if (ceiling == unlimited) return;
      milp::Row row{.name = label(t, "supply", system.id, arrival),
                    .group = group,
                    .upper = ceiling / chips,
                    .terms = arriving_lots(t, p, i, route, arrival)};
      if (row.terms.empty()) return;
      p.scarce.push_back({p.model.add_row(std::move(row)), kind, i, arrival, chips});
    };
    if (!system.chips_ceiling.empty()) {
      limit(-1, system.chips_ceiling[z(arrival)], ScarceKind::supply, "supply of " + system.id);
    }
    for (int r = 0; r < static_cast<int>(system.routes.size()); ++r) {
      const Route& route = system.routes[z(r)];
      if (route.chips_ceiling.empty()) continue;
      limit(r, route.chips_ceiling[z(arrival)], ScarceKind::route,
            fmt::format("supply of {} from {}", system.id, route.id));
    }
  }
}

void resources(const Terms& t, Program& p) {
  for (int x = 0; x < static_cast<int>(t.s.resources.size()); ++x) {
    const SharedResource& resource = t.s.resources[z(x)];
    for (int arrival = 0; arrival < t.quarters; ++arrival) {
      milp::Row row{.name = label(t, "resource", resource.id, arrival),
                    .group = "supply of " + resource.id,
                    .upper = resource.supply[z(arrival)]};
      for (int i = 0; i < t.systems; ++i) {
        const System& system = t.s.systems[z(i)];
        for (int r = 0; r < static_cast<int>(system.routes.size()); ++r) {
          for (const milp::Term& part : arriving_lots(t, p, i, r, arrival)) {
            for (const ResourceUse& use : system.routes[z(r)].uses) {
              if (use.resource != x || arrival < use.from_quarter || arrival >= use.until_quarter) {
                continue;
              }
              row.terms.push_back({part.variable, use.a_chip * system.chips_per_lot});
            }
          }
        }
      }
      if (row.terms.empty() || row.upper == unlimited) continue;
      p.scarce.push_back({p.model.add_row(std::move(row)), ScarceKind::resource, x, arrival, 1.0});
    }
  }
}

int longest_slip(const Terms& t, int i) {
  int slip = 0;
  for (const Future& future : t.all_futures) {
    if (!future.slip_quarters.empty()) slip = std::max(slip, future.slip_quarters[z(i)]);
  }
  return slip;
}

/// Early retirement: only of lots that are worth something then and had not come to their end.
void retirement(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  const int slip = longest_slip(t, i);
  for (const Vintage& vintage : p.vintages[z(i)]) {
    std::vector<int> by_quarter(z(t.quarters), -1);
    milp::Row row{.name = fmt::format("retire_most[{},{}]", system.id, vintage.arrival),
                  .upper = 0.0,
                  .terms = {{vintage.variable, -1.0}}};
    if (vintage.lease >= 0) row.name += "," + t.s.leases[z(vintage.lease)].id;
    const bool owned = p.retire[z(i)].size() < system.owned.size();
    // What was leased is sold as soon as it is bought, if that pays; an order a quarter later.
    const bool bought = vintage.lease >= 0;
    const int first = bought ? std::max(vintage.from, vintage.arrival + slip)
                             : std::max(0, vintage.arrival + (owned ? 0 : slip));
    for (int q = first; q < t.quarters; ++q) {
      if (q <= vintage.arrival || t.resale(i, q - vintage.arrival) <= 0.0) continue;
      std::string who = fmt::format("{},{}", system.id, vintage.arrival);
      if (bought) who += "," + t.s.leases[z(vintage.lease)].id;
      const int v = p.model.add_variable({.name = label(t, "retire", who, q)});
      by_quarter[z(q)] = v;
      p.first_stage.push_back(v);
      row.terms.push_back({v, 1.0});
    }
    p.retire[z(i)].push_back(by_quarter);
    if (row.terms.size() > 1) p.model.add_row(std::move(row));
  }
}

}  // namespace

std::vector<milp::Term> arriving_lots(const Terms& t, const Program& p, int i, int route,
                                      int arrival) {
  std::vector<milp::Term> terms;
  const int q = arrival - t.s.systems[z(i)].lead_quarters;
  const int bought = q < 0 ? -1 : route < 0 ? p.buy(i, q) : p.part[z(i)][z(route)][z(q)];
  if (bought >= 0) terms.push_back({bought, 1.0});
  for (int l = 0; l < t.leases; ++l) {
    const Lease& lease = t.s.leases[z(l)];
    const int e = arrival - lease.lead_quarters;
    if (lease.system != i || lease.lessors_supply || e < 0) continue;
    const int v = route < 0 ? p.lease(l, e) : p.leased_part[z(l)][z(route)][z(e)];
    if (v >= 0) terms.push_back({v, 1.0});
  }
  return terms;
}

void add_supply(const Terms& t, Program& p) {
  p.buy = Grid<int>({t.systems, t.quarters}, -1);
  p.part.resize(z(t.systems));
  p.qualified.resize(z(t.systems));
  p.vintages.resize(z(t.systems));
  p.retire.resize(z(t.systems));
  p.whole.resize(z(t.quarters));
  p.lease = Grid<int>({t.leases, t.quarters}, -1);
  p.buy_out = p.lease;
  p.leased_part.resize(z(t.leases));
  for (int i = 0; i < t.systems; ++i) {
    order_variables(t, p, i);
    route_variables(t, p, i);
    add_leases_of(t, p, i);
    ceilings(t, p, i);
    retirement(t, p, i);
  }
  resources(t, p);
}

}  // namespace tightrope::procure
