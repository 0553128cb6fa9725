// The serving report for people and programs.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/serving_study/validate.h"

namespace tightrope::serving_study {
namespace {

std::string figures_line(const ServingFigures& f) {
  std::string line =
      fmt::format("n {:4d}  median {:5.1f}  mean {:6.1f}  p90 {:6.1f}  bias {:+6.1f}", f.n,
                  f.median_ape, f.mape, f.p90_ape, f.bias);
  if (f.banded > 0) line += fmt::format("  in bands {:3.0f}/{:3.0f}", f.in50, f.in90);
  return line;
}

nlohmann::ordered_json figures_json(const ServingGroup& g) {
  return {{"mode", g.mode},
          {"metric", g.metric},
          {"dimension", g.dimension},
          {"value", g.value},
          {"n", g.figures.n},
          {"median_ape", g.figures.median_ape},
          {"mape", g.figures.mape},
          {"p90_ape", g.figures.p90_ape},
          {"bias", g.figures.bias},
          {"plain_roofline_median_ape", g.figures.plain_median},
          {"in_50_band", g.figures.in50},
          {"in_90_band", g.figures.in90}};
}

std::vector<const ServingOutcome*> worst(const ServingReport& report, const std::string& mode,
                                         const std::string& metric, std::size_t most) {
  std::vector<const ServingOutcome*> rows;
  for (const ServingOutcome& o : report.outcomes) {
    if (o.counts() && o.slice() == mode && o.metric == metric) rows.push_back(&o);
  }
  const auto off = [](const ServingOutcome* o) {
    return std::fabs(std::log(o->predicted / o->measured));
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const auto* a, const auto* b) { return off(a) > off(b); });
  if (rows.size() > most) rows.resize(most);
  return rows;
}

std::string group_title(const ServingGroup& g) {
  return g.dimension == "all" ? "all" : fmt::format("{} {}", g.dimension, g.value);
}

std::string simulated_tables(const ServingReport& report) {
  std::string out, heading;
  for (const ServingGroup& g : report.simulated) {
    const std::string now = fmt::format("{} {}, request by request", g.mode, g.metric);
    if (now != heading) {
      out += fmt::format(
          "\n## {}\n\n| | rows | median | mean | p90 | bias | closed form, median |\n"
          "|---|---:|---:|---:|---:|---:|---:|\n",
          now);
      heading = now;
    }
    const ServingFigures& f = g.figures;
    out += fmt::format("| {} | {} | {:.1f} | {:.1f} | {:.1f} | {:+.1f} | {:.1f} |\n",
                       g.dimension == "all" ? "**all**" : group_title(g), f.n, f.median_ape, f.mape,
                       f.p90_ape, f.bias, f.plain_median);
  }
  return out;
}

}  // namespace

std::string to_text(const ServingReport& report) {
  std::string out =
      fmt::format("{} (fnv1a {}): {} of {} rows expressed, {} of them repeat others\n", report.file,
                  report.hash, report.expressed, report.rows, report.repeats);
  for (const auto& [reason, n] : report.refused)
    out += fmt::format("  {:4d} refused: {}\n", n, reason);
  for (const auto& [reason, n] : report.guessed)
    out += fmt::format("  {:4d} guessed, apart from the others: {}\n", n, reason);
  out += fmt::format(
      "{} numbers fitted. Errors in percent, |predicted / measured - 1|; every run once.\n",
      report.fitted_numbers);
  std::string heading;
  for (const ServingGroup& g : report.groups) {
    const std::string now = g.mode + " " + g.metric;
    if (now != heading) out += fmt::format("\n{}\n", now);
    heading = now;
    out += fmt::format("  {:<34} {}", group_title(g), figures_line(g.figures));
    if (g.dimension == "all") out += fmt::format("  plain roofline {:.1f}", g.figures.plain_median);
    out += "\n";
  }
  for (const ServingGroup& g : report.simulated) {
    const std::string now = fmt::format("request by request: {} {}", g.mode, g.metric);
    if (now != heading) out += fmt::format("\n{}\n", now);
    heading = now;
    out += fmt::format("  {:<34} {}  closed form {:.1f}\n", group_title(g), figures_line(g.figures),
                       g.figures.plain_median);
  }
  for (const ServingGroup& g : report.left_out) {
    const std::string now = fmt::format("left out by {}: {} {}", g.dimension, g.mode, g.metric);
    if (now != heading) out += fmt::format("\n{}\n", now);
    heading = now;
    out += fmt::format("  {:<34} {}\n", g.value.empty() ? "all" : g.value, figures_line(g.figures));
  }
  return out;
}

