// The network report for people and programs.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/network_study/validate_network.h"

namespace tightrope::network_study {
namespace {

std::string title_of(const NetworkGroup& g) {
  if (g.form == "all") return "all";
  std::string title = g.form;
  if (!g.system.empty()) title = g.system + " " + title;
  if (!g.collective.empty()) title += " " + g.collective;
  return title;
}

std::string heading_of(const std::string& metric, bool left_out) {
  return fmt::format("{}, {}",
                     metric == "latency_us" ? "Latency below 1 MiB" : "Bus bandwidth from 1 MiB",
                     left_out ? "leaving the row's system out of the fit" : "in sample");
}

std::string group_line(const NetworkGroup& g) {
  const NetworkFigures& f = g.figures;
  std::string line =
      fmt::format("  {:<52} n {:5d}  median {:5.1f}  p90 {:6.1f}  bias {:+6.1f}  nameplate {:7.1f}",
                  title_of(g), f.n, f.median_ape, f.p90_ape, f.bias, f.plain_median);
  if (f.banded > 0) line += fmt::format("  in band {:3.0f}", f.in90);
  return line + "\n";
}

nlohmann::ordered_json group_json(const NetworkGroup& g) {
  return {{"metric", g.metric},
          {"form", g.form},
          {"system", g.system},
          {"collective", g.collective},
          {"n", g.figures.n},
          {"median_ape", g.figures.median_ape},
          {"p90_ape", g.figures.p90_ape},
          {"bias", g.figures.bias},
          {"nameplate_median_ape", g.figures.plain_median},
          {"in_90_band", g.figures.in90}};
}

/// Rows furthest off in one metric.
std::vector<const NetworkOutcome*> worst(const NetworkReport& report, const std::string& metric,
                                         std::size_t most) {
  std::vector<const NetworkOutcome*> rows;
  for (const NetworkOutcome& o : report.outcomes) {
    if (o.row.refused.empty() && o.metric() == metric) rows.push_back(&o);
  }
  const auto off = [](const NetworkOutcome* o) {
    return std::fabs(std::log(o->predicted / o->row.measured.raw()));
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const auto* a, const auto* b) { return off(a) > off(b); });
  if (rows.size() > most) rows.resize(most);
  return rows;
}

/// Every system with rows that no formula takes, and why.
void add_refused(std::string& out, const NetworkReport& report) {
  std::map<std::pair<std::string, std::string>, int> by;
  for (const NetworkOutcome& o : report.outcomes) {
    if (!o.row.refused.empty()) ++by[{o.row.system, o.row.refused}];
  }
  for (const auto& [key, n] : by) {
    out += fmt::format("| {} | {} | {} |\n", n, key.first, key.second);
  }
}

constexpr std::string_view metrics[] = {"busbw_gbytes_per_s", "latency_us"};

void add_tables(std::string& out, const std::vector<NetworkGroup>& groups, bool left_out) {
  for (const std::string_view metric : metrics) {
    out += fmt::format(
        "\n## {}\n\n| system, form, collective | rows | median APE | P90 | bias | nameplate, "
        "median "
        "| in the 90 % band |\n|---|---:|---:|---:|---:|---:|---:|\n",
        heading_of(std::string(metric), left_out));
    for (const NetworkGroup& g : groups) {
      if (g.metric != metric) continue;
      const NetworkFigures& f = g.figures;
      const bool whole = g.system.empty() && g.collective.empty();
      const std::string mark = whole ? "**" : "";
      out += fmt::format("| {}{}{} | {} | {:.1f} | {:.1f} | {:+.1f} | {:.1f} | {} |\n", mark,
                         title_of(g), mark, f.n, f.median_ape, f.p90_ape, f.bias, f.plain_median,
                         f.banded > 0 ? fmt::format("{:.0f}", f.in90) : "");
    }
  }
}

void add_worst(std::string& out, const NetworkReport& report) {
  constexpr std::size_t shown = 12;
  for (const std::string_view metric : metrics) {
    const auto list = worst(report, std::string(metric), shown);
    if (list.empty()) continue;
    out += fmt::format(
        "\n## Furthest off: {}\n\n| row | system | collective | stack | ranks | bytes | measured | "
        "predicted |\n|---|---|---|---|---:|---:|---:|---:|\n",
        metric);
    for (const NetworkOutcome* o : list) {
      const int ranks =
          o->row.form == Form::exchange ? o->row.exchange.ranks : o->row.call.group.ranks;
      out += fmt::format("| {} | {} | {} | {} | {} | {:.0f} | {:.4g} | {:.4g} |\n", o->row.id,
                         o->row.system, o->row.collective, o->row.stack, ranks, o->row.size.raw(),
                         o->as_metric(o->row.measured.raw()), o->as_metric(o->predicted));
    }
  }
}

}  // namespace

