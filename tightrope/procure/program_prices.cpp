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

/// Step j of size `lots` opens in a quarter only when step j - 1 is full by then.
struct Step {
  double lots = 0.0;
  double from = 0.0;  ///< cumulative lots at which it begins
  double multiplier = 1.0;
  std::vector<int> bought;
};

void open_step(const Terms& t, Program& p, int i, const Step& before, const Step& step, int j) {
  const std::string& id = t.s.systems[z(i)].id;
  int earlier = -1;
  double can_have = 0.0;
  for (int q = 0; q < t.quarters; ++q) {
    if (step.bought[z(q)] < 0) continue;
    can_have += t.most_order[z(i)][z(q)];
    const bool possible = t.widened || can_have >= step.from;
    const std::string name = fmt::format("{},{},{}", id, j, t.s.calendar.quarters[z(q)]);
    const int open = p.model.add_variable(
        {.name = "open[" + name + "]", .upper = possible ? 1.0 : 0.0, .integer = true});
    p.first_stage.push_back(open);
    p.yes_no.push_back(open);
    p.opens.push_back({open, i, q, step.from});
    p.model.add_row(
        {.name = "step[" + name + "]",
         .upper = 0.0,
         .terms = {{step.bought[z(q)], 1.0}, {open, -std::min(step.lots, t.order_bound(i, q))}}});
    // By then at most what lies in the step, or what supply leaves beyond its start.
    const double beyond = t.widened ? step.lots : std::max(0.0, can_have - step.from);
    milp::Row cumulative{.name = "steps_by[" + name + "]", .upper = 0.0, .terms = {}};
    const double most = std::min(step.lots, beyond);
    // The row stands in every form of the program: rows of one are read by the indices of another.
    if (most == unlimited) cumulative.upper = milp::infinity;
    if (most < unlimited) cumulative.terms.push_back({open, -most});
    for (int e = 0; e <= q; ++e) {
      if (step.bought[z(e)] >= 0) cumulative.terms.push_back({step.bought[z(e)], 1.0});
    }
    p.model.add_row(std::move(cumulative));
    milp::Row full{.name = "full[" + name + "]", .lower = 0.0, .terms = {{open, -before.lots}}};
    for (int e = 0; e <= q; ++e) {
      if (before.bought[z(e)] >= 0) full.terms.push_back({before.bought[z(e)], 1.0});
    }
    p.model.add_row(std::move(full));
    if (earlier >= 0) {
      p.model.add_row(
          {.name = "stays[" + name + "]", .lower = 0.0, .terms = {{open, 1.0}, {earlier, -1.0}}});
    }
    earlier = open;
  }
}

void price_steps(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  const double chips = system.chips_per_lot;
  double most = 0.0;
  for (double lots : t.most_order[z(i)]) most += lots;
  const std::vector<PriceStep> list = merged_steps(system, most * chips);
  if (list.size() < 2) return;
  std::vector<Step> steps;
  for (std::size_t j = 0; j < list.size(); ++j) {
    const double end = j + 1 < list.size() ? list[j + 1].from_chips : unlimited;
    Step step{
        (end - list[j].from_chips) / chips, list[j].from_chips / chips, list[j].multiplier, {}};
    milp::Row size{.name = fmt::format("step_size[{},{}]", system.id, j), .upper = step.lots};
    for (int q = 0; q < t.quarters; ++q) {
      step.bought.push_back(-1);
      if (p.buy(i, q) < 0) continue;
      const int v = p.model.add_variable(
          {.name = fmt::format("step[{},{},{}]", system.id, j, t.s.calendar.quarters[z(q)])});
      p.first_stage.push_back(v);
      step.bought.back() = v;
      size.terms.push_back({v, 1.0});
      const double saved = t.lot_price[z(i)][z(q)] * (step.multiplier - 1.0);
      p.cash.push_back({v, q, CostKind::purchase, saved, -1, Driver::purchase, i});
    }
    if (step.lots < unlimited) p.model.add_row(std::move(size));
    steps.push_back(step);
  }
  for (int q = 0; q < t.quarters; ++q) {
    if (p.buy(i, q) < 0) continue;
    milp::Row sum{.name = "steps", .lower = 0.0, .upper = 0.0, .terms = {{p.buy(i, q), -1.0}}};
    for (const Step& step : steps) sum.terms.push_back({step.bought[z(q)], 1.0});
    p.model.add_row(std::move(sum));
  }
  for (std::size_t j = 1; j < steps.size(); ++j) {
    open_step(t, p, i, steps[j - 1], steps[j], static_cast<int>(j));
  }
}

struct Keeping {
  int variable = 0;
  int from = 0, to = 0;  ///< quarters in service: [from, to)
  double sign = 1.0;
};

/// Upkeep and repairs of one lot while it serves.
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

void service(const Terms& t, Program& p, int i) {
  const int life = t.s.systems[z(i)].life_quarters;
  for (std::size_t v = 0; v < p.vintages[z(i)].size(); ++v) {
    const Vintage& vintage = p.vintages[z(i)][v];
    const int end = vintage.arrival + life;
    // No lot sells for more than the least it can have cost.
    const double paid = t.lot_price[z(i)][z(vintage.price_quarter)] * t.cheapest[z(i)];
    const double at_end = paid * t.resale(i, t.quarters - vintage.arrival);
    keep(t, p, i, {vintage.variable, vintage.arrival, end, 1.0});
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

void add_prices(const Terms& t, Program& p) {
  for (int i = 0; i < t.systems; ++i) {
    list_prices(t, p, i);
    price_steps(t, p, i);
    service(t, p, i);
  }
}

}  // namespace tightrope::procure
