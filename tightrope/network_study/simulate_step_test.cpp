// Laws of a plan on the wires.
#include "tightrope/network_study/simulate_step.h"

#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "tightrope/network_study/step_chakra.h"
#include "tightrope/step/test_contexts_internal.h"

namespace tightrope::network_study {
namespace {

using step::Mapping;

StepSimulation simulated(const step::Context& context, const Mapping& mapping,
                         const StepScene& scene = {}) {
  const step::Estimate e = step::estimate(context, mapping);
  auto s = simulate_step(catalog::Catalog::embedded(), context, e, scene);
  EXPECT_TRUE(s.has_value()) << (s ? "" : to_string(s.error()));
  return std::move(*s);
}

Mapping mapping_of(int tp, int pp, int dp, int ep = 1) {
  Mapping m;
  m.tp = tp;
  m.pp = pp;
  m.dp = dp;
  m.ep = ep;
  return m;
}

// Where no two transfers meet and every domain is one switch, the wires change nothing.
TEST(SimulateStep, EqualsTheClosedFormWithoutMeetings) {
  const step::Context c = step::test_context({});
  Mapping m = mapping_of(8, 1, 2);
  m.dp_overlap = false;
  const step::Estimate e = step::estimate(c, m);
  const StepSimulation s = simulated(c, m);
  EXPECT_NEAR(s.result.pipeline, s.built.pipeline.time.raw(), 1e-9 * s.result.pipeline);
  EXPECT_NEAR(s.result.step, e.step_time.raw(), 0.01 * s.result.step);
  for (const TransferReport& t : s.transfers) {
    EXPECT_NEAR(t.network, t.closed, 1e-9 * t.closed);
  }
}

// A sound step is never shorter than the kernels of its busiest stage.
TEST(SimulateStep, NeverShorterThanItsKernels) {
  const step::Context dense = step::test_context({});
  step::TestSetup setup;
  setup.config = step::small_routed;
  const step::Context routed = step::test_context(setup);
  const std::pair<const step::Context*, Mapping> cases[] = {{&dense, mapping_of(2, 2, 4)},
                                                            {&dense, mapping_of(1, 3, 8)},
                                                            {&routed, mapping_of(2, 1, 8, 8)}};
  for (const auto& [context, mapping] : cases) {
    const StepSimulation s = simulated(*context, mapping);
    for (const netsim::ProcessTime& p : s.result.processes) {
      EXPECT_GE(s.result.step, p.compute * (1 - 1e-12));
      double accounted = p.compute + p.waiting + p.gather;
      for (const double e : p.exposed) accounted += e;
      EXPECT_NEAR(accounted, p.end, 1e-9 * p.end);  // no time is lost or counted twice
    }
    double sum = 0;
    for (const ExposedReport& r : s.exposed) sum += r.closed + r.topology + r.sharing;
    double seen = 0;
    for (const double e : s.result.processes[static_cast<std::size_t>(s.busiest)].exposed)
      seen += e;
    EXPECT_NEAR(sum, seen, 1e-9 * std::max(seen, 1e-9));
  }
}

TEST(SimulateStep, ScatteredTensorParallelRanksAreSlower) {
  const step::Context c = step::test_context({});
  StepScene scattered;
  scattered.order = topology::read_order("dp-cp-pp-tp").value();
  const Mapping m = mapping_of(8, 1, 8);
  EXPECT_GT(simulated(c, m, scattered).result.step, simulated(c, m).result.step);
}

// With gradients on their own, that is: hidden ones that are slowed leave others their links.
TEST(SimulateStep, OversubscriptionNeverHelps) {
  const step::Context c = step::test_context({});
  Mapping m = mapping_of(2, 2, 16);
  m.dp_overlap = false;
  double before = 0;
  for (const double ratio : {1.0, 2.0, 8.0, 64.0}) {
    StepScene scene;
    scene.machine.leaf_oversubscription = ratio;
    scene.machine.pod_oversubscription = ratio;
    const double now = simulated(c, m, scene).result.step;
    EXPECT_GE(now, before * (1 - 1e-12)) << ratio;
    before = now;
  }
}

TEST(SimulateStep, RanksWithoutAPlaceAreAnAnswer) {
  const step::Context c = step::test_context({});
  const Mapping m = mapping_of(8, 1, 2);
  StepScene scene;
  scene.faults = {"chip:3"};
  const step::Estimate e = step::estimate(c, m);
  const auto none = simulate_step(catalog::Catalog::embedded(), c, e, scene);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::unsupported);
  scene.spare_units = 1;
  EXPECT_TRUE(simulate_step(catalog::Catalog::embedded(), c, e, scene).has_value());
}

// Every rank's trace is sound, every message has its other end, and every group is the same to all
// of its members.
TEST(StepChakra, TracesFitTogether) {
  step::TestSetup setup;
  setup.config = step::small_routed;
  const step::Context c = step::test_context(setup);
  const Mapping m = mapping_of(2, 2, 4, 4);
  const StepSimulation s = simulated(c, m);
  const netsim::Layout layout(layout_of(m));
  std::map<std::tuple<int, int, int>, int> messages;
  std::map<std::string, std::vector<int>> groups;
  std::map<std::string, std::vector<double>> collectives;
  for (int rank = 0; rank < layout.ranks(); ++rank) {
    const chakra::Trace t = chakra_trace(s.built.program, layout, rank);
    EXPECT_TRUE(chakra::check(t, "trace").has_value());
    for (const chakra::Group& g : t.groups) {
      const auto [it, fresh] = groups.emplace(g.name, g.ranks);
      EXPECT_EQ(it->second, g.ranks);
    }
    std::map<std::string, std::vector<double>> own;
    for (const chakra::Node& n : t.nodes) {
      if (n.kind == chakra::NodeKind::send) ++messages[{rank, n.peer, n.tag}];
      if (n.kind == chakra::NodeKind::recv) --messages[{n.peer, rank, n.tag}];
      if (n.kind == chakra::NodeKind::collective) own[n.group].push_back(n.bytes.raw());
    }
    for (const auto& [name, sizes] : own) {
      const auto [it, fresh] = collectives.emplace(name, sizes);
      EXPECT_EQ(it->second, sizes) << name;
    }
  }
  EXPECT_FALSE(messages.empty());
  for (const auto& [key, open] : messages) EXPECT_EQ(open, 0);
}

}  // namespace
}  // namespace tightrope::network_study
