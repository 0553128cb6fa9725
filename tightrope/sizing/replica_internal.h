// One deployment as replicas that prefill and decode, at every concurrency.
#pragma once

#include <vector>

#include "tightrope/sizing/survey.h"

namespace tightrope::sizing::survey_internal {

/// What an iteration's token budget leaves for sequences.
struct Room {
  double token_budget = 0;  ///< over the worker
  double sequences = 0;     ///< that fit at their mean length, all groups together; below 1: none
  infer::ServingMemory memory;
  infer::SteadyLimits limits;
};
[[nodiscard]] Room room_of(const infer::Context& context, const infer::Deployment& deployment,
                           const Settings& settings, double budget_share);

/// A replica at a concurrency: the closed loop, or static batches where they are asked for. Who
/// comes while a batch runs waits for its end: half of a batch on average, told as `prefill_queue`.
[[nodiscard]] infer::Steady steady_at(const infer::Pricing& pricing, const Settings& settings,
                                      const infer::SteadyLimits& limits, double concurrency);
/// Its latency at the limits' percentile, with the tpot of a replica as full as that percentile.
[[nodiscard]] Latency high_of(const infer::Steady& mean, Seconds tpot_high,
                              const infer::Context& context, const Settings& settings);

/// Tables as long as the rooms need.
void tabulate(infer::Pricing& pricing, const std::vector<Room>& rooms, const Demand& demand);

/// Numbers of requests under way that are tried: each up to 64, then in steps of a thirty-second.
[[nodiscard]] std::vector<double> levels(double most);

[[nodiscard]] int whole_chips(const infer::Pricing& pricing);

/// A winner without tables: its numbers as closed_loop itself gives them. Where those break a limit
/// that the tables kept, it is emptied, or given workers, until they do not.
[[nodiscard]] Fleet refined(const Offer& offer, const Settings& settings, Fleet fleet);

/// Two pools at the rate asked for: each decoding worker only as full as its share of the rate
/// makes it, which is quicker than its level, and draws more for a request. Without a rate, as it
/// was.
[[nodiscard]] Fleet settled(const Offer& decode, const Settings& settings, Fleet fleet);

class Replica {
 public:
  Replica(const infer::Pricing& pricing, const Room& room, const Offer& offer, std::size_t index,
          const Settings& settings);

  /// Proven: nothing this replica does enters `best` or `front`.
  [[nodiscard]] bool hopeless(const Best& best, const Front& front) const;

  /// Prices every level, and adds what keeps the limits.
  void evaluate(Counters& counters, Best& best, Front& front, Reach& reach);

 private:
  [[nodiscard]] Latency high(std::size_t level) const;
  [[nodiscard]] double tpot_at(double concurrency) const;
  [[nodiscard]] std::size_t level_for(double request_rate) const;
  [[nodiscard]] Joules energy_at(double request_rate) const;
  [[nodiscard]] double workers_for(double request_rate) const;
  [[nodiscard]] Bill bill_of(double request_rate, Joules request_energy, double workers) const;
  [[nodiscard]] Fleet fleet_at(std::size_t level) const;
  [[nodiscard]] Fleet settled(std::size_t level) const;

  const infer::Pricing& pricing_;
  const Room& room_;
  const Offer& offer_;
  std::size_t index_;
  const Settings& settings_;
  int chips_;
  std::vector<double> levels_;
  std::vector<infer::Steady> states_;
};

}  // namespace tightrope::sizing::survey_internal
