#include "tightrope/topology/metrics.h"

#include <bit>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/topology/test_machines_internal.h"

namespace tightrope::topology {
namespace {

using test::units_of;

/// The narrowest cut into equal halves, by trying all.
double brute_bisection(const Unit& unit) {
  const int n = unit.chips();
  double least = 1e300;
  for (std::uint32_t half = 0; half < (1u << n); ++half) {
    if (std::popcount(half) != n / 2) continue;
    double crossing = 0.0;
    for (const Link& link : unit.links()) {
      if (((half >> link.from) & 1u) != 0 && ((half >> link.to) & 1u) == 0) {
        crossing += link.capacity.raw();
      }
    }
    least = std::min(least, crossing);
  }
  return least;
}

// No cut into equal halves is narrower than the plane that we take.
RC_GTEST_PROP(Metrics, TorusBisectionIsTheNarrowestCut, ()) {
  const std::array<int, 3> shapes[] = {{4, 1, 1}, {4, 2, 1}, {4, 4, 1}, {2, 2, 2},
                                       {4, 2, 2}, {6, 2, 1}, {8, 1, 1}, {2, 2, 4}};
  Machine m;
  UnitSpec spec;
  spec.shape = UnitShape::torus;
  spec.extents = shapes[*rc::gen::inRange<std::size_t>(0, std::size(shapes))];
  spec.chips = spec.extents[0] * spec.extents[1] * spec.extents[2];
  for (BytesPerSecond& b : spec.dimension_bandwidth) b = BytesPerSecond(*rc::gen::inRange(1, 9));
  m.unit = Unit(spec);
  m.chips_per_node = spec.chips;
  RC_ASSERT(std::abs(measure(Router(m)).unit_bisection.raw() - brute_bisection(m.unit)) < 1e-9);
}

TEST(Metrics, MeshBisectionIsTheNarrowestCut) {
  const Machine m = units_of("mi300x-8", 1);
  EXPECT_NEAR(measure(Router(m)).unit_bisection.raw(), brute_bisection(m.unit), 1.0);
}

// A network that blocks nothing gives half the cluster's injection; oversubscription takes its
// share of it.
TEST(Metrics, ClusterBisectionFollowsTheTiers) {
  MachineOptions options;
  options.units = 4096;
  options.leaf_oversubscription = 1.0;
  options.pod_oversubscription = 1.0;
  const Metrics open = measure(Router(test::machine("p5.48xlarge", options)));
  EXPECT_NEAR(open.cluster_bisection.raw(), 2048 * 400e9, 1e6);
  options.pod_oversubscription = 4.0;
  const Metrics narrow = measure(Router(test::machine("p5.48xlarge", options)));
  EXPECT_NEAR(narrow.cluster_bisection.raw(), 2048 * 400e9 / 4.0, 1e6);
  options.sites = 2;
  options.site_bandwidth = BytesPerSecond(7e12);
  const Metrics far = measure(Router(test::machine("p5.48xlarge", options)));
  EXPECT_NEAR(far.cluster_bisection.raw(), 7e12, 1e6);
}

TEST(Metrics, CountsOfTheUltraServer) {
  const Metrics m = measure(Router(units_of("u-trn2x64", 16)));
  EXPECT_EQ(m.chips, 1024);
  EXPECT_EQ(m.nodes, 64);
  EXPECT_EQ(m.leaves, 2);
  EXPECT_EQ(m.pods, 1);
  const auto of = [&m](LinkKind kind) { return m.by_kind[static_cast<std::size_t>(kind)]; };
  EXPECT_EQ(of(LinkKind::torus_x).links, 2048);
  EXPECT_EQ(of(LinkKind::torus_z).links, 2048);
  EXPECT_EQ(of(LinkKind::nic_up).links, 1024);
  EXPECT_DOUBLE_EQ(m.unit_bisection.raw(), 16 * 2 * 64e9);
  EXPECT_DOUBLE_EQ(m.chip_scaleup.raw(), 640e9);
  EXPECT_EQ(m.unit_diameter, 6);
  EXPECT_EQ(m.diameter, 6);
}

// The diameter is the longest route that there is.
TEST(Metrics, DiameterIsTheLongestRoute) {
  for (const char* name : {"u-trn2x64", "p5.48xlarge", "p4d.24xlarge", "dgx-h100", "mi300x-8"}) {
    const Machine m = units_of(name, 3);
    double longest = 0.0;
    std::vector<Hop> hops;
    for (int b = 0; b < m.chips(); ++b) {
      hops.clear();
      route(m, 0, b, hops);
      longest = std::max(longest, test::hops_of(hops));
    }
    EXPECT_DOUBLE_EQ(longest, measure(Router(m)).diameter) << name;
  }
}

TEST(Metrics, LimitOfTheProvider) {
  EXPECT_FALSE(measure(Router(units_of("p5.48xlarge", 2500))).over_limit);
  EXPECT_TRUE(measure(Router(units_of("p5.48xlarge", 2501))).over_limit);
}

}  // namespace
}  // namespace tightrope::topology
