// What a procurement study stands on: facts, supplies, speeds, what was filled in.
#include <fmt/format.h>

#include "tightrope/report/procure_internal.h"

namespace tightrope::report {
namespace {

using procure_study::Resolved;

ProcureSection speeds(const Resolved& study) {
  ProcureSection out{"Speeds by the planners, tokens a second of a paid chip",
                     {"Of the best plan of each workload on each system; the 90 % band and the "
                      "mapping stand in --speeds and in the JSON."},
                     {{"workload"}},
                     {}};
  for (const procure_study::SystemLine& s : study.file.systems) {
    out.columns.push_back({s.name, Align::right});
  }
  for (std::size_t w = 0; w < study.file.workloads.size(); ++w) {
    std::vector<std::string> row = {study.file.workloads[w].name};
    for (const procure_study::Speed& speed : study.speeds.speeds[w]) {
      row.push_back(speed.feasible ? plain_number(speed.of_chip.raw()) : "-");
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

/// A day in one piece: a page breaks lines at plain hyphens.
std::string day(const std::string& as_of) {
  std::string out;
  for (const char c : as_of) out += c == '-' ? std::string("\u2011") : std::string(1, c);
  return out;
}

ProcureSection numbers(const Resolved& study) {
  ProcureSection out{
      "Numbers with a source",
      {"As they stand in the file. What is not here, nor filled in from the catalog, "
       "is the scenario's own assumption."},
      {{"number"},
       {"value", Align::right},
       {"low", Align::right},
       {"high", Align::right},
       {"source"},
       {"as of"},
       {"grade"},
       {"note"}},
      {}};
  for (const procure_study::SourcedNumber& one : sourced_numbers(study.file)) {
    const procure_study::Given& g = *one.given;
    const bool wide = g.low < g.high;
    out.rows.push_back({one.name, count_text(g.value), wide ? count_text(g.low) : "",
                        wide ? count_text(g.high) : "", g.source, day(g.as_of), g.grade, g.note});
  }
  return out;
}

ProcureSection facts(const Resolved& study) {
  ProcureSection out{"Facts that the scenario answers to",
                     {},
                     {{"fact"}, {"source"}, {"as of"}, {"grade"}, {"used in"}},
                     {}};
  for (const procure_study::FactLine& fact : study.file.facts) {
    out.rows.push_back({fact.text, fact.source, day(fact.as_of), fact.grade, fact.used_in});
  }
  return out;
}

}  // namespace

std::vector<ProcureSection> procure_appendix(const Resolved& study) {
  std::vector<ProcureSection> out;
  out.push_back(speeds(study));
  if (ProcureSection sourced = numbers(study); !sourced.rows.empty()) {
    out.push_back(std::move(sourced));
  }
  if (!study.file.facts.empty()) out.push_back(facts(study));
  return out;
}

}  // namespace tightrope::report
