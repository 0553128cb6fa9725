#include "tightrope/study/validate.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

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
  const step::Habits& habits = context.tuning.habits;
  out.low50 = p.value / (1 + habits.band50);
  out.high50 = p.value * (1 + habits.band50);
  out.low90 = p.value / (1 + habits.band90);
  out.high90 = p.value * (1 + habits.band90);
  out.text =
      fmt::format("{} {} x{} {} gbs{} seq{} {} [{}]", row.model_key, row.hardware, row.accelerators,
                  c.precision, row.global_batch, row.seq_len, step::to_text(c.mapping), c.stack);
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
      if (!found.empty()) return median(std::move(found));
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

using Pick = std::function<double(const RowOutcome&)>;

Figures figures(const std::vector<RowOutcome>& rows, bool latest_only, const Pick& predicted,
                const std::function<bool(const RowOutcome&)>& wanted) {
  std::vector<Compared> compared;
  for (const RowOutcome& r : rows) {
    if (!r.refused.empty() || (latest_only && !r.latest) || !wanted(r)) continue;
    compared.push_back({r.source, r.measured, predicted(r)});
  }
  return figures_of(compared);
}

struct Dimension {
  const char* name;
  std::string (*value)(const RowOutcome&);
};
const Dimension dimensions[] = {
    {"kind_task", [](const RowOutcome& r) { return r.kind + " " + r.task; }},
    {"kind", [](const RowOutcome& r) { return r.kind; }},
    {"task", [](const RowOutcome& r) { return r.task; }},
    {"source", [](const RowOutcome& r) { return r.source; }},
    {"hardware", [](const RowOutcome& r) { return r.hardware; }},
    {"precision", [](const RowOutcome& r) { return r.precision; }},
};

std::vector<GroupFigures> by_group(const std::vector<RowOutcome>& rows, const Dimension& dimension,
                                   const Pick& predicted) {
  std::map<std::string, int> values;
  for (const RowOutcome& r : rows) {
    if (r.refused.empty()) ++values[dimension.value(r)];
  }
  std::vector<GroupFigures> out;
  for (const auto& [value, count] : values) {
    const auto wanted = [&, v = value](const RowOutcome& r) { return dimension.value(r) == v; };
    out.push_back({dimension.name, value, figures(rows, true, predicted, wanted)});
  }
  return out;
}

MemoryFigures memory_figures(const std::vector<RowOutcome>& rows) {
  MemoryFigures m;
  std::vector<double> errors;
  for (const RowOutcome& r : rows) {
    if (!r.refused.empty()) continue;
    if (r.memory.total() > r.device_memory) ++m.called_too_large;
    if (!(r.measured_peak > Bytes(0.0))) continue;
    const double error = r.memory.allocated() / r.measured_peak - 1.0;
    errors.push_back(std::abs(error));
    m.mape += std::abs(error);
    m.bias += error;
    m.within_8 += std::abs(error) <= 0.08 ? 1 : 0;
  }
  m.n = static_cast<int>(errors.size());
  if (m.n == 0) return m;
  m.mape *= 100.0 / m.n;
  m.bias *= 100.0 / m.n;
  m.within_8 /= m.n;
  m.median_ape = 100 * median(std::move(errors));
  return m;
}

void summarise(ValidationReport& report) {
  const auto all = [](const RowOutcome&) { return true; };
  const Pick ours = [](const RowOutcome& r) { return r.predicted; };
  const Pick constant = [](const RowOutcome& r) { return r.baseline; };
  const Pick constant_out = [](const RowOutcome& r) { return r.baseline_out; };
  report.overall = figures(report.rows, true, ours, all);
  report.every_row = figures(report.rows, false, ours, all);
  report.baseline = figures(report.rows, true, constant, all);
  report.baseline_out = figures(report.rows, true, constant_out, all);
  report.roofline = figures(report.rows, true, [](const RowOutcome& r) { return r.roofline; }, all);
  for (const Dimension& dimension : dimensions) {
    for (GroupFigures& g : by_group(report.rows, dimension, ours)) report.by.push_back(g);
  }
  report.baseline_by = by_group(report.rows, dimensions[0], constant_out);
  report.pairs = count_pairs(report.rows);
  report.memory = memory_figures(report.rows);
}

}  // namespace

Figures figures_of(const std::vector<Compared>& rows) {
  Figures out;
  std::vector<double> errors;
  std::map<std::string, std::pair<double, int>> sources;
  for (const Compared& r : rows) {
    const double error = r.predicted / r.measured - 1.0;
    errors.push_back(std::abs(error));
    out.mape += std::abs(error);
    out.bias += error;
    auto& [sum, count] = sources[r.source];
    sum += std::abs(error);
    ++count;
  }
  out.n = static_cast<int>(rows.size());
  if (out.n == 0) return out;
  out.mape *= 100.0 / out.n;
  out.bias *= 100.0 / out.n;
  out.median_ape = 100 * median(std::move(errors));
  for (const auto& [source, sum] : sources) out.macro_mape += 100 * sum.first / sum.second;
  out.macro_mape /= static_cast<double>(sources.size());
  return out;
}

PairCount count_pairs(const std::vector<RowOutcome>& rows) {
  PairCount out;
  std::map<std::string, std::vector<const RowOutcome*>> groups;
  for (const RowOutcome& r : rows) {
    if (r.refused.empty() && r.latest) groups[r.pair_key].push_back(&r);
  }
  for (const auto& [key, list] : groups) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      for (std::size_t j = i + 1; j < list.size(); ++j) {
        const RowOutcome &a = *list[i], &b = *list[j];
        if (a.measured == b.measured || a.text == b.text) continue;
        const bool right = (a.measured > b.measured) == (a.predicted > b.predicted);
        const bool apart =
            std::max(a.measured, b.measured) > 1.05 * std::min(a.measured, b.measured);
        ++out.n;
        out.ordered += right ? 1 : 0;
        out.apart += apart ? 1 : 0;
        out.apart_ordered += apart && right ? 1 : 0;
      }
    }
  }
  return out;
}

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
  });
  for (const RowCase& c : cases) {
    if (c.refused.empty()) {
      ++report.expressed;
    } else {
      ++report.refused[c.refused];
    }
  }
  mark_latest(table.rows, report.rows);
  summarise(report);
  return report;
}

}  // namespace tightrope::study
