#include "tightrope/netsim/task_graph.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/netsim/fat_tree.h"
#include "tightrope/netsim/test_graphs_internal.h"
#include "tightrope/netsim/test_problems_internal.h"

namespace tightrope::netsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> raw(const std::vector<Seconds>& times) {
  std::vector<double> r;
  r.reserve(times.size());
  for (const Seconds t : times) r.push_back(t.raw());
  return r;
}

TaskGraph one_link(double capacity = 1.0) {
  TaskGraph g({BytesPerSecond(capacity)});
  g.add_route(std::vector<std::uint32_t>{0});
  return g;
}

TEST(TaskGraph, TwoTransfersShareALinkAndTheLongerSpeedsUp) {
  TaskGraph g = one_link();
  g.add_transfer(0, Bytes(1.0), Seconds());
  g.add_transfer(0, Bytes(3.0), Seconds());
  const TaskRun run = TaskRunner(g).run();
  EXPECT_EQ(raw(run.finish), (std::vector<double>{2.0, 4.0}));
  EXPECT_EQ(run.carried[0].raw(), 4.0);
  EXPECT_EQ(run.resource_busy[0].raw(), 4.0);
  EXPECT_TRUE(run.complete());
}

TEST(TaskGraph, LatencyComesFirstAndTakesNoBandwidth) {
  TaskGraph g = one_link();
  g.add_transfer(0, Bytes(2.0), Seconds(3.0));
  g.add_transfer(0, Bytes(4.0), Seconds());
  g.add_transfer(0, Bytes(0.0), Seconds(0.5));
  EXPECT_EQ(raw(TaskRunner(g).run().finish), (std::vector<double>{6.0, 5.0, 0.5}));
}

TEST(TaskGraph, AStreamKeepsItsOrder) {
  TaskGraph g = one_link();
  const auto first = g.add_compute(0, Seconds(2.0));
  const auto second = g.add_compute(0, Seconds(1.0));
  const auto other = g.add_compute(1, Seconds(1.0));
  const auto late = g.add_transfer(0, Bytes(4.0), Seconds());
  g.add_dependency(first, late);
  g.add_dependency(other, first);
  g.set_release(late, Seconds(1.0));
  const TaskRun run = TaskRunner(g).run();
  EXPECT_EQ(run.start[second].raw(), 7.0);
  EXPECT_EQ(run.finish[second].raw(), 8.0);
  EXPECT_EQ(run.finish[other].raw(), 8.0);
  EXPECT_EQ(raw(run.stream_busy), (std::vector<double>{3.0, 1.0}));
  EXPECT_EQ(run.resource_busy[0].raw(), 4.0);
}

TEST(TaskGraph, AFailedLinkStallsWhatCrossesItAndIsReported) {
  TaskGraph g({BytesPerSecond(1.0), BytesPerSecond(1.0)});
  g.add_route(std::vector<std::uint32_t>{0});
  g.add_route(std::vector<std::uint32_t>{1});
  g.add_transfer(0, Bytes(4.0), Seconds());
  g.add_transfer(1, Bytes(4.0), Seconds());
  const auto after = g.add_delay(Seconds(1.0));
  g.add_dependency(after, 0);
  TaskRunner runner(g);
  const TaskRun dead = runner.run({{{Seconds(1.0), 0, BytesPerSecond(0.0)}}});
  EXPECT_EQ(raw(dead.finish), (std::vector<double>{infinity, 4.0, infinity}));
  ASSERT_EQ(dead.stalled.size(), 1u);
  EXPECT_EQ(dead.stalled[0].task, 0u);
  EXPECT_EQ(dead.stalled[0].bytes_left.raw(), 3.0);
  EXPECT_EQ(dead.never_started, 1u);
  EXPECT_EQ(dead.carried[0].raw(), 1.0);
  // It comes back, at half speed.
  const TaskRun back = runner.run(
      {{{Seconds(1.0), 0, BytesPerSecond(0.0)}, {Seconds(5.0), 0, BytesPerSecond(0.5)}}});
  EXPECT_EQ(raw(back.finish), (std::vector<double>{11.0, 4.0, 12.0}));
  EXPECT_TRUE(back.complete());
}

TEST(TaskGraph, ACycleNeverStartsAndDoesNotHang) {
  TaskGraph g = one_link();
  g.add_delay(Seconds(1.0));
  g.add_delay(Seconds(1.0));
  g.add_dependency(0, 1);
  g.add_dependency(1, 0);
  const TaskRun run = TaskRunner(g).run();
  EXPECT_EQ(run.never_started, 2u);
  EXPECT_FALSE(run.complete());
}

