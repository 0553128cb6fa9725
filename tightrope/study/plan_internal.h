// The parts of the planner that only plan*.cpp and its test share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tightrope/study/plan.h"

namespace tightrope::study::plan_internal {

/// The grid of chip counts ends here unless max_chips asks for more.
inline constexpr int grid_ceiling = 65536;

/// A system that takes part, with what is tried on it.
struct Offer {
  const catalog::System* system = nullptr;
  const catalog::Chip* chip = nullptr;
  std::string stack;
  std::vector<std::string> precisions;
};

/// Errors: range, for numbers that no run can have.
[[nodiscard]] Result<void> check_numbers(const PlanRequest& request);

/// Systems of a request in the catalog's order. Errors: not_found, unsupported.
[[nodiscard]] Result<std::vector<Offer>> find_offers(const PlanRequest& request,
                                                     const catalog::Catalog& catalog);

/// Optimizer steps of the run.
[[nodiscard]] double steps_of(const PlanRequest& request);

/// Chips one pays for: whole units, each used alike.
[[nodiscard]] int rented_chips(const catalog::System& system, int chips);

/// The counts a request names, ascending; empty when it leaves them to the grid.
[[nodiscard]] std::vector<int> exact_counts(const PlanRequest& request,
                                            const catalog::System& system);

/// The grid on a system, ascending, from `least` on: the largest power of two within a unit,
/// doubled as long as the provider and the request allow, the counts half-way between, and whole
/// units.
[[nodiscard]] std::vector<int> chip_counts(const PlanRequest& request,
                                           const catalog::System& system, int least);

/// Below this many chips not even weights and gradients fit, fully sharded. At least 1.
[[nodiscard]] int least_chips(const PlanRequest& request, const step::Context& context);

/// The run at the peak of all chips: no plan is faster.
[[nodiscard]] Seconds duration_at_peak(const PlanRequest& request, const step::Context& context,
                                       int chips);

/// What the searches of a request gave, before any constraint but the memory's.
struct Harvest {
  std::vector<Plan> plans;
  std::vector<LostSystem> empty;  ///< systems without any plan
  std::vector<std::string> precisions;
  std::vector<std::string> tried;  ///< names of the systems
  search::Counters mappings;
  PlanCounts counts;
  std::optional<NearestFit> nearest;
};
[[nodiscard]] Result<Harvest> harvest(const PlanRequest& request, const catalog::Catalog& catalog);

enum class Verdict { kept, late, over_budget, too_many_chips, no_price };
[[nodiscard]] Verdict judge(const Plan& plan, const Constraints& constraints);

/// Better plans first by the goal; plans without a score after the others; ties by system, chips,
/// precision and mapping.
[[nodiscard]] bool better(const Plan& a, const Plan& b, Goal goal);

/// Plans that no other beats in time, cost and energy at once, by time. Plans without a cost or an
/// energy take no part.
[[nodiscard]] std::vector<Plan> front_of(const std::vector<Plan>& plans);

/// Single changes that make an infeasible request feasible.
[[nodiscard]] Result<std::vector<Remedy>> find_remedies(const PlanRequest& request,
                                                        const catalog::Catalog& catalog);

/// Weights that make the score of a mapping the dollars of its step on one chip that computes, by
/// the term that ranks. Absent without a price.
[[nodiscard]] std::optional<search::Objective> cost_objective(const PlanRequest& request,
                                                              const step::Context& context,
                                                              int chips,
                                                              const catalog::Catalog& catalog);

/// Error band of a step. Sources: habits.band50/90; wider where nothing was measured.
[[nodiscard]] Band error_band(const step::Context& context, Seconds step_time);

}  // namespace tightrope::study::plan_internal
