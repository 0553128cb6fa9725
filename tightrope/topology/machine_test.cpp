#include "tightrope/topology/machine.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/topology/test_machines_internal.h"

namespace tightrope::topology {
namespace {

using test::broken_flow;
using test::chip_vertex_of;
using test::hops_of;
using test::machine;
using test::units_of;

// Every route of every system, in one unit and between three, is one whole message.
TEST(Machine, RoutesOfEverySystemCarryOneMessage) {
  std::vector<Hop> hops;
  for (const catalog::System& system : catalog::Catalog::embedded().systems()) {
    const Machine m = units_of(system.name, system.nic_bandwidth.known ? 3 : 1);
    const int step = std::max(1, m.chips() / 24);
    for (int a = 0; a < m.chips(); a += step) {
      for (int b = 0; b < m.chips(); b += std::max(1, step - 1)) {
        hops.clear();
        route(m, a, b, hops);
        EXPECT_EQ(hops.empty(), a == b);
        ASSERT_EQ(broken_flow(m, chip_vertex_of(m, a), chip_vertex_of(m, b), hops), "")
            << system.name << " " << a << " to " << b;
      }
    }
  }
}

// The way there and the way back are equally long.
RC_GTEST_PROP(Machine, RoutesAreSymmetric, ()) {
  const auto& systems = catalog::Catalog::embedded().systems();
  const auto& system = systems[*rc::gen::inRange<std::size_t>(0, systems.size())];
  MachineOptions options;
  options.units = system.nic_bandwidth.known ? *rc::gen::inRange(1, 200) : 1;
  options.sites = *rc::gen::inRange(1, std::min(4, options.units + 1));
  options.site_bandwidth = BytesPerSecond(1e12);
  const Machine m = machine(system.name, options);
  const int a = *rc::gen::inRange(0, m.chips());
  const int b = *rc::gen::inRange(0, m.chips());
  std::vector<Hop> there, back;
  route(m, a, b, there);
  route(m, b, a, back);
  RC_ASSERT(broken_flow(m, chip_vertex_of(m, a), chip_vertex_of(m, b), there).empty());
  RC_ASSERT(std::abs(hops_of(there) - hops_of(back)) < 1e-9);
}

// Each link goes between two vertices of the machine, and every chip can leave it.
TEST(Machine, LinksHaveTwoEndsAndAPair) {
  for (const char* name : {"u-trn2x64", "p5.48xlarge", "p4d.24xlarge", "gb200-nvl72", "mi300x-8",
                           "tpu-v5e-256", "c8g.48xlarge", "dgx-h100"}) {
    MachineOptions options;
    options.units = 3;
    options.sites = 2;
    options.site_bandwidth = BytesPerSecond(1e12);
    const Machine m = machine(name, options);
    std::map<std::pair<std::uint32_t, std::uint32_t>, int> between;
    for (std::uint32_t id = 0; id < m.links(); ++id) {
      const Link link = link_at(m, id);
      EXPECT_LT(link.from, m.vertices());
      EXPECT_LT(link.to, m.vertices());
      EXPECT_NE(link.from, link.to);
      EXPECT_GT(link.capacity.raw(), 0.0) << name << " " << to_string(link.kind);
      ++between[{link.from, link.to}];
    }
    for (const auto& [ends, count] : between) {
      EXPECT_EQ(count, (between[{ends.second, ends.first}])) << name;
    }
  }
}

TEST(Machine, UltraServerIsATorusWithANarrowThirdDimension) {
  const Machine m = units_of("u-trn2x64", 2);
  EXPECT_EQ(m.unit.spec().shape, UnitShape::torus);
  EXPECT_EQ(m.unit.links().size(), 64u * 6u);
  EXPECT_EQ(m.unit.diameter(), 6);
  EXPECT_EQ(m.nodes_per_unit, 4);
  double leaving = 0.0;
  for (const Link& link : m.unit.links()) {
    const bool across = link.from / 16 != link.to / 16;
    EXPECT_EQ(link.kind == LinkKind::torus_z, across);
    EXPECT_DOUBLE_EQ(link.capacity.raw(), across ? 64e9 : 128e9);
    if (link.from == 0) leaving += link.capacity.raw();
  }
  EXPECT_DOUBLE_EQ(leaving, 640e9);
  EXPECT_DOUBLE_EQ(m.port_bandwidth.raw(), 25e9);
}

// Halfway round an even ring both ways are equally long, and each takes half.
TEST(Machine, TiesOfARingAreHalved) {
  const Machine m = units_of("u-trn2x64", 1);
  std::vector<Hop> hops;
  route(m, 0, 2, hops);
  EXPECT_EQ(hops.size(), 4u);
  for (const Hop& hop : hops) EXPECT_DOUBLE_EQ(hop.share, 0.5);
  hops.clear();
  route(m, 0, 2 + 4 * 2 + 16 * 2, hops);
  EXPECT_DOUBLE_EQ(hops_of(hops), 6.0);
}

// On rails chips of one rail meet at their leaf; another rail is reached through the spine.
TEST(Machine, RailsMeetAtTheirLeaf) {
  const Machine m = units_of("dgx-h100", 40);
  ASSERT_TRUE(m.outer.rail_aligned);
  EXPECT_EQ(m.outer.rails, 8);
  EXPECT_EQ(leaf_of(m, 0, 3), leaf_of(m, 31, 3));
  EXPECT_NE(leaf_of(m, 0, 3), leaf_of(m, 0, 4));
  EXPECT_NE(leaf_of(m, 0, 3), leaf_of(m, 32, 3));
  std::vector<Hop> hops;
  route(m, 3, 8 + 3, hops);
  EXPECT_EQ(hops.size(), 2u);
  hops.clear();
  route(m, 3, 8 + 4, hops);
  EXPECT_EQ(hops.size(), 4u);
}

// Chips that share an interface share its link, with host links of their own before it.
TEST(Machine, SharedInterfaces) {
  const Machine m = units_of("p4d.24xlarge", 2);
  EXPECT_EQ(m.ports_per_node, 4);
  EXPECT_TRUE(m.host_links);
  EXPECT_DOUBLE_EQ(m.port_bandwidth.raw(), 12.5e9);
  std::vector<Hop> first, second;
  route(m, 0, 8, first);
  route(m, 1, 9, second);
  ASSERT_EQ(first.size(), 4u);
  ASSERT_EQ(second.size(), 4u);
  EXPECT_NE(first[0].link, second[0].link);
  EXPECT_EQ(first[1].link, second[1].link);
}

// A tier is as wide as what is below it over its oversubscription.
TEST(Machine, OversubscriptionNarrowsTiers) {
  MachineOptions options;
  options.units = 64;
  options.leaf_oversubscription = 3.0;
  const Machine m = machine("p5.48xlarge", options);
  EXPECT_NEAR(m.outer.leaf_bandwidth.raw(), 32 * 400e9 / 3.0, 1.0);
  const Machine meta = units_of("grand-teton-h100", 800);
  EXPECT_EQ(meta.outer.pods(), 3);
  EXPECT_NEAR(meta.outer.pod_bandwidth.raw(), 3072 * 50e9 / 7.0, 1e3);
}

// Units fill sites evenly, and a pod never lies in two.
TEST(Machine, SitesSplitUnits) {
  MachineOptions options;
  options.units = 1000;
  options.sites = 3;
  options.site_bandwidth = BytesPerSecond(5e12);
  options.site_distance_km = 100;
  const Machine m = machine("u-trn2x64", options);
  EXPECT_EQ(site_of(m, 333, 0), 0);
  EXPECT_EQ(site_of(m, 334, 0), 1);
  EXPECT_EQ(site_of(m, 999, 63), 2);
  EXPECT_NE(pod_of(m, 333, 63), pod_of(m, 334, 0));
  EXPECT_NEAR(m.outer.site_latency.raw(), 490e-6, 1e-9);
  std::vector<Hop> hops;
  route(m, 0, 999 * 64, hops);
  EXPECT_EQ(hops.size(), 8u);
}

TEST(Machine, RainierIsDescribedWithoutBuildingIt) {
  const Machine m = units_of("u-trn2x64", 8192);
  EXPECT_EQ(m.chips(), 524288);
  EXPECT_EQ(m.ranks(), 524288 * 4);
  EXPECT_EQ(m.outer.pods(), 32);
  EXPECT_EQ(m.outer.leaves(), 1024);
}

TEST(Machine, RefusesWhatCannotBe) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  catalog::System system = *catalog.find_system("p5.48xlarge");
  MachineOptions options;
  options.units = 2;
  options.sites = 2;
  EXPECT_EQ(machine_of(catalog, system, options).error().code, ErrorCode::usage);
  options.sites = 3;
  EXPECT_EQ(machine_of(catalog, system, options).error().code, ErrorCode::range);
  options.sites = 1;
  system.nic_bandwidth = {};
  EXPECT_EQ(machine_of(catalog, system, options).error().code, ErrorCode::usage);
  system.scaleup_domain = 12;
  options.units = 1;
  EXPECT_EQ(machine_of(catalog, system, options).error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace tightrope::topology
