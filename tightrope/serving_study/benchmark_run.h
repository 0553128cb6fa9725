// A measured serving point run request by request, as the benchmark that measured it did.
#pragma once

#include "tightrope/serving/scheduler.h"
#include "tightrope/serving_study/cases.h"

namespace tightrope::serving_study {

/// The scheduler of an engine, with what its times were fitted for.
[[nodiscard]] serving::SchedulerOptions engine_rules(const infer::Engine& engine);

/// Means over all requests of a run, its first wave included.
struct BenchmarkRun {
  bool ran = false;  ///< false: of a form that is not run so (see can_run), or it got stuck
  Seconds ttft{}, tpot{};
  TokensPerSecond output_rate{};  ///< of all the measurement's replicas
};

/// Aggregated rows of closed-loop clients, on engines that form batches as requests come.
[[nodiscard]] bool can_run(const ServingCase& c, const ServingRow& row);

/// Runs an expressed row: its clients start at once and each sends the next request when it has its
/// answer; lengths are drawn evenly from the row's range, the same for every caller.
[[nodiscard]] BenchmarkRun run_benchmark(const ServingCase& c, const ServingRow& row);

}  // namespace tightrope::serving_study
