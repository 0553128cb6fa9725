// Leases and contracts that run on beyond the plan, by hand.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/procure/evaluate.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"
#include "tightrope/procure/test_solved.h"

namespace tightrope::procure {
namespace {

/// A chip costs 1,000 USD, or `usd` a quarter of a lease.
Scenario with_lease(int quarters, double tokens, int term, double usd) {
  Scenario s = tiny(quarters, tokens);
  Lease lease;
  lease.id = "lessor";
  lease.price.assign(static_cast<std::size_t>(quarters),
                     DollarsPerSecond(usd / test_quarter.raw()));
  lease.term_quarters = term;
  lease.serviced = true;
  s.leases.push_back(lease);
  return s;
}

double at_end(const Answer& a, CostKind kind) {
  return a.outcomes[0].cash.back()[static_cast<std::size_t>(kind)].raw();
}

TEST(ProcureLease, Is_taken_where_its_payments_are_below_the_price_less_resale) {
  Scenario s = with_lease(4, 10.0, 4, 240.0);
  Answer a = solved(s);
  EXPECT_NEAR(a.objective, 10 * 4 * 240.0, 1e-2);
  EXPECT_NEAR(a.plan.leased[0][0], 10.0, 1e-9);
  s.systems[0].resale_by_age = {0.9, 0.8, 0.6, 0.4, 0.2};  // 800 USD a chip, bought and sold
  a = solved(s);
  EXPECT_NEAR(a.objective, 10 * 800.0, 1e-2);
  EXPECT_NEAR(a.plan.leased[0][0], 0.0, 1e-9);
}

TEST(ProcureLease, Is_paid_to_the_end_of_its_term_used_or_not) {
  Scenario s = with_lease(3, 10.0, 3, 200.0);
  s.workloads[0].demand[1] = s.workloads[0].demand[2] = TokensPerSecond(2.0);
  EXPECT_NEAR(solved(s).objective, 10 * 3 * 200.0, 1e-2);
}

TEST(ProcureLease, Takes_the_sites_power) {
  Scenario s = with_lease(1, 2000.0, 1, 100.0);  // 1 MW feeds 1,000 of 1 kW
  EXPECT_EQ(solved(s).conflict,
            (std::vector<std::string>{"power of site here", "demand of chat must be served"}));
}

TEST(ProcureLease, Takes_the_chips_supply_unless_the_lessor_has_his_own) {
  Scenario s = with_lease(1, 10.0, 1, 100.0);
  s.systems[0].chips_ceiling = {5.0};
  EXPECT_EQ(solved(s).conflict,
            (std::vector<std::string>{"supply of chip", "demand of chat must be served"}));
  s.leases[0].lessors_supply = true;
  EXPECT_NEAR(solved(s).objective, 10 * 100.0, 1e-2);
}

TEST(ProcureLease, Is_handed_back_or_bought_whichever_costs_less) {
  Scenario s = with_lease(4, 10.0, 2, 100.0);
  s.systems[0].can_buy = false;
  s.leases[0].until_quarter = 1;
  s.leases[0].hand_back_cost = Dollars(30.0);
  s.workloads[0].demand[2] = s.workloads[0].demand[3] = TokensPerSecond(4.0);
  s.leases[0].purchase_share = 0.3;
  const Answer a = solved(s);  // 4 are bought, 6 go back
  EXPECT_NEAR(a.objective, 10 * 2 * 100 + 4 * 300 + 6 * 30.0, 1e-2);
  EXPECT_NEAR(a.plan.bought_out[0][0], 4.0, 1e-9);
}

TEST(ProcureLease, Beyond_the_plan_costs_what_it_is_worth_less_than_its_price) {
  Scenario s = with_lease(2, 10.0, 4, 100.0);
  EXPECT_NEAR(solved(s).objective, 10 * 2 * 100.0, 1e-2);  // its price stands still
  s.leases[0].price[1] = DollarsPerSecond(60.0 / test_quarter.raw());
  Answer a = solved(s);  // two quarters are left at 100 that are worth 60
  EXPECT_NEAR(a.objective, 10 * (2 * 100 + 2 * 40.0), 1e-2);
  EXPECT_NEAR(at_end(a, CostKind::remainder), 10 * 2 * 40.0, 1e-2);
  s.remainder_worth = 0.0;
  EXPECT_NEAR(solved(s).objective, 10 * 4 * 100.0, 1e-2);
}

TEST(ProcureLease, Of_a_late_future_is_paid_from_its_arrival) {
  Scenario s = with_lease(2, 10.0, 2, 100.0);
  s.workloads[0].must_serve = false;
  s.workloads[0].unserved_penalty = DollarsPerToken(5000.0 / test_quarter.raw());
  const Answer a = solved(s);
  Evaluator e(s, a);
  EXPECT_NEAR(e.evaluate({})->cost.raw(), a.objective, 1e-2);
  EXPECT_NEAR(e.evaluate(Future{.id = "late", .slip_quarters = {1}})->cost.raw(),
              10 * 100 + 10 * 5000.0, 1e-2);
}

TEST(ProcureLease, Of_nothing_covers_all_demand_at_the_cost_of_power) {
  Scenario s = with_lease(3, 10.0, 3, 0.0);
  s.sites[0].electricity.assign(3, DollarsPerJoule(0.1 / 3.6e6));
  const Answer a = solved(s);
  const double kwh = 10 * 1.0 * test_quarter.raw() / 3600;  // ten chips of 1 kW, a quarter
  EXPECT_NEAR(a.objective, 3 * kwh * 0.1, 1e-2);
  EXPECT_NEAR(a.outcomes[0].served_share, 1.0, 1e-9);
}

TEST(ProcureLease, Of_a_plan_is_followed_as_it_was_signed) {
  Scenario s = with_lease(2, 10.0, 2, 100.0);
  const Answer a = solved(s);
  s.leases[0].price.assign(2, DollarsPerSecond(800.0 / test_quarter.raw()));  // dearer than buying
  EXPECT_NEAR(solved(s).objective, 10 * 1000.0, 1e-2);
  const Result<Answer> kept = follow(s, a.plan, tested({.gap = 1e-7}));
  ASSERT_TRUE(kept) << kept.error().what;
  EXPECT_NEAR(kept->objective, 10 * 2 * 800.0, 1e-2);
}

TEST(ProcureLease, Is_signed_once_for_all_futures) {
  Scenario s = with_lease(1, 10.0, 1, 100.0);
  s.workloads[0].must_serve = false;
  s.workloads[0].unserved_penalty = DollarsPerToken(300.0 / test_quarter.raw());
  s.futures = {{.id = "as asked", .probability = 0.5, .demand = {1.0}},
               {.id = "twice", .probability = 0.5, .demand = {2.0}}};
  // The second ten chips cost 100 each and save 300 in half of the futures.
  const Answer a = solved(s);
  EXPECT_NEAR(a.plan.leased[0][0], 20.0, 1e-9);
  EXPECT_NEAR(a.objective, 20 * 100.0, 1e-2);
  s.workloads[0].unserved_penalty = DollarsPerToken(150.0 / test_quarter.raw());
  EXPECT_NEAR(solved(s).objective, 10 * 100 + 0.5 * 10 * 150.0, 1e-2);
}

}  // namespace
}  // namespace tightrope::procure
