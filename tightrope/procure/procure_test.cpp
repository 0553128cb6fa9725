#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/procure/answers.h"
#include "tightrope/procure/evaluate.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"

namespace tightrope::procure {
namespace {

const Options exact = tested({.gap = 1e-7});

Answer solved(const Scenario& s, const Options& options = exact) {
  Result<Answer> a = optimize(s, tested(options));
  EXPECT_TRUE(a.has_value()) << (a ? "" : a.error().what);
  return a ? *a : Answer{};
}

// ---- tiny scenarios, solved by hand ----

TEST(Procure, Buys_what_is_needed) {
  const Answer a = solved(tiny(2, 10.0));
  EXPECT_EQ(a.status, milp::SolveStatus::optimal);
  EXPECT_NEAR(a.objective, 10e3, 1e-3);
  EXPECT_NEAR(a.plan.ordered[0][0], 10.0, 1e-9);
  EXPECT_NEAR(a.plan.ordered[0][1], 0.0, 1e-9);
}

TEST(Procure, Waits_when_money_is_dear) {
  Scenario s = tiny(2, 10.0);
  s.workloads[0].demand[0] = TokensPerSecond(4.0);
  s.calendar.discount_rate = 0.21;  // a quarter: 1.21^(1/4)
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 4e3 + 6e3 / std::pow(1.21, 0.25), 1e-3);
}

TEST(Procure, Buys_whole_lots) {
  Scenario s = tiny(1, 10.0);
  s.systems[0].chips_per_lot = 4;
  EXPECT_NEAR(solved(s).objective, 12e3, 1e-3);
  EXPECT_NEAR(solved(s, {.divisible = true}).objective, 10e3, 1e-3);
}

TEST(Procure, An_order_is_nothing_or_the_least) {
  Scenario s = tiny(1, 2.0);
  s.systems[0].least_lots = 5;
  EXPECT_NEAR(solved(s).objective, 5e3, 1e-3);
}

TEST(Procure, Takes_the_cheaper_way_to_compute) {
  Scenario s = tiny(1, 12.0);
  add_own(s, 600.0, 0.5);  // 1,200 USD a token/s against 1,000
  EXPECT_NEAR(solved(s).objective, 12e3, 1e-3);
  s.systems[1].price[0] = Dollars(400.0);
  EXPECT_NEAR(solved(s).objective, 24 * 400.0, 1e-3);
}

TEST(Procure, Independence_has_its_price) {
  Scenario s = tiny(1, 10.0);
  add_own(s, 1500.0, 1.0);
  s.own_share = 0.4;
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 6 * 1000.0 + 4 * 1500.0, 1e-3);
  EXPECT_NEAR(a.own_share, 0.4, 1e-6);
}

TEST(Procure, A_port_is_paid_once_or_not_at_all) {
  Scenario s = tiny(1, 10.0);
  add_own(s, 500.0, 1.0);
  s.workloads[0].ports[0] = {.architecture = "b", .work_quarters = 0, .cost = Dollars(3000.0)};
  EXPECT_NEAR(solved(s).objective, 10 * 500.0 + 3000.0, 1e-3);
  s.workloads[0].ports[0].cost = Dollars(6000.0);
  EXPECT_NEAR(solved(s).objective, 10 * 1000.0, 1e-3);
}

TEST(Procure, Half_of_the_customers_insist) {
  Scenario s = tiny(1, 10.0);
  add_own(s, 500.0, 1.0);
  s.workloads[0].insist_share = 0.5;
  EXPECT_NEAR(solved(s).objective, 5 * 1000.0 + 5 * 500.0, 1e-3);
}

TEST(Procure, Power_is_bought_at_the_meter) {
  Scenario s = tiny(1, 10.0);
  s.sites[0].pue = 1.25;
  s.sites[0].electricity[0] = DollarsPerJoule(1e-7);
  const double energy = 10 * 1e3 * 1.25 * test_quarter.raw();
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 10e3 + energy * 1e-7, 1e-3);
  EXPECT_NEAR(a.workloads[0].energy.raw(), energy, 1.0);
}

