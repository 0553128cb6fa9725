// Charts of the answers: the curve of independence, the tornado, the Monte Carlo's costs.
#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "tightrope/report/procure_answers.h"

namespace tightrope::report {
namespace {

/// What money is drawn in: billions, or millions of small plans.
struct Unit {
  double usd;
  const char* name;
};

Unit unit_of(double most) { return most >= 2e9 ? Unit{1e9, "billion USD"} : Unit{1e6, "M USD"}; }

constexpr std::size_t most_bars = 16;

std::string curve_plot(const std::vector<procure::CurvePoint>& curve) {
  double most = 0;
  for (const procure::CurvePoint& p : curve) most = std::max(most, p.cost.raw());
  const Unit unit = unit_of(most);
  std::string data = "$curve << EOD\n";
  for (const procure::CurvePoint& p : curve) {
    if (p.status != milp::SolveStatus::optimal && p.status != milp::SolveStatus::feasible) continue;
    data += fmt::format("{:.4g} {:.6g}\n", 100 * p.asked, p.cost.raw() / unit.usd);
  }
  return data +
         fmt::format(
             "EOD\nset title \"cost of independence\"\n"
             "set xlabel \"least share on own silicon, %\"\nset ylabel \"{}\"\n",
             unit.name) +
         "set xrange [0:100]\nset yrange [*:*]\n"
         "plot $curve using 1:2 with linespoints lw 2 pt 7 ps 0.7 lc rgb \"#0072B2\" notitle\n"
         "set xrange [*:*]\n";
}

std::string tornado_plot(const std::vector<procure::TornadoBar>& bars) {
  if (bars.empty()) return {};
  const Unit unit = unit_of(bars.back().low.raw());
  const double middle = bars.back().low.raw() / unit.usd;
  std::string data = "$tornado << EOD\n";
  const auto moves = [](const procure::TornadoBar& bar) { return (bar.high - bar.low).raw() != 0; };
  const auto wide = static_cast<std::size_t>(std::ranges::count_if(bars, moves));
  const std::size_t n = std::min(most_bars, wide);  // the widest come first
  if (n == 0) return {};
  for (std::size_t i = 0; i < n; ++i) {
    const double low = bars[i].low.raw() / unit.usd;
    const double high = bars[i].high.raw() / unit.usd;
    const double y = static_cast<double>(n - i);
    data += fmt::format("{} {:.6g} {:.6g} {:.6g} \"{}\"\n", y, middle, low, high, bars[i].doubt);
  }
  data += "EOD\n";
  return data +
         fmt::format(
             "set title \"what each doubt moves alone, the {} widest\"\nset xlabel \"{}\"\n"
             "unset ylabel\nset yrange [0.3:{}]\nset style fill solid 1.0 noborder\n"
             "set key outside right top vertical Left reverse samplen 1\n"
             "set arrow from {:.6g}, graph 0 to {:.6g}, graph 1 nohead lc rgb \"#444444\" front\n"
             "plot $tornado using 2:1:2:3:($1-0.38):($1+0.38):ytic(5) with boxxyerror lc rgb "
             "\"#56B4E9\" title \"low\", \\\n"
             "  $tornado using 2:1:2:4:($1-0.38):($1+0.38) with boxxyerror lc rgb \"#E69F00\" "
             "title \"high\"\nunset arrow\nset ytics auto\n",
             n, unit.name, static_cast<double>(n) + 0.7, middle, middle);
}

std::string samples_plot(const std::vector<procure::Evaluation>& samples) {
  std::vector<double> costs;
  for (const procure::Evaluation& one : samples) costs.push_back(one.cost.raw());
  if (costs.empty()) return {};
  std::ranges::sort(costs);
  const Unit unit = unit_of(costs.back());
  std::string data = "$samples << EOD\n";
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const double share = 100.0 * static_cast<double>(i + 1) / static_cast<double>(costs.size());
    data += fmt::format("{:.6g} {:.4g}\n", costs[i] / unit.usd, share);
  }
  return data +
         fmt::format("EOD\nset title \"the kept plan in drawn futures\"\nset xlabel \"{}\"\n",
                     unit.name) +
         "set ylabel \"% of futures below\"\nset yrange [0:100]\n"
         "plot $samples using 1:2 with lines lw 2 lc rgb \"#009E73\" notitle\n";
}

}  // namespace

std::vector<std::string> procure_answers_scripts(const ProcureCharts& charts) {
  const std::string begin =
      "set terminal svg size 1240,{} font \"Helvetica,12\" noenhanced background \"#ffffff\"\n"
      "set grid xtics ytics lc rgb \"#e5e5e5\"\nset border 3 lc rgb \"#666666\"\n"
      "set tics nomirror\nset key top right\n";
  std::vector<std::string> scripts;
  if (!charts.curve.empty() || !charts.samples.empty()) {
    std::string one = fmt::format(fmt::runtime(begin), 420) + "set multiplot layout 1,2\n";
    if (!charts.curve.empty()) one += curve_plot(charts.curve);
    if (!charts.samples.empty()) one += samples_plot(charts.samples);
    scripts.push_back(one + "unset multiplot\n");
  }
  if (charts.tornado.size() > 1) {
    scripts.push_back(fmt::format(fmt::runtime(begin), 480) + tornado_plot(charts.tornado));
  }
  return scripts;
}

}  // namespace tightrope::report
