// Runs Calculon beside us when a checkout of it is at hand, and shows what each tool makes of the
// other's best plan. None of its code is kept here; bench/search/calculon.py calls it.
#pragma once

#include <string>

#include "bench/search/cases.h"

namespace tightrope::bench {

/// CPU seconds of our search: with all bounds, and with each mapping that fits carried singly.
struct OurSeconds {
  double bounds = 0, singly = 0;
};

/// Prints Calculon's speed, its best plan, and both best plans in both models. `checkout` is the
/// folder of Calculon's repository. Errors: external for a run that fails.
[[nodiscard]] Result<int> run_beside_peer(const Case& which, const step::Context& context,
                                          const step::Estimate& best, const OurSeconds& ours,
                                          const std::string& checkout);

}  // namespace tightrope::bench
