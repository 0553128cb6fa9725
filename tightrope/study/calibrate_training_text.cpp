#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "tightrope/core/csv.h"
#include "tightrope/study/calibrate_training.h"
#include "tightrope/study/validate.h"

namespace tightrope::study {
namespace {

Figures figures_by(const CalibrationReport& report, const std::vector<double>& errors,
                   const std::function<bool(std::size_t)>& wanted) {
  std::vector<Compared> rows;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (std::isfinite(errors[i]) && report.latest[i] && wanted(i)) {
      rows.push_back({report.sources[i], 1.0, std::exp(errors[i])});
    }
  }
  return figures_of(rows);
}

// Errors by row of one kind of leaving out; NaN where a row was never left out.
std::vector<double> left_out_errors(const CalibrationReport& report, const std::string& dimension) {
  std::vector<double> errors(report.ids.size(), std::nan(""));
  for (const LeftOut& g : report.left_out) {
    if (g.dimension != dimension) continue;
    for (std::size_t j = 0; j < g.rows.size(); ++j) errors[g.rows[j]] = g.log_errors[j];
  }
  return errors;
}

void add_line(std::string& text, const std::string& name, const Figures& f) {
  text += fmt::format("  {:<48} {:>5} {:>7.1f} {:>7.1f} {:>7.1f} {:>+7.1f}\n", name.substr(0, 48),
                      f.n, f.mape, f.median_ape, f.macro_mape, f.bias);
}

void add_block(std::string& text, const CalibrationReport& report, const std::string& name,
               const std::vector<double>& errors) {
  add_line(text, name, figures_by(report, errors, [](std::size_t) { return true; }));
  for (const char* kind : {"dense pretrain", "moe pretrain", "dense sft", "dense lora"}) {
    const Figures f =
        figures_by(report, errors, [&](std::size_t i) { return report.kinds[i] == kind; });
    if (f.n > 0) add_line(text, fmt::format("    {}", kind), f);
  }
}

std::string words_of(const step::Unseen& u) {
  std::string words;
  const std::pair<bool, const char*> all[] = {{u.source, "source"}, {u.model, "model"},
                                              {u.chip, "chip"},     {u.generation, "generation"},
                                              {u.format, "format"}, {u.stack, "stack"}};
  for (const auto& [flag, word] : all) {
    if (flag) words += fmt::format("{}{}", words.empty() ? "" : " ", word);
  }
  return words;
}

// Share of rows left out that their bands hold, in percent.
std::string held(const CalibrationReport& report, std::string_view dimension) {
  int n = 0, in50 = 0, in90 = 0;
  for (const LeftOut& g : report.left_out) {
    if (g.dimension != dimension) continue;
    for (std::size_t j = 0; j < g.bands.size(); ++j) {
      const double e = g.log_errors[j];
      ++n;
      in50 += e >= g.bands[j].q25 && e <= g.bands[j].q75 ? 1 : 0;
      in90 += e >= g.bands[j].q05 && e <= g.bands[j].q95 ? 1 : 0;
    }
  }
  return fmt::format("  {:<48} {:>5} {:>7.1f} {:>7.1f}\n", fmt::format("left out by {}", dimension),
                     n, 100.0 * in50 / std::max(1, n), 100.0 * in90 / std::max(1, n));
}

void add_values(std::string& text, const CalibrationReport& report) {
  constexpr std::size_t most = 15;
  constexpr double little = 1e-3;
  std::size_t moved = 0;
  for (const FittedValue& v : report.values) {
    moved += std::abs(v.after - v.before) > little * std::abs(v.before) ? 1 : 0;
  }
  text += fmt::format(
      "\n  {} of {} numbers moved by more than 0.1 %; furthest, for their priors:\n"
      "  {:<48} {:>9} {:>9} {:>9}\n",
      moved, report.values.size(), "", "before", "after", "+-");
  for (std::size_t i = 0; i < std::min(most, report.values.size()); ++i) {
    const FittedValue& v = report.values[i];
    text += fmt::format("  {:<48} {:>9.4g} {:>9.4g} {:>9.2g}\n", v.name, v.before, v.after,
                        v.standard_error);
  }
}

constexpr const char* dimensions[] = {"configuration", "source", "model", "hardware"};

}  // namespace

