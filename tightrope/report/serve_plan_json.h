// A serving plan's answer as JSON (schema "tightrope.serve_plan/1").
#pragma once

#include <string>
#include <string_view>

#include "tightrope/serving_study/serve_plan.h"

namespace tightrope::report {

inline constexpr std::string_view serve_plan_schema = "tightrope.serve_plan/1";

/// The request, every plan with all that a simulation of it needs (system, engine, numerics,
/// deployment, workers, token budget, sequences, links), the front, and what became of the others.
[[nodiscard]] std::string serve_plan_json(const serving_study::ServeRequest& request,
                                          const serving_study::ServeResult& result,
                                          std::string_view version);

}  // namespace tightrope::report
