// What published serving tables leave unsaid about a point, as the benchmark's repository says it.
#pragma once

#include "tightrope/serving_study/rows.h"

namespace tightrope::serving_study {

/// Draft tokens an iteration of a row's run; 0 when nothing is known of any.
[[nodiscard]] int unsaid_drafts(const ServingRow& row);

/// The year of a row's software: of its release, else of its measurement.
[[nodiscard]] int unsaid_year(const ServingRow& row);

}  // namespace tightrope::serving_study
