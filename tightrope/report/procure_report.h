// A procurement study for people and programs: text, JSON, CSV, a page with charts.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/procure_study/resolve.h"

namespace tightrope::report {

/// What each workload does on each system, and by which plan.
[[nodiscard]] std::string procure_speeds_text(const procure_study::Resolved& study);

}  // namespace tightrope::report
