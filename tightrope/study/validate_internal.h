// The parts of validation that only validate*.cpp share.
#pragma once

#include <vector>

#include "tightrope/study/validate.h"

namespace tightrope::study::validate_internal {

/// 0 of an empty list.
[[nodiscard]] double median(std::vector<double> values);

/// Figures, coverage, pairs and memory from the rows.
void summarise(ValidationReport& report);

}  // namespace tightrope::study::validate_internal
