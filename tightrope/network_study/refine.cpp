#include "tightrope/network_study/refine.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/network_study/simulate_step.h"

namespace tightrope::network_study {
namespace {

struct Refined {
  study::Plan plan;
  Error error;
  bool failed = false;
};

Refined refined(const study::Plan& plan, const study::PlanRequest& request,
                const catalog::Catalog& catalog) {
  Refined out{plan, {}, false};
  const study::PlanKey key{plan.system, plan.precision, plan.stack, plan.chips,
                           plan.estimate.mapping};
  const auto context = study::plan_context(request, key, catalog);
  if (!context) {
    out.error = context.error();
    out.failed = true;
    return out;
  }
  const auto simulation = simulate_step(catalog, *context, plan.estimate, {});
  if (!simulation) {
    out.plan.notes.push_back("not simulated: " + simulation.error().what);
    return out;
  }
  step::Estimate estimate = plan.estimate;
  estimate.step_time = Seconds(simulation->result.step);
  out.plan = study::make_plan(request, *context, plan.chips, estimate, catalog);
  out.plan.notes.push_back(
      fmt::format("step on the wires; the closed form says {}", to_text(plan.estimate.step_time)));
  const study::Constraints& c = request.constraints;
  if (c.deadline && out.plan.duration > *c.deadline) {
    out.plan.notes.emplace_back("late on the wires");
  }
  if (c.budget && out.plan.cost && out.plan.cost->total() > *c.budget) {
    out.plan.notes.emplace_back("over budget on the wires");
  }
  return out;
}

}  // namespace

Result<void> refine(study::PlanResult& result, const study::PlanRequest& request,
                    const catalog::Catalog& catalog, int most) {
  const auto count = std::min(result.plans.size(), static_cast<std::size_t>(std::max(0, most)));
  std::vector<Refined> done(count);
  for_each_index(count,
                 [&](std::size_t i) { done[i] = refined(result.plans[i], request, catalog); });
  for (Refined& r : done) {
    if (r.failed) return Failure(std::move(r.error));
  }
  constexpr double worst = std::numeric_limits<double>::infinity();
  std::stable_sort(done.begin(), done.end(), [&](const Refined& a, const Refined& b) {
    return a.plan.score(request.goal).value_or(worst) < b.plan.score(request.goal).value_or(worst);
  });
  for (std::size_t i = 0; i < count; ++i) result.plans[i] = std::move(done[i].plan);
  return {};
}

}  // namespace tightrope::network_study
