// One plan: the whole run around one estimated step.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/formula/bill.h"
#include "tightrope/study/plan_internal.h"
#include "tightrope/study/prices.h"

namespace tightrope::study {
namespace plan_internal {

double steps_of(const PlanRequest& request) {
  const workload::Job& job = request.job;
  return std::ceil(request.tokens.raw() / static_cast<double>(job.global_batch * job.seq_len));
}

namespace {

using catalog::Term;

// The term that ranks, or the first that has a price; none without any.
bool ranks(const PlanRequest& request, Term term, bool first) {
  return request.term ? *request.term == term : first;
}

void add_costs(const PlanRequest& request, const catalog::System& system,
               const catalog::Catalog& catalog, Plan& plan) {
  for (const Term term : term_order) {
    const catalog::Price* price = price_of(request.regions, system, term, catalog);
    if (price == nullptr) continue;
    TermCost cost;
    cost.price = tag_of(*price);
    cost.rent = cost.price.per_chip * plan.duration * plan.rented_chips;
    plan.costs.push_back(cost);
    if (ranks(request, term, !plan.cost.has_value())) plan.cost = cost;
  }
}

// Energy and carbon at the place, and the electricity that owners pay themselves.
void add_energy(const step::Context& context, Plan& plan) {
  if (!context.chip.power.known) return;
  formula::Run run;
  run.power = plan.estimate.power;
  run.time = plan.duration;
  run.pue = plan.place.pue;
  run.carbon = plan.place.carbon;
  run.electricity = plan.place.electricity;
  const formula::Bill bill = formula::bill(run);
  plan.energy = bill.energy;
  if (plan.place.known) plan.carbon = bill.carbon;
  auto pay = [&](TermCost& cost) {
    if (cost.price.term == Term::purchase) cost.electricity = bill.electricity;
  };
  for (TermCost& cost : plan.costs) pay(cost);
  if (plan.cost) pay(*plan.cost);
}

void add_notes(const catalog::System& system, Plan& plan) {
  if (plan.rented_chips != plan.chips) {
    const int units = plan.rented_chips / system.chips;
    plan.notes.push_back(
        fmt::format("{} of the {} chips of each unit compute; the others are paid "
                    "for, their power is not counted",
                    plan.chips / units, system.chips));
  }
  if (system.max_chips.known && plan.rented_chips > system.max_chips.value) {
    plan.notes.push_back(fmt::format("the catalog expects at most {} chips in one cluster ({})",
                                     with_thousands(system.max_chips.value),
                                     catalog::to_string(system.max_chips.from.grade)));
  }
}

}  // namespace

std::optional<search::Objective> cost_objective(const PlanRequest& request,
                                                const step::Context& context, int chips,
                                                const catalog::Catalog& catalog) {
  const catalog::System& system = context.system;
  for (const Term term : term_order) {
    const catalog::Price* price = price_of(request.regions, system, term, catalog);
    if (price == nullptr || !ranks(request, term, true)) continue;
    TermCost cost;
    cost.price = tag_of(*price);
    const double paid = static_cast<double>(plan_internal::rented_chips(system, chips)) / chips;
    search::Objective objective{paid * cost.price.per_chip.raw(), 0};
    if (term == Term::purchase && context.chip.power.known) {
      const Place place = place_for(request.regions, system, &cost.price, catalog);
      const search::Objective watts = search::energy_objective(context);
      const double joule = place.pue * place.electricity.raw();
      objective.per_second += joule * watts.per_second;
      objective.per_busy_second += joule * watts.per_busy_second;
    }
    return objective;
  }
  return std::nullopt;
}

}  // namespace plan_internal

std::optional<double> Plan::score(Goal goal) const {
  switch (goal) {
    case Goal::time: return duration.raw();
    case Goal::cost: return cost ? std::optional(cost->total().raw()) : std::nullopt;
    case Goal::energy: return energy ? std::optional(energy->raw()) : std::nullopt;
    case Goal::carbon: return carbon ? std::optional(carbon->raw()) : std::nullopt;
  }
  return std::nullopt;
}

Plan make_plan(const PlanRequest& request, const step::Context& context, int chips,
               const step::Estimate& estimate, const catalog::Catalog& catalog) {
  using namespace plan_internal;
  Plan plan;
  const catalog::System& system = context.system;
  plan.system = system.name;
  plan.title = system.title;
  plan.chip = context.chip.name;
  plan.provider = system.provider;
  plan.precision = context.recipe.name;
  plan.stack = context.tuning.stack.name;
  const bool announced = system.status == catalog::Status::announced ||
                         context.chip.status == catalog::Status::announced;
  plan.status = announced ? catalog::Status::announced : system.status;
  plan.chips = chips;
  plan.rented_chips = plan_internal::rented_chips(system, chips);
  plan.estimate = estimate;
  plan.hbm = context.kernels.hbm;
  const double step_tokens =
      static_cast<double>(context.job.global_batch) * static_cast<double>(context.job.seq_len);
  plan.steps = steps_of(request);
  plan.duration = plan.steps * estimate.step_time;
  plan.chip_throughput = Tokens(step_tokens) / estimate.step_time / static_cast<double>(chips);
  plan.chip_peak = context.chip.peak[context.recipe.product].value_or(FlopsPerSecond(0.0));
  const double flops =
      workload::job_flops_per_token(context.model, context.job, workload::FlopConvention::causal);
  if (plan.chip_peak > FlopsPerSecond(0.0)) {
    plan.mfu = plan.chip_throughput.raw() * flops / plan.chip_peak.raw();
  }
  plan.band = error_band(context, estimate.step_time);
  add_costs(request, system, catalog, plan);
  plan.place = place_for(request.regions, system, plan.cost ? &plan.cost->price : nullptr, catalog);
  add_energy(context, plan);
  add_notes(system, plan);
  return plan;
}

}  // namespace tightrope::study
