// A planned step as Chakra execution traces, one a rank, so that other simulators can check ours.
#pragma once

#include <string>

#include "tightrope/chakra/trace.h"
#include "tightrope/network_study/simulate_step.h"
#include "tightrope/step/mapping.h"

namespace tightrope::network_study {

/// Ranks that traces are written for at most: a file each.
inline constexpr int most_chakra_ranks = 4096;

/// The trace of one rank: its pieces in order, each a chain of collectives and kernels, messages to
/// the neighbouring stages, parameters before and gradients after. Kernels are cut where a transfer
/// has run beside them for as long as it may, and what follows waits for it; repeated transfers are
/// one of the whole size.
[[nodiscard]] chakra::Trace chakra_trace(const netsim::StepProgram& program,
                                         const netsim::Layout& layout, int rank);

/// Writes PREFIX.RANK.et for every rank. Errors: io; unsupported beyond most_chakra_ranks.
[[nodiscard]] Result<void> write_chakra(const StepSimulation& simulation,
                                        const step::Mapping& mapping, const std::string& prefix);

}  // namespace tightrope::network_study
