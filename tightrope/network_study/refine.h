// Plans ranked again by what their steps take on the wires.
#pragma once

#include "tightrope/study/plan.h"

namespace tightrope::network_study {

/// Simulates the first `most` plans of a result, gives them the simulated step time with everything
/// that follows from it (duration, cost, energy, band), says so in their notes, and orders them
/// anew by the request's goal among themselves. A plan whose system has no known network keeps the
/// closed form's time, and its notes say why. Plans that are then late or over budget stay, with a
/// note. Errors: none of its own; those of plan_context.
[[nodiscard]] Result<void> refine(study::PlanResult& result, const study::PlanRequest& request,
                                  const catalog::Catalog& catalog, int most);

}  // namespace tightrope::network_study
