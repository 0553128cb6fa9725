// What a procurement study stands on: facts, supplies, speeds, what was filled in.
#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/procure_report.h"

namespace tightrope::report {
namespace {

using procure_study::Resolved;

ProcureSection speeds(const Resolved& study) {
  ProcureSection out{"Speeds by the planners, tokens a second of a paid chip",
                     {"Of the best plan of each workload on each system; the 90 % band and the "
                      "mapping stand in `--speeds` and in the JSON."},
                     {{"workload"}},
                     {}};
  for (const procure_study::SystemLine& s : study.file.systems) {
    out.columns.push_back({s.name, Align::right});
  }
  for (std::size_t w = 0; w < study.file.workloads.size(); ++w) {
    std::vector<std::string> row = {study.file.workloads[w].name};
    for (const procure_study::Speed& speed : study.speeds.speeds[w]) {
      row.push_back(speed.feasible ? fmt::format("{:.4g}", speed.of_chip.raw()) : "-");
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

ProcureSection facts(const Resolved& study) {
  ProcureSection out{"Facts that the scenario answers to",
                     {},
                     {{"fact"}, {"source"}, {"as of"}, {"grade"}, {"used in"}},
                     {}};
  for (const procure_study::FactLine& fact : study.file.facts) {
    out.rows.push_back({fact.text, fact.source, fact.as_of, fact.grade, fact.used_in});
  }
  return out;
}

}  // namespace

std::vector<ProcureSection> procure_appendix(const Resolved& study) {
  std::vector<ProcureSection> out;
  out.push_back(speeds(study));
  if (!study.file.facts.empty()) out.push_back(facts(study));
  return out;
}

}  // namespace tightrope::report
