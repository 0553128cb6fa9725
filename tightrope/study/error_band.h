// How far a predicted step may be off: one rule for plans and for validation.
#pragma once

#include <string>
#include <vector>

#include "tightrope/step/context.h"
#include "tightrope/step/evidence.h"

namespace tightrope::study {

/// Factors on the predicted step time: 50 and 90 of 100 measured steps lie between.
struct ErrorFactors {
  double low50 = 1, high50 = 1, low90 = 1, high90 = 1;
  std::vector<std::string> reasons;  ///< why it is wider than for a case like the measured ones
};

/// The band of a case measured by `source` (empty: nobody yet): the calibration's errors on rows
/// left out, by what it has not seen of the case, and the width of the catalog's ranges.
[[nodiscard]] ErrorFactors error_factors(const step::Context& context, const std::string& source);

}  // namespace tightrope::study
