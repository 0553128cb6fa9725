// How much of a transfer stays visible when it runs beside compute.
#pragma once

#include <algorithm>

#include "tightrope/core/units.h"

namespace tightrope::formula {

struct Overlap {
  Seconds transfer{};     ///< the transfer alone
  Seconds window{};       ///< compute it may run beside
  double quality = 1.0;   ///< share of the window that can really be used, 0..1
  double slowdown = 0.0;  ///< time the compute loses per second of hidden transfer (SMs, HBM), 0..1
};

struct Exposure {
  Seconds exposed{};  ///< adds to the critical path, slowdown of the compute included
  Seconds hidden{};   ///< runs beside compute
};

/// What: the part of a transfer that adds to the critical path when it runs beside compute.
/// Formula: hidden = min(T, quality W); exposed = T - hidden + slowdown hidden
/// Source: Isaev et al. 2023 (Calculon), overlap with processor usage, restated
/// Valid: T, W >= 0; 0 <= quality, slowdown <= 1
/// Checked by: Overlap.Laws
[[nodiscard]] constexpr Exposure expose(const Overlap& overlap) noexcept {
  Exposure out;
  out.hidden = min(overlap.transfer, overlap.quality * overlap.window);
  out.exposed = overlap.transfer - out.hidden + overlap.slowdown * out.hidden;
  return out;
}

}  // namespace tightrope::formula
