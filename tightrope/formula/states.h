// Memory and traffic of weights, gradients and optimizer states.
#pragma once

#include "tightrope/core/units.h"

namespace tightrope::formula {

/// Bytes a parameter takes in each state, before sharding.
struct StateBytes {
  double weight = 2;      ///< working copy
  double gradient = 4;    ///< accumulation buffer
  double optimizer = 12;  ///< fp32 master copy and two Adam moments
};

struct StateShards {
  double parameters = 0;      ///< of this rank's tensor/expert/pipeline share, before data sharding
  double weight_ranks = 1;    ///< ranks that share the working copy (ZeRO-3), else 1
  double gradient_ranks = 1;  ///< ranks that share gradients (ZeRO-2, 3), else 1
  double optimizer_ranks = 1;  ///< ranks that share the optimizer (ZeRO-1, 2, 3), else 1
  StateBytes bytes{};
};

struct StateMemory {
  Bytes weights{}, gradients{}, optimizer{};
};

/// What: device memory of weights, gradients and optimizer states of one rank.
/// Formula: P (w / dw + g / dg + o / do)
/// Source: Rajbhandari et al. 2020 (ZeRO) section 3
/// Valid: parameters >= 0, ranks >= 1
/// Checked by: States.Laws
[[nodiscard]] constexpr StateMemory state_memory(const StateShards& s) noexcept {
  return {Bytes(s.parameters * s.bytes.weight / s.weight_ranks),
          Bytes(s.parameters * s.bytes.gradient / s.gradient_ranks),
          Bytes(s.parameters * s.bytes.optimizer / s.optimizer_ranks)};
}

/// What: HBM traffic of one Adam step on a rank's shard of the optimizer.
/// Formula: P/do (2 o + 2 g + w): states read and written, gradient read twice (norm, update),
///   working copy written
/// Source: derived from Adam (Kingma and Ba 2015) with global-norm clipping
/// Valid: parameters >= 0, ranks >= 1
/// Checked by: States.Laws
[[nodiscard]] constexpr Bytes optimizer_traffic(const StateShards& s) noexcept {
  return Bytes(s.parameters / s.optimizer_ranks *
               (2 * s.bytes.optimizer + 2 * s.bytes.gradient + s.bytes.weight));
}

}  // namespace tightrope::formula
