// Break-even of two systems with the doubt about both speeds.
#pragma once

#include <vector>

#include "tightrope/procure/answers.h"
#include "tightrope/procure_study/resolve.h"

namespace tightrope::procure_study {

/// What the planners' 90 % bands make of a break-even. The two bands are taken as independent: the
/// ratio of the speeds lies within `ratio_low` and `ratio_high` of the planners', in logarithms the
/// root of the sum of squares.
struct SureBreakEven {
  procure::BreakEven at;                    ///< by the planners' speeds
  double ratio_low = 1, ratio_high = 1;     ///< factors on the ratio challenger / incumbent
  Dollars price_low = {}, price_high = {};  ///< break-even prices there
  bool sure = false;                        ///< the same one is cheaper at both ends
};

/// One row a workload. Errors: usage, for a system that cannot be bought: it has no price to
/// compare.
[[nodiscard]] Result<std::vector<SureBreakEven>> sure_break_even(
    const Resolved& study, const procure::BreakEvenQuestion& question);

}  // namespace tightrope::procure_study
