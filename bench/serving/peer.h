// Runs BLIS, Vidur and splitwise-sim beside us where a checkout is at hand, on the same requests,
// rules and costs of an iteration. None of their code is kept here; scripts beside this call it.
#pragma once

#include "tightrope/core/result.h"
#include "tightrope/traffic/request.h"

namespace tightrope::bench {

/// Asks each peer whose checkout BLIS, VIDUR or SPLITWISE names (environment), and us, for the
/// trace's first requests on one replica, compares the answers, and prints the speed of each; who
/// has no checkout is said to be left out. PYTHON: the interpreter for its script. Errors: io for a
/// run that fails; conflict when answers differ by more than the tolerance: no time is printed.
[[nodiscard]] Result<void> run_beside_peers(const traffic::Trace& trace);

}  // namespace tightrope::bench
