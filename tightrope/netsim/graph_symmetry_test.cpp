#include "tightrope/netsim/graph_symmetry.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/netsim/fat_tree.h"
#include "tightrope/netsim/test_graphs_internal.h"
#include "tightrope/netsim/test_problems_internal.h"

namespace tightrope::netsim {
namespace {

using test::Collective;

void expect_equal_runs(const TaskGraph& graph, const GraphReduction& r) {
  const TaskRun full = TaskRunner(graph).run();
  const TaskRun reduced = TaskRunner(r.graph).run();
  for (std::size_t t = 0; t < r.class_of.size(); ++t) {
    const std::uint32_t c = r.class_of[t];
    ASSERT_TRUE(same_rate(full.start[t].raw(), reduced.start[c].raw(), 1e-12)) << t;
    ASSERT_TRUE(same_rate(full.finish[t].raw(), reduced.finish[c].raw(), 1e-12)) << t;
  }
  for (std::size_t l = 0; l < full.carried.size(); ++l) {
    const std::uint32_t c = r.resource_class_of[l];
    ASSERT_TRUE(same_rate(full.carried[l].raw(), reduced.carried[c].raw(), 1e-9)) << l;
    ASSERT_TRUE(same_rate(full.resource_busy[l].raw(), reduced.resource_busy[c].raw(), 1e-9)) << l;
  }
}

RC_GTEST_PROP(GraphSymmetry, ReducedRunsAreTheRuns, ()) {
  const TaskGraph g = test::random_graph();
  const GraphReduction r = reduce(g);
  const TaskRun full = TaskRunner(g).run();
  const TaskRun reduced = TaskRunner(r.graph).run();
  for (std::size_t t = 0; t < r.class_of.size(); ++t)
    RC_ASSERT(same_rate(full.finish[t].raw(), reduced.finish[r.class_of[t]].raw(), 1e-12));
}

// Copies side by side cost nothing: the same classes, the same times.
RC_GTEST_PROP(GraphSymmetry, CopiesCostNoClasses, ()) {
  const TaskGraph g = test::random_graph();
  const auto copies = *rc::gen::inRange<std::uint32_t>(1, 6);
  const TaskGraph many = test::copies_of(g, copies);
  const GraphReduction r = reduce(many);
  RC_ASSERT(r.size.size() == reduce(g).size.size());
  const TaskRun full = TaskRunner(many).run();
  const TaskRun reduced = TaskRunner(r.graph).run();
  for (std::size_t t = 0; t < r.class_of.size(); ++t)
    RC_ASSERT(same_rate(full.finish[t].raw(), reduced.finish[r.class_of[t]].raw(), 1e-12));
}

class CollectiveSymmetry : public testing::TestWithParam<std::tuple<Collective, std::uint32_t>> {};

// The whole network, and the same with one link slower: fewer classes than tasks, the same times.
TEST_P(CollectiveSymmetry, ReducedIsUnreduced) {
  const auto [collective, leaves] = GetParam();
  const FatTree tree({{8, leaves}, {1, 8}});
  for (const bool degraded : {false, true}) {
    const TaskGraph g = test::collective_graph(collective, tree, degraded);
    const GraphReduction r = reduce(g);
    expect_equal_runs(g, r);
    // In a tree hosts differ by their depth.
    const std::size_t gain = collective == Collective::binary_tree ? 1 : 4;
    if (!degraded && leaves >= 8) {
      EXPECT_LT(gain * r.size.size(), r.class_of.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, CollectiveSymmetry,
    testing::Combine(testing::Values(Collective::ring, Collective::halving_doubling,
                                     Collective::all_to_all, Collective::binary_tree,
                                     Collective::hierarchical, Collective::torus),
                     testing::Values(1u, 2u, 8u)));

TEST(GraphSymmetry, FiveHundredAndTwelveHosts) {
  const FatTree tree({{16, 32}, {1, 16}});
  for (const Collective c : {Collective::halving_doubling, Collective::binary_tree,
                             Collective::hierarchical, Collective::torus}) {
    for (const bool degraded : {false, true}) {
      const TaskGraph g = test::collective_graph(c, tree, degraded);
      expect_equal_runs(g, reduce(g));
    }
  }
}

// A quarter of a million transfers each; with all links equal, few classes.
TEST(GraphSymmetry, FiveHundredAndTwelveHostsInARingAndAllAtOnce) {
  const FatTree tree({{16, 32}, {1, 16}});
  for (const Collective c : {Collective::ring, Collective::all_to_all}) {
    const TaskGraph g = test::collective_graph(c, tree, false);
    const GraphReduction r = reduce(g);
    expect_equal_runs(g, r);
    EXPECT_LT(r.size.size(), r.class_of.size() / 8);
  }
}

TEST(GraphSymmetry, ARingStepOnEqualLinksIsOneTask) {
  const GraphReduction r = reduce(test::ring_step(512, Bytes(1e6)));
  EXPECT_EQ(r.size, (std::vector<std::uint32_t>{512}));
}

TEST(FatTree, EveryRouteIsAConnectedWayAndUpAndDownAreEqual) {
  const FatTree tree({{2, 3, 2}, {1, 2, 3}});
  EXPECT_EQ(tree.hosts(), 12u);
  EXPECT_EQ(tree.links(), 2u * (12 + 6 * 2 + 4 * 3));
  EXPECT_TRUE(tree.route(3, 3).empty());
  for (std::uint32_t i = 0; i < 12; ++i) {
    for (std::uint32_t j = 0; j < 12; ++j) {
      if (i == j) continue;
      const std::size_t hops = i / 2 == j / 2 ? 2 : i / 6 == j / 6 ? 4 : 6;
      const std::vector<std::uint32_t> way = tree.route(i, j);
      ASSERT_EQ(way.size(), hops);
      for (std::size_t k = 0; k < hops; ++k) EXPECT_EQ(way[k] % 2, k < hops / 2 ? 0u : 1u);
      // The way back from the same switch towards i mirrors it only when the parent is the same;
      // the last link always ends at the destination.
      EXPECT_EQ(way.back(), tree.route((j ^ 1u), j).back());
      EXPECT_EQ(way.front(), tree.route(i, (i ^ 1u)).front());
    }
  }
}

// D-mod-K spreads all pairs so evenly that no link between switches is fuller than a host's.
TEST(FatTree, AllPairsLoadNoLinkMoreThanAHosts) {
  const FatTree tree({{4, 4}, {1, 4}});
  std::vector<int> load(tree.links(), 0);
  for (std::uint32_t i = 0; i < 16; ++i) {
    for (std::uint32_t j = 0; j < 16; ++j) {
      for (const std::uint32_t l : tree.route(i, j)) ++load[l];
    }
  }
  for (std::size_t l = 0; l < load.size(); ++l) EXPECT_EQ(load[l], l < 32 ? 15 : 12);
}

}  // namespace
}  // namespace tightrope::netsim
