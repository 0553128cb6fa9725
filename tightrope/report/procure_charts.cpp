// Charts of a plan by quarter, each of stacked bars: chips, workloads, power, cash.
#include <algorithm>
#include <array>

#include "tightrope/report/procure_internal.h"

namespace tightrope::report {
namespace {

using procure::Answer;
using procure::CostKind;
using procure::Scenario;

// Colours that people with any colour vision tell apart (Okabe and Ito 2008), and their tints.
constexpr std::array<const char*, 12> colours = {"#0072B2", "#56B4E9", "#009E73", "#8FD4B8",
                                                 "#E69F00", "#F0E442", "#D55E00", "#CC79A7",
                                                 "#8C6BB1", "#999999", "#444444", "#B15928"};

/// Numbers of a stacked chart: a line a quarter, a column a thing.
struct Stack {
  std::string name, title, unit;
  std::vector<std::string> things;
  std::vector<std::vector<double>> values;  ///< [quarter][thing]
  std::vector<double> limit = {};           ///< by quarter, drawn as steps; empty: none
  const char* limit_name = "";

  [[nodiscard]] bool has(std::size_t thing) const {
    return std::ranges::any_of(values, [&](const auto& row) { return row[thing] > 1e-9; });
  }
  [[nodiscard]] bool any() const {
    for (std::size_t i = 0; i < things.size(); ++i) {
      if (has(i)) return true;
    }
    return false;
  }
};

std::vector<std::vector<double>> zeros(std::size_t quarters, std::size_t things) {
  return std::vector<std::vector<double>>(quarters, std::vector<double>(things, 0.0));
}

std::string data_of(const Stack& stack, const Scenario& s) {
  std::string out = fmt::format("${} << EOD\n", stack.name);
  for (std::size_t q = 0; q < stack.values.size(); ++q) {
    out += "\"" + short_quarter(s, q) + "\"";
    double sum = 0;
    for (const double value : stack.values[q]) out += fmt::format(" {:.6g}", sum += value);
    if (!stack.limit.empty()) out += fmt::format(" {:.6g}", stack.limit[q]);
    out += "\n";
  }
  return out + "EOD\n";
}

std::string plot_of(const Stack& stack) {
  std::vector<std::string> parts;
  // From the highest sum down, so that each box covers the lower part of the one before.
  for (std::size_t i = stack.things.size(); i-- > 0;) {
    if (!stack.has(i)) continue;
    parts.push_back(fmt::format("${} using {}:xtic(1) with boxes lc rgb \"{}\" title \"{}\"",
                                stack.name, i + 2, colours[i % colours.size()], stack.things[i]));
  }
  if (!stack.limit.empty()) {
    parts.push_back(fmt::format("${} using 0:{} with histeps lw 2 lc rgb \"#000000\" title \"{}\"",
                                stack.name, stack.things.size() + 2, stack.limit_name));
  }
  return fmt::format("set title \"{}\"\nset ylabel \"{}\"\nplot {}\n", stack.title, stack.unit,
                     fmt::format("{}", fmt::join(parts, ", \\\n  ")));
}

/// Chips, or thousands of them, whichever reads well.
void scale_chips(Stack& stack) {
  double most = 0;
  for (const std::vector<double>& row : stack.values) {
    double sum = 0;
    for (const double value : row) sum += value;
    most = std::max(most, sum);
  }
  stack.unit = most >= 1e4 ? "thousand chips" : "chips";
  if (most < 1e4) return;
  for (std::vector<double>& row : stack.values) {
    for (double& value : row) value /= 1e3;
  }
}

template <class Of>
Stack systems_stack(const Scenario& s, const Answer& answer, std::string name, std::string title,
                    Of of) {
  Stack out{std::move(name), std::move(title), {}, {}, {}};
  for (const procure::System& system : s.systems) out.things.push_back(system.id);
  out.values = zeros(s.calendar.quarters.size(), s.systems.size());
  for (const procure::MixRow& m : answer.mix) {
    const auto system = static_cast<std::size_t>(m.system);
    out.values[static_cast<std::size_t>(m.quarter)][system] +=
        of(m) * s.systems[system].chips_per_lot;
  }
  scale_chips(out);
  return out;
}

Stack workloads_stack(const Scenario& s, const Answer& answer) {
  Stack out{"served", "busy chips by workload", {}, {}, {}};
  out.values = zeros(s.calendar.quarters.size(), answer.workloads.size());
  for (std::size_t w = 0; w < answer.workloads.size(); ++w) {
    out.things.push_back(s.workloads[static_cast<std::size_t>(answer.workloads[w].workload)].id);
    for (std::size_t q = 0; q < answer.workloads[w].quarters.size(); ++q) {
      for (const double chips : answer.workloads[w].quarters[q].chips) out.values[q][w] += chips;
    }
  }
  scale_chips(out);
  return out;
}

Stack power_stack(const Scenario& s, const Answer& answer) {
  Stack out{"power",
            s.leases.empty() ? "power of own machines by site"
                             : "power of own and leased machines by site",
            "MW",
            {},
            {},
            {},
            "offered"};
  out.values = zeros(s.calendar.quarters.size(), s.sites.size());
  out.limit.assign(s.calendar.quarters.size(), 0.0);
  for (std::size_t x = 0; x < s.sites.size(); ++x) {
    out.things.push_back(s.sites[x].id);
    for (std::size_t q = 0; q < s.calendar.quarters.size(); ++q) {
      out.values[q][x] = site_power(s, answer.plan, x, q) / 1e6;
      out.limit[q] += s.sites[x].power[q].raw() / 1e6;
    }
  }
  return out;
}

/// What is paid; proceeds of what is sold stand in the table of cash.
Stack cash_stack(const Scenario& s, const Answer& answer) {
  Stack out{"cash", "paid by quarter", "M USD", {}, {}};
  out.values = zeros(s.calendar.quarters.size(), procure::cost_kinds);
  for (int k = 0; k < procure::cost_kinds; ++k) {
    out.things.emplace_back(to_string(static_cast<CostKind>(k)));
  }
  for (const procure::Outcome& outcome : answer.outcomes) {
    for (std::size_t q = 0; q < out.values.size() && q < outcome.cash.size(); ++q) {
      for (std::size_t k = 0; k < outcome.cash[q].size(); ++k) {
        const double usd = outcome.cash[q][k].raw();
        if (usd <= 0 || k == static_cast<std::size_t>(CostKind::unserved)) continue;
        out.values[q][k] += outcome.probability * usd / 1e6;
      }
    }
  }
  return out;
}

}  // namespace

std::string procure_script(const procure_study::Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  std::vector<Stack> stacks;
  stacks.push_back(systems_stack(s, answer, "service", "own chips in service",
                                 [](const procure::MixRow& m) { return m.in_service; }));
  stacks.push_back(systems_stack(s, answer, "leased", "leased chips",
                                 [](const procure::MixRow& m) { return m.leased; }));
  stacks.push_back(systems_stack(s, answer, "rented", "rented chips",
                                 [](const procure::MixRow& m) { return m.rented; }));
  stacks.push_back(systems_stack(s, answer, "busy", "chips computing, own, leased and rented",
                                 [](const procure::MixRow& m) { return m.computing; }));
  stacks.push_back(workloads_stack(s, answer));
  stacks.push_back(power_stack(s, answer));
  stacks.push_back(cash_stack(s, answer));
  // All that computes is rented.
  if (!stacks[0].any() && !stacks[1].any()) stacks.erase(stacks.begin() + 2);
  std::erase_if(stacks, [](const Stack& stack) { return !stack.any(); });
  if (stacks.empty()) return {};
  const std::size_t rows = (stacks.size() + 1) / 2;
  std::string out = fmt::format(
      "set terminal svg size 1240,{} font \"Helvetica,12\" noenhanced background \"#ffffff\"\n"
      "set grid ytics lc rgb \"#e5e5e5\"\nset border 3 lc rgb \"#666666\"\nset tics nomirror\n"
      "set style fill solid 1.0 border rgb \"#ffffff\"\nset boxwidth 0.85\n"
      "set yrange [0:*]\nset xrange [-0.6:{}]\nset format y \"%g\"\n"
      "set xtics rotate by 90 right font \"Helvetica,11\"\nset lmargin 9\nset rmargin 28\n"
      "set key outside right top vertical Left reverse samplen 1\n",
      420 * rows, static_cast<double>(s.calendar.quarters.size()) - 0.4);
  for (const Stack& stack : stacks) out += data_of(stack, s);
  out += fmt::format("set multiplot layout {},2\n", rows);
  for (const Stack& stack : stacks) out += plot_of(stack);
  return out + "unset multiplot\n";
}

}  // namespace tightrope::report
