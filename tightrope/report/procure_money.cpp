// Cost and energy by workload, cash by year, what binds.
#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/ranges.h>

#include "tightrope/report/procure_internal.h"

namespace tightrope::report {
namespace {

using procure::Answer;
using procure::CostKind;
using procure::Scenario;
using procure_study::Resolved;

constexpr double million = 1e6;
constexpr double gigawatt_hour = 3.6e12;

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

double tokens_of(const Scenario& s, const procure::WorkloadRow& row) {
  double tokens = 0;
  for (const procure::WorkloadQuarter& q : row.quarters) {
    tokens += (q.served * s.calendar.length).raw();
  }
  return tokens;
}

std::string lost(Dollars d) { return d.raw() < 1 ? "-" : in_millions(d); }

/// Own workloads and those of customers, each added up; nothing when there is only one kind.
void add_owners(const Scenario& s, const Answer& answer, ProcureSection& out) {
  for (const bool internal : {true, false}) {
    Dollars cost, unserved;
    double energy = 0;
    std::size_t count = 0;
    for (const procure::WorkloadRow& row : answer.workloads) {
      if (s.workloads[static_cast<std::size_t>(row.workload)].internal != internal) continue;
      ++count;
      cost += row.cost;
      unserved += row.unserved;
      energy += row.energy.raw();
    }
    if (count == 0 || count == answer.workloads.size()) return;
    out.rows.push_back({internal ? "all internal" : "all customers'", "", in_millions(cost), "",
                        lost(unserved), plain_number(energy / gigawatt_hour), "", ""});
  }
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
                      {"lost M USD", Align::right},
                      {"GWh", Align::right},
                      {"J/token", Align::right},
                      {"where"}},
                     {},
                     {"workload_costs",
                      {"workload", "internal", "served_share", "tokens", "cost_usd",
                       "usd_per_mtoken", "unserved_usd", "energy_j", "energy_j_per_token"},
                      {}}};
  for (const procure::WorkloadRow& row : answer.workloads) {
    const procure::Workload& w = s.workloads[static_cast<std::size_t>(row.workload)];
    const double tokens = tokens_of(s, row);
    const double usd = tokens > 0 ? row.cost.raw() / tokens * million : 0;
    const double joules = tokens > 0 ? row.energy.raw() / tokens : 0;
    out.rows.push_back({w.id, fmt::format("{:.1f}", 100 * row.served_share), in_millions(row.cost),
                        tokens > 0 ? fmt::format("{:.3f}", usd) : "-", lost(row.unserved),
                        plain_number(row.energy.raw() / gigawatt_hour),
                        tokens > 0 ? fmt::format("{:.3g}", joules) : "-", where(s, row)});
    out.data.rows.push_back({w.id, w.internal, row.served_share, tokens, row.cost.raw(), usd,
                             row.unserved.raw(), row.energy.raw(), joules});
  }
  add_owners(s, answer, out);
  return out;
}

/// Years of the plan, from its first quarter on: "2026", or "26Q4-27Q3" where a year of the plan is
/// none of the calendar.
std::string year_name(const Scenario& s, int year) {
  const int length = s.calendar.quarters_in_year;
  const auto first = static_cast<std::size_t>(year * length);
  const std::size_t last =
      std::min(s.calendar.quarters.size() - 1, first + static_cast<std::size_t>(length) - 1);
  if (s.calendar.quarters[first].ends_with("Q1")) return s.calendar.quarters[first].substr(0, 4);
  return short_quarter(s, first) + "-" + short_quarter(s, last);
}

/// [year, and one for the end] of a kind of cost, mean over the futures, USD.
std::vector<double> sums_of(const Scenario& s, const Answer& answer, std::size_t kind) {
  const auto year = static_cast<std::size_t>(s.calendar.quarters_in_year);
  const std::size_t quarters = s.calendar.quarters.size();
  const std::size_t years = (quarters + year - 1) / year;
  std::vector<double> sums(years + 1, 0.0);
  for (const procure::Outcome& outcome : answer.outcomes) {
    for (std::size_t q = 0; q < outcome.cash.size(); ++q) {
      sums[q < quarters ? q / year : years] += outcome.probability * outcome.cash[q][kind].raw();
    }
  }
  return sums;
}

