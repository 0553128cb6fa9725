// A published row as our model runs it: its own context and mapping, ready to be estimated.
#pragma once

#include <string>
#include <vector>

#include "tightrope/step/estimate.h"
#include "tightrope/step/evidence.h"
#include "tightrope/study/training_rows.h"

namespace tightrope::study {

/// One row, expressed or refused.
struct RowCase {
  std::string refused;  ///< why there is no prediction; empty when there is one
  std::string chip;     ///< catalog id
  std::string precision, stack;
  bool moe = false;
  double measured = 0;       ///< tokens/s per accelerator; step seconds for the mapping grid
  double tokens = 0;         ///< of one step
  double flops_a_token = 0;  ///< FLOPs a token, causal attention, frozen weights left out (MFU)
  FlopsPerSecond peak{};     ///< of one accelerator in the recipe's format
  step::Mapping mapping;
  std::string reading;  ///< what was read into the mapping though the row does not say it
  /// The steps that bracket the row: one, or two when the last micro-batch is a partial one; the
  /// row's step time is the weighted mean.
  std::vector<step::Context> contexts;
  std::vector<double> weights;
};

/// Makes a case of every row, in parallel, in row order. Never fails: what cannot be expressed says
/// why in `refused`.
[[nodiscard]] std::vector<RowCase> make_cases(const TrainingTable& table,
                                              const catalog::Catalog& catalog,
                                              const formula::Calibration& calibration,
                                              const step::TuningTable& tuning);

/// What decides how far the prediction of an expressed row may be off.
[[nodiscard]] step::Traits traits_of(const RowCase& row, const std::string& source);

/// What the model says about a row, in the unit of RowCase::measured.
struct Prediction {
  double value = 0;
  Seconds step{};
  step::TimeParts parts;  ///< of the first context
  step::Memory memory;
};

/// Runs the model on an expressed row.
[[nodiscard]] Prediction predict(const RowCase& row, TrainingForm form, int accelerators);

/// Gives an expressed row's contexts the numbers of a table (its stack and architecture).
void retune(RowCase& row, const step::TuningTable& tuning);

}  // namespace tightrope::study
