// What a procurement study says, as sections.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/report/procure_internal.h"

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

double per_lot(const Scenario& s, int system) {
  return s.systems[static_cast<std::size_t>(system)].chips_per_lot;
}

/// A line a system of what `of` says, in chips; lines of nothing are left out.
template <class Of>
ProcureSection mix(const Resolved& study, const Answer& answer, std::string heading, Of of) {
  const Scenario& s = study.scenario;
  ProcureSection out{std::move(heading), {}, by_quarter(s, {{"system"}}), {}};
  for (int i = 0; i < static_cast<int>(s.systems.size()); ++i) {
    std::vector<std::string> row = {s.systems[static_cast<std::size_t>(i)].id};
    double all = 0;
    for (const MixRow& m : answer.mix) {
      if (m.system != i) continue;
      const double n = of(m) * per_lot(s, i);
      all += n;
      row.push_back(chips_text(n));
    }
    if (all >= 0.5) out.rows.push_back(std::move(row));
  }
  return out;
}

/// How good the plan is, and what ended the search where it is not proven to the gap asked.
std::string quality(const Answer& answer) {
  // A gap below what is printed is still said, never rounded to nothing.
  const std::string gap =
      answer.gap <= 0 ? "Proven best"
      : answer.gap < 0.5e-5
          ? "Within 0.001 % of the best that there can be"
          : fmt::format("Within {:.3f} % of the best that there can be", 100 * answer.gap);
  const char* ended = answer.ended == milp::Ended::clock
                          ? ", when the time was up (another run may find another plan)"
                      : answer.ended == milp::Ended::work ? ", at the limit of work"
                                                          : "";
  return fmt::format("{}{}; {} variables, {} of them whole, {} rows.", gap, ended, answer.variables,
                     answer.integers, answer.rows);
}

ProcureSection summary(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out;
  out.heading = study.file.header.title;
  const char* goal = s.goal == procure::Goal::cost     ? "Least cost"
                     : s.goal == procure::Goal::carbon ? "Least carbon"
                     : s.goal == procure::Goal::served ? "Most served demand"
                                                       : "Most independence, then least cost,";
  std::string own;
  if (std::ranges::any_of(s.systems, &procure::System::own_silicon)) {
    own = fmt::format(", {:.1f} % of that on own silicon", 100 * answer.own_share);
  }
  out.words.push_back(fmt::format(
      "{} over {} to {}: {} (discounted at {:g} % a year), {}, {:.1f} % of the asked compute "
      "served{}.",
      goal, s.calendar.quarters.front(), s.calendar.quarters.back(), money(answer.mean_cost),
      100 * s.calendar.discount_rate, carbon(answer.mean_carbon), 100 * answer.served_share, own));
  if (answer.outcomes.size() > 1) {
    out.words.push_back(fmt::format("Mean of {} futures; the mean of the worst {:g} % is {}.",
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
  out.words.push_back(quality(answer));
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
  add_mix("Chips leased", [](const MixRow& m) { return m.leased; });
  add_mix("Chips rented", [](const MixRow& m) { return m.rented; });
  add_mix("Chips computing, own, leased and rented", [](const MixRow& m) { return m.computing; });
  for (ProcureSection& one : procure_places(study, answer)) out.push_back(std::move(one));
  out.push_back(ports(study, answer));
  for (ProcureSection& one : procure_money(study, answer)) out.push_back(std::move(one));
  if (!study.notes.empty())
    out.push_back({"Filled in, assumed or without effect", study.notes, {}, {}});
  return out;
}

}  // namespace tightrope::report