TEST(TaskGraph, NothingInTheWayTakesNoTime) {
  TaskGraph g({BytesPerSecond(infinity)});
  g.add_route(std::vector<std::uint32_t>{0});
  g.add_route(std::vector<std::uint32_t>{});
  g.add_route(std::vector<std::uint32_t>{}, {}, BytesPerSecond(2.0));
  for (std::uint32_t r = 0; r < 3; ++r) g.add_transfer(r, Bytes(4.0), Seconds(1.0));
  g.add_transfer(2, Bytes(8.0), Seconds(1.0));
  EXPECT_EQ(raw(TaskRunner(g).run().finish), (std::vector<double>{1.0, 1.0, 3.0, 5.0}));
}

TEST(TaskGraph, AResourceThatStandsTwiceInAWayCountsTwice) {
  TaskGraph g({BytesPerSecond(8.0), BytesPerSecond(100.0)});
  const std::vector<std::uint32_t> way = {0, 1, 0};
  g.add_transfer(g.add_route(way, std::vector<double>{1.0, 1.0, 0.5}), Bytes(16.0), Seconds());
  g.add_transfer(g.add_route(way), Bytes(16.0), Seconds(3.0));
  const TaskRun run = TaskRunner(g).run();
  EXPECT_DOUBLE_EQ(run.finish[0].raw(), 3.0);
  EXPECT_DOUBLE_EQ(run.finish[1].raw(), 7.0);
  EXPECT_DOUBLE_EQ(run.carried[0].raw(), 56.0);
}

// 992 transfers of different sizes between 32 hosts: a solve for each, or for each 0.1 % of time.
TEST(TaskGraph, EndsTogetherAreNearTheExactOnesAndFewer) {
  const FatTree tree({{8, 4}, {1, 8}});
  TaskGraph g(std::vector<BytesPerSecond>(tree.links(), BytesPerSecond(1e9)));
  for (std::uint32_t i = 0; i < 32; ++i) {
    for (std::uint32_t j = 0; j < 32; ++j) {
      if (i == j) continue;
      const double bytes = 1e6 * (1.0 + (7919 * (32 * i + j) % 1009) / 1009.0);
      g.add_transfer(g.add_route(tree.route(i, j)), Bytes(bytes), Seconds(1e-6));
    }
  }
  const TaskRun exact = TaskRunner(g).run();
  const TaskRun near = TaskRunner(g).run({}, 1e-3);
  EXPECT_LT(2 * near.solves, exact.solves);
  const double most = 1e-3 * (1.0 + std::log(31.0));
  for (std::size_t t = 0; t < g.tasks().size(); ++t)
    EXPECT_NEAR(near.finish[t] / exact.finish[t], 1.0, most) << t;
  for (std::size_t l = 0; l < near.carried.size(); ++l)
    EXPECT_NEAR(near.carried[l].raw(), exact.carried[l].raw(), 1e-3);
}

TEST(TaskGraph, ASeriesIsTheSumOfItsSteps) {
  const TaskGraph g = test::ring_step(8, Bytes(1e6));
  const Seconds one = TaskRunner(g).run().end;
  EXPECT_DOUBLE_EQ(series_time(std::vector<RepeatedStep>{{&g, 14}, {&g, 2}}).raw(), 16 * one.raw());
}

// The plain way: all rates again at every event, every transfer on its own.
RC_GTEST_PROP(TaskGraph, EqualsTheSimulationAsDefined, ()) {
  const TaskGraph g = test::random_graph();
  const std::vector<CapacityChange> changes = test::random_changes(g);
  const TaskRun run = TaskRunner(g).run(changes);
  const std::vector<double> expected = test::reference_finish(g, changes);
  for (std::size_t t = 0; t < expected.size(); ++t)
    RC_ASSERT(same_rate(run.finish[t].raw(), expected[t], 1e-9));
}

RC_GTEST_PROP(TaskGraph, CarriedBytesAreTheBytesOfTheRows, ()) {
  const TaskGraph g = test::random_graph();
  const TaskRun run = TaskRunner(g).run();
  std::vector<double> bytes(g.capacity().size(), 0.0);
  const OwnedProblem& rows = g.routes().rows();
  for (std::size_t t = 0; t < g.tasks().size(); ++t) {
    const TaskGraph::Task& task = g.tasks()[t];
    if (task.kind != TaskKind::transfer || run.finish[t].raw() == infinity) continue;
    for (std::uint32_t e = rows.begin[task.place]; e < rows.begin[task.place + 1]; ++e)
      bytes[rows.resource[e]] += rows.coefficient[e] * task.bytes.raw();
  }
  RC_PRE(run.stalled.empty());
  for (std::size_t l = 0; l < bytes.size(); ++l)
    RC_ASSERT(std::abs(bytes[l] - run.carried[l].raw()) <= 1e-9 * (bytes[l] + 1.0));
}

RC_GTEST_PROP(TaskGraph, AUsedRunnerAnswersAsANewOne, ()) {
  const TaskGraph g = test::random_graph();
  TaskRunner runner(g);
  runner.run(test::random_changes(g));
  RC_ASSERT(runner.run().finish == TaskRunner(g).run().finish);
}

}  // namespace
}  // namespace tightrope::netsim
