#include <gtest/gtest.h>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"

namespace tightrope::procure {
namespace {

TEST(Procure, Buys_what_is_needed) {
  const auto a = optimize(tiny(2, 10.0));
  ASSERT_TRUE(a) << a.error().what;
  EXPECT_NEAR(a->objective, 10e3, 1e-6);
}

}  // namespace
}  // namespace tightrope::procure
