// Which layers stand on which pipeline stage.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "tightrope/workload/model.h"

namespace tightrope::step {

inline constexpr int max_layer_kinds = 8;

/// Neighbouring stages with the same layers.
struct StageLayers {
  int first = 0;  ///< index of the run's first stage
  int count = 1;
  std::array<int, max_layer_kinds> layers{};  ///< by kind, all chunks of the stage together
  bool embedding = false, head = false;
  [[nodiscard]] int total() const {
    int sum = 0;
    for (int n : layers) sum += n;
    return sum;
  }
  friend bool operator==(const StageLayers&, const StageLayers&) = default;
};

struct StageRequest {
  int stages = 1, chunks = 1;
  int first_layers = 0, last_layers = 0;  ///< 0: chosen here
  bool crowded_end = false;  ///< set by spread_layers for models with prediction modules
};

/// Spreads the layers over stages * chunks places as evenly as they go; the last and then the first
/// place get one fewer, since they also hold the head and the embedding; with
/// multi-token-prediction modules the last place gives up all that the even share allows. nullopt
/// when some place in between would be empty, or the wished first and last do not leave an even
/// share for the others.
[[nodiscard]] std::optional<std::vector<StageLayers>> spread_layers(const workload::Model& model,
                                                                    const StageRequest& request);

}  // namespace tightrope::step
