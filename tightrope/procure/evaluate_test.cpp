// A kept plan in other futures, by hand: single uncertain numbers, and promises that break.
#include "tightrope/procure/evaluate.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/procure/answers.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"
#include "tightrope/procure/test_solved.h"

namespace tightrope::procure {
namespace {

/// The future in which one number stands at one of its ends.
Future with(const Scenario& s, Scales scales, int index, double by) {
  Future f;
  f.factors.resize(scales_count);
  const std::size_t things = scales == Scales::resource       ? s.resources.size()
                             : scales == Scales::penalty      ? s.workloads.size()
                             : scales == Scales::rental_price ? s.rentals.size()
                             : scales == Scales::power || scales == Scales::electricity
                                 ? s.sites.size()
                                 : s.systems.size();
  auto& list = f.factors[static_cast<std::size_t>(scales)];
  list.assign(things, 1.0);
  list[static_cast<std::size_t>(index)] = by;
  return f;
}

double missing(const Evaluator& e, const Evaluation& found, const std::string& what) {
  for (std::size_t i = 0; i < e.promises().size(); ++i) {
    if (e.promises()[i].what == what) return found.missing[i];
  }
  ADD_FAILURE() << "no promise is called " << what;
  return 0.0;
}

Scenario may_leave_unserved(int quarters, double tokens, double penalty) {
  Scenario s = tiny(quarters, tokens);
  s.workloads[0].must_serve = false;
  s.workloads[0].unserved_penalty = DollarsPerToken(penalty / test_quarter.raw());
  return s;
}

TEST(ProcureKept, A_dearer_chip_breaks_the_budget_by_what_it_costs_more) {
  Scenario s = tiny(1, 10.0);
  s.budget = {Dollars(11e3)};
  const Answer a = solved(s);
  Evaluator e(s, a);
  const auto kept = e.evaluate({}),
             dear = e.evaluate(Future{.id = "dear", .purchase_price = {1.3}});
  ASSERT_TRUE(kept && dear);
  EXPECT_EQ(missing(e, *kept, "budget of year 1"), 0.0);
  EXPECT_NEAR(dear->cost.raw(), 13e3, 1e-3);
  EXPECT_NEAR(missing(e, *dear, "budget of year 1"), 2e3, 1e-3);
}

TEST(ProcureKept, More_demand_takes_the_share_of_own_silicon_down) {
  // 4 own and 6 others; 5 more are rented from others: 4 of 15.
  Scenario s = tiny(1, 10.0);
  add_own(s, 1500.0, 1.0);
  s.own_share = 0.4;
  s.rentals.push_back({.id = "spot",
                       .system = 0,
                       .kind = RentalKind::spot,
                       .price = {DollarsPerSecond(2500.0 / test_quarter.raw())}});
  const Answer a = solved(s);
  Evaluator e(s, a);
  const auto more = e.evaluate(Future{.id = "more", .demand = {1.5}});
  ASSERT_TRUE(more);
  EXPECT_NEAR(missing(e, *more, "at least 40 % of compute on own silicon"), 100 * (0.4 - 4.0 / 15),
              1e-3);
  EXPECT_NEAR(more->cost.raw(), 6 * 1000 + 4 * 1500 + 5 * 2500.0, 1e-2);
}

TEST(ProcureKept, What_must_be_served_and_cannot_is_told) {
  const Scenario s = tiny(1, 10.0);
  const Answer a = solved(s);
  Evaluator e(s, a);
  const auto more = e.evaluate(Future{.id = "more", .demand = {1.25}});
  ASSERT_TRUE(more);
  EXPECT_NEAR(missing(e, *more, "demand of chat must be served"), 20.0, 1e-6);
}

TEST(ProcureKept, Missing_power_leaves_lots_dark) {
  Scenario s = may_leave_unserved(1, 1000.0, 5000.0);  // 1 MW for 1,000 chips of 1 kW
  s.numbers = {{"power_mw of here", Scales::power, 0, 0.6, 1.0}};
  const Answer a = solved(s);
  Evaluator e(s, a);
  const auto dark = e.evaluate(with(s, Scales::power, 0, 0.7));
  ASSERT_TRUE(dark);
  EXPECT_NEAR(dark->served_share, 0.7, 1e-6);
  EXPECT_NEAR(dark->cost.raw(), 1000 * 1e3 + 300 * 5e3, 1.0);
  EXPECT_NEAR(missing(e, *dark, "power of site here"), 0.3, 1e-6);
}

TEST(ProcureKept, What_is_not_delivered_is_not_paid) {
  Scenario s = may_leave_unserved(2, 10.0, 5000.0);
  s.systems[0].chips_ceiling = {10.0, 10.0};
  s.numbers = {{"most_chips of chip", Scales::supply, 0, 0.5, 1.0}};
  const Answer a = solved(s);
  Evaluator e(s, a);
  const auto less = e.evaluate(with(s, Scales::supply, 0, 0.6));
  ASSERT_TRUE(less);
  EXPECT_NEAR(less->cost.raw(), 6 * 1e3 + 2 * 4 * 5e3, 1e-2);
  EXPECT_NEAR(missing(e, *less, "supply of chip"), 4.0, 1e-6);
}

TEST(ProcureKept, Fewer_wafers_cut_every_order_that_takes_them) {
  Scenario s = may_leave_unserved(1, 10.0, 5000.0);
  s.resources.push_back({"cowos", "wafers", {5.0}});
  s.systems[0].routes.push_back({.id = "first", .uses = {{0, 0.5}}});
  s.numbers = {{"cowos", Scales::resource, 0, 0.5, 1.0}};
  const Answer a = solved(s);
  Evaluator e(s, a);
  const auto less = e.evaluate(with(s, Scales::resource, 0, 0.8));
  ASSERT_TRUE(less);
  EXPECT_NEAR(less->cost.raw(), 8 * 1e3 + 2 * 5e3, 1e-2);
  EXPECT_NEAR(missing(e, *less, "supply of cowos"), 1.0, 1e-6);
}

TEST(ProcureKept, Each_number_scales_its_own_money) {
  Scenario s = may_leave_unserved(1, 12.0, 5000.0);
  s.systems[0].chips_ceiling = {8.0};
  s.systems[0].upkeep_a_year = 0.4;
  s.systems[0].failures_a_year = 0.2;
  s.systems[0].resale_by_age = {0.5, 0.5};
  s.systems[0].install_cost = Dollars(100.0);
  s.sites[0].electricity[0] = DollarsPerJoule(1e-8);
  s.rentals.push_back({.id = "spot",
                       .system = 0,
                       .kind = RentalKind::spot,
                       .price = {DollarsPerSecond(2000.0 / test_quarter.raw())},
                       .chips_ceiling = {2.0}});
  const Answer a = solved(s);
  Evaluator e(s, a);
  const double base = e.evaluate({})->cost.raw();
  const double energy = 8 * 1e3 * test_quarter.raw() * 1e-8;
  EXPECT_NEAR(base, 8 * (1000 + 100 + 50 - 500 + 100) + energy + 2 * 2000 + 2 * 5000.0, 1e-2);
  const auto moved = [&](Scales scales, double by) {
    return e.evaluate(with(s, scales, 0, by))->cost.raw() - base;
  };
  EXPECT_NEAR(moved(Scales::upkeep, 1.5), 0.5 * 8 * 100, 1e-2);
  EXPECT_NEAR(moved(Scales::repair, 1.5), 0.5 * 8 * 50, 1e-2);
  EXPECT_NEAR(moved(Scales::resale, 0.5), 0.5 * 8 * 500, 1e-2);
  EXPECT_NEAR(moved(Scales::install, 2.0), 8 * 100, 1e-2);
  EXPECT_NEAR(moved(Scales::electricity, 3.0), 2 * energy, 1e-2);
  EXPECT_NEAR(moved(Scales::rental_price, 1.1), 0.1 * 2 * 2000, 1e-2);
  EXPECT_NEAR(moved(Scales::penalty, 2.0), 2 * 5000, 1e-2);
}

TEST(ProcureKept, A_number_is_drawn_between_its_ends_and_alone) {
  Scenario s = tiny(1, 10.0);
  s.numbers = {{"chip_usd of chip", Scales::purchase_price, 0, 0.8, 1.6}};
  std::vector<double> before;
  double sum = 0.0;
  constexpr int samples = 4000;
  for (int n = 0; n < samples; ++n) {
    before.push_back(sampled_future(s, 7, n).purchase_price[0]);
    EXPECT_GE(before.back(), 0.8);
    EXPECT_LE(before.back(), 1.6);
    sum += before.back();
  }
  EXPECT_NEAR(sum / samples, (0.8 + 1.0 + 1.6) / 3, 0.01);  // the mean of a triangle
  s.numbers.insert(s.numbers.begin(), {"resale of chip", Scales::resale, 0, 0.5, 1.5});
  for (int n = 0; n < 100; ++n) {
    EXPECT_EQ(sampled_future(s, 7, n).purchase_price[0], before[static_cast<std::size_t>(n)]);
  }
}

TEST(ProcureKept, Samples_count_what_breaks) {
  Scenario s = tiny(1, 10.0);
  s.budget = {Dollars(10e3)};
  s.numbers = {{"chip_usd of chip", Scales::purchase_price, 0, 0.8, 1.6}};
  const Answer a = solved(s);
  const auto found = monte_carlo(s, a, {.samples = 2000});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->breaches.size(), 2U);
  EXPECT_EQ(found->breaches[0].promise.what, "budget of year 1");
  EXPECT_NEAR(found->breaches[0].share, 0.75, 0.03);  // of the triangle's area above its top
  EXPECT_NEAR(found->breaches[0].mean, 10e3 * 0.2, 100.0);
  EXPECT_LE(found->breaches[0].worst, 10e3 * 0.6);
  EXPECT_EQ(found->breaches[1].share, 0.0);
  const auto bars = tornado(s, a);
  ASSERT_TRUE(bars);
  EXPECT_EQ(bars->front().doubt, "chip_usd of chip");
  EXPECT_NEAR(bars->front().low.raw(), 8e3, 1e-2);
  EXPECT_NEAR(bars->front().high.raw(), 16e3, 1e-2);
  EXPECT_TRUE(bars->front().broken_low.empty());
  EXPECT_EQ(bars->front().broken_high, std::vector<std::string>{"budget of year 1"});
}

TEST(ProcureKept, A_number_without_ends_or_thing_is_refused) {
  Scenario s = tiny(1, 10.0);
  s.numbers = {{"x", Scales::power, 1, 0.5, 1.5}};
  EXPECT_EQ(optimize(s, tested({})).error().what, "uncertain number x scales nothing");
  s.numbers = {{"x", Scales::power, 0, 1.2, 1.5}};
  EXPECT_EQ(optimize(s, tested({})).error().what,
            "uncertain number x lies between 1.2 and 1.5 times its value");
}

// ---- independence as the goal ----

TEST(ProcureIndependence, Takes_all_that_can_be_had_and_then_the_least_cost) {
  // 10 asked; 3 own chips can be had. Of the rest, the cheaper way is bought.
  Scenario s = tiny(1, 10.0);
  add_own(s, 1500.0, 1.0);
  s.systems[1].chips_ceiling = {3.0};
  s.goal = Goal::independence;
  const Answer a = solved(s);
  EXPECT_EQ(a.status, milp::SolveStatus::optimal);
  EXPECT_NEAR(a.own_of_asked, 0.3, 1e-6);
  EXPECT_NEAR(a.own_of_asked_most, 0.3, 1e-6);
  EXPECT_NEAR(a.objective, 7.0, 1e-5);
  EXPECT_NEAR(a.mean_cost.raw(), 7 * 1000 + 3 * 1500.0, 1e-2);
}

TEST(ProcureIndependence, Gains_nothing_by_leaving_others_unserved) {
  Scenario s = may_leave_unserved(1, 10.0, 5000.0);
  add_own(s, 1500.0, 1.0);
  s.systems[1].chips_ceiling = {3.0};
  s.goal = Goal::independence;
  const Answer a = solved(s);
  EXPECT_NEAR(a.own_of_asked, 0.3, 1e-6);
  EXPECT_NEAR(a.served_share, 1.0, 1e-6);
}

TEST(ProcureIndependence, Goes_as_far_as_a_cost_cap_or_a_budget_allows) {
  // 10,000 USD is the least cost; each own chip costs 500 more.
  Scenario s = tiny(1, 10.0);
  add_own(s, 1500.0, 1.0);
  s.goal = Goal::independence;
  s.cost_cap = Dollars(12.2e3);
  Answer a = solved(s);
  EXPECT_NEAR(a.own_of_asked, 0.4, 1e-6);
  EXPECT_NEAR(a.mean_cost.raw(), 12e3, 1e-2);
  s.cost_cap = Dollars(unlimited);
  s.budget = {Dollars(13.6e3)};
  a = solved(s);
  EXPECT_NEAR(a.own_of_asked, 0.7, 1e-6);
  s.budget = {Dollars(9e3)};
  EXPECT_EQ(solved(s).status, milp::SolveStatus::infeasible);
}

TEST(ProcureIndependence, One_more_own_chip_is_told_in_money) {
  // It takes the place of a chip that costs 100 more; with one less the plan falls short of what it
  // does on own silicon.
  Scenario s = tiny(1, 10.0);
  add_own(s, 900.0, 1.0);
  s.systems[1].chips_ceiling = {3.0};
  s.goal = Goal::independence;
  const Answer a = solved(s);
  const auto more = value_of_more(s, a);
  ASSERT_TRUE(more);
  for (const MoreOf& one : *more) {
    if (one.subject != "own") continue;
    EXPECT_NEAR(one.saved, 100.0, 1e-2);
    EXPECT_EQ(one.taken_away, unlimited);
  }
}

TEST(ProcureIndependence, Is_never_less_than_any_plan_reaches) {
  for (int seed = 1; seed <= 3; ++seed) {
    Scenario s = generated({.quarters = 4,
                            .systems = 4,
                            .workloads = 3,
                            .sites = 2,
                            .seed = static_cast<std::uint64_t>(seed)});
    const auto cheapest = optimize(s, tested({.gap = 1e-4}));
    s.goal = Goal::independence;
    const auto most = optimize(s, tested({.gap = 1e-4}));
    ASSERT_TRUE(cheapest && most);
    EXPECT_GE(most->own_of_asked_most, cheapest->own_of_asked - 1e-6);
    EXPECT_GE(most->own_of_asked, cheapest->own_of_asked * (1 - 1e-3));
    EXPECT_GE(most->mean_cost.raw(), cheapest->mean_cost.raw() * (1 - 1e-3));
  }
}

}  // namespace
}  // namespace tightrope::procure
