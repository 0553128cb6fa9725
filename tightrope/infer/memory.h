// What fits on a rank that serves: weights, activations, the engine's reserve, and the cache.
#pragma once

#include "tightrope/formula/iteration_times.h"
#include "tightrope/infer/pricing.h"

namespace tightrope::infer {

/// Device memory of the fullest rank.
struct ServingMemory {
  Bytes device{};  ///< what the rank has
  Bytes weights{};
  Bytes activations{};  ///< of the largest iteration
  Bytes reserve{};      ///< engine, graphs, links; and what it leaves unused
  Bytes cache{};        ///< what is left for keys and values; below 0 nothing runs
  Bytes token{};        ///< keys and values of one token, on this rank
  Bytes sequence{};     ///< state of one sequence, on this rank (state-space layers)
  double tokens = 0;    ///< that fit over the whole replica, all sequences together
  [[nodiscard]] bool fits() const { return cache.raw() > 0; }
};

/// `iteration_tokens`: the most tokens one iteration schedules.
[[nodiscard]] ServingMemory serving_memory(const Context& context, const Deployment& deployment,
                                           double iteration_tokens);

/// Why a deployment cannot run, whatever the memory: heads or experts that do not divide, more
/// ranks than a scale-up domain serves with this engine; empty when it can.
[[nodiscard]] std::string why_not(const Context& context, const Deployment& deployment);

/// The replica as a scheduler sees it. Rent is left 0: the caller's.
[[nodiscard]] formula::ReplicaLimits replica_limits(const Context& context,
                                                    const Deployment& deployment,
                                                    const ServingMemory& memory);

}  // namespace tightrope::infer
