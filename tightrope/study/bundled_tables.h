// Tables of published measurements that travel inside the binary (validation/).
#pragma once

#include <string_view>

#include "tightrope/study/training_rows.h"

namespace tightrope::study {

/// validation/training_measurements.csv: every training measurement compiled so far.
[[nodiscard]] const TrainingTable& bundled_training_table();

}  // namespace tightrope::study
