#include "tightrope/netsim/maxmin.h"

#include <numeric>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/netsim/test_problems_internal.h"

namespace tightrope::netsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> rates_of(const OwnedProblem& p) {
  std::vector<double> rate(p.view().variables());
  maxmin_solve(p.view(), rate);
  return rate;
}

std::vector<double> loads_of(const OwnedProblem& p, const std::vector<double>& rate) {
  std::vector<double> load(p.capacity.size(), 0.0);
  for (std::size_t v = 0; v < rate.size(); ++v) {
    for (std::uint32_t e = p.begin[v]; e < p.begin[v + 1]; ++e)
      load[p.resource[e]] += p.coefficient[e] * rate[v];
  }
  return load;
}

TEST(MaxMin, TheTextbookLine) {
  // One long flow over three links and a short one on each; the middle link is the narrow one.
  OwnedProblem p;
  p.capacity = {10.0, 4.0, 10.0};
  add_row(p, {{0, 1.0}, {1, 1.0}, {2, 1.0}}, infinity);
  add_row(p, {{0, 1.0}}, infinity);
  add_row(p, {{1, 1.0}}, infinity);
  add_row(p, {{2, 1.0}}, 1.5);
  EXPECT_EQ(rates_of(p), (std::vector<double>{2.0, 8.0, 2.0, 1.5}));
  std::vector<double> rate(4);
  std::vector<std::uint32_t> bottleneck(4);
  MaxMin().solve(p.view(), rate, bottleneck);
  EXPECT_EQ(bottleneck, (std::vector<std::uint32_t>{1, 0, 1, no_resource}));
}

TEST(MaxMin, NothingInTheWayMeansInfinity) {
  OwnedProblem p;
  p.capacity = {infinity, 0.0};
  add_row(p, {}, infinity);
  add_row(p, {{0, 2.0}}, infinity);
  add_row(p, {{0, 2.0}}, 3.0);
  add_row(p, {{0, 1.0}, {1, 1.0}}, infinity);
  EXPECT_EQ(rates_of(p), (std::vector<double>{infinity, infinity, 3.0, 0.0}));
}

TEST(MaxMin, LinksThatFillTogetherGiveOneRateToTheLastBit) {
  // Thirds and sevenths do not round alike; the level is one all the same.
  OwnedProblem p;
  for (std::uint32_t l = 0; l < 50; ++l) {
    p.capacity.push_back(0.1 * (l % 7 + 1));
    for (std::uint32_t k = 0; k <= l % 7; ++k)
      add_row(p, {{l, 1.0}, {(l + 7) % 50, 1e-18}}, infinity);
  }
  for (const double r : rates_of(p)) EXPECT_EQ(r, rates_of(p)[0]);
}

RC_GTEST_PROP(MaxMin, NoResourceIsOverloadedAndNoBoundBroken, ()) {
  const OwnedProblem p = random_problem();
  const std::vector<double> rate = rates_of(p);
  const std::vector<double> load = loads_of(p, rate);
  for (std::size_t v = 0; v < rate.size(); ++v) RC_ASSERT(rate[v] >= 0.0 && rate[v] <= p.bound[v]);
  for (std::size_t l = 0; l < load.size(); ++l)
    RC_ASSERT(load[l] <= p.capacity[l] * (1 + 1e-12) || p.capacity[l] == infinity);
}

// The characterisation of max-min fairness: whoever is not at its bound meets a full resource on
// which nobody is better off.
RC_GTEST_PROP(MaxMin, EveryVariableHasABottleneckOrItsBound, ()) {
  const OwnedProblem p = random_problem();
  std::vector<double> rate(p.view().variables());
  std::vector<std::uint32_t> bottleneck(rate.size());
  MaxMin().solve(p.view(), rate, bottleneck);
  const std::vector<double> load = loads_of(p, rate);
  std::vector<double> most(p.capacity.size(), 0.0);
  for (std::size_t v = 0; v < rate.size(); ++v) {
    for (std::uint32_t e = p.begin[v]; e < p.begin[v + 1]; ++e)
      most[p.resource[e]] = std::max(most[p.resource[e]], rate[v]);
  }
  for (std::size_t v = 0; v < rate.size(); ++v) {
    if (rate[v] == p.bound[v]) continue;
    const std::uint32_t l = bottleneck[v];
    RC_ASSERT(l != no_resource);
    RC_ASSERT(load[l] >= p.capacity[l] * (1 - 1e-12));
    RC_ASSERT(rate[v] >= most[l] * (1 - 1e-12));
  }
}

