// The request-level simulator: a fleet, a source of requests, and what came of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "tightrope/core/result.h"
#include "tightrope/serving/fleet.h"
#include "tightrope/serving/result.h"
#include "tightrope/traffic/request.h"

namespace tightrope::serving {

/// A request and the ids of its prompt's blocks of content, which need not outlive the call.
struct Arrival {
  traffic::Request request;
  std::span<const std::uint32_t> content;
};

/// Fills the next request, arrivals rising; false when there is none. Called once a request, so
/// that requests need never be in memory together.
using Source = std::function<bool(Arrival&)>;

/// The requests of a trace, which must outlive the source.
[[nodiscard]] Source trace_source(const traffic::Trace& trace);

/// Who asks.
struct Load {
  Source source;
  /// 0: requests come at their arrival times. Otherwise so many clients each send the next request
  /// as soon as they have their answer, as most benchmarks do; arrival times do not matter.
  std::int64_t concurrency = 0;
  std::int64_t content_tokens = 512;  ///< of a block of content
};

struct Progress {
  Seconds time{};
  std::int64_t arrived = 0, finished = 0, in_flight = 0;
};

/// Host work from a request's arrival on, before the scheduler sees it: text to tokens, checks,
/// copies. It takes no turn in the simulation, and counts in first tokens, E2E and promises.
struct Front {
  Seconds request{};  ///< each
  Seconds token{};    ///< of its prompt
};

struct RunOptions {
  Slo slo;
  Front front;
  bool stepping = false;              ///< every iteration by itself; the same answer, for tests
  std::int64_t warm_up_requests = 0;  ///< left out of distributions (but itl) and goodput
  std::size_t series_points = 512;    ///< at most; resolution halves when they are used up
  const std::atomic<bool>* cancel = nullptr;  ///< set: the answer so far, `is_complete` false
  std::function<void(const Progress&)> on_progress;     ///< every few ten thousand events
  std::function<void(const WorkRecord&)> on_work;       ///< in order of ends, for timelines
  std::function<void(const RequestRecord&)> on_finish;  ///< in order of completion
};

/// Runs until every request is done. Errors: range, conflict (a fleet that cannot work).
/// Memory grows with the requests in flight, not with those that are done.
[[nodiscard]] Result<ServingResult> simulate(const Fleet& fleet, const Load& load,
                                             const RunOptions& options = {});

}  // namespace tightrope::serving
