// Solving a test's scenario, or failing the test.
#pragma once

#include <gtest/gtest.h>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"

namespace tightrope::procure {

/// The optimum of a scenario that must have one (or a conflict); a failed test where it cannot be
/// asked at all.
inline Answer solved(const Scenario& s, const Options& options = {.gap = 1e-7}) {
  Result<Answer> a = optimize(s, tested(options));
  EXPECT_TRUE(a.has_value()) << (a ? "" : a.error().what);
  return a ? *a : Answer{};
}

}  // namespace tightrope::procure
