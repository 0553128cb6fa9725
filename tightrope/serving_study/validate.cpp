#include "tightrope/serving_study/validate.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/serving_study/benchmark_run.h"

namespace tightrope::serving_study {
namespace {

constexpr double percent = 100.0;

struct Metric {
  std::string_view name;
  double ServingRow::* measured;
  double (*predicted)(const infer::Steady&, const ServingCase&);
};
constexpr Metric metrics[] = {
    {"ttft_ms", &ServingRow::ttft_ms,
     [](const infer::Steady& s, const ServingCase&) { return s.ttft.raw() * 1e3; }},
    {"tpot_ms", &ServingRow::tpot_ms,
     [](const infer::Steady& s, const ServingCase&) { return s.tpot.raw() * 1e3; }},
    {"output_tokens_per_s", &ServingRow::output_tokens_a_s,
     [](const infer::Steady& s, const ServingCase& c) { return output_rate(c, s).raw(); }},
};

std::string text_of(const ServingRow& row) {
  const std::string lengths =
      fmt::format("{:.0f}/{:.0f} x{:.0f}", row.input, row.output, row.concurrency);
  if (!row.disaggregated) {
    return fmt::format("{} {}{} {}", row.numerics, infer::to_string(row.deployment),
                       row.drafts > 0 ? fmt::format(" mtp{}", row.drafts) : "", lengths);
  }
  return fmt::format("{} {}P({}) {}D({}) {}", row.numerics, row.prefill_workers,
                     infer::to_string(row.prefill), row.decode_workers,
                     infer::to_string(row.deployment), lengths);
}

ServingOutcome outcome_of(const ServingRow& row, const ServingCase& c) {
  ServingOutcome o;
  o.id = row.id;
  o.source = row.source;
  o.stack = row.stack;
  o.engine = row.engine;
  o.chip = c.chip.empty() ? row.chip : c.chip;
  o.model = row.model;
  o.kind = c.routed ? "moe" : "dense";
  o.mode = row.disaggregated ? "disagg" : "agg";
  o.text = text_of(row);
  o.refused = c.refused;
  if (o.refused.empty()) o.guessed = row.guessed;
  return o;
}

void set_band(const infer::ServingBand& band, double predicted, double& low50, double& high50,
              double& low90, double& high90) {
  low50 = predicted * std::exp(-band.q75);
  high50 = predicted * std::exp(-band.q25);
  low90 = predicted * std::exp(-band.q95);
  high90 = predicted * std::exp(-band.q05);
}

double quantile(std::vector<double> values, double p) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const double at = p * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - static_cast<double>(low)) * (values[high] - values[low]);
}

// One value as figures need it.
struct Judged {
  double measured, predicted, plain, low50, high50, low90, high90;
};

ServingFigures figures_of(const std::vector<Judged>& rows) {
  ServingFigures f;
  std::vector<double> errors, signed_errors, plain;
  for (const Judged& j : rows) {
    errors.push_back(std::fabs(j.predicted / j.measured - 1.0));
    signed_errors.push_back(j.predicted / j.measured - 1.0);
    plain.push_back(std::fabs(j.plain / j.measured - 1.0));
    f.mape += errors.back();
    if (j.high90 > 0) {
      ++f.banded;
      f.in50 += j.measured >= j.low50 && j.measured <= j.high50 ? 1.0 : 0.0;
      f.in90 += j.measured >= j.low90 && j.measured <= j.high90 ? 1.0 : 0.0;
    }
  }
  f.n = static_cast<int>(rows.size());
  if (f.n == 0) return f;
  f.mape *= percent / f.n;
  if (f.banded > 0) {
    f.in50 *= percent / f.banded;
    f.in90 *= percent / f.banded;
  }
  f.median_ape = percent * quantile(errors, 0.5);
  f.p90_ape = percent * quantile(errors, 0.9);
  f.bias = percent * quantile(signed_errors, 0.5);
  f.plain_median = percent * quantile(plain, 0.5);
  return f;
}

using Key = std::array<std::string, 4>;  // mode, metric, dimension, value

std::vector<ServingGroup> grouped(const std::map<Key, std::vector<Judged>>& by) {
  std::vector<ServingGroup> groups;
  for (const auto& [key, rows] : by) {
    groups.push_back({key[0], key[1], key[2], key[3], figures_of(rows)});
  }
  return groups;
}

