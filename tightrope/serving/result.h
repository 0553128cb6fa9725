// What a simulated fleet did for its users, and what it took.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/core/units.h"
#include "tightrope/serving/histogram.h"

namespace tightrope::serving {

/// What users were promised; a bound of 0 is none.
struct Slo {
  Seconds ttft{}, tpot{}, e2e{};
};

/// One request that is done. All durations count from its arrival.
struct RequestRecord {
  std::int64_t serial = 0;
  Seconds arrival{};
  Seconds queue{};  ///< until its first admission
  Seconds ttft{};   ///< until its first token
  Seconds e2e{};    ///< until its last
  std::int32_t input = 0, output = 0, session = -1;
  std::int32_t hit_tokens = 0;  ///< of its prompt, found in the cache at first admission
  std::int32_t retries = 0;
  std::uint32_t replica = 0;  ///< that finished it
};

/// The fleet at one moment.
struct SeriesPoint {
  Seconds time{};
  std::int64_t arrived = 0, finished = 0, waiting = 0, running = 0;
  std::int64_t refused = 0;   ///< too long for any replica, or given up
  std::int64_t replicas = 0;  ///< that take requests
  double kv_used = 0.0;       ///< share of all pages that hold keys and values of requests
};

/// Whether requests came faster than they were served. Past that point waiting times depend on how
/// long one looks, so tails are no property of the fleet: their upper bounds are open.
struct Saturation {
  bool is_saturated = false;
  double arrival_rate = 0.0;  ///< requests a second that could be served, second half of arrivals
  double completion_rate = 0.0;  ///< over the same time
  std::int64_t waiting_half = 0, waiting_three_quarters = 0, waiting_end = 0;
  Seconds drain{};  ///< from the last arrival to the last completion
};

/// What one kind of replicas did.
struct KindResult {
  std::string name;
  Seconds busy{}, provisioned{};
  Joules energy{};
  Dollars cost{};
};

/// A stretch of work of one replica: an iteration with prefills, or a run of decode steps.
struct WorkRecord {
  std::uint32_t replica = 0;
  Seconds begin{}, end{};
  std::int64_t iterations = 0, decodes = 0, prefills = 0, prefill_tokens = 0;
};

struct ServingResult {
  bool is_complete = true;  ///< false: cancelled, or requests were left that nobody could serve
  std::int64_t arrived = 0, finished = 0;
  std::int64_t rejected = 0;  ///< longer than any replica can hold
  std::int64_t given_up = 0;  ///< lost to failures more often than retries allow
  std::int64_t unfinished = 0;
  std::int64_t within_slo = 0;

  Distribution ttft;   ///< arrival to first token
  Distribution tpot;   ///< (e2e - ttft) / (output - 1), of requests with two tokens or more
  Distribution itl;    ///< between outputs of one sequence; a step of speculation is one output
  Distribution e2e;    ///< arrival to last token
  Distribution queue;  ///< arrival to first admission

  Seconds duration{};                                ///< first arrival to last completion
  std::int64_t input_tokens = 0, output_tokens = 0;  ///< of finished requests
  double requests_per_second = 0.0, goodput = 0.0;   ///< finished; of them within the SLO
  TokensPerSecond input_rate{}, output_rate{};
  double hit_rate = 0.0;  ///< share of prompt tokens found in the cache
  std::int64_t preemptions = 0, iterations = 0, prefill_tokens = 0, retries = 0, transfers = 0;
  double mean_waiting = 0.0;
  std::int64_t greatest_waiting = 0, greatest_in_flight = 0;
  std::int64_t blocks_left = 0;  ///< pages still held at the end: 0 when complete

  std::int64_t failures = 0;      ///< of replicas
  Seconds down{};                 ///< summed over replicas, from failures to repairs
  double replica_hours = 0.0;     // tidy-allow(raw-unit): the trade's unit of provisioned capacity
  Seconds busy{}, provisioned{};  ///< summed over replicas
  Joules energy{};                ///< busy and idle
  Dollars cost{};                 ///< rent of what was provisioned
  std::vector<KindResult> kinds;  ///< in the fleet's order
  Saturation saturation;
  std::vector<SeriesPoint> series;
};

}  // namespace tightrope::serving
