// Prefill and decode on replicas of their own, in closed form.
#pragma once

#include "tightrope/infer/steady.h"

namespace tightrope::infer {

/// x prefill workers feed y decode workers.
struct Disaggregated {
  const Pricing* prefill = nullptr;
  const Pricing* decode = nullptr;
  double prefill_workers = 1, decode_workers = 1;
  /// A worker's: `token_budget` and `sequences` of prefill_limits are those of one iteration,
  /// `sequences` of decode_limits those that decode at once.
  SteadyLimits prefill_limits, decode_limits;
  Bytes kv_token{};           ///< moved for each token of the prompt
  BytesPerSecond transfer{};  ///< of one prefill worker; 0: free
  /// Front ends that deal requests out to decode workers, each in turn and for itself.
  double frontends = 1;
};

/// What: N clients, each of which sends its next request when the last is done, served by prefill
///   workers, a link and decode workers in turn.
/// Formula: N = X (front + P(X) + moved + 1.5 t(B)) + y m; X = y (m - w) / (S t(B)), B = m - w
/// + v/m;
///   P(X) = T(q) (1 + u/2 + u handshakes) + r^2/(1 - r) T(K) / 2K,
///   q = X/x T(q) prompts an iteration, at most K,
///   u = X/x T(1) <= 1, r = X/x T(K)/K; w = E(n - s)+ requests wait at a worker for one of its s
///   places, n normal with mean m and variance v = min(m (1 - 1/y), (frontends - 1) / 6); tpot =
///   t(B) / accepted; a first wave of all clients at once adds half of its queue to the mean
/// Source: derived: Little's law over the stations of a closed network; round-robin dealers that do
///   not know of each other: each but the first puts a worker off by a uniform fraction of a
///   request.
/// Valid: as closed_loop; both pricings set.
/// Checked by: Disaggregated.Laws
[[nodiscard]] Steady disaggregated_loop(const Disaggregated& fleet, const Load& load);

/// Requests that wait at a worker with `places` when `mean` are there on average.
/// `variance` >= 0; what is waited is at least what is more than the places.
[[nodiscard]] double waiting_for_places(double mean, double variance, double places) noexcept;

/// A worker that only prefills, without the other: what a search of ratios puts together.
struct PrefillWork {
  Seconds request{};        ///< of one prompt, nothing else running: on one attention group
  double rate = 0;          ///< requests a second, prompts together as the limits allow
  Joules request_energy{};  ///< at that rate
};
[[nodiscard]] PrefillWork prefill_work(const Pricing& pricing, const Load& load,
                                       const SteadyLimits& limits);

}  // namespace tightrope::infer