Judged by_closed_form(const ServingOutcome& o) {
  return {o.measured, o.predicted, o.plain, o.low50, o.high50, o.low90, o.high90};
}

// Beside it stands the closed form. Bands are the closed form's: none here.
Judged by_simulation(const ServingOutcome& o) {
  return {o.measured, o.simulated, o.predicted, 0, 0, 0, 0};
}

std::vector<ServingGroup> summed(const ServingReport& report,
                                 Judged (*judge)(const ServingOutcome&)) {
  std::map<Key, std::vector<Judged>> by;
  for (const ServingOutcome& o : report.outcomes) {
    if (!o.counts()) continue;
    const Judged j = judge(o);
    if (!(j.predicted > 0)) continue;
    const std::pair<const char*, const std::string&> dimensions[] = {
        {"gpu", o.chip},  {"engine", o.stack},  {"model", o.model},
        {"kind", o.kind}, {"source", o.source},
    };
    by[{o.slice(), o.metric, "all", ""}].push_back(j);
    for (const auto& [dimension, value] : dimensions) {
      by[{o.slice(), o.metric, dimension, value}].push_back(j);
    }
  }
  return grouped(by);
}

}  // namespace

std::vector<bool> repeated_rows(const ServingTable& table) {
  std::set<std::string> seen;
  std::vector<bool> repeats;
  for (const ServingRow& r : table.rows) {
    const std::string key = fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", r.chip, r.engine,
                                        r.model, r.numerics, r.disaggregated, r.input, r.output,
                                        r.concurrency, r.ttft_ms, r.tpot_ms, r.output_tokens_a_s);
    repeats.push_back(!seen.insert(key).second);
  }
  return repeats;
}

ServingReport validate_serving(const ServingTable& table, const catalog::Catalog& catalog,
                               const formula::Calibration& calibration,
                               const infer::ServingTuning& tuning) {
  ServingReport report;
  report.file = table.file;
  report.hash = table.hash;
  report.rows = static_cast<int>(table.rows.size());
  report.fitted_numbers = fitted_numbers(tuning);
  const std::vector<ServingCase> cases = make_cases(table, catalog, calibration, tuning);
  const std::vector<bool> repeats = repeated_rows(table);
  struct Answer {
    infer::Steady ours, plain;
  };
  std::vector<Answer> answers(cases.size());
  for_each_index(cases.size(), [&](std::size_t i) {
    if (!cases[i].refused.empty()) return;
    answers[i].ours = predict(cases[i], table.rows[i]);
    answers[i].plain = plain_roofline(cases[i], table.rows[i]);
  });
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const ServingRow& row = table.rows[i];
    if (cases[i].refused.empty()) {
      ++report.expressed;
      if (!row.guessed.empty()) ++report.guessed[row.guessed];
    } else {
      // One line for all that stand in several tables.
      constexpr std::string_view again = "the same measurement";
      const std::string& reason = cases[i].refused;
      ++report.refused[reason.starts_with(again) ? "the same measurement stands in another row"
                                                 : reason];
    }
    if (repeats[i]) ++report.repeats;
    for (const Metric& m : metrics) {
      if (!(row.*m.measured > 0)) continue;
      ServingOutcome o = outcome_of(row, cases[i]);
      o.row = i;
      o.metric = m.name;
      o.measured = row.*m.measured;
      o.repeat = repeats[i];
      if (o.refused.empty()) {
        o.predicted = m.predicted(answers[i].ours, cases[i]);
        o.plain = m.predicted(answers[i].plain, cases[i]);
        if (const infer::ServingBand* band = tuning.band(o.band_key())) {
          set_band(*band, o.predicted, o.low50, o.high50, o.low90, o.high90);
        }
      }
      report.outcomes.push_back(std::move(o));
    }
  }
  report.groups = summed(report, by_closed_form);
  return report;
}

