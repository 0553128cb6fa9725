// Laws that hold for any scenario, on generated ones.
#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/program_internal.h"
#include "tightrope/procure/test_scenarios.h"

namespace tightrope::procure {
namespace {

constexpr double gap = 1e-5;
constexpr int seeds = 4;

Scenario small(int seed, int futures = 0) {
  return generated({.quarters = 4,
                    .systems = 4,
                    .workloads = 3,
                    .sites = 2,
                    .futures = futures,
                    .seed = static_cast<std::uint64_t>(seed)});
}

Answer solved(const Scenario& s, const Options& options = {.gap = gap}) {
  Result<Answer> a = optimize(s, tested(options));
  EXPECT_TRUE(a.has_value()) << (a ? "" : a.error().what);
  return a ? *a : Answer{};
}

/// a <= b, as far as both are known.
void expect_no_more(const Answer& a, const Answer& b) {
  EXPECT_LE(a.bound, b.objective + 1e-6 * std::abs(b.objective));
  EXPECT_LE(a.objective, b.objective * (1.0 + 2.0 * gap) + 1.0);
}

TEST(ProcureLaw, The_divisible_plan_is_a_bound) {
  for (int seed = 1; seed <= seeds; ++seed) {
    const Answer whole = solved(small(seed));
    const Answer divisible = solved(small(seed), {.divisible = true});
    EXPECT_LE(divisible.objective, whole.objective * (1.0 + 1e-9));
    EXPECT_LE(whole.bound, whole.objective * (1.0 + 1e-12));
  }
}

TEST(ProcureLaw, More_supply_never_costs_more) {
  for (int seed = 1; seed <= seeds; ++seed) {
    const Scenario s = small(seed);
    Scenario more = s;
    for (System& system : more.systems) {
      for (double& chips : system.chips_ceiling) chips *= 1.5;
    }
    for (SharedResource& resource : more.resources) {
      for (double& supply : resource.supply) supply *= 1.5;
    }
    for (Site& site : more.sites) {
      for (Watts& power : site.power) power *= 1.5;
    }
    expect_no_more(solved(more), solved(s));
  }
}

TEST(ProcureLaw, Removing_a_constraint_never_hurts) {
  for (int seed = 1; seed <= seeds; ++seed) {
    Scenario s = small(seed);
    s.own_share = 0.3;
    const Answer tied = solved(s);
    Scenario free = s;
    free.own_share = 0.0;
    expect_no_more(solved(free), tied);
    free = s;
    for (Workload& w : free.workloads) w.insist_share = 0.0;
    expect_no_more(solved(free), tied);
    free = s;
    for (System& system : free.systems) system.least_lots = 1;
    expect_no_more(solved(free), tied);
  }
}

TEST(ProcureLaw, Unused_quarters_cost_nothing) {
  for (int seed = 1; seed <= 2; ++seed) {
    Scenario s = small(seed);
    for (System& system : s.systems) system.owned.clear();
    for (Workload& w : s.workloads) {
      w.demand.assign(w.demand.size(), TokensPerSecond(0.0));
    }
    const Answer a = solved(s);
    EXPECT_NEAR(a.objective, 0.0, 1e-3);
    for (const auto& quarter : a.outcomes[0].cash) {
      for (const Dollars& cash : quarter) EXPECT_NEAR(cash.raw(), 0.0, 1e-3);
    }
  }
}

TEST(ProcureLaw, Money_is_conserved) {
  for (int seed = 1; seed <= seeds; ++seed) {
    const Scenario s = small(seed);
    const Answer a = solved(s);
    double sum = 0.0, by_workload = 0.0, purchases = 0.0;
    const auto& cash = a.outcomes[0].cash;
    for (std::size_t q = 0; q < cash.size(); ++q) {
      for (const Dollars& c : cash[q]) {
        sum += c.raw() * std::pow(1.0 + s.calendar.discount_rate, -0.25 * static_cast<double>(q));
      }
      purchases += cash[q][static_cast<std::size_t>(CostKind::purchase)].raw();
    }
    EXPECT_NEAR(sum / a.objective, 1.0, 1e-9);
    EXPECT_NEAR(a.mean_cost.raw() / a.objective, 1.0, 1e-9);
    for (const WorkloadRow& row : a.workloads) {
      by_workload += row.cost.raw() + row.unserved.raw();
    }
    // Systems that stay idle throughout are nobody's.
    EXPECT_LE(by_workload, sum * (1.0 + 1e-9));
    double list = 0.0;
    for (const MixRow& row : a.mix) {
      const System& system = s.systems[static_cast<std::size_t>(row.system)];
      list += row.ordered * system.chips_per_lot *
              system.price[static_cast<std::size_t>(row.quarter)].raw();
    }
    EXPECT_LE(purchases, list * 1.15 + 1.0);  // a second source takes 15 % more
    EXPECT_GE(purchases, list * 0.5 - 1.0);
  }
}

TEST(ProcureLaw, Chips_are_conserved_quarter_by_quarter) {
  for (int seed = 1; seed <= seeds; ++seed) {
    const Scenario s = small(seed);
    const Answer a = solved(s);
    std::vector<double> stock(s.systems.size(), 0.0);
    for (std::size_t i = 0; i < s.systems.size(); ++i) {
      for (const OwnedLots& lots : s.systems[i].owned) stock[i] += lots.lots;
    }
    for (const MixRow& row : a.mix) {
      double& left = stock[static_cast<std::size_t>(row.system)];
      left += row.arrived - row.retired - row.expired;
      EXPECT_NEAR(row.in_service, left, 1e-5) << seed;
      EXPECT_LE(row.placed, row.in_service + 1e-5);
      EXPECT_LE(row.computing, row.placed + row.rented + 1e-5);
      EXPECT_NEAR(row.ordered, std::round(row.ordered), 1e-9);
    }
  }
}

Scenario leasing(int seed) {
  return generated({.quarters = 4,
                    .systems = 4,
                    .workloads = 3,
                    .sites = 2,
                    .seed = static_cast<std::uint64_t>(seed),
                    .leases = 3});
}

TEST(ProcureLaw, An_offer_of_a_lease_never_costs_more) {
  for (int seed = 1; seed <= seeds; ++seed)
    expect_no_more(solved(leasing(seed)), solved(small(seed)));
}

TEST(ProcureLaw, Money_and_lots_are_conserved_with_leases) {
  double leased = 0.0;
  for (int seed = 1; seed <= seeds; ++seed) {
    const Scenario s = leasing(seed);
    const Answer a = solved(s);
    double sum = 0.0;
    const auto& cash = a.outcomes[0].cash;
    for (std::size_t q = 0; q < cash.size(); ++q) {
      for (const Dollars& c : cash[q]) {
        sum += c.raw() * std::pow(1.0 + s.calendar.discount_rate, -0.25 * static_cast<double>(q));
      }
    }
    EXPECT_NEAR(sum / a.objective, 1.0, 1e-9);
    std::vector<double> stock(s.systems.size(), 0.0);
    for (std::size_t i = 0; i < s.systems.size(); ++i) {
      for (const OwnedLots& lots : s.systems[i].owned) stock[i] += lots.lots;
    }
    for (const MixRow& row : a.mix) {
      double& left = stock[static_cast<std::size_t>(row.system)];
      left += row.arrived + row.bought_out - row.retired - row.expired;
      EXPECT_NEAR(row.in_service, left, 1e-5) << seed;
      EXPECT_LE(row.placed, row.in_service + row.leased + 1e-5);
      EXPECT_LE(row.computing, row.placed + row.rented + 1e-5);
      double in_term = 0.0;  // by hand, from what was signed
      for (std::size_t l = 0; l < s.leases.size(); ++l) {
        const Lease& lease = s.leases[l];
        for (int q = 0; lease.system == row.system && q <= row.quarter; ++q) {
          const int from = q + lease.lead_quarters;
          const bool runs = from <= row.quarter && row.quarter < from + lease.term_quarters;
          if (runs) in_term += a.plan.leased[l][static_cast<std::size_t>(q)];
        }
      }
      EXPECT_NEAR(row.leased, in_term, 1e-5) << seed;
      leased += row.leased;
    }
  }
  EXPECT_GT(leased, 0.0);
}

TEST(ProcureLaw, The_tail_is_no_better_than_the_mean) {
  for (int seed = 1; seed <= 2; ++seed) {
    Scenario s = small(seed, 4);
    const Answer mean = solved(s, {.gap = 1e-3});
    EXPECT_GE(mean.cvar.raw(), mean.mean_cost.raw() * (1.0 - 1e-9));
    s.cvar_weight = 0.5;
    s.cvar_level = 0.7;
    const Answer careful = solved(s, {.gap = 1e-3});
    EXPECT_GE(careful.cvar.raw(), careful.mean_cost.raw() * (1.0 - 1e-9));
    EXPECT_NEAR(careful.objective, 0.5 * careful.mean_cost.raw() + 0.5 * careful.cvar.raw(),
                1e-6 * careful.objective);
    EXPECT_GE(careful.mean_cost.raw(), mean.bound * (1.0 - 1e-9));
  }
}

TEST(ProcureLaw, Foresight_is_worth_something) {
  // The mean of what each future costs alone is no more than one plan for all of them.
  Scenario s = small(1, 3);
  const Answer together = solved(s, {.gap = 1e-3});
  double alone = 0.0;
  for (const Future& future : s.futures) {
    Scenario one = s;
    one.futures = {future};
    one.futures[0].probability = 1.0;
    alone += future.probability * solved(one, {.gap = 1e-3}).bound;
  }
  EXPECT_LE(alone, together.objective * (1.0 + 1e-9));
}

TEST(ProcureLaw, A_search_over_futures_ends_by_work_with_a_bound_that_holds) {
  const Scenario s = small(3, 4);
  const Answer fine = solved(s, tested({.gap = 1e-5, .most_solves = 4000}));
  for (const int work : {30, 60, 200}) {
    const Options options = tested({.gap = 1e-5, .most_solves = work});
    const Answer a = solved(s, options), b = solved(s, options);
    EXPECT_EQ(a.values, b.values);
    EXPECT_EQ(a.bound, b.bound);
    EXPECT_NE(a.ended, milp::Ended::clock);
    EXPECT_LE(a.bound, fine.objective * (1.0 + 1e-9));
    EXPECT_GE(a.objective, fine.bound * (1.0 - 1e-9));
  }
  Options late = tested({.gap = 1e-9});
  late.time_left = [] { return Seconds(-1.0); };
  EXPECT_EQ(solved(s, late).ended, milp::Ended::clock);
}

TEST(ProcureLaw, The_search_over_futures_agrees_with_the_library) {
  for (int seed = 1; seed <= 3; ++seed) {
    Scenario s = small(seed, 2);
    s.cvar_weight = 0.4;
    const Answer ours = solved(s, tested({.gap = 1e-6, .most_solves = 20000}));
    const Terms t(s);
    const auto theirs = milp::solve(build(t).model, {.backend = test_backend, .gap = 1e-7});
    ASSERT_TRUE(theirs);
    EXPECT_LE(ours.bound, theirs->objective * 1e6 * (1.0 + 1e-7));
    EXPECT_GE(ours.objective, theirs->bound * 1e6 * (1.0 - 1e-7));
  }
}

TEST(ProcureLaw, The_same_answer_twice) {
  const Answer a = solved(small(2)), b = solved(small(2));
  EXPECT_EQ(a.objective, b.objective);
  EXPECT_EQ(a.values, b.values);
}

TEST(ProcureLaw, Following_the_plan_costs_what_it_said) {
  for (int seed = 1; seed <= seeds; ++seed) {
    const Scenario s = small(seed);
    const Answer a = solved(s);
    const auto again = follow(s, a.plan, tested({.gap = gap}));
    ASSERT_TRUE(again);
    EXPECT_NEAR(again->objective / a.objective, 1.0, 1e-4);
  }
}

}  // namespace
}  // namespace tightrope::procure
