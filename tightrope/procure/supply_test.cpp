// What makes chips scarce, slow or short-lived, each by hand.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"
#include "tightrope/procure/test_solved.h"

namespace tightrope::procure {
namespace {

/// A chip costs 1,000 USD; a token/s that stays unserved costs `penalty` a quarter.
Scenario short_of_chips(int quarters, double tokens, double penalty) {
  Scenario s = tiny(quarters, tokens);
  s.workloads[0].must_serve = false;
  s.workloads[0].unserved_penalty = DollarsPerToken(penalty / test_quarter.raw());
  return s;
}

double value_of(const Answer& a, ScarceKind kind, const std::string& subject) {
  for (const Scarcity& one : a.scarcities) {
    if (one.kind == kind && one.subject == subject) return one.value.raw();
  }
  return 0.0;
}

TEST(ProcureSupply, An_exclusive_partner_ships_alone_until_the_term_ends) {
  Scenario s = short_of_chips(2, 10.0, 5000.0);
  s.systems[0].routes.push_back({.id = "partner", .uses = {}, .chips_ceiling = {6.0, 0.0}});
  s.systems[0].routes.push_back({.id = "second", .uses = {}, .first_quarter = 1});
  EXPECT_NEAR(solved(s).objective, 10 * 1000 + 4 * 5000.0, 1e-2);
}

TEST(ProcureSupply, A_late_tape_out_and_a_lead_time_add_up) {
  Scenario s = short_of_chips(4, 10.0, 5000.0);  // orders of quarter 2 arrive in quarter 3
  s.systems[0].routes.push_back({.id = "foundry", .uses = {}, .first_quarter = 3});
  s.systems[0].lead_quarters = 1;
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 10 * 1000 + 3 * 10 * 5000.0, 1e-2);
  EXPECT_NEAR(a.plan.ordered[0][2], 10.0, 1e-9);
}

TEST(ProcureSupply, Yield_wafers_and_stacks_each_bind_at_their_price) {
  // Good chips: 4 wafers * 2.5 * yield 0.8 = 8, 30 stacks / 5 = 6. One more stack: a fifth of a
  // chip, which saves 2,000 - 1,000.
  Scenario s = short_of_chips(1, 10.0, 2000.0);
  s.resources = {{"cowos", "wafers", {4.0}}, {"hbm", "stacks", {30.0}}};
  s.systems[0].routes.push_back({.id = "first", .uses = {{0, 1.0 / (2.5 * 0.8)}, {1, 5.0}}});
  Answer a = solved(s);
  EXPECT_NEAR(a.objective, 6 * 1000 + 4 * 2000.0, 1e-2);
  EXPECT_NEAR(value_of(a, ScarceKind::resource, "hbm"), 200.0, 1e-3);
  EXPECT_NEAR(value_of(a, ScarceKind::resource, "cowos"), 0.0, 1e-3);
  s.resources[1].supply[0] = 45.0;  // now wafers bind: 2 chips each
  a = solved(s);
  EXPECT_NEAR(a.objective, 8 * 1000 + 2 * 2000.0, 1e-2);
  EXPECT_NEAR(value_of(a, ScarceKind::resource, "cowos"), 2000.0, 1e-2);
}

TEST(ProcureSupply, One_more_megawatt) {
  Scenario s = short_of_chips(1, 2000.0, 2000.0);  // 1 MW feeds 800 chips of 1 kW at PUE 1.25
  s.sites[0].pue = 1.25;
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 800 * 1000 + 1200 * 2000.0, 1.0);
  EXPECT_NEAR(value_of(a, ScarceKind::power, "here"), 800 * 1000.0, 1.0);
}

