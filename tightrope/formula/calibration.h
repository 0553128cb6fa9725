// Fitted coefficients and how a chip or system gets its own, or borrows them from its kin.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/catalog/catalog.h"
#include "tightrope/formula/collectives.h"
#include "tightrope/formula/kernels.h"

namespace tightrope::formula {

/// All fitted coefficients, as read from calibration/*.toml.
class Calibration;

/// The calibration inside the binary.
[[nodiscard]] const Calibration& embedded_calibration();

/// A rank's kernels: the chip's own coefficients, else those of its architecture, else of its kind.
/// `borrowed_from` (may be null) receives whose they are when not its own, empty otherwise.
[[nodiscard]] RankKernels rank_kernels(const catalog::Chip& chip, const Calibration& calibration,
                                       std::string* borrowed_from = nullptr);

/// A system's links, likewise.
[[nodiscard]] FabricModel fabric_model(const catalog::System& system, const catalog::Chip& chip,
                                       const Calibration& calibration);

}  // namespace tightrope::formula