RC_GTEST_PROP(MaxMin, EqualsProgressiveFillingAsDefined, ()) {
  const OwnedProblem p = random_problem();
  const std::vector<double> rate = rates_of(p);
  const std::vector<double> expected = reference_rates(p.view());
  for (std::size_t v = 0; v < rate.size(); ++v) RC_ASSERT(same_rate(rate[v], expected[v]));
}

RC_GTEST_PROP(MaxMin, RatesScaleWithCapacitiesAndBounds, ()) {
  OwnedProblem p = random_problem();
  const std::vector<double> rate = rates_of(p);
  const double k = *rc::gen::inRange(1, 1000) / 37.0;
  for (double& c : p.capacity) c *= k;
  for (double& b : p.bound) b *= k;
  const std::vector<double> scaled = rates_of(p);
  for (std::size_t v = 0; v < rate.size(); ++v) RC_ASSERT(same_rate(scaled[v], k * rate[v]));
}

// A unit of rate that loads twice as much is worth half as much.
RC_GTEST_PROP(MaxMin, DoublingAllCoefficientsIsHalvingAllCapacities, ()) {
  OwnedProblem p = random_problem();
  OwnedProblem q = p;
  for (double& a : p.coefficient) a *= 2.0;
  for (double& c : q.capacity) c /= 2.0;
  RC_ASSERT(rates_of(p) == rates_of(q));
}

RC_GTEST_PROP(MaxMin, TheOrderOfVariablesAndResourcesDoesNotMatter, ()) {
  const OwnedProblem p = random_problem();
  const std::vector<double> rate = rates_of(p);
  std::vector<std::uint32_t> order(rate.size());
  std::iota(order.begin(), order.end(), 0u);
  std::vector<std::uint32_t> names(p.capacity.size());
  std::iota(names.begin(), names.end(), 0u);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[*rc::gen::inRange<std::size_t>(0, i)]);
  for (std::size_t i = names.size(); i > 1; --i)
    std::swap(names[i - 1], names[*rc::gen::inRange<std::size_t>(0, i)]);
  OwnedProblem q;
  q.capacity.resize(p.capacity.size());
  for (std::size_t l = 0; l < names.size(); ++l) q.capacity[names[l]] = p.capacity[l];
  for (const std::uint32_t v : order) {
    std::vector<std::pair<std::uint32_t, double>> row;
    for (std::uint32_t e = p.begin[v]; e < p.begin[v + 1]; ++e)
      row.emplace_back(names[p.resource[e]], p.coefficient[e]);
    add_row(q, row, p.bound[v]);
  }
  const std::vector<double> permuted = rates_of(q);
  for (std::size_t i = 0; i < order.size(); ++i)
    RC_ASSERT(same_rate(permuted[i], rate[order[i]], 1e-12));
}

RC_GTEST_PROP(MaxMin, MoreCapacityNeverLowersTheSmallestRate, ()) {
  OwnedProblem p = random_problem();
  RC_PRE(p.view().variables() > 0);
  const std::vector<double> before = rates_of(p);
  const auto l = *rc::gen::inRange<std::size_t>(0, p.capacity.size());
  p.capacity[l] += *rc::gen::inRange(1, 50) / 7.0;
  const std::vector<double> after = rates_of(p);
  RC_ASSERT(*std::min_element(after.begin(), after.end()) >=
            *std::min_element(before.begin(), before.end()) * (1 - 1e-12));
}

// Working memory that is left over from another problem changes nothing.
RC_GTEST_PROP(MaxMin, AUsedSolverAnswersAsANewOne, ()) {
  MaxMin solver;
  for (int i = 0; i < 3; ++i) {
    const OwnedProblem p = random_problem();
    std::vector<double> rate(p.view().variables());
    solver.solve(p.view(), rate);
    RC_ASSERT(rate == rates_of(p));
  }
}

TEST(MaxMinDeathTest, NonsenseIsOurBug) {
  OwnedProblem p;
  p.capacity = {1.0};
  add_row(p, {{1, 1.0}}, infinity);
  std::vector<double> rate(1);
  EXPECT_DEATH(maxmin_solve(p.view(), rate), "l < ");
  p.resource[0] = 0;
  p.coefficient[0] = 0.0;
  EXPECT_DEATH(maxmin_solve(p.view(), rate), "a > 0");
  p.coefficient[0] = 1.0;
  p.capacity[0] = -1.0;
  EXPECT_DEATH(maxmin_solve(p.view(), rate), "capacity");
}

}  // namespace
}  // namespace tightrope::netsim