ProcureSection cash(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{"Cash by year, M USD", {}, {{"kind"}}, {}, {"cash", {"kind"}, {}}};
  std::vector<double> total = sums_of(s, answer, 0);
  const int years = static_cast<int>(total.size()) - 1;
  std::ranges::fill(total, 0.0);
  for (int y = 0; y < years; ++y) {
    out.columns.push_back({year_name(s, y), Align::right});
    out.data.keys.push_back(fmt::format("year_{}_usd", y + 1));
  }
  out.columns.push_back({"at the end", Align::right});
  out.data.keys.emplace_back("end_usd");
  const auto add = [&out](const std::string& name, const std::vector<double>& sums) {
    std::vector<std::string> row = {name};
    std::vector<ProcureCell> cells = {name};
    for (const double sum : sums) {
      row.push_back(std::fabs(sum) < 1 ? "-" : plain_number(sum / million));
      cells.emplace_back(sum);
    }
    out.rows.push_back(std::move(row));
    out.data.rows.push_back(std::move(cells));
  };
  const auto any = [](const std::vector<double>& sums) {
    return std::ranges::any_of(sums, [](double x) { return std::fabs(x) >= 1; });
  };
  const auto unserved = static_cast<std::size_t>(CostKind::unserved);
  for (std::size_t kind = 0; kind < procure::cost_kinds; ++kind) {
    if (kind == unserved) continue;
    const std::vector<double> sums = sums_of(s, answer, kind);
    for (std::size_t y = 0; y < sums.size(); ++y) total[y] += sums[y];
    if (any(sums)) add(to_string(static_cast<CostKind>(kind)), sums);
  }
  add("all", total);
  if (!s.budget.empty()) {
    std::vector<double> budget;
    for (const Dollars& one : s.budget) budget.push_back(one.raw());
    budget.push_back(0);
    add("budget", budget);
  }
  const std::vector<double> lost = sums_of(s, answer, unserved);
  if (any(lost)) {
    add("lost by what is not served", lost);
    out.words.emplace_back("What is lost by demand not served counts as cost, but is no cash.");
  }
  return out;
}

/// "26Q1-26Q4, 27Q2".
std::string spans(const Scenario& s, const std::vector<int>& quarters) {
  std::string text;
  for (std::size_t i = 0; i < quarters.size();) {
    std::size_t k = i;
    while (k + 1 < quarters.size() && quarters[k + 1] == quarters[k] + 1) ++k;
    const auto label = [&](std::size_t at) {
      return quarters[at] < 0 ? std::string("the plan")
                              : short_quarter(s, static_cast<std::size_t>(quarters[at]));
    };
    text += (text.empty() ? "" : ", ") + label(i) + (k > i ? "-" + label(k) : "");
    i = k + 1;
  }
  return text;
}

/// What the values of scarce things are counted in.
std::string goal_words(const Scenario& s) {
  switch (s.goal) {
    case procure::Goal::carbon: return "kg CO2e";
    case procure::Goal::cost: return "USD";
    default: return "chip-quarters";
  }
}

ProcureSection scarce(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  const double per = s.goal == procure::Goal::carbon ? 1e3 : 1;
  ProcureSection out{"What binds, when, and what one more would save",
                     {"Discounted, lots taken as divisible and yes/no decisions as they are."},
                     {{"limit"},
                      {"of"},
                      {"quarters"},
                      {"one more"},
                      {"saves, " + goal_words(s) + ", at most", Align::right},
                      {"in all quarters", Align::right}},
                     {}};
  struct Sum {
    std::map<int, double> by_quarter;  ///< of several futures together
    std::string unit;
  };
  std::map<std::pair<int, std::string>, Sum> sums;
  for (const procure::Scarcity& one : answer.scarcities) {
    Sum& sum = sums[{static_cast<int>(one.kind), one.subject}];
    // A dollar more is a small thing to count carbon or chips by.
    const bool money = one.unit == "USD" && s.goal != procure::Goal::cost;
    sum.by_quarter[one.quarter] += one.value_of_goal / per * (money ? million : 1);
    sum.unit = money ? "M USD" : one.unit;
  }
  for (const auto& [key, sum] : sums) {
    std::vector<int> quarters;
    double most = 0, all = 0;
    for (const auto& [quarter, value] : sum.by_quarter) {
      quarters.push_back(quarter);
      most = std::max(most, value);
      all += value;
    }
    out.rows.push_back({to_string(static_cast<procure::ScarceKind>(key.first)), key.second,
                        spans(s, quarters), sum.unit, plain_number(most), plain_number(all)});
  }
  if (out.rows.empty()) out.words = {"Nothing binds."};
  return out;
}

}  // namespace

std::vector<ProcureSection> procure_money(const Resolved& study, const Answer& answer) {
  return {workloads(study, answer), cash(study, answer), scarce(study, answer)};
}

}  // namespace tightrope::report
