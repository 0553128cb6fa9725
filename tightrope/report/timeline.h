// One step of a plan as a timeline for Perfetto or chrome://tracing.
#pragma once

#include <string>

#include "tightrope/step/context.h"
#include "tightrope/study/plan.h"

namespace tightrope::report {

struct TimelineOptions {
  int most_events = 12000;  ///< beyond, the micro-batches in the middle of the step are left out
};

/// Trace-event JSON: a process a pipeline stage, its forward, backward and weight-gradient work by
/// micro-batch and chunk as the schedule replays it, then gradients, optimizer and the step's fixed
/// costs. Times in microseconds. The plan must be of this context.
[[nodiscard]] std::string timeline_json(const step::Context& context, const study::Plan& plan,
                                        const TimelineOptions& options = {});

}  // namespace tightrope::report
