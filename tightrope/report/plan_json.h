// A plan's answer as JSON (schema "tightrope.plan/1"), written and read again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/study/plan.h"

namespace tightrope::report {

inline constexpr std::string_view plan_schema = "tightrope.plan/1";

/// The request, every plan with its mapping and numbers, and what became of the others. Keys carry
/// their unit last; numbers are written so that they read back equal. `version` is the program's.
[[nodiscard]] std::string plan_json(const study::PlanRequest& request,
                                    const study::PlanResult& result, std::string_view version);

/// What a plan file says, as far as it takes to make its plans again.
struct PlanFile {
  study::PlanRequest request;
  std::vector<study::PlanKey> plans;  ///< in the file's order
  std::string catalog_hash, calibration_hash;
};

/// Reads what plan_json wrote; `file` names it in errors. Errors: syntax (with line and column),
/// type, range, unknown_key for a missing key, unsupported for another schema.
[[nodiscard]] Result<PlanFile> read_plan_json(std::string_view text, const std::string& file);

}  // namespace tightrope::report
