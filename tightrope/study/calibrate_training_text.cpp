#include <cmath>
#include <functional>

#include <fmt/format.h>

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

}  // namespace

std::string to_text(const CalibrationReport& report) {
  std::string text;
  for (const std::string& file : report.provenance) text += file + "\n";
  text += fmt::format("{} rows, {} fitted numbers\n\n", report.rows, report.numbers);
  text += fmt::format("  {:<48} {:>5} {:>7} {:>7} {:>7} {:>7}\n", "percent, a configuration once",
                      "rows", "mape", "median", "macro", "bias");
  add_block(text, report, "priors", report.before);
  add_block(text, report, "fitted", report.after);
  for (const char* dimension : {"source", "model", "hardware"}) {
    if (report.left_out.empty()) break;
    add_block(text, report, fmt::format("left out by {}", dimension),
              left_out_errors(report, dimension));
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

}  // namespace tightrope::study