std::string to_json(const ServingReport& report) {
  nlohmann::ordered_json json;
  json["file"] = report.file;
  json["fnv1a"] = report.hash;
  json["rows"] = report.rows;
  json["expressed"] = report.expressed;
  json["repeats"] = report.repeats;
  json["refused"] = report.refused;
  json["guessed"] = report.guessed;
  json["fitted_numbers"] = report.fitted_numbers;
  for (const auto& [name, groups] :
       {std::pair{"by", &report.groups}, std::pair{"left_out", &report.left_out}}) {
    json[name] = nlohmann::ordered_json::array();
    for (const ServingGroup& g : *groups) json[name].push_back(figures_json(g));
  }
  if (!report.simulated.empty()) {
    json["request_by_request"] = nlohmann::ordered_json::array();
    for (const ServingGroup& g : report.simulated) {
      nlohmann::ordered_json one = figures_json(g);
      for (const char* bands : {"plain_roofline_median_ape", "in_50_band", "in_90_band"}) {
        one.erase(bands);
      }
      one["closed_form_median_ape"] = g.figures.plain_median;
      json["request_by_request"].push_back(std::move(one));
    }
  }
  return json.dump(2) + "\n";
}

std::string rows_csv(const ServingReport& report) {
  std::string out =
      "id,metric,mode,gpu,engine,model,measured,predicted,lo50,hi50,lo90,hi90,plain_roofline,"
      "repeat,refused,simulated,guessed\n";
  for (const ServingOutcome& o : report.outcomes) {
    out += fmt::format(
        "{},{},{},{},{},{},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{},{},{},{}\n",
        csv_cell(o.id), o.metric, o.mode, csv_cell(o.chip), csv_cell(o.stack), csv_cell(o.model),
        o.measured, o.predicted, o.low50, o.high50, o.low90, o.high90, o.plain, o.repeat ? 1 : 0,
        csv_cell(o.refused), o.simulated > 0 ? fmt::format("{:.6g}", o.simulated) : std::string(),
        csv_cell(o.guessed));
  }
  return out;
}

std::string to_markdown(const ServingReport& report) {
  std::string out = fmt::format(
      "# Accuracy of the serving model\n\n"
      "What `tightrope validate serving` says about `{}` ({} rows, fnv1a {}). Written by the "
      "program; do not edit.\n\n"
      "Errors are |predicted / measured - 1| in percent, of means over a benchmark run; bias is "
      "the "
      "median of predicted / measured - 1. A run that stands in several dumps of its source counts "
      "once. {} numbers are fitted to serving points, beside the coefficients of kernels and "
      "links. TPOT is the time between output tokens without the first, TTFT counts from the "
      "request's arrival. What rows leave unsaid (workers, drafts, budgets, years) is read from "
      "`calibration/serving_recipes.toml` and `calibration/serving_runs.toml`.\n\n"
      "{} of {} rows are expressed. Refused:\n\n| rows | reason |\n|---:|---|\n",
      report.file.substr(report.file.rfind('/') + 1), report.rows, report.hash,
      report.fitted_numbers, report.expressed, report.rows);
  for (const auto& [reason, n] : report.refused) out += fmt::format("| {} | {} |\n", n, reason);
  if (!report.guessed.empty()) {
    out +=
        "\nOf the expressed, these match several published configurations. The plainest is taken "
        "(no "
        "drafts, then the fewest GPUs); they are judged apart (\"recipe guessed\"), in no figure "
        "of "
        "the others and in no fit:\n\n| rows | what is guessed |\n|---:|---|\n";
    for (const auto& [reason, n] : report.guessed) out += fmt::format("| {} | {} |\n", n, reason);
  }
  std::string heading;
  const auto rows = [&](const std::vector<ServingGroup>& groups, bool left_out) {
    for (const ServingGroup& g : groups) {
      const std::string now =
          left_out ? fmt::format("{} {}, left out by {}", g.mode, g.metric, g.dimension)
                   : fmt::format("{} {}, in sample", g.mode, g.metric);
      if (now != heading) {
        out += fmt::format(
            "\n## {}\n\n| | rows | median | mean | p90 | bias | plain roofline, median | in 50 % | "
            "in 90 % |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
            now);
        heading = now;
      }
      const bool whole = g.dimension == "all" || g.value.empty();
      const ServingFigures& f = g.figures;
      const std::string bands =
          f.banded > 0 ? fmt::format("{:.0f} | {:.0f}", f.in50, f.in90) : " | ";
      out += fmt::format("| {} | {} | {:.1f} | {:.1f} | {:.1f} | {:+.1f} | {:.1f} | {} |\n",
                         whole      ? "**all**"
                         : left_out ? g.value
                                    : group_title(g),
                         f.n, f.median_ape, f.mape, f.p90_ape, f.bias, f.plain_median, bands);
    }
  };
  rows(report.groups, false);
  out += simulated_tables(report);
  heading.clear();
  rows(report.left_out, true);
  for (const std::string mode : {"agg", "disagg"}) {
    for (const std::string metric : {"tpot_ms", "ttft_ms"}) {
      constexpr std::size_t shown = 10;
      const auto list = worst(report, mode, metric, shown);
      if (list.empty()) continue;
      out += fmt::format(
          "\n## Furthest off: {} {}\n\n| row | gpu | engine | model | run | measured "
          "| predicted |\n|---|---|---|---|---|---:|---:|\n",
          mode, metric);
      for (const ServingOutcome* o : list) {
        out += fmt::format("| {} | {} | {} | {} | {} | {:.1f} | {:.1f} |\n", o->id, o->chip,
                           o->stack, o->model, o->text, o->measured, o->predicted);
      }
    }
  }
  return out;
}

}  // namespace tightrope::serving_study
