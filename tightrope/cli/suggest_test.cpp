#include "tightrope/cli/suggest.h"

#include <gtest/gtest.h>

namespace tightrope::cli {
namespace {

TEST(Suggest, FindsTheWordOneSlipAway) {
  const std::vector<std::string> commands = {"catalog", "explain", "plan", "validate"};
  EXPECT_EQ(nearest("plam", commands), "plan");
  EXPECT_EQ(nearest("catlog", commands), "catalog");
  EXPECT_EQ(nearest("valdiate", commands), "validate");
}

TEST(Suggest, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest("serve", {"catalog", "plan"}), "");
  EXPECT_EQ(nearest("x", {}), "");
}

TEST(Suggest, PrefersTheFirstAmongEquals) { EXPECT_EQ(nearest("--tq", {"--tp", "--tk"}), "--tp"); }

}  // namespace
}  // namespace tightrope::cli
