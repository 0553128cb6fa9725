#include "tightrope/netsim/symmetry.h"

#include <numeric>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/netsim/refine.h"
#include "tightrope/netsim/test_problems_internal.h"

namespace tightrope::netsim {
namespace {

std::vector<double> rates_of(const MaxMinProblem& p) {
  std::vector<double> rate(p.variables());
  maxmin_solve(p, rate);
  return rate;
}

std::vector<double> reduced_rates(const MaxMinProblem& p, const Reduction& r) {
  std::vector<double> rate(p.variables());
  r.expand(rates_of(r.problem.view()), rate);
  return rate;
}

/// `copies` of a problem side by side, their variables and resources mixed up.
OwnedProblem copies_of(const OwnedProblem& p, std::uint32_t copies) {
  OwnedProblem q;
  for (const double c : p.capacity) q.capacity.insert(q.capacity.end(), copies, c);
  for (std::size_t v = 0; v < p.view().variables(); ++v) {
    for (std::uint32_t k = 0; k < copies; ++k) {
      for (std::uint32_t e = p.begin[v]; e < p.begin[v + 1]; ++e)
        q.add_entry(p.resource[e] * copies + k, p.coefficient[e]);
      q.end_row(p.bound[v]);
    }
  }
  return q;
}

RC_GTEST_PROP(Symmetry, ReducedRatesAreTheRates, ()) {
  const OwnedProblem p = random_problem();
  const std::vector<double> rate = rates_of(p.view());
  const std::vector<double> reduced = reduced_rates(p.view(), reduce(p.view()));
  for (std::size_t v = 0; v < rate.size(); ++v) RC_ASSERT(same_rate(rate[v], reduced[v], 1e-12));
}

RC_GTEST_PROP(Symmetry, ReducedRatesAreTheRatesOfAnySubset, ()) {
  const OwnedProblem p = random_problem();
  const std::vector<char> dropped = never_binding(p.view());
  OwnedProblem all;
  OwnedProblem kept;
  all.capacity = kept.capacity = p.capacity;
  for (std::size_t v = 0; v < p.view().variables(); ++v) {
    if (*rc::gen::inRange(0, 3) == 0) continue;
    for (std::uint32_t e = p.begin[v]; e < p.begin[v + 1]; ++e) {
      all.add_entry(p.resource[e], p.coefficient[e]);
      if (dropped[p.resource[e]] == 0) kept.add_entry(p.resource[e], p.coefficient[e]);
    }
    all.end_row(p.bound[v]);
    kept.end_row(p.bound[v]);
  }
  const std::vector<double> rate = rates_of(all.view());
  const std::vector<double> without = rates_of(kept.view());
  for (std::size_t v = 0; v < rate.size(); ++v) RC_ASSERT(same_rate(rate[v], without[v], 1e-12));
}

RC_GTEST_PROP(Symmetry, CopiesCostNoClasses, ()) {
  const OwnedProblem p = random_problem();
  const auto copies = *rc::gen::inRange<std::uint32_t>(1, 9);
  const OwnedProblem q = copies_of(p, copies);
  const Reduction one = reduce(p.view());
  const Reduction many = reduce(q.view());
  RC_ASSERT(one.size.size() == many.size.size());
  RC_ASSERT(one.problem.capacity.size() == many.problem.capacity.size());
  const std::vector<double> rate = rates_of(q.view());
  const std::vector<double> reduced = reduced_rates(q.view(), many);
  for (std::size_t v = 0; v < rate.size(); ++v) RC_ASSERT(same_rate(rate[v], reduced[v], 1e-12));
}

RC_GTEST_PROP(Symmetry, ColoursAreNeverMixed, ()) {
  const OwnedProblem p = random_problem();
  std::vector<std::uint32_t> colour(p.view().variables());
  for (std::uint32_t& c : colour) c = *rc::gen::inRange(0u, 3u) * 1000000000u;
  const Reduction r = reduce(p.view(), colour);
  for (std::size_t v = 0; v < colour.size(); ++v)
    RC_ASSERT(colour[v] == colour[r.member[r.class_of[v]]]);
}

TEST(Symmetry, AFlowAloneKeepsItsLink) {
  OwnedProblem p;
  p.capacity = {5.0, 5.0, 7.0};
  add_row(p, {{0, 1.0}, {1, 1.0}, {2, 1.0}});
  EXPECT_EQ(never_binding(p.view()), (std::vector<char>{0, 1, 1}));
  EXPECT_EQ(reduced_rates(p.view(), reduce(p.view())), (std::vector<double>{5.0}));
}

TEST(Symmetry, ARingIsOneFlowAndAFaultSplitsOnlyWhatItReaches) {
  // Flow i loads its own link and the next one.
  OwnedProblem p;
  p.capacity.assign(512, 10.0);
  for (std::uint32_t i = 0; i < 512; ++i) add_row(p, {{i, 1.0}, {(i + 1) % 512, 1.0}});
  EXPECT_EQ(reduce(p.view()).size, (std::vector<std::uint32_t>{512}));
  p.capacity[100] = 4.0;
  const Reduction r = reduce(p.view());
  EXPECT_EQ(r.size.size(), 256u);  // by distance, both sides alike
  const std::vector<double> rate = rates_of(p.view());
  const std::vector<double> reduced = reduced_rates(p.view(), r);
  for (std::size_t v = 0; v < rate.size(); ++v) EXPECT_TRUE(same_rate(rate[v], reduced[v], 1e-12));
}

/// Refinement by rounds, as it is defined.
std::uint32_t reference_classes(std::vector<std::uint32_t> colour, const SightGraph& g) {
  for (std::uint32_t before = 0;;) {
    std::vector<std::vector<std::pair<std::uint32_t, std::uint32_t>>> seen(g.nodes());
    for (std::uint32_t u = 0; u < g.nodes(); ++u) {
      for (std::uint32_t i = g.begin[u]; i < g.begin[u + 1]; ++i)
        seen[g.seer[i]].emplace_back(colour[u], g.label[i]);
    }
    std::vector<std::pair<std::uint32_t, std::vector<std::pair<std::uint32_t, std::uint32_t>>>>
        keys;
    for (std::uint32_t u = 0; u < g.nodes(); ++u) {
      std::sort(seen[u].begin(), seen[u].end());
      keys.emplace_back(colour[u], seen[u]);
    }
    auto sorted = keys;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (std::uint32_t u = 0; u < g.nodes(); ++u)
      colour[u] = static_cast<std::uint32_t>(
          std::lower_bound(sorted.begin(), sorted.end(), keys[u]) - sorted.begin());
    if (sorted.size() == before) return before;
    before = static_cast<std::uint32_t>(sorted.size());
  }
}

RC_GTEST_PROP(Refine, GivesTheCoarsestStablePartition, ()) {
  const auto nodes = *rc::gen::inRange<std::uint32_t>(1, 30);
  std::vector<std::uint32_t> begin{0};
  std::vector<std::uint32_t> seer;
  std::vector<std::uint32_t> label;
  std::vector<std::uint32_t> colour(nodes);
  for (std::uint32_t u = 0; u < nodes; ++u) {
    colour[u] = *rc::gen::inRange(0u, 2u);
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
      seer.push_back(*rc::gen::inRange(0u, nodes));
      label.push_back(*rc::gen::inRange(0u, 2u));
    }
    begin.push_back(static_cast<std::uint32_t>(seer.size()));
  }
  const SightGraph g{begin, seer, label};
  const std::uint32_t expected = reference_classes(colour, g);
  RC_ASSERT(refine(g, colour) == expected);
  RC_ASSERT(reference_classes(colour, g) == expected);
}

}  // namespace
}  // namespace tightrope::netsim
