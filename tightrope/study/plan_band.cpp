// How far the step time may be off.
#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/study/plan_internal.h"

namespace tightrope::study::plan_internal {
namespace {

// Chips with published training measurements, on which the model's error was seen.
constexpr std::array<std::string_view, 14> measured = {
    "a100-40gb", "a100-80gb", "h100",    "h100-hbm2e", "b200",  "gb200",  "gb300",
    "trainium1", "tpu-v4",    "tpu-v5e", "tpu-v6e",    "tpu7x", "mi300x", "mi325x"};

// Judgement, not fitted: what each missing proof adds to the bands' half-widths.
constexpr double unmeasured_widening = 1.5;
constexpr double borrowed_widening = 1.5;

struct Spread {
  double faster = 1, slower = 1;  // factors from the catalog's range of a fact
};

template <class Q>
void widen(const catalog::Fact<Q>& fact, Spread& spread) {
  if (!fact.known || !(fact.low > Q(0.0))) return;
  spread.faster = std::max(spread.faster, fact.high / fact.value);
  spread.slower = std::max(spread.slower, fact.value / fact.low);
}

}  // namespace

Band error_band(const step::Context& context, Seconds step_time) {
  Band band;
  double widening = 1;
  if (std::ranges::find(measured, context.chip.name) == measured.end()) {
    widening *= unmeasured_widening;
    band.reasons.push_back("no published training measurement of " + context.chip.title);
  }
  if (!context.borrowed_from.empty()) {
    widening *= borrowed_widening;
    band.reasons.push_back("kernel coefficients borrowed from " + context.borrowed_from);
  }
  Spread spread;
  widen(context.chip.peak[context.recipe.product], spread);
  widen(context.chip.hbm_bandwidth, spread);
  if (spread.faster > 1 || spread.slower > 1) {
    band.reasons.push_back(fmt::format("the chip's speed is known to -{:.0f} %/+{:.0f} % only",
                                       100 * (1 - 1 / spread.slower), 100 * (spread.faster - 1)));
  }
  const step::Habits& habits = context.tuning.habits;
  const double half50 = 1 + widening * habits.band50, half90 = 1 + widening * habits.band90;
  band.low50 = step_time / (half50 * spread.faster);
  band.high50 = step_time * (half50 * spread.slower);
  band.low90 = step_time / (half90 * spread.faster);
  band.high90 = step_time * (half90 * spread.slower);
  return band;
}

}  // namespace tightrope::study::plan_internal
