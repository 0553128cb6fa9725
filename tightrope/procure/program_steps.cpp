// Price breaks and learning: an offer's lots in steps, each cheaper than the one before.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

/// Step j of size `lots` opens in a quarter only when step j - 1 is full by then.
struct Step {
  double lots = 0.0;
  double from = 0.0;  ///< cumulative lots at which it begins
  double multiplier = 1.0;
  std::vector<int> bought;
};

void open_step(const Terms& t, Program& p, const SteppedOffer& offer, const Step& before,
               const Step& step, int j) {
  int earlier = -1;
  double can_have = 0.0;
  for (int q = 0; q < t.quarters; ++q) {
    if (step.bought[z(q)] < 0) continue;
    can_have += offer.most[z(q)];
    const bool possible = t.widened || can_have >= step.from;
    const std::string name = fmt::format("{},{},{}", offer.id, j, t.s.calendar.quarters[z(q)]);
    const int open = p.model.add_variable(
        {.name = "open[" + name + "]", .upper = possible ? 1.0 : 0.0, .integer = true});
    p.first_stage.push_back(open);
    p.yes_no.push_back(open);
    p.opens.push_back({open, q, static_cast<int>(p.offers.size()) - 1, step.from});
    p.model.add_row(
        {.name = "step[" + name + "]",
         .upper = 0.0,
         .terms = {{step.bought[z(q)], 1.0}, {open, -std::min(step.lots, offer.bound[z(q)])}}});
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

}  // namespace

void add_price_steps(const Terms& t, Program& p, const SteppedOffer& offer) {
  const std::vector<PriceStep>& list = offer.steps;
  const double chips = offer.chips;
  if (list.size() < 2) return;
  p.offers.push_back(offer.lots);
  std::vector<Step> steps;
  for (std::size_t j = 0; j < list.size(); ++j) {
    const double end = j + 1 < list.size() ? list[j + 1].from_chips : unlimited;
    Step step{
        (end - list[j].from_chips) / chips, list[j].from_chips / chips, list[j].multiplier, {}};
    milp::Row size{.name = fmt::format("step_size[{},{}]", offer.id, j), .upper = step.lots};
    for (int q = 0; q < t.quarters; ++q) {
      step.bought.push_back(-1);
      if (offer.lots[z(q)] < 0) continue;
      const int v = p.model.add_variable(
          {.name = fmt::format("step[{},{},{}]", offer.id, j, t.s.calendar.quarters[z(q)])});
      p.first_stage.push_back(v);
      step.bought.back() = v;
      size.terms.push_back({v, 1.0});
      for (Entry entry : offer.price[z(q)]) {
        entry.variable = v;
        entry.amount *= step.multiplier - 1.0;
        p.cash.push_back(entry);
      }
    }
    if (step.lots < unlimited) p.model.add_row(std::move(size));
    steps.push_back(step);
  }
  for (int q = 0; q < t.quarters; ++q) {
    if (offer.lots[z(q)] < 0) continue;
    milp::Row sum{.name = "steps", .lower = 0.0, .upper = 0.0, .terms = {{offer.lots[z(q)], -1.0}}};
    for (const Step& step : steps) sum.terms.push_back({step.bought[z(q)], 1.0});
    p.model.add_row(std::move(sum));
  }
  for (std::size_t j = 1; j < steps.size(); ++j) {
    open_step(t, p, offer, steps[j - 1], steps[j], static_cast<int>(j));
  }
}

}  // namespace tightrope::procure
