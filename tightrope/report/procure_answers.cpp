// Answers beside the plan: what independence costs, what one more is worth, when one chip beats
// another, what a plan loses in other futures.
#include "tightrope/report/procure_answers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/ranges.h>

#include "tightrope/report/procure_internal.h"

namespace tightrope::report {
namespace {

using procure_study::Resolved;
using procure_study::SureBreakEven;

constexpr double million = 1e6;

bool solved(milp::SolveStatus status) {
  return status == milp::SolveStatus::optimal || status == milp::SolveStatus::feasible;
}

/// Each share with the cheapest plan known for it: one that reaches more also reaches this, and the
/// search of this share alone may have ended a gap above it.
std::vector<procure::CurvePoint> cheapest_known(std::vector<procure::CurvePoint> curve) {
  for (std::size_t i = curve.size(); i-- > 1;) {
    procure::CurvePoint& before = curve[i - 1];
    if (!solved(curve[i].status)) continue;
    if (solved(before.status) && before.cost <= curve[i].cost) continue;
    const double asked = before.asked;
    before = curve[i];
    before.asked = asked;
  }
  return curve;
}

/// In the goal's unit for people.
std::string of_goal(const procure::Scenario& s, double value) {
  return plain_number(s.goal == procure::Goal::carbon ? value / 1e3 : value);
}

std::string goal_words(const procure::Scenario& s) {
  return s.goal == procure::Goal::cost     ? "USD"
         : s.goal == procure::Goal::carbon ? "kg CO2e"
                                           : "chip-quarters";
}

/// What a kept plan breaks at the ends of a doubt and keeps without it, in a few words.
std::string broken(const procure::TornadoBar& bar, const procure::TornadoBar& middle) {
  std::string text;
  for (const auto& [side, list] :
       {std::pair{"low", &bar.broken_low}, std::pair{"high", &bar.broken_high}}) {
    std::vector<std::string> fresh;
    for (const std::string& one : *list) {
      if (std::ranges::find(middle.broken_low, one) == middle.broken_low.end()) {
        fresh.push_back(one);
      }
    }
    if (fresh.empty()) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", side, fresh.front());
    if (fresh.size() > 1) text += fmt::format(" + {}", fresh.size() - 1);
  }
  return text;
}

}  // namespace

ProcureSection procure_curve(const std::vector<procure::CurvePoint>& found) {
  ProcureSection out{"What independence costs",
                     {"Least cost with at least this share of the served compute on own silicon."},
                     {{"asked %", Align::right},
                      {"reached %", Align::right},
                      {"M USD", Align::right},
                      {"dearer by", Align::right},
                      {"a point more, M USD", Align::right},
                      {"kt CO2e", Align::right},
                      {"served %", Align::right}},
                     {},
                     {"independence_curve",
                      {"asked_share", "own_share", "cost_usd", "carbon_g", "served_share", "gap"},
                      {}}};
  const std::vector<procure::CurvePoint> curve = cheapest_known(found);
  const procure::CurvePoint* before = nullptr;
  double free = 0;
  for (const procure::CurvePoint& p : curve) {
    const std::string asked = fmt::format("{:.0f}", 100 * p.asked);
    if (!solved(p.status)) {
      out.rows.push_back({asked, "-", "cannot be"});
      out.data.rows.push_back({p.asked, {}, {}, {}, {}, {}});
      continue;
    }
    const double usd = p.cost.raw();
    if (before == nullptr) free = usd;
    const double points = before == nullptr ? 0 : 100 * (p.asked - before->asked);
    out.rows.push_back({asked, fmt::format("{:.1f}", 100 * p.own_share), in_millions(p.cost),
                        fmt::format("{:.2f} %", free > 0 ? 100 * (usd / free - 1) : 0),
                        points > 0 ? in_millions(Dollars((usd - before->cost.raw()) / points)) : "",
                        plain_number(p.carbon.raw() / 1e9),
                        fmt::format("{:.1f}", 100 * p.served_share)});
    out.data.rows.push_back({p.asked, p.own_share, usd, p.carbon.raw(), p.served_share, p.gap});
    before = &p;
  }
  return out;
}

ProcureSection procure_more(const procure::Scenario& s, const std::vector<procure::MoreOf>& more) {
  const std::string unit = goal_words(s);
  ProcureSection out{
      "Value of one more, in every quarter",
      {"With yes/no decisions as they are and lots divisible; limits of no value "
       "are left out."},
      {{"limit"},
       {"of"},
       {"more", Align::right},
       {"unit"},
       {"saves, " + unit, Align::right},
       {"as much less costs", Align::right}},
      {},
      {"value_of_more", {"limit", "of", "amount", "unit", "saved", "taken_away_costs"}, {}}};
  double largest = 0;
  for (const procure::MoreOf& one : more) largest = std::max(largest, std::fabs(one.saved));
  const double noise =
      std::max(1e-6 * largest,
               s.goal == procure::Goal::cost || s.goal == procure::Goal::carbon ? 1.0 : 1e-6);
  for (const procure::MoreOf& one : more) {
    const bool finite = std::isfinite(one.taken_away);
    out.data.rows.push_back({to_string(one.kind), one.subject, one.amount, one.unit, one.saved,
                             finite ? ProcureCell(one.taken_away) : ProcureCell()});
    if (one.saved < noise && !(finite && one.taken_away >= noise)) continue;
    out.rows.push_back({to_string(one.kind), one.subject, count_text(one.amount), one.unit,
                        one.saved < noise ? "-" : of_goal(s, one.saved),
                        finite ? of_goal(s, one.taken_away) : "no plan"});
  }
  if (out.rows.empty()) out.words = {"One more of any limit saves nothing."};
  return out;
}

ProcureSection procure_break_even(const Resolved& study, const procure::BreakEvenQuestion& question,
                                  const std::vector<SureBreakEven>& rows) {
  const procure::Scenario& s = study.scenario;
  const procure::System& a = s.systems[static_cast<std::size_t>(question.challenger)];
  const procure::System& b = s.systems[static_cast<std::size_t>(question.incumbent)];
  const auto quarter = static_cast<std::size_t>(question.quarter);
  ProcureSection out{
      fmt::format("Break-even of {} against {}", a.id, b.id),
      {fmt::format(
          "Ordered in {} at {} USD a chip of {} and {} of {}, busy and kept to the end of its "
          "life: "
          "the price of a chip of {} at which a token costs as much on both, and the speed, as a "
          "multiple of the planner's, at today's price. In 90 of 100 cases the price lies in its "
          "band and the ratio of the two speeds in the last column; where the other may be the "
          "cheaper one, a question mark says so.",
          s.calendar.quarters[quarter], with_thousands(a.price[quarter].raw()), a.id,
          with_thousands(b.price[quarter].raw()), b.id, a.id)},
      {{"workload"},
       {a.id + " USD/Mtok", Align::right},
       {b.id + " USD/Mtok", Align::right},
       {"even at USD", Align::right},
       {"90 % band", Align::right},
       {"even at speed", Align::right},
       {"cheaper"},
       {"speeds, 90 %", Align::right}},
      {},
      {"break_even",
       {"workload", "challenger", "incumbent", "challenger_usd_per_mtoken",
        "incumbent_usd_per_mtoken", "chip_price_usd", "chip_price_low90_usd",
        "chip_price_high90_usd", "speed_multiple", "speed_ratio_low90", "speed_ratio_high90",
        "sure"},
       {}}};
  if (!s.leases.empty()) {
    out.words.emplace_back("Both are bought here: the leases of the scenario are not compared.");
  }
  const auto price = [](Dollars d) {
    return d.raw() > 0 ? with_thousands(d.raw()) : std::string("none");
  };
  for (const SureBreakEven& one : rows) {
    const procure::BreakEven& row = one.at;
    const std::string& name = s.workloads[static_cast<std::size_t>(row.workload)].id;
    if (!row.possible) {
      out.rows.push_back({name, "-", "-", "-", "-", "-", "one does not run it", ""});
      continue;
    }
    const std::string& cheaper = row.challenger < row.incumbent ? a.id : b.id;
    out.rows.push_back({name, fmt::format("{:.4f}", row.challenger.raw() * million),
                        fmt::format("{:.4f}", row.incumbent.raw() * million), price(row.chip_price),
                        fmt::format("{} to {}", price(one.price_low), price(one.price_high)),
                        fmt::format("{:.2f}", row.performance), cheaper + (one.sure ? "" : " ?"),
                        fmt::format("{:.2f} to {:.2f}", one.ratio_low, one.ratio_high)});
    out.data.rows.push_back({name, a.id, b.id, row.challenger.raw() * million,
                             row.incumbent.raw() * million, row.chip_price.raw(),
                             one.price_low.raw(), one.price_high.raw(), row.performance,
                             one.ratio_low, one.ratio_high, one.sure});
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
                     {},
                     {"regret", {"world", "kept_usd", "foresight_usd", "regret_usd"}, {}}};
  for (const procure::Regret& row : rows) {
    if (!solved(row.status)) {
      out.rows.push_back({row.future, "cannot be kept"});
      out.data.rows.push_back({row.future, {}, {}, {}});
      continue;
    }
    const double share = row.best.raw() > 0 ? 100 * row.regret.raw() / row.best.raw() : 0;
    out.rows.push_back({row.future, in_millions(row.followed), in_millions(row.best),
                        in_millions(row.regret), fmt::format("{:.2f}", share)});
    out.data.rows.push_back({row.future, row.followed.raw(), row.best.raw(), row.regret.raw()});
  }
  return out;
}

ProcureSection procure_tornado(const std::vector<procure::TornadoBar>& bars) {
  ProcureSection out{
      "What each doubt moves alone",
      {"Cost of the kept plan when one thing turns out a standard deviation low or "
       "high, or at the end of its range."},
      {{"doubt"},
       {"low, M USD", Align::right},
       {"high, M USD", Align::right},
       {"width", Align::right}},
      {},
      {"tornado", {"doubt", "low_usd", "high_usd", "broken_low", "broken_high"}, {}}};
  const bool any =
      std::ranges::any_of(bars, [&](const auto& bar) { return !broken(bar, bars.back()).empty(); });
  if (any) out.columns.push_back({"breaks"});
  for (const procure::TornadoBar& bar : bars) {
    const double width = std::fabs((bar.high - bar.low).raw());
    out.data.rows.push_back({bar.doubt, bar.low.raw(), bar.high.raw(),
                             fmt::format("{}", fmt::join(bar.broken_low, "; ")),
                             fmt::format("{}", fmt::join(bar.broken_high, "; "))});
    if (width < 1 && &bar != &bars.back()) continue;
    std::vector<std::string> row = {bar.doubt, in_millions(bar.low), in_millions(bar.high),
                                    width < 1 ? "-" : in_millions(Dollars(width))};
    if (any) row.push_back(broken(bar, bars.back()));
    out.rows.push_back(std::move(row));
  }
  return out;
}

ProcureSection procure_monte_carlo(const Resolved& study, const procure::MonteCarlo& result) {
  ProcureSection out{fmt::format("The kept plan in {} futures", result.samples.size()),
                     {fmt::format("Demand, speeds, prices and slips drawn from the scenario's "
                                  "spreads; the mean of the dearest {:g} % is {} M USD.",
                                  100 * (1 - study.scenario.cvar_level), in_millions(result.cvar))},
                     {{""},
                      {"mean", Align::right},
                      {"deviation", Align::right},
                      {"5 %", Align::right},
                      {"median", Align::right},
                      {"95 %", Align::right}},
                     {},
                     {"monte_carlo", {"of", "mean", "deviation", "p5", "p50", "p95"}, {}}};
  const auto add = [&out](std::string name, std::string key, const procure::Spread& s, double per) {
    const auto text = [per](double x) {
      return std::fabs(x) < 1e-9 * per ? "0" : plain_number(x / per);
    };
    out.rows.push_back(
        {std::move(name), text(s.mean), text(s.deviation), text(s.p5), text(s.p50), text(s.p95)});
    out.data.rows.push_back({std::move(key), s.mean, s.deviation, s.p5, s.p50, s.p95});
  };
  add("cost, M USD", "cost_usd", result.cost, million);
  add("served, %", "served_share", result.served_share, 0.01);
  if (std::ranges::any_of(study.scenario.systems, &procure::System::own_silicon)) {
    add("own silicon, %", "own_share", result.own_share, 0.01);
  }
  add("kt CO2e", "carbon_g", result.carbon, 1e9);
  return out;
}

ProcureSection procure_breaches(const procure::MonteCarlo& result) {
  ProcureSection out{"What the kept plan breaks",
                     {"Nothing steers the kept plan back to its promises: in how many of these "
                      "futures one does not hold, and by how much where it does not."},
                     {{"promise"},
                      {"broken in %", Align::right},
                      {"mean miss", Align::right},
                      {"worst", Align::right},
                      {"unit"}},
                     {},
                     {"breaches", {"promise", "unit", "share", "mean", "worst"}, {}}};
  for (const procure::Breach& one : result.breaches) {
    out.data.rows.push_back({one.promise.what, one.promise.unit, one.share, one.mean, one.worst});
    if (one.share <= 0) continue;
    const double per = one.promise.unit == "USD" ? million : 1;
    out.rows.push_back({one.promise.what, fmt::format("{:.1f}", 100 * one.share),
                        plain_number(one.mean / per), plain_number(one.worst / per),
                        one.promise.unit == "USD" ? "M USD" : one.promise.unit});
  }
  if (out.rows.empty()) out.words = {"Nothing: it keeps every budget and limit in all of them."};
  return out;
}

}  // namespace tightrope::report
