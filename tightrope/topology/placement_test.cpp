#include "tightrope/topology/placement.h"

#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/topology/metrics.h"
#include "tightrope/topology/test_machines_internal.h"

namespace tightrope::topology {
namespace {

using test::units_of;

AxisOrder any_order() {
  AxisOrder order = megatron_order;
  for (int i = *rc::gen::inRange(0, 24); i > 0; --i) std::ranges::next_permutation(order);
  return order;
}

// Every rank has one live chip, each chip at most ranks_per_chip ranks, and what is left is spare.
RC_GTEST_PROP(Placement, IsOneToOneAndOnLiveChips, ()) {
  constexpr const char* systems[] = {"u-trn2x64", "p5.48xlarge", "gb200-nvl72", "mi300x-8"};
  const Machine m =
      units_of(systems[*rc::gen::inRange<std::size_t>(0, 4)], *rc::gen::inRange(1, 5));
  Faults faults;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    faults.dead_chips.push_back(*rc::gen::inRange(0, m.chips()));
  }
  const Router router(m, faults);
  PlacementSpec spec;
  for (int& size : spec.sizes) size = *rc::gen::inRange(1, 6);
  spec.order = any_order();
  spec.walk = *rc::gen::element(Walk::rows, Walk::snake);
  spec.granule = *rc::gen::element(Granule::chip, Granule::node, Granule::unit);
  spec.chips_per_unit = *rc::gen::inRange(0, m.unit.chips() + 1);
  const Placement placement = place(router, spec);
  if (!placement.feasible) {
    RC_ASSERT(!placement.reason.empty() && placement.chip_of_rank.empty());
    return;
  }
  std::map<int, int> ranks_on;
  for (const int chip : placement.chip_of_rank) {
    RC_ASSERT(router.chip_alive(chip));
    ++ranks_on[chip];
  }
  for (const auto& [chip, ranks] : ranks_on) RC_ASSERT(ranks <= m.ranks_per_chip);
  for (const int chip : placement.spares) {
    RC_ASSERT(router.chip_alive(chip) && !ranks_on.contains(chip));
  }
  if (spec.granule == Granule::chip) {
    RC_ASSERT(ranks_on.size() + placement.spares.size() ==
              static_cast<std::size_t>(measure(router).live_chips));
  }
}

RC_GTEST_PROP(Placement, RankNumbersAndDigitsAgree, ()) {
  AxisSizes sizes;
  int ranks = 1;
  for (int& size : sizes) ranks *= size = *rc::gen::inRange(1, 9);
  const int rank = *rc::gen::inRange(0, ranks);
  RC_ASSERT(rank_of(sizes, axes_of(sizes, rank)) == rank);
}

// The innermost axis takes places in a row.
TEST(Placement, InnermostAxisIsContiguous) {
  const Machine m = units_of("p5.48xlarge", 4);
  const Router router(m);
  PlacementSpec spec;
  spec.sizes = {4, 1, 4, 2};
  EXPECT_EQ(place(router, spec).chip_of_rank[3], 3);
  EXPECT_EQ(place(router, spec).chip_of_rank[4], 4);
  spec.order = read_order("dp-tp-cp-pp").value();
  const Placement dp = place(router, spec);
  EXPECT_EQ(dp.chip_of_rank[4], 1);    // dp 1
  EXPECT_EQ(dp.chip_of_rank[1], 4);    // tp 1
  EXPECT_EQ(dp.chip_of_rank[16], 16);  // pp 1
}

// On a torus with the snake, every aligned group of 2 to 64 chips is a ring of direct neighbours.
TEST(Placement, SnakeMakesRingsOfNeighbours) {
  const Machine m = units_of("u-trn2x64", 1);
  const std::vector<int> walk = walk_of(m.unit, Walk::snake);
  EXPECT_EQ(std::set<int>(walk.begin(), walk.end()).size(), 64u);
  std::vector<Hop> hops;
  for (const std::size_t group : {2u, 4u, 8u, 16u, 32u, 64u}) {
    for (std::size_t first = 0; first < 64; first += group) {
      for (std::size_t i = 0; i < group; ++i) {
        hops.clear();
        m.unit.route(walk[first + i], walk[first + (i + 1) % group], hops);
        EXPECT_EQ(hops.size(), 1u) << group << " " << first << " " << i;
      }
    }
  }
}

// 16 of 18 nodes: 64 of the 72 chips of each rack work, a rack with three dead nodes does not.
TEST(Placement, UsesPartOfEachRack) {
  const Machine m = units_of("gb200-nvl72", 4);
  Faults faults;
  for (const char* text : {"node:0", "node:1", "node:18", "node:20", "node:22"}) {
    ASSERT_TRUE(read_fault(m, text, faults));
  }
  const Router router(m, faults);
  PlacementSpec spec;
  spec.sizes = {8, 1, 8, 3};
  spec.chips_per_unit = 64;
  const Placement placement = place(router, spec);
  ASSERT_TRUE(placement.feasible) << placement.reason;
  std::map<int, int> by_unit;
  for (const int chip : placement.chip_of_rank) ++by_unit[chip / 72];
  EXPECT_EQ(by_unit, (std::map<int, int>{{0, 64}, {2, 64}, {3, 64}}));
  EXPECT_EQ(placement.spares.size(), 60u + 8u + 8u);
  spec.sizes = {8, 1, 8, 4};
  EXPECT_EQ(place(router, spec).reason, "256 ranks need 256 chips, 192 can be used at 64 a unit");
}

// A group of the innermost axis does not cross units: what does not fill one is spare.
TEST(Placement, InnermostGroupsStayInTheirUnit) {
  const Machine m = units_of("gb200-nvl72", 3);
  const Router router(m);
  PlacementSpec spec;
  spec.sizes = {16, 1, 12, 1};
  const Placement placement = place(router, spec);
  ASSERT_TRUE(placement.feasible);
  for (std::size_t rank = 0; rank < placement.chip_of_rank.size(); ++rank) {
    EXPECT_EQ(placement.chip_of_rank[rank] / 72, placement.chip_of_rank[rank / 16 * 16] / 72);
  }
  EXPECT_EQ(placement.spares.size(), 24u);
}

// Heavy tensor-parallel traffic wants tp innermost, and on a torus the snake.
TEST(Placement, SearchFindsTheOrderForTheTraffic) {
  const Machine torus = units_of("u-trn2x64", 2);
  const Router router(torus);
  PlacementSpec spec;
  spec.sizes = {64, 1, 8, 1};
  const auto cost = [&](const AxisTraffic& bytes) {
    return [&router, bytes](const PlacementSpec& s, const Placement& p) {
      return hop_cost(router, s, p, bytes);
    };
  };
  const auto heavy_tp = search_orders(router, spec, cost({100, 0, 1, 0}));
  EXPECT_EQ(heavy_tp.size(), 4u);
  const auto place_of = [](const TriedOrder& t, Axis axis) {
    return std::ranges::find(t.order, axis) - t.order.begin();
  };
  EXPECT_LT(place_of(heavy_tp.front(), Axis::tp), place_of(heavy_tp.front(), Axis::dp));
  EXPECT_EQ(heavy_tp.front().walk, Walk::snake);
  const auto heavy_dp = search_orders(router, spec, cost({1, 0, 100, 0}));
  EXPECT_LT(place_of(heavy_dp.front(), Axis::dp), place_of(heavy_dp.front(), Axis::tp));
  for (std::size_t i = 1; i < heavy_tp.size(); ++i) {
    EXPECT_LE(heavy_tp[i - 1].cost, heavy_tp[i].cost);
  }
}

TEST(Placement, OrdersAreRead) {
  EXPECT_EQ(to_string(read_order("pp-tp-cp-dp").value()), "pp-tp-cp-dp");
  for (const char* text : {"tp-cp-dp", "tp-tp-dp-pp", "TP-CP-DP-PP", "", "tp,cp,dp,pp"}) {
    EXPECT_EQ(read_order(text).error().code, ErrorCode::syntax) << text;
  }
}

}  // namespace
}  // namespace tightrope::topology
