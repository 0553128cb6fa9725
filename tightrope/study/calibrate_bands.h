// Error bands from the errors of rows left out of the fit.
#pragma once

#include <vector>

#include "tightrope/step/evidence.h"

namespace tightrope::study {

/// One row predicted by a fit that had not seen it.
struct BandObservation {
  step::Unseen unseen;   ///< by the rows that fit did see
  double log_error = 0;  ///< log(predicted / measured) of a throughput
  double weight = 1;     ///< re-measurements of one configuration share its weight; 0 leaves it out
};

/// Spreads that make the errors likeliest (Laplace, each drawn to a prior), then quantiles of all
/// errors over their spreads. Deterministic. With fewer than 20 observations: `start` as it is.
[[nodiscard]] step::Bands fit_bands(const std::vector<BandObservation>& observations,
                                    const step::Bands& start);

/// An error over its spread, after its shift.
struct BandRatio {
  double ratio = 0, weight = 1;
};
[[nodiscard]] BandRatio ratio_of(const BandObservation& observation, const step::Bands& bands);
/// Sets the four quantiles to those of the ratios, by weight. Without ratios: as they were.
void set_quantiles(std::vector<BandRatio> ratios, step::Bands& bands);

}  // namespace tightrope::study
