// What a procurement study says, as sections.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/procure_report.h"

namespace tightrope::report {
namespace {

using procure::Answer;
using procure::MixRow;
using procure::Scenario;
using procure_study::Resolved;

constexpr double million = 1e6;

std::string money(Dollars d) {
  const double m = d.raw() / million;
  if (std::fabs(m) >= 1e4) return fmt::format("{:.2f} B USD", m / 1e3);
  return fmt::format("{:.{}f} M USD", m, std::fabs(m) >= 100 ? 0 : 2);
}

std::string carbon(GramsCo2 g) {
  const double t = g.raw() / 1e6;
  return t >= 1e5 ? fmt::format("{:.2f} Mt CO2e", t / 1e6) : with_thousands(t) + " t CO2e";
}

// Chips in thousands from 10,000 up, so that twelve quarters fit a line.
std::string chips(double n) {
  if (n < 0.5) return "-";
  if (n < 9999.5) return fmt::format("{:.0f}", n);
  return fmt::format("{:.0f}k", n / 1e3);
}

std::vector<Column> by_quarter(const Scenario& s, std::string first) {
  std::vector<Column> columns = {{std::move(first)}};
  for (const std::string& quarter : s.calendar.quarters) {
    columns.push_back({quarter.substr(2), Align::right});
  }
  return columns;
}

double per_lot(const Scenario& s, int system) {
  return s.systems[static_cast<std::size_t>(system)].chips_per_lot;
}

/// A line a system of what `of` says, in chips; lines of nothing are left out.
template <class Of>
ProcureSection mix(const Resolved& study, const Answer& answer, std::string heading, Of of) {
  const Scenario& s = study.scenario;
  ProcureSection out{std::move(heading), {}, by_quarter(s, "system"), {}};
  for (int i = 0; i < static_cast<int>(s.systems.size()); ++i) {
    std::vector<std::string> row = {s.systems[static_cast<std::size_t>(i)].id};
    double all = 0;
    for (const MixRow& m : answer.mix) {
      if (m.system != i) continue;
      const double n = of(m) * per_lot(s, i);
      all += n;
      row.push_back(chips(n));
    }
    if (all >= 0.5) out.rows.push_back(std::move(row));
  }
  return out;
}

/// Said plainly when the clock ended the search: another run may then end elsewhere.
const char* ended(const Answer& answer) {
  if (answer.ended == milp::Ended::clock) {
    return "Best found when the time was up (another run may find another plan)";
  }
  return answer.status == milp::SolveStatus::optimal ? "Proven" : "Best found at the limit of work";
}

ProcureSection summary(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out;
  out.heading = study.file.header.title;
  const char* goal = s.goal == procure::Goal::cost     ? "Least cost"
                     : s.goal == procure::Goal::carbon ? "Least carbon"
                     : s.goal == procure::Goal::served ? "Most served demand"
                                                       : "Most independence, then least cost,";
  out.words.push_back(fmt::format(
      "{} over {} to {}: {} (discounted at {:.0f} % a year), {}, {:.1f} % of the asked compute "
      "served, {:.1f} % of that on own silicon.",
      goal, s.calendar.quarters.front(), s.calendar.quarters.back(), money(answer.mean_cost),
      100 * s.calendar.discount_rate, carbon(answer.mean_carbon), 100 * answer.served_share,
      100 * answer.own_share));
  if (answer.outcomes.size() > 1) {
    out.words.push_back(fmt::format("Mean of {} futures; the mean of the worst {:.0f} % is {}.",
                                    answer.outcomes.size(), 100 * (1 - s.cvar_level),
                                    money(answer.cvar)));
  }
  if (s.goal == procure::Goal::independence) {
    out.words.push_back(fmt::format(
        "{:.2f} % of the asked compute is done on own silicon; no plan{} does more than {:.2f} %.",
        100 * answer.own_of_asked,
        std::isfinite(s.cost_cap.raw()) ? " of at most " + money(s.cost_cap) : std::string(),
        100 * answer.own_of_asked_most));
  }
  out.words.push_back(
      fmt::format("{}, {:.3f} % from the bound; {} variables, {} of them whole, {} rows.",
                  ended(answer), 100 * answer.gap, answer.variables, answer.integers, answer.rows));
  return out;
}

ProcureSection infeasible(const Resolved& study, const Answer& answer) {
  ProcureSection out;
  out.heading = study.file.header.title;
  if (answer.status == milp::SolveStatus::no_answer) {
    out.words.emplace_back(answer.ended == milp::Ended::clock
                               ? "No plan was found in the time; give it more: --time-limit."
                               : "No plan was found at the limit of work; ask for less: --gap.");
    return out;
  }
  out.words.emplace_back(
      "No plan keeps all of it. These cannot hold together; without any one of them the rest can:");
  out.columns = {{""}};
  for (const std::string& one : answer.conflict) out.rows.push_back({"- " + one});
  return out;
}

ProcureSection ports(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{"Ports", {}, {{"workload"}, {"to"}, {"begins"}, {"M USD", Align::right}}, {}};
  for (std::size_t w = 0; w < s.workloads.size(); ++w) {
    for (std::size_t p = 0; p < s.workloads[w].ports.size(); ++p) {
      const int start = answer.plan.port_start[w][p];
      const procure::Port& port = s.workloads[w].ports[p];
      if (start < 0 || port.done) continue;
      out.rows.push_back({s.workloads[w].id, port.architecture,
                          s.calendar.quarters[static_cast<std::size_t>(start)],
                          fmt::format("{:.3g}", port.cost.raw() / million)});
    }
  }
  if (out.rows.empty()) out.words.emplace_back("None pays.");
  return out;
}

/// The systems a workload is busy on over the plan, most first: "trn3 61 %, gb200 39 %".
std::string where(const Scenario& s, const procure::WorkloadRow& row) {
  std::vector<double> sums(s.systems.size(), 0.0);
  for (const procure::WorkloadQuarter& q : row.quarters) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const auto& speed = s.throughput[static_cast<std::size_t>(row.workload)][i];
      sums[i] += q.chips[i] * speed.of_chip.raw();
    }
  }
  const double all = std::accumulate(sums.begin(), sums.end(), 0.0);
  std::vector<std::size_t> order(sums.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return sums[a] > sums[b]; });
  std::vector<std::string> words;
  for (const std::size_t i : order) {
    const double share = all > 0 ? sums[i] / all : 0;
    if (share < 0.005 || words.size() == 3) break;
    words.push_back(fmt::format("{} {:.0f} %", s.systems[i].id, 100 * share));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

ProcureSection workloads(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{"Cost and energy by workload",
                     {"Discounted over the plan; a system's cost is shared by busy chips. Energy "
                      "is at the meter. Where: share of the tokens."},
                     {{"workload"},
                      {"served %", Align::right},
                      {"M USD", Align::right},
                      {"USD/Mtok", Align::right},
                      {"unserved M USD", Align::right},
                      {"GWh", Align::right},
                      {"J/token", Align::right},
                      {"where"}},
                     {}};
  for (const procure::WorkloadRow& row : answer.workloads) {
    double tokens = 0;
    for (const procure::WorkloadQuarter& q : row.quarters) {
      tokens += (q.served * s.calendar.length).raw();
    }
    out.rows.push_back({s.workloads[static_cast<std::size_t>(row.workload)].id,
                        fmt::format("{:.1f}", 100 * row.served_share),
                        fmt::format("{:.1f}", row.cost.raw() / million),
                        tokens > 0 ? fmt::format("{:.3f}", row.cost.raw() / tokens * million) : "-",
                        fmt::format("{:.1f}", row.unserved.raw() / million),
                        fmt::format("{:.4g}", row.energy.raw() / 3.6e12),
                        tokens > 0 ? fmt::format("{:.3g}", row.energy.raw() / tokens) : "-",
                        where(s, row)});
  }
  return out;
}

ProcureSection cash(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  const int year = s.calendar.quarters_in_year;
  const int quarters = static_cast<int>(s.calendar.quarters.size());
  const int years = (quarters + year - 1) / year;
  ProcureSection out{"Cash by year, M USD", {}, {{"kind"}}, {}};
  for (int y = 0; y < years; ++y) {
    out.columns.push_back(
        {s.calendar.quarters[static_cast<std::size_t>(y * year)].substr(0, 4), Align::right});
  }
  out.columns.push_back({"at the end", Align::right});
  std::vector<double> total(static_cast<std::size_t>(years) + 1, 0.0);
  const auto row_of = [](std::string name, const std::vector<double>& sums) {
    std::vector<std::string> row = {std::move(name)};
    for (const double sum : sums) row.push_back(fmt::format("{:.1f}", sum / million));
    return row;
  };
  for (int kind = 0; kind < procure::cost_kinds; ++kind) {
    std::vector<double> sums(total.size(), 0.0);
    for (const procure::Outcome& outcome : answer.outcomes) {
      for (int q = 0; q < static_cast<int>(outcome.cash.size()); ++q) {
        const auto at = static_cast<std::size_t>(q < quarters ? q / year : years);
        sums[at] += outcome.probability *
                    outcome.cash[static_cast<std::size_t>(q)][static_cast<std::size_t>(kind)].raw();
      }
    }
    const bool any = std::ranges::any_of(sums, [](double x) { return std::fabs(x) >= 5e4; });
    for (std::size_t y = 0; y < sums.size(); ++y) total[y] += sums[y];
    if (any) out.rows.push_back(row_of(to_string(static_cast<procure::CostKind>(kind)), sums));
  }
  out.rows.push_back(row_of("all", total));
  return out;
}

/// "26Q1-26Q4, 27Q2".
std::string spans(const Scenario& s, const std::vector<int>& quarters) {
  std::string text;
  for (std::size_t i = 0; i < quarters.size();) {
    std::size_t k = i;
    while (k + 1 < quarters.size() && quarters[k + 1] == quarters[k] + 1) ++k;
    const auto label = [&](std::size_t at) {
      return quarters[at] < 0
                 ? std::string("the plan")
                 : s.calendar.quarters[static_cast<std::size_t>(quarters[at])].substr(2);
    };
    text += (text.empty() ? "" : ", ") + label(i) + (k > i ? "-" + label(k) : "");
    i = k + 1;
  }
  return text;
}

ProcureSection scarce(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{"What binds, when, and what one more would save",
                     {"Discounted, lots taken as divisible and yes/no decisions as they are."},
                     {{"limit"},
                      {"of"},
                      {"quarters"},
                      {"one more"},
                      {"saves, USD, at most", Align::right},
                      {"in all quarters", Align::right}},
                     {}};
  struct Sum {
    std::vector<int> quarters;
    double most = 0, all = 0;
    std::string unit;
  };
  std::map<std::pair<int, std::string>, Sum> sums;
  for (const procure::Scarcity& one : answer.scarcities) {
    Sum& sum = sums[{static_cast<int>(one.kind), one.subject}];
    sum.quarters.push_back(one.quarter);
    sum.most = std::max(sum.most, one.value.raw());
    sum.all += one.value.raw();
    sum.unit = one.unit;
  }
  for (auto& [key, sum] : sums) {
    std::ranges::sort(sum.quarters);
    out.rows.push_back({to_string(static_cast<procure::ScarceKind>(key.first)), key.second,
                        spans(s, sum.quarters), sum.unit, fmt::format("{:.4g}", sum.most),
                        fmt::format("{:.4g}", sum.all)});
  }
  if (out.rows.empty()) out.words = {"Nothing binds."};
  return out;
}

}  // namespace

std::vector<ProcureSection> procure_sections(const Resolved& study, const Answer& answer) {
  if (answer.status != milp::SolveStatus::optimal && answer.status != milp::SolveStatus::feasible) {
    return {infeasible(study, answer)};
  }
  std::vector<ProcureSection> out = {summary(study, answer)};
  const auto add_mix = [&](std::string heading, auto of) {
    ProcureSection section = mix(study, answer, std::move(heading), of);
    if (!section.rows.empty()) out.push_back(std::move(section));
  };
  add_mix("Chips ordered", [](const MixRow& m) { return m.ordered; });
  add_mix("Own chips in service", [](const MixRow& m) { return m.in_service; });
  add_mix("Chips rented", [](const MixRow& m) { return m.rented; });
  add_mix("Chips computing, own and rented", [](const MixRow& m) { return m.computing; });
  out.push_back(ports(study, answer));
  out.push_back(workloads(study, answer));
  out.push_back(cash(study, answer));
  out.push_back(scarce(study, answer));
  return out;
}

}  // namespace tightrope::report
