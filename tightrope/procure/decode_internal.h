// From values of the program's variables back to words.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {

[[nodiscard]] Plan plan_of(const Terms& t, const Program& p, const std::vector<double>& values);
/// Fills everything of the answer that follows from the values.
void decode(const Terms& t, const Program& p, const std::vector<double>& values, Answer& answer);
[[nodiscard]] std::vector<MixRow> mix_of(const Terms& t, const Program& p,
                                         const std::vector<double>& values);
[[nodiscard]] std::vector<std::vector<double>> rented_of(const Terms& t, const Program& p,
                                                         const std::vector<double>& values);
[[nodiscard]] std::vector<std::vector<double>> leased_of(const Terms& t, const Program& p,
                                                         const std::vector<double>& values);
[[nodiscard]] std::vector<WorkloadRow> workloads_of(const Terms& t, const Program& p,
                                                    const std::vector<double>& values);
/// Binding limits from the duals of the program's rows.
[[nodiscard]] std::vector<Scarcity> scarcities_of(const Terms& t, const Program& p,
                                                  const milp::Solution& priced);

struct Named {
  std::string subject, unit;
};
/// A scarce thing in the user's words.
[[nodiscard]] Named name_of(const Terms& t, const ScarceRow& row);

/// Mean of the worst 1 - level of the probability.
[[nodiscard]] double conditional_mean(std::vector<std::pair<double, double>> cost_and_probability,
                                      double level);

[[nodiscard]] inline double value_at(const std::vector<double>& values, int variable) {
  return variable < 0 ? 0.0 : values[static_cast<std::size_t>(variable)];
}

/// The factor from the program's objective to the goal's unit (USD, g, reference chips).
[[nodiscard]] double goal_unit(Goal goal);

}  // namespace tightrope::procure
