// Options of `simulate serving` as a request to the desk.
#pragma once

#include "tightrope/cli/simulate_command.h"
#include "tightrope/serving_study/simulate.h"

namespace tightrope::cli {

/// Errors: usage for options that are missing or contradict, those of the files.
[[nodiscard]] Result<serving_study::SimulateRequest> simulate_request(
    const SimulateServingOptions& options);

}  // namespace tightrope::cli
