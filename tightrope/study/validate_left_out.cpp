#include "tightrope/study/validate_left_out.h"

#include <cmath>
#include <map>

#include "tightrope/study/calibrate_training.h"

namespace tightrope::study {
namespace {

LeftOutPrediction prediction_of(const LeftOut& group, std::size_t j, double measured) {
  LeftOutPrediction p;
  p.dimension = group.dimension;
  p.group = group.group;
  p.predicted = measured * std::exp(group.log_errors[j]);
  const step::LogBand& b = group.bands[j];
  p.low50 = p.predicted * std::exp(-b.q75);
  p.high50 = p.predicted * std::exp(-b.q25);
  p.low90 = p.predicted * std::exp(-b.q95);
  p.high90 = p.predicted * std::exp(-b.q05);
  return p;
}

}  // namespace

Result<void> add_left_out(const TrainingTable& table, const std::vector<TrainingTable>& more,
                          const catalog::Catalog& catalog, const Coefficients& coefficients,
                          ValidationReport& report) {
  if (table.form == TrainingForm::mapping_grid) return {};
  CalibrateTrainingInput input;
  input.data = {table};
  input.data.insert(input.data.end(), more.begin(), more.end());
  input.refine = !repeats(input.data, coefficients.tuning);
  input.priors = input.refine ? coefficients.tuning : step::TuningTable::embedded_priors();
  TR_TRY(const CalibrationReport fitted, calibrate_training(input, catalog, coefficients.kernels));
  std::map<std::string, std::size_t> at;
  for (std::size_t i = 0; i < report.rows.size(); ++i) at[report.rows[i].id] = i;
  for (const LeftOut& group : fitted.left_out) {
    for (std::size_t j = 0; j < group.rows.size(); ++j) {
      const auto row = at.find(fitted.ids[group.rows[j]]);
      if (row == at.end()) continue;
      RowOutcome& out = report.rows[row->second];
      if (!out.refused.empty()) continue;
      out.left_out.push_back(prediction_of(group, j, out.measured));
    }
  }
  for (const TrainingTable& t : input.data) report.left_out_data.push_back(t.file);
  report.left_out_numbers = fitted.numbers;
  summarise_left_out(report);
  return {};
}

}  // namespace tightrope::study
