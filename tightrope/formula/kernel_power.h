// What a chip draws while it runs kernels of one class or another.
#pragma once

#include <algorithm>

#include "tightrope/core/dtype.h"
#include "tightrope/core/units.h"

namespace tightrope::formula {

/// Shares of a chip's power limit, 0..1 but for `math`, which a limit may cut off.
struct KernelPower {
  double waiting = 0.25;    ///< drawn while nothing is computed or moved
  PerDType<double> math{};  ///< added while products run at the nameplate's peak of their format
  double memory = 0.5;      ///< added while HBM moves bytes at its nameplate
  double cap = 1.0;         ///< the most that is drawn
  double spread = 0.2;      ///< standard deviation of log(predicted / measured) between tables
};

/// How a kernel uses the chip: shares of the nameplate, 0..1.
struct KernelUse {
  DType dtype = DType::bf16;
  double math = 0, memory = 0;
};

/// What: share of its power limit that a chip draws during a kernel beyond what it draws waiting.
/// Formula: min(cap, waiting + math_f u_math + memory u_memory) - waiting
/// Source: energy per operation and per byte above a static draw; fitted to metered products
///   (kernels/gemm_power.csv), calibration/kernels.toml
/// Valid: 0 <= u <= 1; communication and hosts' work draw what waiting does: not metered.
/// Checked by: KernelPowers.Laws
[[nodiscard]] constexpr double dynamic_share(const KernelPower& p, const KernelUse& use) noexcept {
  const double asked = p.math[use.dtype] * use.math + p.memory * use.memory;
  return std::max(0.0, std::min(p.cap - p.waiting, asked));
}

}  // namespace tightrope::formula
