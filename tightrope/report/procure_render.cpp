// Sections as text, as Markdown; the mix as CSV; charts.
#include <array>

#include <fmt/format.h>

#include "tightrope/core/csv.h"
#include "tightrope/report/procure_report.h"
#include "tightrope/report/validation_page.h"

namespace tightrope::report {
namespace {

constexpr int page = 110;

// Colours that people with any colour vision tell apart (Okabe and Ito 2008), and their tints.
constexpr std::array<const char*, 12> colours = {"#0072B2", "#56B4E9", "#009E73", "#8FD4B8",
                                                 "#E69F00", "#F0E442", "#D55E00", "#CC79A7",
                                                 "#8C6BB1", "#999999", "#444444", "#B15928"};

// What Markdown would read as more than text.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '_' || c == '<') out += '\\';
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
      "placed_chips,rented_chips,computing_chips\n";
  for (const procure::MixRow& m : answer.mix) {
    const procure::System& s = study.scenario.systems[static_cast<std::size_t>(m.system)];
    const double lot = s.chips_per_lot;
    out += fmt::format("{},{},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g}\n",
                       csv_cell(s.id),
                       study.scenario.calendar.quarters[static_cast<std::size_t>(m.quarter)],
                       m.ordered * lot, m.arrived * lot, m.in_service * lot, m.retired * lot,
                       m.expired * lot, m.placed * lot, m.rented * lot, m.computing * lot);
  }
  return out;
}

namespace {

/// Numbers of a stacked chart: a line a quarter, a column a thing, summed up from the left.
struct Stack {
  std::string name, title, unit;
  std::vector<std::string> things;
  std::vector<std::vector<double>> values;  ///< [quarter][thing]
};

std::string data_of(const Stack& stack, const std::vector<std::string>& quarters) {
  std::string out = fmt::format("${} << EOD\n", stack.name);
  for (std::size_t q = 0; q < stack.values.size(); ++q) {
    out += "\"" + quarters[q].substr(2) + "\"";
    double sum = 0;
    for (const double value : stack.values[q]) out += fmt::format(" {:.6g}", sum += value);
    out += "\n";
  }
  return out + "EOD\n";
}

std::string plot_of(const Stack& stack) {
  std::string out =
      fmt::format("set title \"{}\"\nset ylabel \"{}\"\nplot ", stack.title, stack.unit);
  // From the highest sum down, so that each box covers the lower part of the one before.
  for (std::size_t i = stack.things.size(); i-- > 0;) {
    out += fmt::format("${} using {}:xtic(1) with boxes lc rgb \"{}\" title \"{}\"{}", stack.name,
                       i + 2, colours[i % colours.size()], stack.things[i],
                       i == 0 ? "\n" : ", \\\n  ");
  }
  return out;
}

template <class Of>
Stack systems_stack(const procure_study::Resolved& study, const procure::Answer& answer,
                    std::string name, std::string title, Of of) {
  const procure::Scenario& s = study.scenario;
  Stack out{std::move(name), std::move(title), "thousand chips", {}, {}};
  for (const procure::System& system : s.systems) out.things.push_back(system.id);
  out.values.assign(s.calendar.quarters.size(), std::vector<double>(s.systems.size(), 0.0));
  for (const procure::MixRow& m : answer.mix) {
    const auto system = static_cast<std::size_t>(m.system);
    out.values[static_cast<std::size_t>(m.quarter)][system] +=
        of(m) * s.systems[system].chips_per_lot / 1e3;
  }
  return out;
}

}  // namespace

std::string procure_script(const procure_study::Resolved& study, const procure::Answer& answer) {
  const procure::Scenario& s = study.scenario;
  const std::vector<std::string>& quarters = s.calendar.quarters;
  std::vector<Stack> stacks;
  stacks.push_back(systems_stack(study, answer, "service", "own chips in service",
                                 [](const procure::MixRow& m) { return m.in_service; }));
  stacks.push_back(systems_stack(study, answer, "busy", "chips computing, own and rented",
                                 [](const procure::MixRow& m) { return m.computing; }));
  Stack served{"served", "busy chips by workload", "thousand chips", {}, {}};
  served.values.assign(quarters.size(), std::vector<double>(answer.workloads.size(), 0.0));
  for (std::size_t w = 0; w < answer.workloads.size(); ++w) {
    served.things.push_back(s.workloads[static_cast<std::size_t>(answer.workloads[w].workload)].id);
    for (std::size_t q = 0; q < answer.workloads[w].quarters.size(); ++q) {
      for (const double chips : answer.workloads[w].quarters[q].chips) {
        served.values[q][w] += chips / 1e3;
      }
    }
  }
  stacks.push_back(std::move(served));
  Stack cash{"cash", "cash by quarter", "M USD", {}, {}};
  cash.values.assign(quarters.size(), std::vector<double>(procure::cost_kinds, 0.0));
  for (int k = 0; k < procure::cost_kinds; ++k) {
    cash.things.emplace_back(to_string(static_cast<procure::CostKind>(k)));
  }
  for (const procure::Outcome& outcome : answer.outcomes) {
    for (std::size_t q = 0; q < quarters.size() && q < outcome.cash.size(); ++q) {
      for (std::size_t k = 0; k < outcome.cash[q].size(); ++k) {
        const double usd = outcome.cash[q][k].raw();
        if (usd > 0) cash.values[q][k] += outcome.probability * usd / 1e6;
      }
    }
  }
  stacks.push_back(std::move(cash));
  std::string out =
      "set terminal svg size 1240,900 font \"Helvetica,12\" noenhanced background \"#ffffff\"\n"
      "set grid ytics lc rgb \"#e5e5e5\"\nset border 3 lc rgb \"#666666\"\nset tics nomirror\n"
      "set style fill solid 1.0 border rgb \"#ffffff\"\nset boxwidth 0.85\n"
      "set yrange [0:*]\nset format y \"%g\"\nset xtics rotate by -45\n"
      "set key outside right top vertical Left reverse samplen 1\n";
  for (const Stack& stack : stacks) out += data_of(stack, quarters);
  out += "set multiplot layout 2,2\n";
  for (const Stack& stack : stacks) out += plot_of(stack);
  return out + "unset multiplot\n";
}

}  // namespace tightrope::report
