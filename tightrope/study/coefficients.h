// The fitted coefficients a command works with: those in the binary, or a user's own.
#pragma once

#include <memory>
#include <string>

#include "tightrope/formula/calibration.h"
#include "tightrope/step/tuning.h"

namespace tightrope::study {

struct Coefficients {
  formula::Calibration kernels;
  step::TuningTable tuning;
  std::string hash;  ///< FNV-1a 64 over their files, as 16 hex digits
};

/// The ones inside the binary.
[[nodiscard]] const Coefficients& embedded_coefficients();

/// A training calibration (a .toml file; kernels stay those of the binary), or a folder with
/// kernels.toml, training.toml or both. Errors: not_found, syntax, type, unknown_key, range.
[[nodiscard]] Result<std::shared_ptr<const Coefficients>> read_coefficients(
    const std::string& path);

/// `own` where there is one, else those inside the binary.
[[nodiscard]] const Coefficients& coefficients_or_embedded(
    const std::shared_ptr<const Coefficients>& own);

}  // namespace tightrope::study
