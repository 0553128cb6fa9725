// Answers beside the plan: what independence costs, what one more is worth, when one chip beats
// another, what a plan loses in other futures.
#include "tightrope/report/procure_answers.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tightrope::report {
namespace {

using procure_study::Resolved;

constexpr double million = 1e6;

std::string in_millions(Dollars d) {
  const double m = d.raw() / million;
  return fmt::format("{:.{}f}", m, std::fabs(m) >= 100 ? 1 : std::fabs(m) >= 1 ? 3 : 4);
}

bool solved(milp::SolveStatus status) {
  return status == milp::SolveStatus::optimal || status == milp::SolveStatus::feasible;
}

std::string spread_row(const procure::Spread& s, double p) {
  return fmt::format("{:.4g}", p == 5 ? s.p5 : p == 50 ? s.p50 : s.p95);
}

std::string listed(const char* when, const std::vector<std::string>& promises) {
  std::string text;
  for (const std::string& one : promises) text += (text.empty() ? when : ", ") + one;
  return text;
}

std::string broken(const procure::TornadoBar& bar) {
  const std::string low = listed("low: ", bar.broken_low), high = listed("high: ", bar.broken_high);
  return low + (low.empty() || high.empty() ? "" : "; ") + high;
}

}  // namespace

ProcureSection procure_curve(const std::vector<procure::CurvePoint>& curve) {
  ProcureSection out{"What independence costs",
                     {"Least cost with at least this share of the served compute on own silicon."},
                     {{"asked %", Align::right},
                      {"reached %", Align::right},
                      {"M USD", Align::right},
                      {"more than free", Align::right},
                      {"a point more", Align::right},
                      {"kt CO2e", Align::right},
                      {"served %", Align::right}},
                     {}};
  const procure::CurvePoint* before = nullptr;
  double free = 0;
  for (const procure::CurvePoint& p : curve) {
    const std::string asked = fmt::format("{:.0f}", 100 * p.asked);
    if (!solved(p.status)) {
      out.rows.push_back({asked, "-", "cannot be"});
      continue;
    }
    const double usd = p.cost.raw();
    if (before == nullptr) free = usd;
    const double points = before == nullptr ? 0 : 100 * (p.asked - before->asked);
    out.rows.push_back({asked, fmt::format("{:.1f}", 100 * p.own_share), in_millions(p.cost),
                        fmt::format("{:+.2f} %", free > 0 ? 100 * (usd / free - 1) : 0),
                        points > 0 ? in_millions(Dollars((usd - before->cost.raw()) / points)) : "",
                        fmt::format("{:.4g}", p.carbon.raw() / 1e9),
                        fmt::format("{:.1f}", 100 * p.served_share)});
    before = &p;
  }
  return out;
}

ProcureSection procure_more(const std::vector<procure::MoreOf>& more) {
  ProcureSection out{"Value of one more, in every quarter",
                     {"With yes/no decisions as they are and lots divisible; limits of no value "
                      "are left out."},
                     {{"limit"},
                      {"of"},
                      {"more", Align::right},
                      {"unit"},
                      {"saves, USD", Align::right},
                      {"as much less costs", Align::right}},
                     {}};
  for (const procure::MoreOf& one : more) {
    const bool matters = std::isfinite(one.taken_away) && one.taken_away >= 1;
    if (one.saved < 1 && !matters) continue;
    out.rows.push_back(
        {to_string(one.kind), one.subject, fmt::format("{:g}", one.amount), one.unit,
         fmt::format("{:.4g}", one.saved),
         std::isfinite(one.taken_away) ? fmt::format("{:.4g}", one.taken_away) : "no plan"});
  }
  if (out.rows.empty()) out.words = {"One more of any limit saves nothing."};
  return out;
}

ProcureSection procure_break_even(const Resolved& study, const procure::BreakEvenQuestion& question,
                                  const std::vector<procure::BreakEven>& rows) {
  const procure::Scenario& s = study.scenario;
  const procure::System& a = s.systems[static_cast<std::size_t>(question.challenger)];
  const procure::System& b = s.systems[static_cast<std::size_t>(question.incumbent)];
  const auto quarter = static_cast<std::size_t>(question.quarter);
  ProcureSection out{
      fmt::format("Break-even of {} against {}", a.id, b.id),
      {fmt::format(
          "Ordered in {} at {:.0f} USD a chip of {} and {:.0f} of {}, kept to the end of "
          "its life: the price of a chip of {} at which a token costs as much on both, and "
          "the speed, as a multiple of the planner's, at today's price.",
          s.calendar.quarters[quarter], a.price[quarter].raw(), a.id, b.price[quarter].raw(), b.id,
          a.id)},
      {{"workload"},
       {a.id + " USD/Mtok", Align::right},
       {b.id + " USD/Mtok", Align::right},
       {"break-even USD", Align::right},
       {"break-even speed", Align::right},
       {"cheaper"}},
      {}};
  for (const procure::BreakEven& row : rows) {
    const std::string& name = s.workloads[static_cast<std::size_t>(row.workload)].id;
    if (!row.possible) {
      out.rows.push_back({name, "-", "-", "-", "-", "one of them does not run it"});
      continue;
    }
    const double price = row.chip_price.raw();
    out.rows.push_back({name, fmt::format("{:.4f}", row.challenger.raw() * million),
                        fmt::format("{:.4f}", row.incumbent.raw() * million),
                        price > 0 ? fmt::format("{:.0f}", price) : "at no price",
                        fmt::format("{:.2f}", row.performance),
                        row.challenger < row.incumbent ? a.id : b.id});
  }
  return out;
}

