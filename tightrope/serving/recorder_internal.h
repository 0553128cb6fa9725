// What replicas tell of their work while they run; shared by all of a fleet.
#pragma once

#include <cstdint>

#include "tightrope/serving/histogram.h"
#include "tightrope/serving/ticks.h"

namespace tightrope::serving {

/// Sums only: any order of telling gives the same bytes.
struct Recorder {
  Histogram token_gaps;
  std::int64_t preemptions = 0, iterations = 0;
  std::int64_t prompt_tokens = 0, hit_tokens = 0;  ///< of first admissions
  std::int64_t prefill_tokens = 0;                 ///< computed, recomputed ones too
  std::int64_t waiting = 0, greatest_waiting = 0;
  WideTicks waiting_area = 0;  ///< integral of `waiting` over time
  Ticks waiting_since = 0;

  void waiting_changes(Ticks now, std::int64_t by) {
    waiting_area += static_cast<WideTicks>(now - waiting_since) * waiting;
    waiting_since = now;
    waiting += by;
    if (waiting > greatest_waiting) greatest_waiting = waiting;
  }
};

}  // namespace tightrope::serving
