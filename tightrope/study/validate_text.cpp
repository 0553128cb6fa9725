// The validation report as text, JSON and CSV.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/study/validate.h"

namespace tightrope::study {
namespace {

using Json = nlohmann::ordered_json;

void add_figures(std::string& text, const std::string& name, const Figures& f) {
  text += fmt::format("  {:<56} {:>5} {:>8.1f} {:>8.1f} {:>8.1f} {:>+8.1f}\n", name.substr(0, 56),
                      f.n, f.mape, f.median_ape, f.macro_mape, f.bias);
}

void add_heading(std::string& text, const std::string& name) {
  text += fmt::format("\n  {:<56} {:>5} {:>8} {:>8} {:>8} {:>8}\n", name, "rows", "mape", "median",
                      "macro", "bias");
}

double share(int part, int whole) { return whole > 0 ? 100.0 * part / whole : 0.0; }

// Parts of the step, the large ones only, in percent.
std::string breakdown(const RowOutcome& r) {
  const step::TimeParts& p = r.parts;
  const std::pair<const char*, Seconds> parts[] = {{"forward", p.forward},
                                                   {"backward", p.backward},
                                                   {"recompute", p.recompute},
                                                   {"ends", p.ends},
                                                   {"tp", p.tp},
                                                   {"cp", p.cp},
                                                   {"ep", p.ep},
                                                   {"host", p.host},
                                                   {"bubble", p.bubble},
                                                   {"gather", p.shard_gather},
                                                   {"offload", p.offload},
                                                   {"dp", p.dp},
                                                   {"optimizer", p.optimizer},
                                                   {"straggler", p.straggler},
                                                   {"fixed", p.fixed}};
  std::string text;
  for (const auto& [name, time] : parts) {
    const double percent = 100.0 * (time / p.total);
    if (percent >= 1.0) text += fmt::format("{} {:.0f} ", name, percent);
  }
  return text;
}

void add_worst(std::string& text, const ValidationReport& report) {
  constexpr std::size_t most = 25;
  std::vector<const RowOutcome*> rows;
  for (const RowOutcome& r : report.rows) {
    if (r.refused.empty()) rows.push_back(&r);
  }
  const auto miss = [](const RowOutcome* r) {
    return std::abs(std::log(r->predicted / r->measured));
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const auto* a, const auto* b) { return miss(a) > miss(b); });
  text += "\nworst rows (measured -> predicted; where the predicted step goes, percent)\n";
  for (std::size_t i = 0; i < std::min(most, rows.size()); ++i) {
    const RowOutcome& r = *rows[i];
    text +=
        fmt::format("  {:<14} {:>10.4g} -> {:>10.4g} {:>+6.0f}%  {}\n{:17}{}\n", r.id, r.measured,
                    r.predicted, 100 * (r.predicted / r.measured - 1), r.text, "", breakdown(r));
  }
}

Json json_of(const Figures& f) {
  return {{"n", f.n},
          {"mape", f.mape},
          {"median_ape", f.median_ape},
          {"macro_mape", f.macro_mape},
          {"bias", f.bias}};
}

}  // namespace

std::string to_text(const ValidationReport& report) {
  const bool grid = report.form == TrainingForm::mapping_grid;
  std::string text = fmt::format("{} ({})\n{} rows, {} expressed, {} refused\n", report.file,
                                 report.hash, report.rows.size(), report.expressed,
                                 report.rows.size() - static_cast<std::size_t>(report.expressed));
  for (const auto& [reason, count] : report.refused) {
    text += fmt::format("  {:>5}  {}\n", count, reason);
  }
  text += fmt::format("\nerrors of {} in percent; bias > 0: predicted above measured\n",
                      grid ? "step time" : "tokens/s per accelerator");
  add_heading(text, "each configuration once, by its latest measurement");
  add_figures(text, "Tightrope", report.overall);
  add_figures(text, "Tightrope, re-measurements counted again", report.every_row);
  add_figures(text, "constant MFU a chip and precision", report.baseline);
  add_figures(text, "constant MFU, from other sources only", report.baseline_out);
  add_figures(text, "peak FLOP/s", report.roofline);
  std::string dimension;
  for (const GroupFigures& g : report.by) {
    if (g.dimension != dimension) add_heading(text, "by " + g.dimension);
    dimension = g.dimension;
    add_figures(text, g.value, g.figures);
  }
  add_heading(text, "constant MFU from other sources, by kind_task");
  for (const GroupFigures& g : report.baseline_by) add_figures(text, g.value, g.figures);
  const PairCount& p = report.pairs;
  text += fmt::format(
      "\npairs of one model, hardware, count and batch: {} of {} ordered right "
      "({:.1f} %); measured over 5 % apart: {} of {} ({:.1f} %)\n",
      p.ordered, p.n, share(p.ordered, p.n), p.apart_ordered, p.apart,
      share(p.apart_ordered, p.apart));
  const MemoryFigures& m = report.memory;
  text += fmt::format(
      "peak memory: {} rows, mape {:.1f}, median {:.1f}, bias {:+.1f}, {:.0f} % "
      "within 8 %; published runs called too large: {}\n",
      m.n, m.mape, m.median_ape, m.bias, 100 * m.within_8, m.called_too_large);
  add_worst(text, report);
  return text;
}

std::string to_json(const ValidationReport& report) {
  Json by = Json::object();
  for (const GroupFigures& g : report.by) by[g.dimension][g.value] = json_of(g.figures);
  Json refused = Json::object();
  for (const auto& [reason, count] : report.refused) refused[reason] = count;
  const MemoryFigures& m = report.memory;
  const Json json = {
      {"schema", "tightrope.validate.training/1"},
      {"data", report.file},
      {"data_hash", report.hash},
      {"unit", "percent"},
      {"rows", report.rows.size()},
      {"expressed", report.expressed},
      {"refused", refused},
      {"overall", json_of(report.overall)},
      {"every_row", json_of(report.every_row)},
      {"baselines",
       {{"constant_mfu", json_of(report.baseline)},
        {"constant_mfu_other_sources", json_of(report.baseline_out)},
        {"peak_flops", json_of(report.roofline)}}},
      {"by", by},
      {"pairs",
       {{"n", report.pairs.n},
        {"ordered", report.pairs.ordered},
        {"n_apart", report.pairs.apart},
        {"ordered_apart", report.pairs.apart_ordered}}},
      {"memory",
       {{"n", m.n},
        {"mape", m.mape},
        {"median_ape", m.median_ape},
        {"bias", m.bias},
        {"share_within_8_percent", m.within_8},
        {"called_too_large", m.called_too_large}}},
  };
  return json.dump(2) + "\n";
}

std::string rows_csv(const ValidationReport& report) {
  std::string text = "id,measured,predicted,lo50,hi50,lo90,hi90,refused\n";
  for (const RowOutcome& r : report.rows) {
    if (!r.refused.empty()) {
      text +=
          fmt::format("{},{},,,,,,{}\n", csv_cell(r.id),
                      r.measured > 0 ? fmt::format("{:.9g}", r.measured) : "", csv_cell(r.refused));
      continue;
    }
    text += fmt::format("{},{:.9g},{:.9g},{:.9g},{:.9g},{:.9g},{:.9g},\n", csv_cell(r.id),
                        r.measured, r.predicted, r.low50, r.high50, r.low90, r.high90);
  }
  return text;
}

}  // namespace tightrope::study
