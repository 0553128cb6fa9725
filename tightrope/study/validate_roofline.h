// The plainest predictor that knows kernels: no efficiency, no traffic between chips, no waiting.
#pragma once

#include "tightrope/study/training_rows_case.h"

namespace tightrope::study {

/// Time of a step's kernels on all accelerators at once: the sum over matrix products, attention
/// and elementwise passes of max(FLOPs / peak, bytes / HBM bandwidth), forward and backward, with
/// nothing recomputed. Weights are read once a micro-batch. Peak and bandwidth are the nameplate's.
[[nodiscard]] Seconds plain_roofline(const RowCase& row, int accelerators);

}  // namespace tightrope::study
