// Constraints, order, the front, and what would make an infeasible request feasible.
#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "tightrope/study/plan_internal.h"

namespace tightrope::study::plan_internal {
namespace {

using Numbers = std::array<double, 3>;  // time, cost, energy

Numbers numbers_of(const Plan& plan) {
  return {plan.duration.raw(), plan.cost->total().raw(), plan.energy->raw()};
}

bool dominates(const Numbers& a, const Numbers& b) {
  bool better_somewhere = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better_somewhere = better_somewhere || a[i] < b[i];
  }
  return better_somewhere;
}

auto names_of(const Plan& p) {
  return std::tuple(p.system, p.rented_chips, p.chips, p.precision,
                    step::to_text(p.estimate.mapping));
}

// Rounded up to what a person would type: a tenth of a day, three digits of money.
Seconds typed(Seconds t) { return Seconds(std::ceil(t.raw() / 8640.0 + 1e-9) * 8640.0); }
Dollars typed(Dollars d) {
  if (d.raw() <= 0) return d;
  const double unit = std::pow(10.0, std::floor(std::log10(d.raw())) - 2);
  return Dollars(std::ceil(d.raw() / unit + 1e-9) * unit);
}

// Plans that keep `bounds`.
std::vector<const Plan*> keeping(const std::vector<Plan>& plans, const Constraints& bounds) {
  std::vector<const Plan*> list;
  for (const Plan& plan : plans) {
    if (judge(plan, bounds) == Verdict::kept) list.push_back(&plan);
  }
  return list;
}

class Remedies {
 public:
  Remedies(const PlanRequest& request, const std::vector<Plan>& all,
           const std::vector<Plan>& as_listed)
      : request_(request), all_(all), listed_(as_listed) {}

  std::vector<Remedy> find() {
    const Constraints& bounds = request_.constraints;
    if (bounds.deadline) {
      Constraints open = bounds;
      open.deadline.reset();
      offer(Remedy::Kind::deadline, least(listed_, open, Goal::time));
    }
    if (bounds.budget) {
      Constraints open = bounds;
      open.budget.reset();
      offer(Remedy::Kind::budget, least(listed_, open, Goal::cost));
    }
    if (bounds.max_chips > 0 || &all_ != &listed_) {
      Constraints open = bounds;
      open.max_chips = 0;
      offer(Remedy::Kind::chips, fewest_chips(open));
    }
    if (found_.empty() && !all_.empty()) {
      offer(Remedy::Kind::several, least(all_, Constraints{}, Goal::time));
    }
    return std::move(found_);
  }

 private:
  static const Plan* least(const std::vector<Plan>& plans, const Constraints& bounds, Goal goal) {
    const Plan* best = nullptr;
    for (const Plan* plan : keeping(plans, bounds)) {
      if (!plan->score(goal)) continue;
      if (best == nullptr || better(*plan, *best, goal)) best = plan;
    }
    return best;
  }

  const Plan* fewest_chips(const Constraints& bounds) const {
    const Plan* best = nullptr;
    for (const Plan* plan : keeping(all_, bounds)) {
      const bool fewer =
          best == nullptr || plan->rented_chips < best->rented_chips ||
          (plan->rented_chips == best->rented_chips && better(*plan, *best, request_.goal));
      if (fewer) best = plan;
    }
    return best;
  }

  void offer(Remedy::Kind kind, const Plan* plan) {
    if (plan == nullptr) return;
    Remedy remedy{kind, request_.constraints, *plan};
    Constraints& c = remedy.constraints;
    const bool all = kind == Remedy::Kind::several;
    if (kind == Remedy::Kind::deadline || (all && c.deadline)) c.deadline = typed(plan->duration);
    if (plan->cost && (kind == Remedy::Kind::budget || (all && c.budget))) {
      c.budget = typed(plan->cost->total());
    } else if (all) {
      c.budget.reset();
    }
    if (kind == Remedy::Kind::chips || (all && c.max_chips > 0)) c.max_chips = plan->rented_chips;
    found_.push_back(std::move(remedy));
  }

  const PlanRequest& request_;
  const std::vector<Plan>& all_;
  const std::vector<Plan>& listed_;
  std::vector<Remedy> found_;
};

}  // namespace

Verdict judge(const Plan& plan, const Constraints& bounds) {
  if (bounds.max_chips > 0 && plan.rented_chips > bounds.max_chips) return Verdict::too_many_chips;
  if (bounds.deadline && plan.duration > *bounds.deadline) return Verdict::late;
  if (bounds.budget && !plan.cost) return Verdict::no_price;
  if (bounds.budget && plan.cost->total() > *bounds.budget) return Verdict::over_budget;
  return Verdict::kept;
}

bool better(const Plan& a, const Plan& b, Goal goal) {
  const auto left = a.score(goal), right = b.score(goal);
  if (left.has_value() != right.has_value()) return left.has_value();
  if (left && *left != *right) return *left < *right;
  if (a.duration != b.duration) return a.duration < b.duration;
  return names_of(a) < names_of(b);
}

std::vector<Plan> front_of(const std::vector<Plan>& plans) {
  std::vector<const Plan*> known;
  for (const Plan& plan : plans) {
    if (plan.cost && plan.energy) known.push_back(&plan);
  }
  std::vector<Plan> front;
  for (const Plan* plan : known) {
    const Numbers numbers = numbers_of(*plan);
    const bool beaten = std::ranges::any_of(
        known, [&](const Plan* other) { return dominates(numbers_of(*other), numbers); });
    if (!beaten) front.push_back(*plan);
  }
  std::ranges::stable_sort(front,
                           [](const Plan& a, const Plan& b) { return better(a, b, Goal::time); });
  return front;
}

Result<std::vector<Remedy>> find_remedies(const PlanRequest& request,
                                          const catalog::Catalog& catalog) {
  PlanRequest open = request;
  open.constraints.deadline.reset();
  open.constraints.budget.reset();
  open.constraints.max_chips = 0;
  open.chips.clear();
  open.units.clear();
  TR_TRY(Harvest grid, harvest(open, catalog));
  std::vector<Plan> all = std::move(grid.plans);
  const bool exact = !request.chips.empty() || !request.units.empty();
  if (!exact) return Remedies(request, all, all).find();
  open.chips = request.chips;
  open.units = request.units;
  TR_TRY(const Harvest wished, harvest(open, catalog));
  all.insert(all.end(), wished.plans.begin(), wished.plans.end());
  return Remedies(request, all, wished.plans).find();
}

}  // namespace tightrope::study::plan_internal

namespace tightrope::study {

PlanRequest applied(const PlanRequest& request, const Remedy& remedy) {
  PlanRequest changed = request;
  changed.constraints = remedy.constraints;
  const bool exact = !request.chips.empty() || !request.units.empty();
  const bool resized = remedy.kind == Remedy::Kind::chips || remedy.kind == Remedy::Kind::several;
  if (exact && resized) {
    changed.chips = {remedy.plan.chips};
    changed.units.clear();
  }
  return changed;
}

}  // namespace tightrope::study
