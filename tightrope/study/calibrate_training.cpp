#include "tightrope/study/calibrate_training.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>

#include <fmt/format.h>

#include "tightrope/core/check.h"
#include "tightrope/study/calibrate_training_internal.h"

namespace tightrope::study {
namespace {

using training_fit::FitRows;

// A source of n rows weighs as much as sqrt(n) single ones: between "every row counts" and "every
// source counts". Re-measurements of one configuration share its weight.
std::vector<double> weigh(const FitRows& rows, const std::vector<std::string>& keys) {
  std::map<std::string, double> source_size, repeats;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!keys[i].empty()) ++repeats[rows.sources[i] + keys[i]];
  }
  std::vector<double> share(rows.size(), 1.0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!keys[i].empty()) share[i] = 1.0 / repeats[rows.sources[i] + keys[i]];
    source_size[rows.sources[i]] += share[i];
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    share[i] /= std::sqrt(source_size[rows.sources[i]]);
  }
  return share;
}

// One of ten sets of configurations; re-measurements of one fall together.
std::string fold_of(const std::string& key) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return fmt::format("fold {}", hash % 10);
}

FitRows gather(const CalibrateTrainingInput& input, const catalog::Catalog& catalog,
               const formula::Calibration& kernels) {
  FitRows out;
  std::vector<std::string> keys;
  for (const TrainingTable& table : input.data) {
    std::vector<RowCase> cases = make_cases(table, catalog, kernels, input.priors);
    std::vector<bool> usable;
    for (const RowCase& c : cases) usable.push_back(c.refused.empty());
    const std::vector<bool> latest = latest_rows(table.rows, usable);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (!cases[i].refused.empty()) continue;
      const TrainingRow& row = table.rows[i];
      out.kinds.push_back(fmt::format("{} {}", cases[i].moe ? "moe" : "dense", row.task));
      out.hardware.push_back(cases[i].chip);
      out.cases.push_back(std::move(cases[i]));
      out.forms.push_back(table.form);
      out.accelerators.push_back(row.accelerators);
      out.ids.push_back(row.id);
      out.sources.push_back(row.source);
      out.models.push_back(row.model_key);
      out.latest.push_back(latest[i]);
      keys.push_back(row.config_key);
      out.keys.push_back(row.config_key.empty() ? row.id : row.config_key);
      out.folds.push_back(fold_of(out.keys.back()));
    }
  }
  out.weights = weigh(out, keys);
  return out;
}

using Optimum = RobustOptimum;

// Predicts the rows of one group from a fit that never saw them, carried to its own optimum.
LeftOut leave_out(FitRows& rows, const KnobSet& set, const Optimum& optimum, LeftOut group) {
  std::vector<double> weights = rows.weights;
  for (const std::size_t i : group.rows) weights[i] = 0;
  const Optimum own = robust_descend(training_fit::problem_of(rows, set, weights), optimum);
  for (const std::size_t i : group.rows) group.log_errors.push_back(own.residual[i]);
  return group;
}

void leave_each_out(FitRows& rows, const KnobSet& set, const Optimum& optimum,
                    CalibrationReport& report) {
  const std::pair<const char*, const std::vector<std::string>*> dimensions[] = {
      {"configuration", &rows.folds},
      {"source", &rows.sources},
      {"model", &rows.models},
      {"hardware", &rows.hardware}};
  for (const auto& [dimension, values] : dimensions) {
    std::map<std::string, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows.forms[i] == TrainingForm::measurements) groups[(*values)[i]].push_back(i);
    }
    for (const auto& [group, members] : groups) {
      LeftOut out;
      out.dimension = dimension;
      out.group = group;
      out.rows = members;
      report.left_out.push_back(leave_out(rows, set, optimum, std::move(out)));
    }
  }
}

}  // namespace

bool repeats(const std::vector<TrainingTable>& data, const step::TuningTable& table) {
  const std::vector<std::string>& known = table.evidence->sources;
  std::size_t rows = 0, repeated = 0;
  for (const TrainingTable& t : data) {
    rows += t.rows.size();
    for (const TrainingRow& row : t.rows) {
      if (std::ranges::find(known, row.source) != known.end()) ++repeated;
    }
  }
  return 2 * repeated > rows;
}

Result<CalibrationReport> calibrate_training(const CalibrateTrainingInput& input,
                                             const catalog::Catalog& catalog,
                                             const formula::Calibration& kernels) {
  FitRows rows = gather(input, catalog, kernels);
  if (rows.size() == 0) return fail(ErrorCode::range, "no row can be expressed");
  const KnobSet set = make_knobs(input.priors, rows.cases);
  CalibrationReport report;
  for (const TrainingTable& t : input.data) {
    const std::string name = t.file.substr(t.file.find_last_of('/') + 1);
    report.provenance.push_back(fmt::format("{} ({} rows, fnv1a {})", name, t.rows.size(), t.hash));
  }
  report.before =
      training_fit::residuals(rows, table_at(set, std::vector<double>(set.knobs.size(), 0.0)));
  const Optimum optimum = robust_fit(training_fit::problem_of(rows, set, rows.weights));
  report.table = table_at(set, optimum.z);
  report.after = optimum.residual;
  report.rows = static_cast<int>(rows.size());
  report.numbers = static_cast<int>(set.knobs.size());
  report.ids = rows.ids;
  report.sources = rows.sources;
  report.kinds = rows.kinds;
  report.latest = rows.latest;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    report.traits.push_back(traits_of(rows.cases[i], rows.sources[i]));
  }
  step::Evidence evidence = step::Evidence::of(report.traits);
  evidence.bands = input.priors.evidence->bands;
  evidence.tables = report.provenance;
  if (input.refine) evidence.merge(*input.priors.evidence);
  evidence.standard_errors =
      training_fit::standard_errors(rows, set, optimum.columns, optimum.residual, optimum.z);
  std::ranges::sort(evidence.standard_errors, {}, &step::StandardError::name);
  report.values = training_fit::values_of(set, optimum.z, evidence);
  report.refined = input.refine;
  report.table.evidence = std::make_shared<const step::Evidence>(std::move(evidence));
  if (input.leave_out) {
    leave_each_out(rows, set, optimum, report);
    training_fit::add_bands(rows.keys, input.refine ? input.priors.evidence.get() : nullptr,
                            report);
  }
  return report;
}

}  // namespace tightrope::study
