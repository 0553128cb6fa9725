// Sections as text, as Markdown; tables as CSV.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/csv.h"
#include "tightrope/report/procure_report.h"
#include "tightrope/report/validation_page.h"

namespace tightrope::report {
namespace {

constexpr int page = 110;

// What Markdown would read as more than text.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("|*_<`[]!\\").contains(c)) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string procure_text(const std::vector<ProcureSection>& sections) {
  std::string out;
  for (const ProcureSection& section : sections) {
    out += (out.empty() ? "" : "\n") + section.heading + "\n";
    for (const std::string& words : section.words) out += wrapped(words, page, 0);
    if (section.rows.empty()) continue;
    if (section.columns.size() == 1 && section.columns.front().title.empty()) {
      for (const std::vector<std::string>& row : section.rows) {
        out += wrapped("  " + row.front(), page, 4);
      }
      continue;
    }
    TextTable table(section.columns);
    for (const std::vector<std::string>& row : section.rows) table.add(row);
    out += table.text(2);
  }
  return out;
}

std::string procure_markdown(const std::vector<ProcureSection>& sections, bool has_chart) {
  std::string out;
  bool first = true;
  for (const ProcureSection& section : sections) {
    out += fmt::format("{} {}\n\n", first ? "#" : "##", escaped(section.heading));
    for (const std::string& words : section.words) out += escaped(words) + "\n\n";
    if (!section.rows.empty()) {
      std::string head = "|";
      std::string rule = "|";
      for (const Column& column : section.columns) {
        head += " " + escaped(column.title) + " |";
        rule += column.align == Align::right ? "---:|" : "---|";
      }
      out += head + "\n" + rule + "\n";
      for (const std::vector<std::string>& row : section.rows) {
        out += "|";
        for (std::size_t c = 0; c < section.columns.size(); ++c) {
          out += " " + (c < row.size() ? escaped(row[c]) : "") + " |";
        }
        out += "\n";
      }
      out += "\n";
    }
    if (first && has_chart) out += fmt::format("{}\n\n", chart_slot);
    first = false;
  }
  return out;
}

std::string procure_csv(const procure_study::Resolved& study, const procure::Answer& answer) {
  std::string out =
      "system,quarter,ordered_chips,arrived_chips,in_service_chips,retired_chips,expired_chips,"
      "placed_chips,rented_chips,computing_chips,leased_chips,bought_out_chips\n";
  for (const procure::MixRow& m : answer.mix) {
    const procure::System& s = study.scenario.systems[static_cast<std::size_t>(m.system)];
    const double lot = s.chips_per_lot;
    out += fmt::format(
        "{},{},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g}\n",
        csv_cell(s.id), study.scenario.calendar.quarters[static_cast<std::size_t>(m.quarter)],
        m.ordered * lot, m.arrived * lot, m.in_service * lot, m.retired * lot, m.expired * lot,
        m.placed * lot, m.rented * lot, m.computing * lot, m.leased * lot, m.bought_out * lot);
  }
  return out;
}

std::string procure_csv(const ProcureData& data) {
  std::string out = fmt::format("{}\n", fmt::join(data.keys, ","));
  for (const std::vector<ProcureCell>& row : data.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c > 0) out += ',';
      if (const auto* number = std::get_if<double>(&row[c])) out += fmt::format("{:.9g}", *number);
      if (const auto* yes = std::get_if<bool>(&row[c])) out += *yes ? "true" : "false";
      if (const auto* words = std::get_if<std::string>(&row[c])) out += csv_cell(*words);
    }
    out += '\n';
  }
  return out;
}

}  // namespace tightrope::report
