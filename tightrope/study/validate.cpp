#include "tightrope/study/validate.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/study/error_band.h"
#include "tightrope/study/training_rows_internal.h"
#include "tightrope/study/validate_internal.h"
#include "tightrope/study/validate_roofline.h"

namespace tightrope::study {
namespace {

void mark_latest(const std::vector<TrainingRow>& rows, std::vector<RowOutcome>& out) {
  std::vector<bool> usable;
  for (const RowOutcome& r : out) usable.push_back(r.refused.empty());
  const std::vector<bool> latest = latest_rows(rows, usable);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].latest = latest[i];
}

RowOutcome describe(const TrainingRow& row, const RowCase& c) {
  RowOutcome out;
  out.id = row.id;
  out.source = row.source;
  out.hardware = row.hardware;
  out.precision = row.precision.empty() ? "not given" : row.precision;
  out.kind = c.moe ? "moe" : "dense";
  out.task = row.task.empty() ? "pretrain" : row.task;
  out.config_key = row.config_key;
  out.refused = c.refused;
  out.measured_peak = row.peak_memory;
  const auto cut = rows_internal::number_after(row.architecture_note, "overridden to ");
  out.pair_key =
      fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", row.model_key, cut.value_or(0), out.task, row.hardware,
                  row.accelerators, row.precision, row.global_batch, row.seq_len);
  return out;
}

void add_prediction(const TrainingRow& row, const RowCase& c, TrainingForm form, RowOutcome& out) {
  const Prediction p = predict(c, form, row.accelerators);
  out.measured = c.measured;
  out.predicted = p.value;
  out.step = p.step;
  out.parts = p.parts;
  out.memory = p.memory;
  const step::Context& context = c.contexts.front();
  out.device_memory = context.kernels.hbm;
  out.printed_peak = step::printed_peak(context.tuning, p.memory);
  out.architecture = context.chip.architecture;
  const ErrorFactors band = error_factors(context, row.source);
  const bool time = form == TrainingForm::mapping_grid;
  out.low50 = time ? p.value * band.low50 : p.value / band.high50;
  out.high50 = time ? p.value * band.high50 : p.value / band.low50;
  out.low90 = time ? p.value * band.low90 : p.value / band.high90;
  out.high90 = time ? p.value * band.high90 : p.value / band.low90;
  out.text =
      fmt::format("{} {} x{} {} gbs{} seq{} {} [{}]", row.model_key, row.hardware, row.accelerators,
                  c.precision, row.global_batch, row.seq_len, step::to_text(c.mapping), c.stack);
  if (!c.reading.empty()) out.text += fmt::format(" ({})", c.reading);
}

// The predictor that knows one utilisation for each chip and precision.
class ConstantMfu {
 public:
  ConstantMfu(const std::vector<TrainingRow>& rows, const std::vector<RowCase>& cases,
              TrainingForm form)
      : rows_(rows), cases_(cases), form_(form) {}

  [[nodiscard]] double mfu(std::size_t i) const {
    const RowCase& c = cases_[i];
    return tokens_a_second(i, c.measured) * c.flops_a_token / c.peak.raw();
  }
  /// What row i would reach at utilisation `share`, in the unit of the table.
  [[nodiscard]] double value_at(std::size_t i, double share) const {
    const double rate = share * cases_[i].peak.raw() / cases_[i].flops_a_token;
    return tokens_a_second(i, rate);
  }
  /// Median utilisation of rows of the same chip and precision; with `leave_out` without row i's
  /// own source, falling back on the chip, then on all.
  [[nodiscard]] double typical(std::size_t i, bool leave_out) const {
    for (int level = 0; level < 3; ++level) {
      std::vector<double> found;
      for (std::size_t j = 0; j < rows_.size(); ++j) {
        if (!cases_[j].refused.empty()) continue;
        if (leave_out && rows_[j].source == rows_[i].source) continue;
        if (level < 2 && cases_[j].chip != cases_[i].chip) continue;
        if (level < 1 && cases_[j].precision != cases_[i].precision) continue;
        found.push_back(mfu(j));
      }
      if (!found.empty()) return validate_internal::median(std::move(found));
    }
    return 0.4;
  }

 private:
  // Both ways: seconds a step <-> tokens/s per accelerator; nothing to do for the latter.
  [[nodiscard]] double tokens_a_second(std::size_t i, double value) const {
    if (form_ == TrainingForm::measurements) return value;
    return cases_[i].tokens / value / rows_[i].accelerators;
  }
  const std::vector<TrainingRow>& rows_;
  const std::vector<RowCase>& cases_;
  TrainingForm form_;
};

}  // namespace

ValidationReport validate_training(const TrainingTable& table, const catalog::Catalog& catalog,
                                   const formula::Calibration& calibration,
                                   const step::TuningTable& tuning) {
  ValidationReport report;
  report.form = table.form;
  report.file = table.file;
  report.hash = table.hash;
  const std::vector<RowCase> cases = make_cases(table, catalog, calibration, tuning);
  const ConstantMfu constant(table.rows, cases, table.form);
  report.rows.resize(cases.size());
  for_each_index(cases.size(), [&](std::size_t i) {
    RowOutcome& out = report.rows[i];
    out = describe(table.rows[i], cases[i]);
    if (!cases[i].refused.empty()) return;
    add_prediction(table.rows[i], cases[i], table.form, out);
    out.baseline = constant.value_at(i, constant.typical(i, false));
    out.baseline_out = constant.value_at(i, constant.typical(i, true));
    out.roofline = constant.value_at(i, 1.0);
    const Seconds plain = plain_roofline(cases[i], table.rows[i].accelerators);
    out.plain = table.form == TrainingForm::mapping_grid
                    ? plain.raw()
                    : cases[i].tokens / plain.raw() / table.rows[i].accelerators;
  });
  for (const RowCase& c : cases) {
    if (c.refused.empty()) {
      ++report.expressed;
    } else {
      ++report.refused[c.refused];
    }
  }
  mark_latest(table.rows, report.rows);
  report.fitted_numbers = static_cast<int>(tuning.evidence->standard_errors.size());
  validate_internal::summarise(report);
  return report;
}

}  // namespace tightrope::study
