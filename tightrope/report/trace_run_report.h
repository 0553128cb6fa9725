// `simulate trace` for people, programs and timelines.
#pragma once

#include <string>

#include "tightrope/catalog/records.h"
#include "tightrope/network_study/simulate_trace.h"

namespace tightrope::report {

[[nodiscard]] std::string trace_run_text(const catalog::System& system,
                                         const network_study::TraceStudy& study);
[[nodiscard]] std::string trace_run_json(const catalog::System& system,
                                         const network_study::TraceStudy& study);
/// Trace events for Perfetto: a process a job, a thread of kernels and one of communication a rank.
[[nodiscard]] std::string trace_run_timeline(const network_study::TraceStudy& study);

}  // namespace tightrope::report
