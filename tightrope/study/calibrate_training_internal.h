// The fit's machinery: residuals of all rows, their slopes, and the problem they make.
#pragma once

#include <vector>

#include "tightrope/study/calibrate_training.h"
#include "tightrope/study/robust_fit.h"

namespace tightrope::study::training_fit {

/// All expressed rows with what their words say about them.
struct FitRows {
  std::vector<RowCase> cases;
  std::vector<TrainingForm> forms;
  std::vector<int> accelerators;
  std::vector<std::string> ids, sources, models, hardware, kinds;
  std::vector<std::string> keys;   ///< config_key, or the id without one
  std::vector<std::string> folds;  ///< a tenth of the configurations each
  std::vector<double> weights;
  std::vector<bool> latest;  ///< of its configuration's measurements
  [[nodiscard]] std::size_t size() const { return cases.size(); }
};

/// log(predicted / measured) of a throughput, so > 0 means predicted too fast in either form.
[[nodiscard]] std::vector<double> residuals(FitRows& rows, const step::TuningTable& table);

[[nodiscard]] std::vector<Column> slopes(FitRows& rows, const KnobSet& set,
                                         const std::vector<double>& z,
                                         const std::vector<double>& at_z);

/// The fit's problem with these weights; `rows` and `set` must outlive it.
[[nodiscard]] RobustProblem problem_of(FitRows& rows, const KnobSet& set,
                                       const std::vector<double>& weights);

/// Second derivative of a row's part of the loss, at weight 1.
[[nodiscard]] double curvature(double residual);

/// Standard errors of the knobs' values: the inverse curvature of the loss at its optimum.
[[nodiscard]] std::vector<step::StandardError> standard_errors(const FitRows& rows,
                                                               const KnobSet& set,
                                                               const std::vector<Column>& columns,
                                                               const std::vector<double>& residual,
                                                               const std::vector<double>& z);

/// Values before and after, those that moved most standard deviations of their priors first.
[[nodiscard]] std::vector<FittedValue> values_of(const KnobSet& set, const std::vector<double>& z,
                                                 const step::Evidence& evidence);

/// Error bands from the rows left out, and those of each group from the other groups alone. With
/// `base`, whose bands stand, also by what it has seen.
void add_bands(const std::vector<std::string>& keys, const step::Evidence* base,
               CalibrationReport& report);

}  // namespace tightrope::study::training_fit
