// A procurement study for people and programs: text, JSON, CSV, a page with charts.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tightrope/procure/plan.h"
#include "tightrope/procure_study/resolve.h"
#include "tightrope/report/text_table.h"

namespace tightrope::report {

/// Nothing, a number, yes or no, or words.
using ProcureCell = std::variant<std::monostate, double, bool, std::string>;

/// A table for programs: whole numbers of digits, units in the keys, nothing rounded or left out.
struct ProcureData {
  std::string name;  ///< snake_case; empty: there is no table
  std::vector<std::string> keys;
  std::vector<std::vector<ProcureCell>> rows;  ///< as long as `keys`
};

/// A heading, some sentences, a table: what the terminal and the page both show, and the same table
/// for JSON and CSV.
struct ProcureSection {
  std::string heading;
  std::vector<std::string> words;
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  ProcureData data = {};
};

/// What each workload does on each system, and by which plan.
[[nodiscard]] std::string procure_speeds_text(const procure_study::Resolved& study);

/// The answer: what it costs and serves, the mix by quarter, cost and energy by workload, cash by
/// year, what binds when. Infeasible: what cannot hold together.
[[nodiscard]] std::vector<ProcureSection> procure_sections(const procure_study::Resolved& study,
                                                           const procure::Answer& answer);

/// Facts of the scenario with source and grade, speeds, and what was filled in: for the page.
[[nodiscard]] std::vector<ProcureSection> procure_appendix(const procure_study::Resolved& study);

[[nodiscard]] std::string procure_text(const std::vector<ProcureSection>& sections);
/// `has_chart`: a place for the charts follows the first section.
[[nodiscard]] std::string procure_markdown(const std::vector<ProcureSection>& sections,
                                           bool has_chart);

/// One line a system and quarter.
[[nodiscard]] std::string procure_csv(const procure_study::Resolved& study,
                                      const procure::Answer& answer);
/// Any table, its keys first.
[[nodiscard]] std::string procure_csv(const ProcureData& data);

/// Schema "tightrope.procure/2"; units are in the keys. The tables of `extras` stand in it by their
/// names.
[[nodiscard]] std::string procure_json(const procure_study::Resolved& study,
                                       const procure::Answer& answer,
                                       const std::vector<ProcureSection>& extras,
                                       std::string_view version);

/// A gnuplot script that prints an SVG: own chips in service, busy chips by system and by workload,
/// power of the sites, cash by quarter; those that are not empty.
[[nodiscard]] std::string procure_script(const procure_study::Resolved& study,
                                         const procure::Answer& answer);

}  // namespace tightrope::report
