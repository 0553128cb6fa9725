// What users ask of a served model: requests with their lengths, times and shared prefixes.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/core/units.h"

namespace tightrope::traffic {

/// Requests, sessions: things that are counted, a second.
using PerSecond = QuantityOf<-1, 0, 0, 0, 0, 0, 0>;

/// One request. Times are whole nanoseconds, so that a trace reads the same everywhere.
struct Request {
  std::int64_t arrival_ns = 0;  ///< after the trace's start, rising
  std::int32_t input = 0;       ///< tokens of the prompt, > 0
  std::int32_t output = 0;      ///< tokens generated, > 0
  std::int32_t session = -1;    ///< requests of one conversation; -1: alone
  /// The prompt's blocks of Trace::block_tokens in Trace::blocks, by content: equal leading ids are
  /// a shared prefix. Empty: nothing is known to be shared.
  std::uint32_t first_block = 0, block_count = 0;
};

struct Trace {
  std::vector<Request> requests;      ///< by arrival, then as read
  std::vector<std::uint32_t> blocks;  ///< content ids, all requests' one after the other
  int block_tokens = 512;
  bool timed = true;  ///< false: nobody said when they came; all arrive at 0, in the file's order
  [[nodiscard]] std::size_t size() const { return requests.size(); }
};

}  // namespace tightrope::traffic
