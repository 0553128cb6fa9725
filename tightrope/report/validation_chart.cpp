// Measured against predicted, as a script for gnuplot.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "tightrope/report/validation_page.h"

namespace tightrope::report {
namespace {

using study::RowOutcome;
using study::ValidationReport;

// Colours that people with any colour vision tell apart (Okabe and Ito 2008).
constexpr std::array<const char*, 7> colours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                "#E69F00", "#56B4E9", "#555555"};
// gnuplot's point types: dense pre-training, experts, fine-tuning.
struct Mark {
  const char* name;
  int type;
};
constexpr std::array<Mark, 3> marks = {{{"dense", 7}, {"MoE", 9}, {"fine-tuning", 13}}};

std::size_t mark_of(const RowOutcome& r) {
  if (r.task != "pretrain") return 2;
  return r.kind == "moe" ? 1 : 0;
}

// Prediction shown in a panel; 0 where there is none.
double shown(const RowOutcome& r, bool left_out) {
  if (!left_out) return r.predicted;
  for (const study::LeftOutPrediction& p : r.left_out) {
    if (p.dimension == "source") return p.predicted;
  }
  return 0;
}

bool counts(const RowOutcome& r) { return r.refused.empty() && r.latest; }

std::vector<std::string> architectures(const ValidationReport& report) {
  std::map<std::string, int> found;
  for (const RowOutcome& r : report.rows) {
    if (counts(r)) ++found[r.architecture];
  }
  std::vector<std::string> out;
  for (const auto& [name, n] : found) out.push_back(name);
  return out;
}

std::string block_name(std::size_t architecture, std::size_t mark, bool ratio) {
  return fmt::format("${}_{}_{}", ratio ? "ratio" : "value", architecture, mark);
}

using Block = std::pair<std::size_t, std::size_t>;  // architecture, mark

// One data block for each colour and mark; empty ones are left out.
std::string data(const ValidationReport& report, const std::vector<std::string>& names, bool ratio,
                 std::vector<Block>& blocks) {
  const bool left_out = ratio && !report.left_out.empty();
  std::string text;
  for (std::size_t a = 0; a < names.size(); ++a) {
    for (std::size_t m = 0; m < marks.size(); ++m) {
      std::string points;
      for (const RowOutcome& r : report.rows) {
        if (!counts(r) || r.architecture != names[a] || mark_of(r) != m) continue;
        const double predicted = shown(r, left_out);
        if (!(predicted > 0)) continue;
        const double y = ratio ? predicted / r.measured : predicted;
        points += fmt::format("{:.6g} {:.4g}\n", r.measured, y);
      }
      if (points.empty()) continue;
      text += fmt::format("{} << EOD\n{}EOD\n", block_name(a, m, ratio), points);
      blocks.emplace_back(a, m);
    }
  }
  return text;
}

// Limits of both axes: whole powers of ten around all points.
std::pair<double, double> limits(const ValidationReport& report) {
  double low = 1e300, high = 0;
  for (const RowOutcome& r : report.rows) {
    if (!counts(r)) continue;
    low = std::min({low, r.measured, r.predicted});
    high = std::max({high, r.measured, r.predicted});
  }
  if (!(high > 0)) return {1, 10};
  return {0.8 * low, 1.25 * high};
}

// A line of equality and one ten percent above and below; then the points.
std::string points(const std::vector<std::string>& names, bool ratio,
                   const std::vector<Block>& blocks) {
  const char* one = ratio ? "1" : "x";
  std::string text = fmt::format(
      "plot {0} with lines lc rgb \"#333333\" lw 1 notitle, \\\n"
      "  1.1*{0} with lines dt 3 lc rgb \"#888888\" notitle, \\\n"
      "  {0}/1.1 with lines dt 3 lc rgb \"#888888\" notitle",
      one);
  std::size_t titled = names.size();
  for (const auto& [a, m] : blocks) {
    const bool first = a != titled;
    titled = a;
    text += fmt::format(", \\\n  {} with points pt {} ps 0.5 lc rgb \"{}\" {}",
                        block_name(a, m, ratio), marks[m].type, colours[a % colours.size()],
                        first ? fmt::format("title \"{}\"", names[a]) : "notitle");
  }
  for (std::size_t m = 0; m < marks.size() && !ratio; ++m) {
    text += fmt::format(", \\\n  NaN with points pt {} ps 0.8 lc rgb \"#333333\" title \"{}\"",
                        marks[m].type, marks[m].name);
  }
  return text + "\n";
}

}  // namespace

std::string scatter_script(const ValidationReport& report) {
  const std::vector<std::string> names = architectures(report);
  const bool left_out = !report.left_out.empty();
  const bool grid = report.form == study::TrainingForm::mapping_grid;
  const auto [low, high] = limits(report);
  std::string text = fmt::format(
      "set terminal svg size 1120,540 font \"Helvetica,13\" noenhanced background \"#ffffff\"\n"
      "set logscale xy\nset format x \"%g\"\nset format y \"%g\"\n"
      "set xrange [{0:.4g}:{1:.4g}]\nset yrange [{0:.4g}:{1:.4g}]\n"
      "set grid xtics ytics lc rgb \"#e5e5e5\"\nset border 3 lc rgb \"#666666\"\n"
      "set tics nomirror\nset xlabel \"measured, {2}\"\nset ylabel \"predicted, {2}\"\n",
      low, high, grid ? "seconds a step" : "tokens/s per accelerator");
  std::vector<Block> values, ratios;
  text += data(report, names, false, values);
  text += data(report, names, true, ratios);
  text +=
      "set multiplot layout 1,2\nset title \"rows that the fit has seen\"\n"
      "set key left top Left reverse samplen 1 spacing 1.1\n";
  text += points(names, false, values);
  text += fmt::format(
      "set title \"{}\"\nunset key\nset ylabel \"predicted / measured\"\n"
      "set yrange [0.5:2]\nset ytics (\"0.5\" 0.5, \"0.7\" 0.7, \"0.8\" 0.8, \"0.9\" 0.9, "
      "\"1\" 1, \"1.1\" 1.1, \"1.25\" 1.25, \"1.5\" 1.5, \"2\" 2)\n",
      left_out ? "each source left out of the fit" : "the same rows, as a ratio");
  text += points(names, true, ratios);
  return text + "unset multiplot\n";
}

}  // namespace tightrope::report