TEST(Procure, Unserved_demand_costs_its_penalty) {
  Scenario s = tiny(1, 10.0);
  s.workloads[0].must_serve = false;
  s.systems[0].chips_ceiling = {6.0};
  s.workloads[0].unserved_penalty = DollarsPerToken(2000.0 / test_quarter.raw());
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 6 * 1000.0 + 4 * 2000.0, 1e-3);
  EXPECT_NEAR(a.served_share, 0.6, 1e-9);
  ASSERT_EQ(a.scarcities.size(), 1U);  // one more chip saves 2,000 - 1,000
  EXPECT_EQ(a.scarcities[0].kind, ScarceKind::supply);
  EXPECT_NEAR(a.scarcities[0].value.raw(), 1000.0, 1e-3);
}

TEST(Procure, Rents_for_a_peak) {
  Scenario s = tiny(2, 10.0);
  s.workloads[0].demand[1] = TokensPerSecond(14.0);
  s.rentals.push_back(
      {.id = "spot",
       .system = 0,
       .kind = RentalKind::spot,
       .price = std::vector<DollarsPerSecond>(2, DollarsPerSecond(300.0 / test_quarter.raw())),
       .chips_ceiling = {},
       .carbon = {}});
  EXPECT_NEAR(solved(s).objective, 10 * 600.0 + 4 * 300.0, 1e-3);  // two rents beat a purchase
  s.rentals[0].price.assign(2, DollarsPerSecond(700.0 / test_quarter.raw()));
  EXPECT_NEAR(solved(s).objective, 10e3 + 4 * 700.0, 1e-3);
}

TEST(Procure, Price_steps_apply_to_what_comes_after) {
  Scenario s = tiny(1, 10.0);
  s.systems[0].price_steps = {{0.0, 1.0}, {6.0, 0.5}};
  EXPECT_NEAR(solved(s).objective, 6 * 1000.0 + 4 * 500.0, 1e-3);
  s.systems[0].price_steps.clear();
  s.systems[0].learning_rate = 0.2;
  s.systems[0].learning_from_chips = 2.0;  // 1,000 to 4 chips, 800 to 8, 640 beyond
  EXPECT_NEAR(solved(s).objective, 4 * 1000.0 + 4 * 800.0 + 2 * 640.0, 1e-3);
}

TEST(Procure, A_second_source_is_qualified_when_it_pays) {
  Scenario s = tiny(1, 10.0);
  s.resources.push_back({"cowos", "wafers", {3.0}});
  s.systems[0].routes.push_back({.id = "first", .uses = {{0, 0.5}}});
  s.systems[0].routes.push_back(
      {.id = "second", .uses = {}, .price_multiplier = 1.5, .qualifying_cost = Dollars(2000.0)});
  EXPECT_NEAR(solved(s).objective, 6 * 1000.0 + 4 * 1500.0 + 2000.0, 1e-3);
}

TEST(Procure, What_is_left_is_sold_at_the_end) {
  Scenario s = tiny(1, 10.0);
  s.systems[0].resale_by_age = {0.9, 0.6};
  EXPECT_NEAR(solved(s).objective, 10 * 1000.0 * 0.4, 1e-3);
}

TEST(Procure, Idle_lots_are_sold_when_prices_fall_with_age) {
  Scenario s = tiny(3, 10.0);
  s.workloads[0].demand[1] = s.workloads[0].demand[2] = TokensPerSecond(4.0);
  s.systems[0].resale_by_age = {0.9, 0.6, 0.1, 0.1};
  EXPECT_NEAR(solved(s).objective, 6 * 1000.0 * 0.4 + 4 * 1000.0 * 0.9, 1e-3);
}

TEST(Procure, Carbon_chooses_the_clean_site) {
  Scenario s = tiny(1, 10.0);
  s.sites.push_back(s.sites[0]);
  s.sites[1].id = "clean";
  s.sites[1].electricity[0] = DollarsPerJoule(1e-6);
  s.sites[0].carbon[0] = GramsPerJoule(1e-4);
  s.goal = Goal::carbon;
  const Answer a = solved(s);
  EXPECT_NEAR(a.mean_carbon.raw(), 0.0, 1.0);
  EXPECT_NEAR(a.plan.placed[0][1][0], 10.0, 1e-6);
}

TEST(Procure, Serves_most_under_a_budget) {
  Scenario s = tiny(1, 10.0);
  s.workloads[0].must_serve = false;
  s.budget = {Dollars(7500.0)};
  s.goal = Goal::served;
  EXPECT_NEAR(solved(s).served_share, 0.7, 1e-6);
}

