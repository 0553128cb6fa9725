// All searches of a request: system x precision x chips, each exhaustive, side by side.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/study/plan_internal.h"

namespace tightrope::study::plan_internal {
namespace {

// One search, and what it gave.
struct Task {
  const step::Context* context = nullptr;
  std::size_t setting = 0;
  int chips = 0;
  search::Counters mappings;  ///< of the search for the fastest
  std::vector<step::Estimate> best;
  std::optional<step::Estimate> nearest;
};

// A system in one precision.
struct Setting {
  step::Context context;
  search::Space space;
};

step::ContextRequest context_request(const PlanRequest& request, const std::string& precision,
                                     const std::string& stack) {
  step::ContextRequest r;
  r.model = request.model.model;
  r.job = request.job;
  r.precision = precision;
  r.stack = stack;
  r.tuning = &coefficients_or_embedded(request.coefficients).tuning;
  return r;
}

void add(std::vector<step::Estimate>& list, const std::vector<step::Estimate>& more) {
  for (const step::Estimate& e : more) {
    const bool known = std::ranges::any_of(
        list, [&](const step::Estimate& have) { return have.mapping == e.mapping; });
    if (!known) list.push_back(e);
  }
}

// What the request's bounds ask of a step.
std::vector<search::Limit> limits_of(const PlanRequest& request, int chips,
                                     const std::optional<search::Objective>& cost) {
  std::vector<search::Limit> limits;
  const Constraints& bounds = request.constraints;
  const double steps = steps_of(request);
  if (bounds.deadline) limits.push_back({{}, bounds.deadline->raw() / steps});
  if (bounds.budget && cost) limits.push_back({*cost, bounds.budget->raw() / steps / chips});
  return limits;
}

// The fastest mappings first: rent grows with time, so they are the cheapest too. What also pays
// for power (energy, carbon, machines of one's own) is searched for by its own score, within the
// bounds; the least energy stands in every answer's front.
void run(const PlanRequest& request, const catalog::Catalog& catalog, search::Searcher& searcher,
         Task& task) {
  search::Request r;
  r.ranks = task.chips * task.context->chip.ranks_per_chip;
  r.keep = request.top;
  r.prune = request.prune;
  r.memory_share = request.constraints.memory_share;
  search::Outcome fastest = searcher.search(r);
  task.mappings = fastest.counters;
  task.best = std::move(fastest.best);
  task.nearest = std::move(fastest.nearest);
  if (task.best.empty()) return;
  const auto cost = cost_objective(request, *task.context, task.chips, catalog);
  const bool pays_power = cost && cost->per_busy_second > 0;
  r.limits = limits_of(request, task.chips, cost);
  const step::Estimate known = task.best.front();
  auto search_for = [&](const search::Objective& objective, bool is_goal) {
    search::Request own = r;
    own.objective = objective;
    own.keep = is_goal ? request.top : 1;
    const double score = objective.of(known.step_time, known.busy * known.step_time);
    // The fastest stands in the list already: only what is better by this score adds to it.
    if (own.keep == 1) own.limits.push_back({objective, score});
    add(task.best, searcher.search(own).best);
  };
  const bool watts = request.goal == Goal::energy || request.goal == Goal::carbon;
  if (pays_power && request.goal == Goal::cost) search_for(*cost, true);
  if (pays_power && request.goal == Goal::time && request.constraints.budget) search_for({}, true);
  if (task.context->chip.power.known) {
    search_for(search::energy_objective(*task.context), watts);
  }
}

class Harvester {
 public:
  Harvester(const PlanRequest& request, const catalog::Catalog& catalog)
      : request_(request), catalog_(catalog) {}

  void add(const Offer& offer) {
    harvest_.tried.push_back(offer.system->name);
    std::string reason;
    for (const std::string& precision : offer.precisions) {
      if (precision == "mxfp8" && !offer.chip->peak[DType::fp4].known) {
        reason = fmt::format("{} has no microscaled units for mxfp8", offer.chip->title);
        continue;
      }
      auto context =
          step::make_context(context_request(request_, precision, offer.stack), *offer.system,
                             catalog_, coefficients_or_embedded(request_.coefficients).kernels);
      if (!context) {
        reason = context.error().what;
        continue;
      }
      if (std::ranges::find(harvest_.precisions, precision) == harvest_.precisions.end()) {
        harvest_.precisions.push_back(precision);
      }
      add_tasks(*offer.system, std::move(context).value(), reason);
    }
    reasons_.push_back(reason);
  }

