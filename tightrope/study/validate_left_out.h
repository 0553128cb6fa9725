// What the model says of rows that its fit had not seen.
#pragma once

#include "tightrope/study/validate.h"

namespace tightrope::study {

/// Fits again without each tenth of the configurations, each source, each model and each chip of a
/// table of measurements, and adds what those fits say of the rows they missed, with bands from
/// other groups' errors. `more`: further tables that every fit sees. A grid of mappings has no
/// groups to leave out: nothing is added. Errors: as calibrate_training.
[[nodiscard]] Result<void> add_left_out(const TrainingTable& table,
                                        const std::vector<TrainingTable>& more,
                                        const catalog::Catalog& catalog,
                                        const Coefficients& coefficients, ValidationReport& report);

}  // namespace tightrope::study
