// Latencies and the fleet over time, as a script for gnuplot.
#include <array>

#include <fmt/format.h>

#include "tightrope/report/simulate_report.h"

namespace tightrope::report {
namespace {

// Colours that people with any colour vision tell apart (Okabe and Ito 2008).
constexpr std::array<const char*, 4> colours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7"};

std::string data(const serving_study::SimulateResult& result) {
  std::string text;
  for (std::size_t i = 0; i < result.curves.size(); ++i) {
    const serving_study::Curve& curve = result.curves[i];
    text += fmt::format("$curve{} << EOD\n", i);
    for (std::size_t k = 0; k < curve.values.size(); ++k) {
      text += fmt::format("{:.6g} {:.6g}\n", curve.values[k].raw(), 100.0 * curve.shares[k]);
    }
    text += "EOD\n";
  }
  text += "$series << EOD\n";
  for (const serving::SeriesPoint& p : result.served.series) {
    text += fmt::format("{:.6g} {} {} {:.5g} {}\n", p.time.raw(), p.waiting, p.running,
                        100.0 * p.kv_used, p.replicas);
  }
  return text + "EOD\n";
}

std::string curves(const serving_study::SimulateResult& result) {
  std::string text;
  for (std::size_t i = 0; i < result.curves.size(); ++i) {
    if (result.curves[i].values.empty()) continue;
    text += text.empty() ? "plot " : ", \\\n  ";
    text += fmt::format(
        "$curve{} using ($1 > 0 ? $1 : 1e-6):2 with lines lw 2 lc rgb \"{}\" title \"{}\"", i,
        colours[i % colours.size()], result.curves[i].name);
  }
  return text.empty() ? text : text + "\n";
}

}  // namespace

std::string simulate_script(const serving_study::SimulateResult& result) {
  std::string text =
      "set terminal svg size 1120,760 font \"Helvetica,13\" noenhanced background \"#ffffff\"\n"
      "set grid xtics ytics lc rgb \"#e5e5e5\"\nset border 3 lc rgb \"#666666\"\n"
      "set tics nomirror\nset key outside top center horizontal Left reverse samplen 1\n";
  text += data(result);
  text +=
      "set multiplot layout 2,2\nset title \"requests served within a time\"\n"
      "set logscale x\nset format x \"%g\"\nset xlabel \"seconds\"\nset ylabel \"% of requests\"\n"
      "set yrange [0:100]\n";
  text += curves(result);
  text +=
      "unset logscale x\nset autoscale y\nset yrange [0:*]\nset xlabel \"time, s\"\n"
      "set title \"requests\"\nset ylabel \"requests\"\n";
  text += fmt::format(
      "plot $series using 1:3 with lines lw 2 lc rgb \"{}\" title \"in work\", \\\n"
      "  $series using 1:2 with lines lw 2 lc rgb \"{}\" title \"waiting\"\n",
      colours[0], colours[1]);
  text += fmt::format(
      "set title \"pages of keys and values\"\nset ylabel \"% in use\"\nset yrange [0:100]\n"
      "plot $series using 1:4 with lines lw 2 lc rgb \"{}\" notitle\n",
      colours[2]);
  text += fmt::format(
      "set title \"replicas that take requests\"\nset ylabel \"replicas\"\nset yrange [0:*]\n"
      "plot $series using 1:5 with steps lw 2 lc rgb \"{}\" notitle\nunset multiplot\n",
      colours[3]);
  return text;
}

}  // namespace tightrope::report
