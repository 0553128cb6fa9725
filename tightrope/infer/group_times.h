// What attention groups that do not share a prompt cost a scheduler.
#pragma once

#include "tightrope/formula/iteration_times.h"
#include "tightrope/infer/pricing.h"

namespace tightrope::infer {

/// Tells `times` of the deployment's attention groups (dp), if there are several: how much longer
/// an iteration takes in which one of them has more tokens than its even share, as
/// Pricing::tokens_apart has it. `max_tokens` >= 2: the most of one group that are tabulated.
void add_group_times(const Pricing& pricing, int max_tokens, formula::IterationTimes& times);

}  // namespace tightrope::infer
