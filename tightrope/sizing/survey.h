// Every deployment of one offer at every concurrency: the best replicas, and the workers that a
// disaggregated fleet may be made of.
#pragma once

#include <vector>

#include "tightrope/sizing/fleet.h"

namespace tightrope::sizing {

/// A worker that only prefills.
struct PrefillWorker {
  std::size_t offer = 0;
  infer::Deployment deployment;
  int chips = 1;
  double token_budget = 0;
  infer::PrefillWork work;
  Watts idle{};
  BytesPerSecond inside{}, outside{};  ///< links to a decoding worker in the domain, and beyond
  Bytes prompt_bytes{};                ///< of a mean prompt's keys and values, over all its ranks
  double kv_element = 2;               ///< bytes an element
};

/// A worker that only decodes, at one number of sequences.
struct DecodeWorker {
  std::size_t offer = 0;
  infer::Deployment deployment;
  int chips = 1;
  double decoding = 0;   ///< sequences, mean
  double sequences = 0;  ///< at the percentile
  infer::DecodeWork work;
  Seconds tpot_high{};
  BytesPerSecond inside{}, outside{};
  double kv_element = 2;
};

struct Survey {
  Best best{1};  ///< replicas
  Front front;
  Reach reach;
  Counters counters;
  std::vector<PrefillWorker> prefill;  ///< none beaten by another of as many chips;
                                       ///< within the ttft limit, or the fastest alone
  std::vector<DecodeWorker> decode;    ///< likewise; within the tpot limit, or the fastest alone
};

/// `index` is the offer's, for the fleets that come out. Deterministic, on the calling thread.
[[nodiscard]] Survey survey(const Offer& offer, std::size_t index, const Settings& settings,
                            bool disaggregate);

/// A replica's latency at the limits' percentile. `tpot_high` is the tpot of a replica as full as
/// `fullness` says; prompts wait as `queue_wait` says and fall anywhere in an iteration.
[[nodiscard]] Latency high_latency(const infer::Steady& mean, Seconds tpot_high,
                                   const infer::Context& context, const Demand& demand,
                                   const Limits& limits);

/// By how much answers at the percentile need more iterations than the mean: drafts' luck.
/// `tokens`: of an answer after its first.
[[nodiscard]] double unlucky(const infer::Context& context, double tokens, const Limits& limits);

/// Drawn by a worker's machines while nothing runs.
[[nodiscard]] Watts idle_power(const infer::Pricing& pricing);

}  // namespace tightrope::sizing
