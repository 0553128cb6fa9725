// Charts by gnuplot, run as a program of its own.
#pragma once

#include <string>

#include "tightrope/core/result.h"

namespace tightrope::cli {

/// What gnuplot prints for a script. Errors: not_found when it is not installed or prints nothing,
/// io when the script cannot be handed over.
[[nodiscard]] Result<std::string> draw(const std::string& script);

}  // namespace tightrope::cli
