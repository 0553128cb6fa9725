#include "tightrope/formula/pipeline.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::formula {
namespace {

std::vector<StageRun> equal_stages(int p, double f, double b, double w = 0.0) {
  return {{StageTime{Seconds(f), Seconds(b), Seconds(w)}, p}};
}

TEST(Pipeline, ReplayEqualsClosedFormOnEqualStages) {
  for (int p : {1, 2, 4, 8}) {
    for (int v : {1, 2, 3}) {
      for (int rounds : {1, 2, 5}) {
        const auto stages = equal_stages(p, 1.0, 2.0);
        const int m = p * rounds;
        const auto replay = replay_pipeline({stages, v, m, Seconds(0.0)});
        const auto closed = uniform_pipeline({stages[0].time, p, v, m, Seconds(0.0)});
        EXPECT_NEAR(replay.time.raw(), closed.time.raw(), 1e-9) << p << " " << v << " " << m;
      }
    }
  }
}

TEST(Pipeline, BubbleOf1F1BIsTheTextbookOne) {
  const auto closed = uniform_pipeline({{Seconds(1.0), Seconds(2.0)}, 8, 1, 32, Seconds(0.0)});
  EXPECT_DOUBLE_EQ(closed.bubble.raw(), 7 * 3.0);
}

TEST(Pipeline, ZeroBubbleIsNeverSlowerThanOneFOneB) {
  for (int p : {2, 4, 8}) {
    const int m = 4 * p;
    const auto plain = replay_pipeline({equal_stages(p, 1.0, 2.0), 1, m, Seconds(0.0)});
    const auto split = replay_pipeline({equal_stages(p, 1.0, 1.0, 1.0), 1, m, Seconds(0.0)});
    EXPECT_LE(split.time.raw(), plain.time.raw() + 1e-9);
    EXPECT_GE(split.time.raw(), m * 3.0);
  }
}

RC_GTEST_PROP(Pipeline, BoundIsNeverAboveReplay, ()) {
  const int p = *rc::gen::inRange(1, 7);
  const int v = *rc::gen::inRange(1, 4);
  const int m = p * *rc::gen::inRange(1, 5);
  const bool split = *rc::gen::arbitrary<bool>();
  std::vector<StageRun> stages;
  for (int i = 0; i < p; ++i) {
    stages.push_back(
        {{Seconds(*rc::gen::inRange(1, 100) / 10.0), Seconds(*rc::gen::inRange(1, 100) / 10.0),
          Seconds(split ? *rc::gen::inRange(1, 50) / 10.0 : 0.0)},
         1});
  }
  const Seconds hop(*rc::gen::inRange(0, 10) / 100.0);
  const auto bound = pipeline_bound({stages, v, m, hop});
  const auto replay = replay_pipeline({stages, v, m, hop});
  RC_ASSERT(bound.time.raw() <= replay.time.raw() * (1 + 1e-12));
}

TEST(Pipeline, InFlightLaws) {
  // One stage holds one micro-batch; the first of p holds p; interleaving never holds less.
  EXPECT_DOUBLE_EQ(in_flight({1, 1, 8, 0}), 1.0);
  EXPECT_DOUBLE_EQ(in_flight({4, 1, 8, 0}), 4.0);
  EXPECT_DOUBLE_EQ(in_flight({4, 1, 8, 3}), 1.0);
  EXPECT_DOUBLE_EQ(in_flight({4, 1, 2, 0}), 2.0);
  EXPECT_GE(in_flight({4, 2, 8, 0}), in_flight({4, 1, 8, 0}));
  // 1 + (p-1)/(p v) times the plain one, on the first stage (Narayanan et al.).
  EXPECT_DOUBLE_EQ(in_flight({4, 2, 8, 0}), 4.0 * (1 + 3.0 / 8.0));
}

// With `events` every piece goes on a board; without, stages step together. The same last bit.
RC_GTEST_PROP(Pipeline, TheQuickReplayIsTheEventReplay, ()) {
  const int runs = *rc::gen::inRange(1, 5);
  const bool split = *rc::gen::arbitrary<bool>();
  std::vector<StageRun> stages;
  int p = 0;
  for (int i = 0; i < runs; ++i) {
    auto time = [] { return Seconds(1e-3 * *rc::gen::inRange(1, 1000)); };
    stages.push_back({{time(), time(), split ? time() : Seconds(0.0)}, *rc::gen::inRange(1, 5)});
    p += stages.back().count;
  }
  const int v = *rc::gen::inRange(1, 5);
  const int m = v > 1 ? p * *rc::gen::inRange(1, 6) : *rc::gen::inRange(1, 40);
  const Seconds hop(1e-4 * *rc::gen::inRange(0, 500));
  std::vector<PipelineEvent> events;
  const auto board = replay_pipeline({stages, v, m, hop}, &events);
  const auto quick = replay_pipeline({stages, v, m, hop});
  RC_ASSERT(quick.time == board.time);
  RC_ASSERT(quick.bubble == board.bubble);
  RC_ASSERT(events.size() == static_cast<std::size_t>(p * v * m * (split ? 3 : 2)));
}

}  // namespace
}  // namespace tightrope::formula
