#include "tightrope/core/result.h"

#include <gtest/gtest.h>

namespace tightrope {
namespace {

Result<int> positive(int value) {
  if (value > 0) return value;
  return fail(ErrorCode::range, "must be above 0", {"plan.toml", 3, 7}, "give a count");
}

Result<void> no_more_than(int value, int limit) {
  if (value <= limit) return {};
  return fail(ErrorCode::range, "too large");
}

Result<int> sum_of_positives(int a, int b) {
  TR_TRY(const int x, positive(a));
  TR_TRY(const int y, positive(b));
  TR_TRY_VOID(no_more_than(x + y, 10));
  return x + y;
}

TEST(Result, TryBindsValuesAndReturnsTheFirstError) {
  EXPECT_EQ(sum_of_positives(2, 3).value(), 5);
  EXPECT_EQ(sum_of_positives(2, -3).error().code, ErrorCode::range);
  EXPECT_EQ(sum_of_positives(8, 3).error().what, "too large");
}

TEST(Result, ErrorsReadAsFileLineColumnAndHint) {
  EXPECT_EQ(to_string(positive(0).error()), "plan.toml:3:7: must be above 0\n  hint: give a count");
  EXPECT_EQ(to_string(Error{ErrorCode::io, "disk full", {"a.csv", 4, 0}, ""}),
            "a.csv:4: disk full");
  EXPECT_EQ(to_string(Error{ErrorCode::usage, "no command", {}, ""}), "no command");
}

TEST(Result, CodesPrintAsTheyAreSpelled) {
  EXPECT_STREQ(to_string(ErrorCode::unknown_key), "unknown_key");
  EXPECT_STREQ(to_string(ErrorCode::not_found), "not_found");
}

}  // namespace
}  // namespace tightrope