TEST(Procure, Two_futures_by_hand) {
  // Buy for the low future (10), rent the rest of the high one (20) at 800 each: 0.5 * 10 * 800
  // against 1,000 for a chip that is used half of the time.
  Scenario s = tiny(1, 10.0);
  s.rentals.push_back({.id = "spot",
                       .system = 0,
                       .kind = RentalKind::spot,
                       .price = {DollarsPerSecond(1500.0 / test_quarter.raw())},
                       .chips_ceiling = {},
                       .carbon = {}});
  s.futures = {{.id = "low", .probability = 0.5, .demand = {1.0}},
               {.id = "high", .probability = 0.5, .demand = {2.0}}};
  Answer a = solved(s);
  EXPECT_NEAR(a.objective, 10e3 + 0.5 * 10 * 1500.0, 1e-2);
  EXPECT_NEAR(a.cvar.raw(), 10e3 + 10 * 1500.0, 1e-2);
  s.cvar_weight = 1.0;  // the worst future alone: buy all
  s.cvar_level = 0.5;
  a = solved(s);
  EXPECT_NEAR(a.objective, 20e3, 1e-2);
  EXPECT_NEAR(a.cvar.raw(), 20e3, 1e-2);
}

TEST(Procure, A_late_delivery_is_bridged) {
  Scenario s = tiny(2, 10.0);
  s.workloads[0].must_serve = false;
  s.workloads[0].unserved_penalty = DollarsPerToken(5000.0 / test_quarter.raw());
  s.futures = {{.id = "late", .probability = 1.0, .slip_quarters = {1}}};
  EXPECT_NEAR(solved(s).objective, 10 * 1000.0 + 10 * 5000.0, 1e-2);
}

// ---- conflicts, in the user's words ----

TEST(ProcureConflict, Names_power_and_demand) {
  Scenario s = tiny(1, 2000.0);  // 2 MW of 1 MW
  const Answer a = solved(s);
  EXPECT_EQ(a.status, milp::SolveStatus::infeasible);
  EXPECT_EQ(a.conflict,
            (std::vector<std::string>{"power of site here", "demand of chat must be served"}));
}

TEST(ProcureConflict, Names_supply_and_budget) {
  Scenario s = tiny(1, 10.0);
  s.systems[0].chips_ceiling = {5.0};
  EXPECT_EQ(solved(s).conflict,
            (std::vector<std::string>{"supply of chip", "demand of chat must be served"}));
  s = tiny(1, 10.0);
  s.budget = {Dollars(5e3)};
  EXPECT_EQ(solved(s).conflict,
            (std::vector<std::string>{"demand of chat must be served", "budget of year 1"}));
}

TEST(ProcureConflict, Names_independence_and_what_stands_in_its_way) {
  Scenario s = tiny(1, 10.0);
  add_own(s, 1000.0, 1.0);
  s.own_share = 0.6;
  s.workloads[0].insist_share = 0.5;
  EXPECT_EQ(solved(s).conflict,
            (std::vector<std::string>{"demand of chat must be served",
                                      "customers of chat who insist on a",
                                      "at least 60 % of compute on own silicon"}));
}

TEST(ProcureConflict, Whole_lots_can_be_the_reason) {
  Scenario s = tiny(1, 10.0);
  s.systems[0].least_lots = 20;
  s.budget = {Dollars(15e3)};
  EXPECT_EQ(solved(s).conflict,
            (std::vector<std::string>{"demand of chat must be served", "budget of year 1"}));
}

TEST(ProcureCheck, A_scenario_with_holes_is_refused) {
  Scenario s = tiny(2, 10.0);
  s.workloads[0].demand.pop_back();
  const auto a = optimize(s, tested({}));
  ASSERT_FALSE(a);
  EXPECT_EQ(a.error().what, "demand of chat has 1 quarters, the calendar 2");
  s = tiny(2, 10.0);
  s.futures = {{.id = "only", .probability = 0.5}};
  EXPECT_EQ(optimize(s, tested({})).error().what, "probabilities of futures sum to 0.5, not 1");
}

// ---- answers for people ----

TEST(ProcureAnswers, The_curve_rises_and_ends_at_all_own) {
  Scenario s = tiny(1, 10.0);
  add_own(s, 1500.0, 1.0);
  const auto curve = independence_curve(s, exact, 11);
  ASSERT_TRUE(curve);
  for (int n = 0; n <= 10; ++n) {
    EXPECT_NEAR((*curve)[static_cast<std::size_t>(n)].cost.raw(), 10e3 + 500.0 * n, 1e-2) << n;
  }
}