TEST(ProcureSupply, A_rack_above_the_cooling_limit_stands_elsewhere) {
  Scenario s = short_of_chips(1, 10.0, 5000.0);
  s.sites.push_back(s.sites[0]);
  s.sites[1].id = "cooled";
  s.sites[1].power[0] = Watts(7e3);
  s.sites[0].cooling_per_rack = Watts(1.5e3);
  s.systems[0].rack_power = Watts(2e3);
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 7 * 1000 + 3 * 5000.0, 1e-2);
  EXPECT_NEAR(a.plan.placed[0][0][0], 0.0, 1e-9);
}

TEST(ProcureSupply, Spares_are_bought_and_do_not_compute) {
  Scenario s = tiny(1, 10.0);
  s.systems[0].spares_share = 0.2;  // 10 / 0.8 = 12.5
  EXPECT_NEAR(solved(s).objective, 13e3, 1e-2);
}

TEST(ProcureSupply, What_fails_is_repaired_at_its_price) {
  Scenario s = tiny(4, 10.0);
  s.systems[0].failures_a_year = 0.1;
  s.systems[0].repair_cost_share = 0.5;
  EXPECT_NEAR(solved(s).objective, 10e3 + 10 * 0.1 * 500.0, 1e-2);
}

TEST(ProcureSupply, At_the_end_of_its_life_a_chip_is_replaced) {
  Scenario s = tiny(3, 10.0);
  s.systems[0].life_quarters = 2;
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 20e3, 1e-2);
  double expired = 0.0;
  for (const MixRow& row : a.mix) expired += row.expired;
  EXPECT_NEAR(expired, 10.0, 1e-6);
}

TEST(ProcureSupply, A_port_opens_a_workload_as_the_work_goes_on) {
  // Rented chips alone: 30 * 700. With a port of two quarters: none, half, all on own chips.
  Scenario s = tiny(3, 10.0);
  add_own(s, 500.0, 1.0);
  s.systems[0].can_buy = false;
  s.rentals.push_back(
      {.id = "spot",
       .system = 0,
       .kind = RentalKind::spot,
       .price = std::vector<DollarsPerSecond>(3, DollarsPerSecond(700.0 / test_quarter.raw()))});
  s.workloads[0].ports[0] = {.architecture = "b", .work_quarters = 2, .cost = Dollars(1000.0)};
  const Answer a = solved(s);
  EXPECT_NEAR(a.objective, 10 * 500 + (10 + 5) * 700 + 1000.0, 1e-2);
  EXPECT_EQ(a.plan.port_start[0][0], 0);
}

TEST(ProcureSupply, Teams_port_one_workload_after_the_other) {
  Scenario s = tiny(2, 10.0);
  add_own(s, 100.0, 1.0);
  s.workloads.push_back(s.workloads[0]);
  s.workloads[1].id = "search";
  s.throughput.push_back(s.throughput[0]);
  for (Workload& w : s.workloads) {
    w.must_serve = false;
    w.unserved_penalty = DollarsPerToken(300.0 / test_quarter.raw());
    w.ports[0] = {.architecture = "b", .work_quarters = 1, .cost = Dollars(0.0)};
  }
  s.systems[0].can_buy = false;
  // Both ported in the first quarter, or one of them: in the second quarter 20 or 10 are served.
  EXPECT_NEAR(solved(s).objective, 20 * 300 + 20 * 100.0, 1e-2);
  s.porting_teams = 1;
  EXPECT_NEAR(solved(s).objective, 20 * 300 + 10 * 100 + 10 * 300.0, 1e-2);
}

TEST(ProcureSupply, Prices_fall_with_every_doubling_that_can_be_reached) {
  Scenario s = tiny(1, 40.0);
  s.systems[0].learning_rate = 0.2;
  s.systems[0].learning_from_chips = 1.0;
  double cost = 0.0, price = 1000.0;
  const double steps[] = {2, 2, 4, 8, 16, 8};  // chips at each price: to 2, 4, 8, 16, 32, 40
  for (double chips : steps) {
    cost += chips * price;
    price *= 0.8;
  }
  EXPECT_NEAR(solved(s).objective, cost, 1e-2);
}

}  // namespace
}  // namespace tightrope::procure
