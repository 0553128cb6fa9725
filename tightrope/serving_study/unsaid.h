// What published serving tables leave unsaid about a point, as the benchmark's repository says it.
#pragma once

#include "tightrope/serving_study/rows.h"

namespace tightrope::serving_study {

/// Draft tokens an iteration of a row's run; 0 when nothing is known of any.
[[nodiscard]] int unsaid_drafts(const ServingRow& row);

/// The year of a row's software: of its release, else of its measurement.
[[nodiscard]] int unsaid_year(const ServingRow& row);

/// Requests of a queued run in all, by its lengths; 0 when nothing is known.
[[nodiscard]] double unsaid_requests(const ServingRow& row);

/// Requests of a benchmark that names its workload only. Zeros when it is not known.
struct UnsaidWorkload {
  double input = 0, output = 0;          ///< mean lengths in tokens
  Seconds first_bound{}, token_bound{};  ///< that its scenario demands (99th percentiles)
};
/// `workload` as MLPerf Inference spells its models; `scenario`: offline, server, interactive.
[[nodiscard]] UnsaidWorkload unsaid_workload(const std::string& workload,
                                             const std::string& scenario);

}  // namespace tightrope::serving_study