ProcureSection procure_regret(const std::string& title, const std::vector<procure::Regret>& rows) {
  ProcureSection out{title,
                     {"Cost when the plan's orders, sites, reservations and ports are kept and the "
                      "rest is chosen anew, against the best plan for that world."},
                     {{"world"},
                      {"plan kept, M USD", Align::right},
                      {"with foresight", Align::right},
                      {"regret", Align::right},
                      {"%", Align::right}},
                     {}};
  for (const procure::Regret& row : rows) {
    if (!solved(row.status)) {
      out.rows.push_back({row.future, "cannot be kept"});
      continue;
    }
    const double share = row.best.raw() > 0 ? 100 * row.regret.raw() / row.best.raw() : 0;
    out.rows.push_back({row.future, in_millions(row.followed), in_millions(row.best),
                        in_millions(row.regret), fmt::format("{:.2f}", share)});
  }
  return out;
}

ProcureSection procure_tornado(const std::vector<procure::TornadoBar>& bars) {
  ProcureSection out{"What each doubt moves alone",
                     {"Cost of the kept plan when one thing turns out a standard deviation low or "
                      "high, or stands at an end of its range; and which promises break then."},
                     {{"doubt"},
                      {"low, M USD", Align::right},
                      {"high, M USD", Align::right},
                      {"width", Align::right},
                      {"breaks"}},
                     {}};
  for (const procure::TornadoBar& bar : bars) {
    const double width = std::fabs((bar.high - bar.low).raw());
    const std::string breaks = broken(bar);
    if (width < 1 && breaks.empty() && &bar != &bars.back()) continue;
    out.rows.push_back({bar.doubt, in_millions(bar.low), in_millions(bar.high),
                        in_millions(Dollars(width)), breaks});
  }
  return out;
}

ProcureSection procure_monte_carlo(const Resolved& study, const procure::MonteCarlo& result) {
  procure::Spread cost = result.cost;
  for (double* usd : {&cost.mean, &cost.deviation, &cost.p5, &cost.p50, &cost.p95}) {
    *usd /= million;
  }
  const auto row = [](std::string name, const procure::Spread& s) {
    return std::vector<std::string>{std::move(name),
                                    fmt::format("{:.4g}", s.mean),
                                    fmt::format("{:.3g}", s.deviation),
                                    spread_row(s, 5),
                                    spread_row(s, 50),
                                    spread_row(s, 95)};
  };
  procure::Spread served = result.served_share;
  procure::Spread own = result.own_share;
  procure::Spread carbon = result.carbon;
  for (procure::Spread* share : {&served, &own}) {
    for (double* x : {&share->mean, &share->deviation, &share->p5, &share->p50, &share->p95}) {
      *x *= 100;
    }
  }
  for (double* x : {&carbon.mean, &carbon.deviation, &carbon.p5, &carbon.p50, &carbon.p95}) {
    *x /= 1e9;
  }
  return {fmt::format("The kept plan in {} futures", result.samples.size()),
          {fmt::format("Demand, speeds, prices and slips drawn from the scenario's spreads; the "
                       "mean of the dearest {:.0f} % is {} M USD.",
                       100 * (1 - study.scenario.cvar_level), in_millions(result.cvar))},
          {{""},
           {"mean", Align::right},
           {"deviation", Align::right},
           {"5 %", Align::right},
           {"median", Align::right},
           {"95 %", Align::right}},
          {row("cost, M USD", cost), row("served, %", served), row("own silicon, %", own),
           row("kt CO2e", carbon)}};
}

ProcureSection procure_breaches(const procure::MonteCarlo& result) {
  ProcureSection out{"What the kept plan breaks",
                     {"Nothing steers the kept plan back to its promises; these are the futures in "
                      "which one does not hold, and by how much there."},
                     {{"promise"},
                      {"broken in %", Align::right},
                      {"missing, mean", Align::right},
                      {"worst", Align::right},
                      {"unit"}},
                     {}};
  for (const procure::Breach& one : result.breaches) {
    const bool never = one.share <= 0;
    out.rows.push_back({one.promise.what, fmt::format("{:.1f}", 100 * one.share),
                        never ? "-" : fmt::format("{:.4g}", one.mean),
                        never ? "-" : fmt::format("{:.4g}", one.worst), one.promise.unit});
  }
  return out;
}

}  // namespace tightrope::report
