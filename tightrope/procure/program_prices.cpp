// What lots cost: list prices, price steps, upkeep and repair while they serve, resale.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

void list_prices(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  for (int q = 0; q < t.quarters; ++q) {
    for (std::size_t r = 0; r < p.part[z(i)].size(); ++r) {
      const int part = p.part[z(i)][r][z(q)];
      if (part < 0) continue;
      const double route = system.routes.empty() ? 1.0 : system.routes[r].price_multiplier;
      p.cash.push_back(
          {part, q, CostKind::purchase, t.lot_price[z(i)][z(q)] * route, -1, Driver::purchase, i});
    }
    const double carbon = system.embodied_carbon.raw() * system.chips_per_lot / 1e9;
    if (p.buy(i, q) >= 0 && carbon > 0.0) {
      p.carbon.push_back({p.buy(i, q), q, CostKind::purchase, carbon, -1, Driver::none, i});
    }
  }
}

/// What an offer's lots cost, as steps over the lots that were taken before.
void price_steps(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  SteppedOffer offer{.id = system.id, .most = t.most_order[z(i)]};
  offer.chips = system.chips_per_lot;
  double most = 0.0;
  for (int q = 0; q < t.quarters; ++q) {
    most += offer.most[z(q)];
    offer.lots.push_back(p.buy(i, q));
    offer.bound.push_back(t.order_bound(i, q));
    offer.price.push_back(
        {{-1, q, CostKind::purchase, t.lot_price[z(i)][z(q)], -1, Driver::purchase, i}});
  }
  offer.steps = merged_steps(system, most * offer.chips);
  add_price_steps(t, p, offer);
}

/// The price of a lot that is bought when its lease ends.
void buy_out(const Terms& t, Program& p, int i, const Vintage& vintage) {
  const double share = t.s.leases[z(vintage.lease)].purchase_share;
  p.cash.push_back({vintage.variable, vintage.from, CostKind::purchase,
                    t.lot_price[z(i)][z(vintage.price_quarter)] * share, -1, Driver::buy_out, i,
                    vintage.lease});
}

void service(const Terms& t, Program& p, int i) {
  const int life = t.s.systems[z(i)].life_quarters;
  for (std::size_t v = 0; v < p.vintages[z(i)].size(); ++v) {
    const Vintage& vintage = p.vintages[z(i)][v];
    const int end = vintage.arrival + life;
    if (vintage.lease >= 0) buy_out(t, p, i, vintage);
    // No lot sells for more than the least it can have cost.
    const double paid = t.lot_price[z(i)][z(vintage.price_quarter)] * t.cheapest[z(i)];
    const double at_end = paid * t.resale(i, t.quarters - vintage.arrival);
    keep(t, p, i, {vintage.variable, vintage.from, end, 1.0});
    if (at_end > 0.0) {
      p.cash.push_back(
          {vintage.variable, t.quarters, CostKind::resale, -at_end, -1, Driver::purchase, i});
    }
    for (int q = 0; q < t.quarters; ++q) {
      const int retire = p.retire[z(i)][v][z(q)];
      if (retire < 0) continue;
      keep(t, p, i, {retire, q, end, -1.0});
      p.cash.push_back({retire, q, CostKind::resale, -paid * t.resale(i, q - vintage.arrival), -1,
                        Driver::purchase, i});
      if (at_end > 0.0) {
        p.cash.push_back({retire, t.quarters, CostKind::resale, at_end, -1, Driver::purchase, i});
      }
    }
  }
}

}  // namespace

void keep(const Terms& t, Program& p, int i, const Keeping& lots) {
  const System& system = t.s.systems[z(i)];
  const double years = 1.0 / t.s.calendar.quarters_in_year;
  for (int q = std::max(0, lots.from); q < std::min(lots.to, t.quarters); ++q) {
    const double price = t.lot_price[z(i)][z(q)] * years * lots.sign;
    const double upkeep = price * system.upkeep_a_year;
    const double repair = price * system.failures_a_year * system.repair_cost_share;
    if (upkeep != 0.0) {
      p.cash.push_back({lots.variable, q, CostKind::upkeep, upkeep, -1, Driver::purchase, i});
    }
    if (repair != 0.0) {
      p.cash.push_back({lots.variable, q, CostKind::repair, repair, -1, Driver::purchase, i});
    }
  }
}

void add_prices(const Terms& t, Program& p) {
  for (int i = 0; i < t.systems; ++i) {
    list_prices(t, p, i);
    price_steps(t, p, i);
    service(t, p, i);
  }
}

}  // namespace tightrope::procure
