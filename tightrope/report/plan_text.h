// A plan's answer as text for people, and as CSV.
#pragma once

#include <string>

#include "tightrope/study/plan.h"

namespace tightrope::report {

struct PlanTextOptions {
  int detailed = 3;     ///< plans that are described beyond their line in the table
  int front_lines = 8;  ///< lines of the front over time, cost and energy
};

/// The table, the front, why the others lost, and what would help; at most 110 columns wide.
[[nodiscard]] std::string plan_text(const study::PlanRequest& request,
                                    const study::PlanResult& result,
                                    const PlanTextOptions& options = {});

/// One line a plan, best first, with a header; units are the last part of a column's name.
[[nodiscard]] std::string plan_csv(const study::PlanResult& result);

/// "4,096 x p5.48xlarge" and the like: a plan in a few words.
[[nodiscard]] std::string plan_words(const study::Plan& plan);

}  // namespace tightrope::report
