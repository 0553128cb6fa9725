#include "tightrope/formula/iteration_times.h"

#include <gtest/gtest.h>

namespace tightrope::formula {
namespace {

IterationTimes some_times() {
  IterationTimes t;
  t.by_tokens = {{0, 0}, {100, 10}, {104, 12}, {110, 15}};
  t.by_yields = {{0, 0}, {7, 1}};
  t.decode = {3, 1};
  t.decode_key = {2, 1};
  t.decode_window_key = {1, 0};
  t.prefill = {5, 2};
  t.prefill_score = {1, 1};
  t.prefill_window_score = {1, 0};
  t.window = 128;
  return t;
}

TEST(IterationTimes, Laws) {
  const IterationTimes t = some_times();
  // Nothing to do costs nothing.
  EXPECT_EQ(t.cost({}), IterationCost{});
  // Every count adds its own cost, and only that.
  IterationWork w{.tokens = 2, .yields = 1, .decodes = 1, .decode_keys = 10};
  const IterationCost base = t.cost(w);
  EXPECT_EQ(base, (IterationCost{104 + 7 + 3 + 20, 12 + 1 + 1 + 10}));
  w.decode_keys += 4;
  EXPECT_EQ(t.cost(w), base + t.decode_key * 4);
  // An iteration that prefills takes what its host needs, however many prompts it carries, or what
  // its device does, whichever is longer: they work at the same time.
  const IterationWork one{.prefills = 1}, three{.prefills = 3};
  EXPECT_EQ(t.cost(one), t.prefill);
  EXPECT_EQ(t.cost(three), t.prefill);
  IterationWork device = w, both = w;
  both.prefills = 1;
  EXPECT_EQ(t.cost(both), t.cost(device));
  // While it waits for the host it draws a share of what waiting all the time does.
  const IterationWork little{.prefills = 1, .prefill_scores = 1};
  EXPECT_EQ(t.cost(little).time, t.prefill.time);
  EXPECT_EQ(t.cost(little).energy, t.prefill_score.energy + 2);
  // Groups wait for the fullest: what it has beyond its share of the tokens is paid for, once.
  IterationTimes split = t;
  split.groups = 2;
  split.by_group = {{50, 5}, {50, 5}, {60, 6}, {80, 8}};
  IterationWork apart{.tokens = 3, .fullest = 2};
  EXPECT_EQ(split.cost(apart), t.cost({.tokens = 3})) << "two and one are as even as can be";
  apart.fullest = 3;
  EXPECT_EQ(split.cost(apart), (IterationCost{110 + 80 - 60, 15 + 8 - 6}));
  EXPECT_EQ(t.cost(apart), t.cost({.tokens = 3})) << "one group has all";
  // Beyond a table its last difference goes on.
  const IterationWork far{.tokens = 5};
  EXPECT_EQ(t.cost(far), (IterationCost{110 + 2 * 6, 15 + 2 * 3}));
  const IterationWork many{.yields = 3};
  EXPECT_EQ(t.cost(many).time, 7 + 2 * 7);
}

}  // namespace
}  // namespace tightrope::formula
