// A trace in a few numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/traffic/request.h"

namespace tightrope::traffic {

struct LengthSummary {
  double mean = 0.0, p50 = 0.0, p90 = 0.0, p99 = 0.0;  ///< tokens; straight lines between requests
  std::int32_t longest = 0;
};

struct Summary {
  std::int64_t requests = 0;
  bool timed = true;            ///< false: arrivals are unknown, and what is told of them is 0
  Seconds span;                 ///< from the first arrival to the last
  PerSecond rate;               ///< gaps over span; 0 when all come at once
  double gap_cv = 0.0;          ///< deviation of gaps over their mean: 1 for Poisson arrivals
  double dispersion_10s = 0.0;  ///< variance over mean of arrivals in 10 s: 1 for Poisson
  PerSecond busiest_minute;     ///< rate in the busiest minute; 0 for shorter traces
  LengthSummary input, output;
  double correlation = 0.0;  ///< of the normal scores of input and output
  int block_tokens = 0;
  std::int64_t block_references = 0, unique_blocks = 0;
  double reuse_share = 0.0;  ///< of references to a block that was there before
  std::int64_t sessions = 0, session_requests = 0;  ///< of requests that name one
};

[[nodiscard]] Summary describe(const Trace& trace);

/// The value below which a share of sorted values lies, on straight lines between them.
[[nodiscard]] double quantile(const std::vector<double>& sorted, double share);
/// Correlation of the normal scores of two lists of equal length; ties share their middle rank.
/// 0 when one of them does not vary.
[[nodiscard]] double score_correlation(const std::vector<double>& a, const std::vector<double>& b);
/// Deviation over mean; 0 of fewer than two values or a mean of 0.
[[nodiscard]] double variation(const std::vector<double>& values);

}  // namespace tightrope::traffic
