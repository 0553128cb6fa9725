// Parts of sentences that the text and the page of a simulation share.
#pragma once

#include <string>
#include <vector>

#include "tightrope/serving_study/simulate.h"

namespace tightrope::report::simulate_internal {

/// One duration's distribution with its name.
struct Named {
  const char* name;
  const serving::Distribution* distribution;
  bool has_tail = true;  ///< false past saturation, where waiting has no stationary distribution
};
[[nodiscard]] std::vector<Named> distributions(const serving::ServingResult& served);

/// Cells of a table's row: name, mean, p50 .. p99, band of p99.
[[nodiscard]] std::vector<std::string> latency_cells(const Named& row);
inline constexpr const char* latency_titles[] = {"",    "mean", "p50", "p90",
                                                 "p95", "p99",  "p99 in 95 of 100"};

/// What ran and what fits, a paragraph a pool.
[[nodiscard]] std::vector<std::string> pool_words(const serving_study::SimulatedPool& pool);
/// Rates, cost, energy, cache, queue, what to beware of; a paragraph each.
[[nodiscard]] std::vector<std::string> outcome_words(const serving_study::SimulateRequest& request,
                                                     const serving_study::SimulateResult& result);
/// "llama3-70b, 1 replica, 8 chips: ...".
[[nodiscard]] std::string headline(const serving_study::SimulateRequest& request,
                                   const serving_study::SimulateResult& result);

/// The highest and the mean share of pages in use, over the series.
struct CacheUse {
  double mean = 0, greatest = 0;
  std::int64_t replicas = 0;  ///< most at one time
};
[[nodiscard]] CacheUse cache_use(const serving::ServingResult& served);

/// Per token of output; 0 without any.
[[nodiscard]] double per_output_token(double amount, const serving::ServingResult& served);

}  // namespace tightrope::report::simulate_internal
