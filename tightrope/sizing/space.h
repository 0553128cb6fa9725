// The deployments worth pricing of a model on a system, and why others are not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tightrope/infer/memory.h"

namespace tightrope::sizing {

/// Values to enumerate; an empty list means powers of two and the domain's halves that divide.
struct Space {
  std::vector<int> tp, pp, dp, ep;
  /// Shares of the engine's own token budget that an iteration may schedule.
  std::vector<double> budget_shares{1.0, 0.5, 0.25, 0.125};
  double max_sequences = 1024;  ///< of a group of tp ranks, at one time
  int max_chips = 0;            ///< of a worker; 0: four scale-up domains up to 64 chips, else one
};

/// Why deployments were not priced, and how many.
using Refusals = std::map<std::string, std::uint64_t>;

/// Deployments on whole chips, tp x dp within a scale-up domain and pipeline stages beyond it, in
/// order of ranks, tp, dp, ep. Each refused one is counted under its reason.
[[nodiscard]] std::vector<infer::Deployment> deployments(const infer::Context& context,
                                                         const Space& space, Refusals& refused);

}  // namespace tightrope::sizing
