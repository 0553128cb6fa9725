#include "tightrope/core/check.h"

#include <gtest/gtest.h>

namespace tightrope {
namespace {

int halved(int even) {
  TR_CHECK(even % 2 == 0, even, std::string_view("an odd number"));
  return even / 2;
}

TEST(Check, IsSilentWhenItHolds) { EXPECT_EQ(halved(4), 2); }

TEST(CheckDeathTest, PrintsConditionPlaceAndValuesInEveryBuild) {
  EXPECT_DEATH(static_cast<void>(halved(3)),
               "check_test.cpp:[0-9]+: broken check: even % 2 == 0\n"
               "  value: 3\n  value: \"an odd number\"\nThis is a bug in tightrope");
}

}  // namespace
}  // namespace tightrope
