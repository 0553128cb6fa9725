// The runner's own laws: what it takes for equal, and what it keeps when it rewrites.
#include <gtest/gtest.h>

#include "tests/golden/session.h"

namespace tightrope::golden {
namespace {

using Lines = std::vector<std::string>;

TEST(GoldenLine, IsExactUnlessMarked) {
  EXPECT_TRUE(matches("12.3 s", "12.3 s", 0.01));
  EXPECT_FALSE(matches("12.3 s", "12.4 s", 0.01));
  EXPECT_FALSE(matches("12.3 s", "12.3  s", 0.01));
}

TEST(GoldenLine, ToleratesMarkedNumbers) {
  EXPECT_TRUE(matches("~12.3 s", "12.4 s", 0.01));
  EXPECT_FALSE(matches("~12.3 s", "12.6 s", 0.01));
  EXPECT_FALSE(matches("~12.3 s", "12.4 ms", 0.01));
  EXPECT_TRUE(matches("cost ~1,234,567 USD (~5%)", "cost 1,230,000 USD (5%)", 0.01));
  EXPECT_TRUE(matches("bias ~-3.0", "bias -3.01", 0.01));
  EXPECT_FALSE(matches("bias ~-3.0", "bias 3.0", 0.01));
  EXPECT_TRUE(matches("~1.2e9 x", "1.2e+9 x", 0.01));
  EXPECT_FALSE(matches("~12 s", "none s", 0.01));
}

TEST(GoldenLine, LetsColumnsMoveOnlyWhereNumbersMay) {
  EXPECT_TRUE(matches("| ~9.99 s  | tp 8 |", "| 10.01 s | tp 8 |", 0.01));
  EXPECT_FALSE(matches("| 9.99 s  | tp 8 |", "| 9.99 s | tp 8 |", 0.01));
}

TEST(GoldenLine, SkipsWhatAStarStandsFor) {
  EXPECT_TRUE(matches("compiler <*>", "compiler g++ 12.2.0", 0.01));
  EXPECT_TRUE(matches("in <*> ms, ~3 rows", "in 1.5 ms, 3 rows", 0.01));
  EXPECT_FALSE(matches("compiler <*>!", "compiler g++", 0.01));
}

TEST(GoldenLines, LetDotsStandForAnyNumberOfLines) {
  EXPECT_TRUE(matches(Lines{"a", "...", "z"}, Lines{"a", "z"}, 0.01));
  EXPECT_TRUE(matches(Lines{"a", "...", "z"}, Lines{"a", "b", "z", "z"}, 0.01));
  EXPECT_FALSE(matches(Lines{"a", "...", "z"}, Lines{"a", "b"}, 0.01));
  EXPECT_FALSE(matches(Lines{"a"}, Lines{"a", "b"}, 0.01));
  EXPECT_FALSE(matches(Lines{"a", "b"}, Lines{"a"}, 0.01));
}

TEST(GoldenSession, SurvivesReadingAndWriting) {
  const std::string text =
      "# What it shows.\n# tolerance: 5%\n$ tightrope plan x\nfirst\n\nsecond\n\n"
      "$ tightrope plam\n--- stderr\nunknown\n--- exit 2\n";
  const Session session = parse_session(text);
  ASSERT_EQ(session.steps.size(), 2u);
  EXPECT_DOUBLE_EQ(session.tolerance, 0.05);
  EXPECT_EQ(session.steps[0].expected, (Output{{"first", "", "second"}, {}, 0}));
  EXPECT_EQ(session.steps[1].expected, (Output{{}, {"unknown"}, 2}));
  EXPECT_EQ(session.steps[1].line, 8);
  EXPECT_EQ(to_text(session), text);
}

TEST(GoldenRewrite, KeepsMarksAndWhatStillMatches) {
  EXPECT_EQ(merge({"t ~1.0 s", "...", "end"}, {"t 1.0 s", "x", "end"}, 0.01),
            (Lines{"t ~1.0 s", "...", "end"}));
  EXPECT_EQ(merge({"t ~1.0 s", "n 3"}, {"t 2.0 s", "n 4", "more"}, 0.01),
            (Lines{"t ~2.0 s", "n 4", "more"}));
  EXPECT_EQ(merge({"band ~1.0-~2.0 x8"}, {"band 3.5-14.5 x8"}, 0.01), Lines{"band ~3.5-~14.5 x8"});
  EXPECT_EQ(merge({"band 1.0-~2.0"}, {"band 3.5-14.5"}, 0.01), Lines{"band 3.5-~14.5"});
  EXPECT_EQ(merge({"cost ~5 USD"}, {"cost 12 USD in all"}, 0.01), Lines{"cost 12 USD in all"});
}

}  // namespace
}  // namespace tightrope::golden
