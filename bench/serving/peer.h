// Runs BLIS beside us when a checkout of it is at hand, on the same requests, rules and costs of an
// iteration. None of its code is kept here; bench/serving/blis.py calls it.
#pragma once

#include <string>

#include "tightrope/core/result.h"
#include "tightrope/traffic/request.h"

namespace tightrope::bench {

/// Asks both for the trace's first requests on one replica, compares the answers, and prints the
/// speed of each. `checkout`: BLIS's repository with its program. Errors: io for a run that fails;
/// conflict when the answers differ by more than the tolerance, in which case no time is printed.
[[nodiscard]] Result<void> run_beside_peer(const traffic::Trace& trace,
                                           const std::string& checkout);

}  // namespace tightrope::bench