namespace {

// Log errors of left-out predictions of one band key, all groups but one.
infer::ServingBand band_from(const std::string& name, const std::vector<double>& errors) {
  return {name, quantile(errors, 0.05), quantile(errors, 0.25), quantile(errors, 0.75),
          quantile(errors, 0.95)};
}

using Group = std::string ServingOutcome::*;

void judge_left_out(ServingReport& report, std::string_view dimension, Group group) {
  // Errors by key and group, so that a group's bands come from the others.
  std::map<std::string, std::map<std::string, std::vector<double>>> errors;
  for (const ServingOutcome& o : report.outcomes) {
    for (const ServingLeftOut& l : o.left_out) {
      if (l.dimension != dimension || o.repeat || !o.guessed.empty()) continue;
      errors[o.band_key()][o.*group].push_back(std::log(l.predicted / o.measured));
    }
  }
  std::map<Key, std::vector<Judged>> by;
  for (ServingOutcome& o : report.outcomes) {
    for (ServingLeftOut& l : o.left_out) {
      if (l.dimension != dimension) continue;
      std::vector<double> others;
      for (const auto& [name, list] : errors[o.band_key()]) {
        if (name != o.*group) others.insert(others.end(), list.begin(), list.end());
      }
      constexpr std::size_t fewest = 20;
      if (others.size() >= fewest) {
        set_band(band_from("", others), l.predicted, l.low50, l.high50, l.low90, l.high90);
      }
      if (o.repeat) continue;
      const Judged j{o.measured, l.predicted, o.plain, l.low50, l.high50, l.low90, l.high90};
      by[{o.slice(), o.metric, std::string(dimension), ""}].push_back(j);
      by[{o.slice(), o.metric, std::string(dimension), o.*group}].push_back(j);
    }
  }
  for (ServingGroup& g : grouped(by)) report.left_out.push_back(std::move(g));
}

}  // namespace

void add_left_out(const ServingTable& table, const catalog::Catalog& catalog,
                  const formula::Calibration& calibration, const infer::ServingTuning& tuning,
                  ServingReport& report) {
  const std::vector<ServingCase> cases = make_cases(table, catalog, calibration, tuning);
  const auto leave = [&](std::string_view dimension, Group group) {
    std::set<std::string> names;
    for (const ServingOutcome& o : report.outcomes) {
      if (o.refused.empty()) names.insert(o.*group);
    }
    for (const std::string& name : names) {
      std::vector<bool> use = fitted_rows(table);
      for (std::size_t i = 0; i < cases.size(); ++i) {
        const std::string& of =
            group == &ServingOutcome::model ? table.rows[i].model : cases[i].chip;
        if (of == name) use[i] = false;
      }
      const ServingFit fit = fit_serving(table, cases, tuning, use);
      const ServingReport seen = validate_serving(table, catalog, calibration, fit.tuning);
      for (std::size_t i = 0; i < report.outcomes.size(); ++i) {
        ServingOutcome& o = report.outcomes[i];
        if (!o.refused.empty() || o.*group != name) continue;
        o.left_out.push_back({std::string(dimension), seen.outcomes[i].predicted, 0, 0, 0, 0});
      }
    }
    judge_left_out(report, dimension, group);
  };
  leave("model", &ServingOutcome::model);
  leave("gpu", &ServingOutcome::chip);
}

void add_simulated(const ServingTable& table, const catalog::Catalog& catalog,
                   const formula::Calibration& calibration, const infer::ServingTuning& tuning,
                   ServingReport& report) {
  const std::vector<ServingCase> cases = make_cases(table, catalog, calibration, tuning);
  std::vector<BenchmarkRun> runs(cases.size());
  for_each_index(cases.size(),
                 [&](std::size_t i) { runs[i] = run_benchmark(cases[i], table.rows[i]); });
  for (ServingOutcome& o : report.outcomes) {
    const BenchmarkRun& run = runs[o.row];
    if (!run.ran) continue;
    if (o.metric == "ttft_ms") o.simulated = run.ttft.raw() * 1e3;
    if (o.metric == "tpot_ms") o.simulated = run.tpot.raw() * 1e3;
    if (o.metric == "output_tokens_per_s") o.simulated = run.output_rate.raw();
  }
  report.simulated = summed(report, by_simulation);
}

std::vector<infer::ServingBand> bands_of(const ServingReport& report) {
  std::map<std::string, std::vector<double>> errors;
  for (const ServingOutcome& o : report.outcomes) {
    for (const ServingLeftOut& l : o.left_out) {
      if (!o.repeat && o.guessed.empty())
        errors[o.band_key()].push_back(std::log(l.predicted / o.measured));
    }
  }
  std::vector<infer::ServingBand> bands;
  for (const auto& [key, list] : errors) bands.push_back(band_from(key, list));
  return bands;
}

}  // namespace tightrope::serving_study
