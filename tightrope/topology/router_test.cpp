#include "tightrope/topology/router.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/topology/explicit_graph.h"
#include "tightrope/topology/test_machines_internal.h"

namespace tightrope::topology {
namespace {

using test::broken_flow;
using test::chip_vertex_of;
using test::hops_of;
using test::units_of;

constexpr const char* systems[] = {"u-trn2x64",   "trn1.32xlarge", "p5.48xlarge", "p4d.24xlarge",
                                   "gb200-nvl72", "mi300x-8",      "dgx-h100",    "inf2.48xlarge"};

bool connected(const Router& router, int a, int b) {
  const ExplicitGraph graph = explicit_graph(router);
  std::vector<std::vector<std::uint32_t>> next(graph.vertices.size());
  for (const Link& link : graph.links) {
    if (link.capacity.raw() > 0) next[link.from].push_back(link.to);
  }
  std::vector<bool> seen(next.size());
  std::vector<std::uint32_t> stack{chip_vertex_of(router.machine(), a)};
  while (!stack.empty()) {
    const std::uint32_t v = stack.back();
    stack.pop_back();
    if (seen[v]) continue;
    seen[v] = true;
    stack.insert(stack.end(), next[v].begin(), next[v].end());
  }
  return seen[chip_vertex_of(router.machine(), b)];
}

Faults random_faults(const Machine& m, int most) {
  Faults faults;
  const int n = *rc::gen::inRange(0, most);
  for (int i = 0; i < n; ++i) {
    switch (*rc::gen::inRange(0, 8)) {
      case 0: faults.dead_chips.push_back(*rc::gen::inRange(0, m.chips())); break;
      case 1: faults.dead_nodes.push_back(*rc::gen::inRange(0, m.nodes())); break;
      default: {
        // Links of units: the outer ones are whole tiers.
        const auto inner = static_cast<std::uint32_t>(m.units) * m.unit_links();
        faults.dead_links.push_back(*rc::gen::inRange<std::uint32_t>(0, inner));
      }
    }
  }
  return faults;
}

/// What is wrong with the route from a to b; empty when nothing is.
std::string fault_of(const Router& router, int a, int b) {
  const Machine& m = router.machine();
  std::vector<Hop> hops;
  const Reach reach = router.route(a, b, hops);
  if (!reached(reach)) {
    if (!hops.empty()) return "links of a route that is none";
    if ((reach == Reach::source_dead) != !router.chip_alive(a)) return "not why";
    if (reach == Reach::target_dead && router.chip_alive(b)) return "the target lives";
    if (reach == Reach::cut_off && !m.host_links && connected(router, a, b))
      return "there is a way";
    return {};
  }
  for (const Hop& hop : hops) {
    if (!router.link_alive(hop.link)) return "takes a dead link";
  }
  return broken_flow(m, chip_vertex_of(m, a), chip_vertex_of(m, b), hops);
}

// Whatever is broken: a route is one whole message over live links, and no route means no way.
RC_GTEST_PROP(Router, RoutesAvoidWhatIsDeadAndFindAnyWay, ()) {
  const auto system = *rc::gen::inRange<std::size_t>(0, std::size(systems));
  const Machine m = units_of(systems[system], *rc::gen::inRange(1, 4));
  const Router router(m, random_faults(m, 40));
  for (int i = 0; i < 20; ++i) {
    const int a = *rc::gen::inRange(0, m.chips());
    const int b = *rc::gen::inRange(0, m.chips());
    const std::string fault = fault_of(router, a, b);
    if (!fault.empty()) RC_FAIL(fmt::format("{} to {} of {}: {}", a, b, m.system, fault));
  }
}

TEST(Router, WithoutFaultsIsThePlainRoute) {
  const Machine m = units_of("u-trn2x64", 2);
  const Router router(m);
  for (int b = 0; b < m.chips(); ++b) {
    std::vector<Hop> with, without;
    EXPECT_EQ(router.route(5, b, with), Reach::direct);
    route(m, 5, b, without);
    ASSERT_EQ(with.size(), without.size());
    for (std::size_t i = 0; i < with.size(); ++i) EXPECT_EQ(with[i].link, without[i].link);
  }
}

// A dead link of a torus costs its two ends two links more, and others nothing.
TEST(Router, TorusGoesRoundADeadLink) {
  const Machine m = units_of("u-trn2x64", 1);
  std::vector<Hop> hops;
  route(m, 0, 1, hops);
  ASSERT_EQ(hops.size(), 1u);
  const Router router(m, {.dead_links = {hops[0].link}});
  hops.clear();
  EXPECT_EQ(router.route(0, 1, hops), Reach::detour);
  EXPECT_DOUBLE_EQ(hops_of(hops), 3.0);
  hops.clear();
  EXPECT_EQ(router.route(0, 2, hops), Reach::detour);
  EXPECT_DOUBLE_EQ(hops_of(hops), 2.0);
  hops.clear();
  EXPECT_EQ(router.route(1, 0, hops), Reach::direct);
}

// A chip without NIC sends through the other chips of its node, which share the load evenly.
TEST(Router, DeadInterfaceBorrowsTheNeighbours) {
  const Machine m = units_of("p5.48xlarge", 2);
  Faults faults;
  ASSERT_TRUE(read_fault(m, "nic:3", faults));
  const Router router(m, faults);
  std::vector<Hop> hops;
  EXPECT_EQ(router.route(3, 8, hops), Reach::detour);
  int borrowed = 0;
  for (const Hop& hop : hops) {
    if (link_at(m, hop.link).kind != LinkKind::nic_up) continue;
    EXPECT_NEAR(hop.share, 1.0 / 7.0, 1e-12);
    ++borrowed;
  }
  EXPECT_EQ(borrowed, 7);
}

// When a whole rail's leaf is dead, traffic takes other rails.
TEST(Router, DeadLeafUplinkMovesToOtherRails) {
  const Machine m = units_of("dgx-h100", 64);
  const int leaf = leaf_of(m, 0, 2);
  const Router router(m, {.dead_links = {leaf_link(m, leaf, true)}});
  std::vector<Hop> hops;
  EXPECT_EQ(router.route(2, 40 * 8 + 2, hops), Reach::detour);
  EXPECT_EQ(broken_flow(m, chip_vertex_of(m, 2), chip_vertex_of(m, 322), hops), "");
  hops.clear();
  EXPECT_EQ(router.route(2, 8 + 2, hops), Reach::direct);
}

TEST(Router, ASwitchedChipWithoutItsLinksUsesTheNetwork) {
  const Machine m = units_of("p5.48xlarge", 1);
  const Router router(m, {.dead_links = {0}});
  std::vector<Hop> hops;
  EXPECT_EQ(router.route(0, 1, hops), Reach::detour);
  EXPECT_EQ(link_at(m, hops.front().link).kind, LinkKind::nic_up);
  hops.clear();
  EXPECT_EQ(router.route(1, 0, hops), Reach::direct);
}

TEST(Router, DegradedLinksMultiply) {
  const Machine m = units_of("p5.48xlarge", 1);
  const Router router(m, {.dead_links = {7}, .degraded = {{3, 0.5}, {5, 0.25}, {3, 0.5}}});
  EXPECT_DOUBLE_EQ(router.factor(3), 0.25);
  EXPECT_DOUBLE_EQ(router.factor(5), 0.25);
  EXPECT_DOUBLE_EQ(router.factor(7), 0.0);
  EXPECT_DOUBLE_EQ(router.factor(4), 1.0);
  EXPECT_DOUBLE_EQ(router.capacity(3).raw(), 0.25 * 450e9);
}

TEST(Router, RanksOfOneChipNeedNoLink) {
  const Machine m = units_of("u-trn2x64", 1);
  const Router router(m);
  std::vector<Hop> hops;
  EXPECT_EQ(router.route_ranks(0, 3, hops), Reach::direct);
  EXPECT_TRUE(hops.empty());
  EXPECT_EQ(router.route_ranks(3, 4, hops), Reach::direct);
  EXPECT_EQ(hops.size(), 1u);
}

TEST(Router, FaultsAreReadAndChecked) {
  const Machine m = units_of("u-trn2x64", 2);
  Faults faults;
  for (const char* text : {"chip:5", "node:7", "link:17", "link:18:0.5", "nic:127", "rack:1"}) {
    EXPECT_TRUE(read_fault(m, text, faults)) << text;
  }
  EXPECT_EQ(faults.dead_nodes, (std::vector<int>{7, 4, 5, 6, 7}));
  EXPECT_EQ(faults.dead_links.size(), 3u);
  for (const char* text :
       {"chip:128", "node:8", "link:99999", "link:3:0", "link:3:1.5", "unit:2"}) {
    EXPECT_EQ(read_fault(m, text, faults).error().code, ErrorCode::range) << text;
  }
  for (const char* text : {"chip", "chip:x", "fan:3", "chip:1:2", "link:1:half"}) {
    EXPECT_EQ(read_fault(m, text, faults).error().code, ErrorCode::syntax) << text;
  }
}

// The explicit graph holds what the arithmetic computes.
TEST(ExplicitGraph, HoldsEveryLinkWithWhatIsLeftOfIt) {
  const Machine m = units_of("u-trn2x64", 3);
  const Router router(m, {.dead_chips = {70}, .degraded = {{1, 0.5}}});
  const ExplicitGraph graph = explicit_graph(router);
  ASSERT_EQ(graph.links.size(), m.links());
  ASSERT_EQ(graph.vertices.size(), m.vertices());
  EXPECT_DOUBLE_EQ(graph.links[1].capacity.raw(), 64e9);
  int dead = 0;
  for (const Link& link : graph.links) {
    if (link.capacity.raw() == 0.0) ++dead;
    const VertexKind kind = graph.vertices[link.from];
    if (link.kind == LinkKind::torus_x) {
      EXPECT_EQ(kind, VertexKind::chip);
    }
    if (link.kind == LinkKind::leaf_up) {
      EXPECT_EQ(kind, VertexKind::leaf);
    }
    if (link.kind == LinkKind::pod_up) {
      EXPECT_EQ(kind, VertexKind::pod);
    }
  }
  EXPECT_EQ(dead, 12 + 2);
}

}  // namespace
}  // namespace tightrope::topology