std::string to_text(const NetworkReport& report) {
  std::string out =
      fmt::format("{} (fnv1a {}): {} lines, {} measured times, {} of them expressed\n", report.file,
                  report.hash, report.lines, report.rows, report.expressed);
  for (const auto& [reason, n] : report.refused) {
    out += fmt::format("  {:5d} refused: {}\n", n, reason);
  }
  out += fmt::format(
      "{} numbers of direct all-reduces and exchanges, beside those of links. Errors in percent, "
      "|predicted / measured - 1|.\n",
      report.fitted_numbers);
  const auto list = [&out](const std::vector<NetworkGroup>& groups, bool left_out) {
    for (const std::string_view metric : metrics) {
      std::string lines;
      for (const NetworkGroup& g : groups) {
        if (g.metric == metric) lines += group_line(g);
      }
      if (!lines.empty()) out += "\n" + heading_of(std::string(metric), left_out) + "\n" + lines;
    }
  };
  list(report.groups, false);
  list(report.left_out, true);
  if (report.alone > 0) {
    out += fmt::format("\n{} times stand alone: no other system measured that kernel.\n",
                       report.alone);
  }
  return out;
}

std::string to_json(const NetworkReport& report) {
  nlohmann::ordered_json json;
  json["file"] = report.file;
  json["fnv1a"] = report.hash;
  json["lines"] = report.lines;
  json["rows"] = report.rows;
  json["expressed"] = report.expressed;
  json["refused"] = report.refused;
  json["fitted_numbers"] = report.fitted_numbers;
  json["stand_alone"] = report.alone;
  for (const auto& [name, groups] :
       {std::pair{"by", &report.groups}, std::pair{"left_out", &report.left_out}}) {
    json[name] = nlohmann::ordered_json::array();
    for (const NetworkGroup& g : *groups) json[name].push_back(group_json(g));
  }
  return json.dump(2) + "\n";
}

std::string rows_csv(const NetworkReport& report) {
  std::string out =
      "id,metric,system,group,form,collective,stack,ranks,bytes,measured,predicted,lo90,hi90,"
      "nameplate,left_out,refused\n";
  for (const NetworkOutcome& o : report.outcomes) {
    const NetworkRow& r = o.row;
    const int ranks = r.form == Form::exchange ? r.exchange.ranks : r.call.group.ranks;
    // A band of times turns round in a band of bandwidths.
    const double low = o.as_metric(r.large() ? o.high90 : o.low90);
    const double high = o.as_metric(r.large() ? o.low90 : o.high90);
    out +=
        fmt::format("{},{},{},{},{},{},{},{},{:.0f},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{}\n",
                    csv_cell(r.id), o.metric(), csv_cell(r.system), csv_cell(r.group),
                    to_string(r.form), csv_cell(r.collective), csv_cell(r.stack), ranks,
                    r.size.raw(), o.as_metric(r.measured.raw()), o.as_metric(o.predicted), low,
                    high, o.as_metric(o.plain), o.as_metric(o.left_out), csv_cell(r.refused));
  }
  return out;
}

std::string to_markdown(const NetworkReport& report) {
  std::string out = fmt::format(
      "# Accuracy of the network model\n\n"
      "What `tightrope validate network` says about `{}` ({} lines, {} measured times, fnv1a {}). "
      "Written by `make accuracy-network`; do not edit. What the words mean: "
      "[guide/network_validation.md](guide/network_validation.md).\n\n"
      "Errors are |predicted / measured - 1| in percent: of bus bandwidth from 1 MiB, of latency "
      "below; bias is the median of predicted / measured - 1. Nameplate is the same error of bus "
      "bytes over the slower tier's nameplate bandwidth. {} numbers are fitted for direct "
      "all-reduces and expert exchanges (`calibration/network.toml`), beside the coefficients of "
      "links (`calibration/kernels.toml`).\n\n{} of {} times are expressed. The others:\n\n"
      "| times | system, as its source names it | reason |\n|---:|---|---|\n",
      report.file, report.lines, report.rows, report.hash, report.fitted_numbers, report.expressed,
      report.rows);
  add_refused(out, report);
  if (report.leave_out) {
    add_tables(out, report.left_out, true);
    out += fmt::format("\n{} times are in no table above: no other system measured their kernel.\n",
                       report.alone);
  }
  add_tables(out, report.groups, false);
  add_worst(out, report);
  return out;
}

}  // namespace tightrope::network_study