TEST(ProcureAnswers, One_more_chip_of_supply) {
  Scenario s = tiny(1, 10.0);
  s.workloads[0].must_serve = false;
  s.systems[0].chips_ceiling = {6.0};
  s.workloads[0].unserved_penalty = DollarsPerToken(2000.0 / test_quarter.raw());
  const Answer a = solved(s);
  const auto more = value_of_more(s, a);
  ASSERT_TRUE(more);
  ASSERT_EQ(more->size(), 2U);  // power does not bind
  EXPECT_EQ((*more)[0].subject, "here");
  EXPECT_NEAR((*more)[0].saved, 0.0, 1e-3);
  EXPECT_EQ((*more)[1].subject, "chip");
  EXPECT_NEAR((*more)[1].saved, 1000.0, 1e-3);
  EXPECT_NEAR((*more)[1].taken_away, 1000.0, 1e-3);
}

TEST(ProcureAnswers, Break_even_makes_costs_equal) {
  Scenario s = tiny(4, 10.0);
  s.calendar.discount_rate = 0.1;
  s.sites[0].electricity.assign(4, DollarsPerJoule(2e-8));
  add_own(s, 1300.0, 0.8);
  s.systems[1].upkeep_a_year = 0.05;
  const std::vector<BreakEven> rows = break_even(s, {.challenger = 1, .incumbent = 0});
  ASSERT_TRUE(rows[0].possible);
  EXPECT_GT(rows[0].challenger, rows[0].incumbent);
  Scenario cheaper = s;
  cheaper.systems[1].price.assign(4, rows[0].chip_price);
  EXPECT_NEAR(levelised_cost(cheaper, 0, 1, 0).a_token.raw() / rows[0].incumbent.raw(), 1.0, 1e-9);
  Scenario faster = s;
  faster.throughput[0][1].of_chip = TokensPerSecond(0.8 * rows[0].performance);
  EXPECT_NEAR(levelised_cost(faster, 0, 1, 0).a_token.raw() / rows[0].incumbent.raw(), 1.0, 1e-9);
}

TEST(ProcureAnswers, No_regret_in_the_future_that_was_planned_for) {
  Scenario s = tiny(2, 10.0);
  s.workloads[0].must_serve = false;
  s.workloads[0].unserved_penalty = DollarsPerToken(5000.0 / test_quarter.raw());
  s.futures = {{.id = "planned", .probability = 0.5, .demand = {1.0}},
               {.id = "more", .probability = 0.5, .demand = {1.5}}};
  const Answer planned = solved(in_future(s, s.futures[0]));
  const auto rows = regret(s, planned.plan, exact);
  ASSERT_TRUE(rows);
  EXPECT_NEAR((*rows)[0].regret.raw(), 0.0, 1.0);
  EXPECT_NEAR((*rows)[1].regret.raw(), 2 * 5 * 5000.0 - 5 * 1000.0, 1.0);
}

TEST(ProcureAnswers, No_surprise_costs_what_was_planned) {
  const Scenario s = generated({.quarters = 4, .systems = 4, .workloads = 3, .sites = 2});
  const Answer a = solved(s, {.gap = 1e-3});
  Evaluator evaluator(s, a);
  const auto e = evaluator.evaluate({});
  ASSERT_TRUE(e);
  EXPECT_NEAR(e->cost.raw() / a.mean_cost.raw(), 1.0, 1e-6);
  EXPECT_NEAR(e->served_share, a.served_share, 1e-4);
}

TEST(ProcureAnswers, Samples_do_not_depend_on_order_or_number) {
  const Scenario s = generated({.quarters = 3, .systems = 3, .workloads = 2, .sites = 1});
  const Answer a = solved(s, {.gap = 1e-3});
  int told = 0;
  const auto few = monte_carlo(s, a, {.samples = 30, .progress = [&told](int n) { told = n; }});
  const auto many = monte_carlo(s, a, {.samples = 60});
  ASSERT_TRUE(few && many);
  EXPECT_EQ(told, 30);
  for (std::size_t n = 0; n < 30; ++n) {
    EXPECT_EQ(few->samples[n].cost.raw(), many->samples[n].cost.raw());
  }
  EXPECT_GE(many->cvar.raw(), many->cost.mean);
  const auto bars = tornado(s, a);
  ASSERT_TRUE(bars);
  EXPECT_NEAR(bars->back().low.raw() / a.mean_cost.raw(), 1.0, 1e-6);
}

}  // namespace
}  // namespace tightrope::procure
