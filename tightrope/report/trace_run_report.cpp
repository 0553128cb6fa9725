#include "tightrope/report/trace_run_report.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/text_table.h"

namespace tightrope::report {
namespace {

using json = nlohmann::ordered_json;
using network_study::RankTime;
using network_study::TraceStudy;

constexpr int width = 100;
constexpr std::size_t shown_choices = 12;
constexpr double micro = 1e6;

std::string seconds(double s) { return to_text(Seconds(s)); }

/// A part of the ranks' times: the mean, and the most of one rank.
struct Part {
  double mean = 0, most = 0;
  void add(double x, double ranks) {
    mean += x / ranks;
    most = std::max(most, x);
  }
};

struct JobParts {
  Part compute, waiting;
  std::map<std::string, Part> exposed;
};

JobParts parts_of(const std::vector<RankTime>& ranks) {
  JobParts parts;
  const auto n = static_cast<double>(ranks.size());
  for (const RankTime& r : ranks) {
    parts.compute.add(r.compute, n);
    parts.waiting.add(r.waiting, n);
    for (const auto& [kind, time] : r.exposed) parts.exposed[kind].add(time, n);
  }
  return parts;
}

std::string job_text(const TraceStudy& study, std::size_t j) {
  std::string text = fmt::format("{}: {}, {} ranks, {} operations\n", study.jobs[j],
                                 seconds(study.job_end[j]), with_thousands(study.job_ranks[j]),
                                 with_thousands(static_cast<double>(study.job_nodes[j])));
  TextTable table({{"of a rank"},
                   {"mean", Align::right},
                   {"most", Align::right},
                   {"mean share", Align::right}});
  const auto row = [&](const std::string& name, const Part& p) {
    if (!(p.most > 0)) return;
    table.add({name, seconds(p.mean), seconds(p.most),
               fmt::format("{:.1f} %", 100 * p.mean / study.job_end[j])});
  };
  const JobParts parts = parts_of(study.ranks[j]);
  row("computing", parts.compute);
  for (const auto& [kind, part] : parts.exposed) row("visible " + kind, part);
  row("waiting for other ranks", parts.waiting);
  return text + table.text(2) + "\n";
}

std::string choices_text(const TraceStudy& study) {
  std::map<std::tuple<netsim::CollectiveKind, double, int, netsim::Algorithm>, std::uint64_t> sum;
  for (const network_study::TraceChoice& c : study.choices)
    sum[{c.kind, -c.size.raw(), c.ranks, c.algorithm}] += c.times;
  TextTable table({{"collective"},
                   {"size", Align::right},
                   {"ranks", Align::right},
                   {"by"},
                   {"groups and times", Align::right}});
  std::size_t shown = 0;
  for (const auto& [key, times] : sum) {
    if (shown++ == shown_choices) break;
    table.add({std::string(to_string(std::get<0>(key))), to_text(Bytes(-std::get<1>(key))),
               with_thousands(std::get<2>(key)), std::string(to_string(std::get<3>(key))),
               with_thousands(static_cast<double>(times))});
  }
  return table.empty() ? std::string() : table.text(2) + "\n";
}

std::string links_text(const TraceStudy& study) {
  TextTable table({{"links"},
                   {"in use", Align::right},
                   {"mean load", Align::right},
                   {"busiest", Align::right},
                   {"link", Align::right}});
  for (const network_study::TraceLink& l : study.links) {
    table.add({topology::to_string(l.kind), with_thousands(l.links),
               fmt::format("{:.1f} %", 100 * l.mean), fmt::format("{:.1f} %", 100 * l.busiest),
               fmt::format("{}", l.link)});
  }
  return table.empty() ? std::string() : table.text(2) + "\n";
}

}  // namespace

std::string trace_run_text(const catalog::System& system, const TraceStudy& study) {
  const topology::Machine& m = study.machine;
  std::string text =
      wrapped(fmt::format("{} {} on {} {} of {} ({} chips each), wires {}", study.jobs.size(),
                          study.jobs.size() == 1 ? "job" : "jobs", with_thousands(m.units),
                          m.units == 1 ? "unit" : "units", system.title, m.unit.chips(),
                          study.ideal ? "at their nameplate" : "as fitted to measurements",
                          study.faults.empty() ? "" : ", with faults"),
              width, 2) +
      "\n\n";
  for (std::size_t j = 0; j < study.jobs.size(); ++j) text += job_text(study, j);
  text += links_text(study) + choices_text(study);
  if (study.never > 0) {
    text +=
        fmt::format("{} operations never end:\n", with_thousands(static_cast<double>(study.never)));
    for (const std::string& why : study.stalled) text += wrapped("  " + why, width, 4);
    text += "\n";
  }
  return text + fmt::format("{} tasks, {} that differ\n",
                            with_thousands(static_cast<double>(study.tasks)),
                            with_thousands(static_cast<double>(study.classes)));
}

std::string trace_run_json(const catalog::System& system, const TraceStudy& study) {
  json j;
  j["system"] = system.name;
  j["units"] = study.machine.units;
  j["wires"] = study.ideal ? "ideal" : "calibrated";
  j["time_s"] = study.end;
  j["jobs"] = json::array();
  for (std::size_t i = 0; i < study.jobs.size(); ++i) {
    const JobParts parts = parts_of(study.ranks[i]);
    json job{{"name", study.jobs[i]},
             {"ranks", study.job_ranks[i]},
             {"operations", study.job_nodes[i]},
             {"time_s", study.job_end[i]},
             {"computing_s", parts.compute.mean},
             {"waiting_s", parts.waiting.mean},
             {"exposed_s", json::object()}};
    for (const auto& [kind, part] : parts.exposed)
      job["exposed_s"][kind] = {{"mean", part.mean}, {"most", part.most}};
    j["jobs"].push_back(std::move(job));
  }
  j["links"] = json::array();
  for (const network_study::TraceLink& l : study.links) {
    j["links"].push_back({{"kind", topology::to_string(l.kind)},
                          {"in_use", l.links},
                          {"mean_load", l.mean},
                          {"busiest_load", l.busiest},
                          {"busiest", l.link}});
  }
  j["collectives"] = json::array();
  for (const network_study::TraceChoice& c : study.choices) {
    j["collectives"].push_back({{"kind", to_string(c.kind)},
                                {"size_bytes", c.size.raw()},
                                {"ranks", c.ranks},
                                {"algorithm", to_string(c.algorithm)},
                                {"times", c.times}});
  }
  j["never_end"] = study.never;
  j["stalled"] = study.stalled;
  j["tasks"] = study.tasks;
  j["classes"] = study.classes;
  return j.dump(2) + "\n";
}

std::string trace_run_timeline(const TraceStudy& study) {
  json events = json::array();
  for (std::size_t i = 0; i < study.jobs.size(); ++i) {
    events.push_back(
        {{"ph", "M"}, {"name", "process_name"}, {"pid", i}, {"args", {{"name", study.jobs[i]}}}});
    for (int rank = 0; rank < study.job_ranks[i]; ++rank) {
      for (const bool compute : {true, false}) {
        events.push_back(
            {{"ph", "M"},
             {"name", "thread_name"},
             {"pid", i},
             {"tid", 2 * rank + (compute ? 0 : 1)},
             {"args",
              {{"name", fmt::format("rank {} {}", rank, compute ? "kernels" : "network")}}}});
      }
    }
  }
  for (const network_study::TraceSpan& s : study.spans) {
    events.push_back({{"ph", "X"},
                      {"pid", s.job},
                      {"tid", 2 * s.rank + (s.compute ? 0 : 1)},
                      {"name", s.name},
                      {"ts", s.start * micro},
                      {"dur", (s.end - s.start) * micro}});
  }
  return json{{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}.dump() + "\n";
}

}  // namespace tightrope::report
