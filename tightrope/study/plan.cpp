#include "tightrope/study/plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/study/plan_internal.h"

namespace tightrope::study {
namespace {

using plan_internal::Harvest;
using plan_internal::Verdict;

constexpr Seconds one_day{86400.0};

// Larger batches make pipelines too long to replay, and train nothing.
constexpr std::int64_t most_sequences = 1 << 18;
constexpr std::int64_t most_tokens = 1 << 24;

void count(Verdict verdict, PlanCounts& counts) {
  switch (verdict) {
    case Verdict::kept: break;
    case Verdict::late: ++counts.late; break;
    case Verdict::over_budget: ++counts.over_budget; break;
    case Verdict::too_many_chips: ++counts.too_many_chips; break;
    case Verdict::no_price: ++counts.no_price; break;
  }
}

// Why the plan that came nearest was not kept.
std::string reason_of(const Plan& plan, Verdict verdict) {
  switch (verdict) {
    case Verdict::late:
      return fmt::format("late: {:.1f} days on {} chips", plan.duration / one_day,
                         with_thousands(plan.rented_chips));
    case Verdict::over_budget:
      return fmt::format("over budget: {} on {} chips", to_text(plan.cost->total()),
                         with_thousands(plan.rented_chips));
    case Verdict::too_many_chips:
      return fmt::format("needs {} chips", with_thousands(plan.rented_chips));
    case Verdict::no_price: return "no published price, so the budget cannot be checked";
    case Verdict::kept: break;
  }
  return {};
}

// The best plans of each system in order, of unlike sizes and formats first; the rest are
// dominated.
void keep_best(const PlanRequest& request, std::vector<Plan> kept, PlanResult& result) {
  const auto before = [&](const Plan& a, const Plan& b) {
    return plan_internal::better(a, b, request.goal);
  };
  std::ranges::stable_sort(kept, before);
  auto take = [&](bool unlike, std::vector<Plan>& from) {
    std::vector<Plan> left;
    for (Plan& plan : from) {
      int same = 0;
      bool alike = false;
      for (const Plan& have : result.plans) {
        if (have.system != plan.system) continue;
        ++same;
        alike = alike || (have.chips == plan.chips && have.precision == plan.precision);
      }
      const bool wanted = same < request.top && !(unlike && alike);
      (wanted ? result.plans : left).push_back(std::move(plan));
    }
    from = std::move(left);
  };
  take(true, kept);
  take(false, kept);
  result.counts.dominated += kept.size();
  std::ranges::stable_sort(result.plans, before);
}

// Of each system that lost every plan, the reason of the one that came nearest.
void add_lost(const PlanRequest& request, const Harvest& harvest, PlanResult& result) {
  for (const std::string& name : harvest.tried) {
    const auto empty = std::ranges::find_if(
        harvest.empty, [&](const LostSystem& lost) { return lost.system == name; });
    if (empty != harvest.empty.end()) {
      result.lost.push_back(*empty);
      continue;
    }
    const Plan* nearest = nullptr;
    bool has_plan = false;
    for (const Plan& plan : harvest.plans) {
      if (plan.system != name) continue;
      const Verdict verdict = plan_internal::judge(plan, request.constraints);
      has_plan = has_plan || verdict == Verdict::kept;
      const Goal by = verdict == Verdict::late ? Goal::time : request.goal;
      if (nearest == nullptr || plan_internal::better(plan, *nearest, by)) nearest = &plan;
    }
    if (has_plan) continue;
    result.lost.push_back(
        {name, reason_of(*nearest, plan_internal::judge(*nearest, request.constraints))});
  }
}

Result<void> explain_failure(const PlanRequest& request, const Harvest& harvest,
                             const catalog::Catalog& catalog, PlanResult& result) {
  TR_TRY(result.remedies, plan_internal::find_remedies(request, catalog));
  if (!harvest.plans.empty()) return {};
  result.nearest = harvest.nearest;
  if (request.constraints.memory_share >= 1) return {};
  PlanRequest brim = request;
  brim.constraints.memory_share = 1;
  TR_TRY(Harvest full, plan_internal::harvest(brim, catalog));
  PlanResult best;
  std::erase_if(full.plans, [&](const Plan& plan) {
    return plan_internal::judge(plan, brim.constraints) != Verdict::kept;
  });
  keep_best(brim, std::move(full.plans), best);
  if (best.feasible()) {
    result.remedies.insert(result.remedies.begin(),
                           {Remedy::Kind::memory, brim.constraints, best.plans.front()});
  }
  return {};
}

}  // namespace

namespace plan_internal {

Result<void> check_numbers(const PlanRequest& request) {
  const auto positive = [](double value, const char* what, const char* hint) -> Result<void> {
    if (value > 0) return {};
    return fail(ErrorCode::range, fmt::format("{} must be above 0", what), {}, hint);
  };
  TR_TRY_VOID(positive(request.tokens.raw(), "the number of tokens", "for example --tokens 15T"));
  TR_TRY_VOID(positive(static_cast<double>(request.job.seq_len), "the sequence length",
                       "for example --seq 8192"));
  TR_TRY_VOID(positive(static_cast<double>(request.job.global_batch), "the global batch",
                       "for example --batch 2048, in sequences"));
  if (request.job.global_batch > most_sequences || request.job.seq_len > most_tokens) {
    return fail(ErrorCode::range,
                fmt::format("a batch of {} sequences of {} tokens is beyond the model",
                            request.job.global_batch, request.job.seq_len),
                {}, fmt::format("up to {} sequences of {} tokens", most_sequences, most_tokens));
  }
  TR_TRY_VOID(positive(request.top, "the number of plans a system", "for example --top 3"));
  for (const int n : request.chips) TR_TRY_VOID(positive(n, "a number of chips", "--chips 4096"));
  for (const int n : request.units) TR_TRY_VOID(positive(n, "a number of units", "--units 1"));
  for (const double factor : request.capacity) {
    if (factor == 0 || (factor >= 1 && factor <= 1000)) continue;
    return fail(ErrorCode::range,
                fmt::format("an expert cannot hold {:g} times its mean share of tokens", factor),
                {}, "--capacity takes 0 for dropless, or factors from 1 on, as in 0,1.25");
  }
  if (request.job.task == workload::Task::lora) {
    TR_TRY_VOID(positive(request.job.lora_rank, "the rank of the adapters", "--lora-rank 16"));
  }
  const Constraints& c = request.constraints;
  if (c.deadline) TR_TRY_VOID(positive(c.deadline->raw(), "the deadline", "--deadline 90d"));
  if (c.budget) TR_TRY_VOID(positive(c.budget->raw(), "the budget", "--budget 100M"));
  if (c.memory_share > 0 && c.memory_share <= 1) return {};
  return fail(ErrorCode::range, "the memory margin must be from 0 to below 1", {},
              "0.05 leaves 5 % of device memory free");
}

}  // namespace plan_internal

std::string_view to_string(Goal goal) {
  switch (goal) {
    case Goal::time: return "time";
    case Goal::cost: return "cost";
    case Goal::energy: return "energy";
    case Goal::carbon: return "carbon";
  }
  return "?";
}

std::optional<Goal> goal_from(std::string_view text) {
  for (const Goal goal : {Goal::time, Goal::cost, Goal::energy, Goal::carbon}) {
    if (to_string(goal) == text) return goal;
  }
  return std::nullopt;
}

std::optional<catalog::Term> term_from(std::string_view text) {
  using catalog::Term;
  for (const Term term : {Term::on_demand, Term::spot, Term::capacity_block, Term::reserved_1y,
                          Term::reserved_3y, Term::purchase}) {
    if (catalog::to_string(term) == text) return term;
  }
  return std::nullopt;
}

std::string_view to_string(Remedy::Kind kind) {
  switch (kind) {
    case Remedy::Kind::chips: return "chips";
    case Remedy::Kind::deadline: return "deadline";
    case Remedy::Kind::budget: return "budget";
    case Remedy::Kind::memory: return "memory";
    case Remedy::Kind::several: return "several";
  }
  return "?";
}

Result<PlanResult> plan(const PlanRequest& request, const catalog::Catalog& catalog) {
  TR_TRY_VOID(plan_internal::check_numbers(request));
  TR_TRY(const Harvest harvest, plan_internal::harvest(request, catalog));
  PlanResult result;
  result.precisions = harvest.precisions;
  result.mappings = harvest.mappings;
  result.counts = harvest.counts;
  result.catalog_hash = catalog.hash();
  result.calibration_hash = coefficients_or_embedded(request.coefficients).hash;
  std::vector<Plan> kept;
  for (const Plan& plan : harvest.plans) {
    const Verdict verdict = plan_internal::judge(plan, request.constraints);
    count(verdict, result.counts);
    if (verdict == Verdict::kept) kept.push_back(plan);
  }
  result.front = plan_internal::front_of(kept);
  keep_best(request, std::move(kept), result);
  add_lost(request, harvest, result);
  if (!result.feasible()) {
    TR_TRY_VOID(explain_failure(request, harvest, catalog, result));
  }
  return result;
}

}  // namespace tightrope::study