  Harvest reap() {
    // All counts of a setting share one searcher, which knows the costs of blocks by then.
    for_each_index(settings_.size(), [this](std::size_t i) {
      search::Searcher searcher(settings_[i]->context, settings_[i]->space);
      for (Task& task : tasks_) {
        if (task.setting == i) run(request_, catalog_, searcher, task);
      }
    });
    for (Task& task : tasks_) collect(task);
    for (std::size_t i = 0; i < harvest_.tried.size(); ++i) add_if_empty(i);
    return std::move(harvest_);
  }

 private:
  void add_tasks(const catalog::System& system, step::Context context, std::string& reason) {
    settings_.push_back(std::make_unique<Setting>(Setting{std::move(context), {}}));
    Setting& setting = *settings_.back();
    setting.space = search::default_space(setting.context);
    setting.space.capacity = request_.capacity;
    std::vector<int> counts = exact_counts(request_, system);
    if (counts.empty()) {
      counts = chip_counts(request_, system, least_chips(request_, setting.context));
    }
    if (counts.empty()) reason = "not offered in a number of chips that holds the model";
    for (const int chips : counts) add_task(setting, chips, reason);
  }

  void add_task(const Setting& setting, int chips, std::string& reason) {
    const catalog::System& system = setting.context.system;
    if (system.max_chips.known && rented_chips(system, chips) > system.max_chips.high) {
      reason = fmt::format("not offered: at most {} chips in one cluster",
                           with_thousands(system.max_chips.high));
      return;
    }
    const std::optional<Seconds>& deadline = request_.constraints.deadline;
    if (deadline && duration_at_peak(request_, setting.context, chips) > *deadline) {
      ++harvest_.counts.too_slow;
      reason = fmt::format("late even at the peak of {} chips", with_thousands(chips));
      return;
    }
    Task task;
    task.context = &setting.context;
    task.setting = settings_.size() - 1;
    task.chips = chips;
    tasks_.push_back(std::move(task));
  }

  void collect(Task& task) {
    ++harvest_.counts.searched;
    harvest_.mappings += task.mappings;
    if (task.best.empty()) {
      ++harvest_.counts.nothing_runs;
      if (task.nearest) note_nearest(task);
      return;
    }
    for (const step::Estimate& e : task.best) {
      harvest_.plans.push_back(make_plan(request_, *task.context, task.chips, e, catalog_));
    }
  }

  void note_nearest(const Task& task) {
    const Bytes hbm = task.context->kernels.hbm;
    const double over = task.nearest->memory.total() / hbm;
    if (harvest_.nearest &&
        over >= harvest_.nearest->estimate.memory.total() / harvest_.nearest->hbm) {
      return;
    }
    harvest_.nearest = NearestFit{task.context->system.name, task.context->recipe.name, task.chips,
                                  *task.nearest, hbm};
  }

  void add_if_empty(std::size_t i) {
    const std::string& name = harvest_.tried[i];
    const bool has =
        std::ranges::any_of(harvest_.plans, [&](const Plan& plan) { return plan.system == name; });
    if (has) return;
    std::string reason = reasons_[i];
    for (const Task& task : tasks_) {
      if (task.context->system.name != name) continue;
      reason = "no mapping divides the model and the batch";
      if (!task.nearest) continue;
      reason = fmt::format("does not fit: needs {} of {} a device on {} chips",
                           to_text(task.nearest->memory.total()),
                           to_text(task.context->kernels.hbm), with_thousands(task.chips));
    }
    harvest_.empty.push_back({name, reason});
  }

  const PlanRequest& request_;
  const catalog::Catalog& catalog_;
  std::vector<std::unique_ptr<Setting>> settings_;
  std::vector<Task> tasks_;
  std::vector<std::string> reasons_;  // by system, when it has no task
  Harvest harvest_;
};

}  // namespace

Result<Harvest> harvest(const PlanRequest& request, const catalog::Catalog& catalog) {
  TR_TRY(const std::vector<Offer> offers, find_offers(request, catalog));
  Harvester harvester(request, catalog);
  for (const Offer& offer : offers) harvester.add(offer);
  return harvester.reap();
}

}  // namespace tightrope::study::plan_internal

namespace tightrope::study {

Result<step::Context> plan_context(const PlanRequest& request, const PlanKey& key,
                                   const catalog::Catalog& catalog) {
  TR_TRY_VOID(plan_internal::check_numbers(request));
  PlanRequest one = request;
  one.systems = {key.system};
  one.precisions = {key.precision};
  one.stack = key.stack;
  TR_TRY(const std::vector<plan_internal::Offer> offers, plan_internal::find_offers(one, catalog));
  const plan_internal::Offer& offer = offers.front();
  return step::make_context(plan_internal::context_request(request, key.precision, offer.stack),
                            *offer.system, catalog,
                            coefficients_or_embedded(request.coefficients).kernels);
}

}  // namespace tightrope::study
