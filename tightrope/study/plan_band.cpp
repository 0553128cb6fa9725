// How far the step time of a plan may be off.
#include "tightrope/study/error_band.h"
#include "tightrope/study/plan_internal.h"

namespace tightrope::study::plan_internal {

Band error_band(const step::Context& context, Seconds step_time) {
  ErrorFactors factors = error_factors(context, "");
  Band band;
  band.low50 = step_time * factors.low50;
  band.high50 = step_time * factors.high50;
  band.low90 = step_time * factors.low90;
  band.high90 = step_time * factors.high90;
  band.reasons = std::move(factors.reasons);
  return band;
}

}  // namespace tightrope::study::plan_internal
