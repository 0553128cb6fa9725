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

}  // namespace

std::string where_time_goes(const RowOutcome& r) {
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

std::vector<const RowOutcome*> worst_rows(const ValidationReport& report, std::size_t most) {
  std::vector<const RowOutcome*> rows;
  for (const RowOutcome& r : report.rows) {
    if (r.refused.empty()) rows.push_back(&r);
  }
  const auto miss = [](const RowOutcome* r) {
    return std::abs(std::log(r->predicted / r->measured));
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const auto* a, const auto* b) { return miss(a) > miss(b); });
  if (rows.size() > most) rows.resize(most);
  return rows;
}

namespace {

void add_held(std::string& text, const std::string& name, const GroupFigures& g) {
  text += fmt::format("  {:<44} {:>5} {:>7.1f} {:>7.1f} {:>7.1f} {:>+7.1f} {:>8.1f} {:>6.1f}\n",
                      name.substr(0, 44), g.figures.n, g.figures.mape, g.figures.median_ape,
                      g.figures.macro_mape, g.figures.bias, 100 * g.coverage.in50,
                      100 * g.coverage.in90);
}

void add_bands(std::string& text, const ValidationReport& report) {
  const Coverage& c = report.coverage;
  text += fmt::format("rows that the bands hold, percent: {:.1f} of 50, {:.1f} of 90\n",
                      100 * c.in50, 100 * c.in90);
  for (const LeftOutFigures& l : report.left_out) {
    text += fmt::format("\n  {:<44} {:>5} {:>7} {:>7} {:>7} {:>7} {:>8} {:>6}\n",
                        "left out by " + l.left_out, "rows", "mape", "median", "macro", "bias",
                        "in 50 %", "in 90 %");
    for (const GroupFigures& g : l.groups) {
      if (g.dimension == "all" || g.dimension == "kind_task") add_held(text, g.value, g);
    }
  }
  if (report.left_out.empty()) return;
  text += fmt::format("  each time {} numbers were fitted again\n", report.left_out_numbers);
}

void add_worst(std::string& text, const ValidationReport& report) {
  constexpr std::size_t most = 25;
  text += "\nworst rows (measured -> predicted; where the predicted step goes, percent)\n";
  for (const RowOutcome* row : worst_rows(report, most)) {
    const RowOutcome& r = *row;
    text += fmt::format("  {:<14} {:>10.4g} -> {:>10.4g} {:>+6.0f}%  {}\n{:17}{}\n", r.id,
                        r.measured, r.predicted, 100 * (r.predicted / r.measured - 1), r.text, "",
                        where_time_goes(r));
  }
}

Json json_of(const Coverage& c) {
  return {{"n", c.n}, {"share_in_50", c.in50}, {"share_in_90", c.in90}};
}

Json json_of(const MemoryFigures& m) {
  return {{"n", m.n},
          {"mape", m.mape},
          {"median_ape", m.median_ape},
          {"bias", m.bias},
          {"share_within_8_percent", m.within_8},
          {"called_too_large", m.called_too_large}};
}

Json json_of(const Figures& f) {
  return {{"n", f.n},
          {"mape", f.mape},
          {"median_ape", f.median_ape},
          {"macro_mape", f.macro_mape},
          {"bias", f.bias}};
}

Json coverage_json(const ValidationReport& report) {
  Json by = Json::object();
  for (const GroupFigures& g : report.by) by[g.dimension][g.value] = json_of(g.coverage);
  Json out = json_of(report.coverage);
  out["by"] = by;
  return out;
}

Json left_out_json(const ValidationReport& report) {
  Json out = Json::object();
  for (const LeftOutFigures& l : report.left_out) {
    Json& one = out[l.left_out];
    for (const GroupFigures& g : l.groups) {
      Json figures = json_of(g.figures);
      figures["coverage"] = json_of(g.coverage);
      if (g.dimension == "all") {
        one["overall"] = figures;
      } else {
        one["by"][g.dimension][g.value] = figures;
      }
    }
  }
  return out;
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
  add_figures(text, "plain roofline of the kernels", report.plain);
  add_figures(text, "peak FLOP/s", report.roofline);
  text +=
      fmt::format("  {} numbers are fitted to training runs, beside those of kernels and links\n",
                  report.fitted_numbers);
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
  for (const MemoryBySource& by : report.memory_by) {
    text += fmt::format("  {:<56} {:>5} {:>8.1f} {:>8.1f} {:>17.0f} % within 8 %\n",
                        by.source.substr(0, 56), by.figures.n, by.figures.mape,
                        by.figures.median_ape, 100 * by.figures.within_8);
  }
  add_bands(text, report);
  add_worst(text, report);
  return text;
}

std::string to_json(const ValidationReport& report) {
  Json by = Json::object();
  for (const GroupFigures& g : report.by) by[g.dimension][g.value] = json_of(g.figures);
  Json refused = Json::object();
  for (const auto& [reason, count] : report.refused) refused[reason] = count;
  Json memory = json_of(report.memory);
  memory["by_source"] = Json::object();
  for (const MemoryBySource& m : report.memory_by) {
    memory["by_source"][m.source] = json_of(m.figures);
  }
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
        {"plain_roofline", json_of(report.plain)},
        {"peak_flops", json_of(report.roofline)}}},
      {"by", by},
      {"pairs",
       {{"n", report.pairs.n},
        {"ordered", report.pairs.ordered},
        {"n_apart", report.pairs.apart},
        {"ordered_apart", report.pairs.apart_ordered}}},
      {"memory", memory},
      {"fitted_numbers", report.fitted_numbers},
      {"coverage", coverage_json(report)},
      {"left_out", left_out_json(report)},
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