std::string to_text(const CalibrationReport& report) {
  std::string text;
  for (const std::string& file : report.provenance) text += file + "\n";
  text +=
      fmt::format("{} rows, {} fitted numbers\n{}\n\n", report.rows, report.numbers,
                  report.refined ? "refines a fitted calibration, which the numbers are drawn to"
                                 : "from priors, which the numbers are drawn to");
  text += fmt::format("  {:<48} {:>5} {:>7} {:>7} {:>7} {:>7}\n", "percent, a configuration once",
                      "rows", "mape", "median", "macro", "bias");
  add_block(text, report, "before", report.before);
  add_block(text, report, "after", report.after);
  for (const char* dimension : dimensions) {
    if (report.left_out.empty()) break;
    add_block(text, report, fmt::format("left out by {}", dimension),
              left_out_errors(report, dimension));
  }
  add_values(text, report);
  if (!report.left_out.empty()) {
    text += fmt::format("\n  {:<48} {:>5} {:>7} {:>7}\n", "rows that the bands hold, percent",
                        "rows", "of 50", "of 90");
  }
  for (const char* dimension : dimensions) {
    if (!report.left_out.empty()) text += held(report, dimension);
  }
  if (!report.left_out.empty()) text += "\nleft out, group by group: rows, mape, bias\n";
  for (const LeftOut& g : report.left_out) {
    double sum = 0, bias = 0;
    for (const double e : g.log_errors) {
      sum += std::abs(std::exp(e) - 1);
      bias += std::exp(e) - 1;
    }
    const double n = static_cast<double>(g.rows.size());
    text += fmt::format("  {:<9} {:<56} {:>4} {:>6.1f} {:>+6.1f}\n", g.dimension,
                        g.group.substr(0, 56), g.rows.size(), 100 * sum / n, 100 * bias / n);
  }
  return text;
}

std::string comment_of(const CalibrationReport& report) {
  std::string text =
      "Written by `tightrope calibrate training`; do not edit: run it again. Keys are explained "
      "in\n"
      "step/tuning.h; [sustained.*] names architectures and chips, a chip before its "
      "architecture.\n";
  for (const std::string& file : report.provenance) text += "from " + file + "\n";
  const auto all = [](std::size_t) { return true; };
  const Figures before = figures_by(report, report.before, all);
  const Figures after = figures_by(report, report.after, all);
  text += fmt::format(
      "{} rows, {} fitted numbers; mape {:.1f} -> {:.1f} %, macro over sources "
      "{:.1f} -> {:.1f} %",
      report.rows, report.numbers, before.mape, after.mape, before.macro_mape, after.macro_mape);
  if (!report.left_out.empty()) {
    const Figures out = figures_by(report, left_out_errors(report, "source"), all);
    text += fmt::format(";\nwith each source left out of the fit {:.1f} %, macro {:.1f} %",
                        out.mape, out.macro_mape);
  }
  return text;
}

std::string left_out_csv(const CalibrationReport& report) {
  std::string text = "id,kind,dimension,group,unseen,log_error,q05,q25,q75,q95\n";
  for (const LeftOut& g : report.left_out) {
    for (std::size_t j = 0; j < g.rows.size(); ++j) {
      const std::size_t i = g.rows[j];
      const step::LogBand& b = g.bands[j];
      text += fmt::format("{},{},{},{},{},{:.5f},{:.5f},{:.5f},{:.5f},{:.5f}\n",
                          csv_cell(report.ids[i]), report.kinds[i], g.dimension, csv_cell(g.group),
                          words_of(g.unseen[j]), g.log_errors[j], b.q05, b.q25, b.q75, b.q95);
    }
  }
  return text;
}

}  // namespace tightrope::study
