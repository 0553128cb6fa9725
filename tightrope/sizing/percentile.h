// From means to percentiles: what chance arrivals add to a steady state.
//
// Requests that arrive at random (Poisson) meet a replica that is sometimes fuller than its mean
// and whose prompts sometimes queue. Both are estimated here from the mean rate alone; bursts,
// sessions and tails beyond 99.9 are the simulator's business.
#pragma once

#include "tightrope/sizing/goal.h"

namespace tightrope::sizing {

/// What: the standard normal deviate below which a share of all lies.
/// Formula: Phi^-1(p)
/// Source: P. J. Acklam's rational approximation, relative error below 1.2e-9.
/// Valid: 0 < share < 1
/// Checked by: Percentile.Laws
[[nodiscard]] double normal_deviate(double share) noexcept;

/// What: requests under way in a replica at a percentile of moments, when the mean is `mean`.
/// Formula: mean + z sqrt(mean), z = Phi^-1(p)
/// Source: with Poisson arrivals and service shared by all, the number under way is Poisson
/// whatever
///   the lengths (M/G/infinity insensitivity); normal approximation.
/// Valid: mean >= 0; 50 <= percentile < 100. A replica slows down as it fills, so that near
///   saturation the true number varies more.
/// Checked by: Percentile.Laws
[[nodiscard]] double fullness(double mean, double percentile) noexcept;

struct Queue {
  Seconds service{};       ///< of one prompt
  double utilisation = 0;  ///< of the time that prompts take, 0 .. 1
  double service_cv = 0;   ///< deviation over mean of service
  double percentile = 90;
};

/// What: wait for the prompts ahead at a percentile.
/// Formula: mean W = u S (1 + cv^2) / (2 (1 - u)); P(wait > t) = u exp(-t u / W);
///   W_p = W / u ln(u / (1 - p)), 0 where u <= 1 - p
/// Source: Pollaczek-Khinchine for M/G/1; exponential tail that keeps P(wait > 0) = u and the mean.
/// Valid: 0 <= utilisation < 1; 50 <= percentile < 100.
/// Checked by: Percentile.Laws
[[nodiscard]] Seconds queue_wait(const Queue& queue) noexcept;

/// The largest utilisation, on a grid of hundredths up to 0.95, whose wait is at most `most`; 0
/// when `most` is negative.
[[nodiscard]] double bearable_utilisation(const Queue& queue, Seconds most) noexcept;

}  // namespace tightrope::sizing
