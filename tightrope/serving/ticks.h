// Time as the simulator counts it: whole ticks, so that no order of adding changes an answer.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "tightrope/core/units.h"
#include "tightrope/formula/iteration_times.h"

namespace tightrope::serving {

using formula::EnergyTicks;
using formula::IterationCost;
using formula::Ticks;

/// Later than anything that happens.
inline constexpr Ticks never = std::numeric_limits<Ticks>::max();

/// Sums of ticks over millions of requests do not fit 64 bits.
__extension__ using WideTicks = __int128;

/// Exact down to the tick: 2^40 / 10^9 = 2^31 / 5^9.
[[nodiscard]] constexpr Ticks ticks_of_nanoseconds(std::int64_t count) {
  constexpr std::int64_t second = 1'000'000'000, five_to_ninth = 1'953'125;
  return (count / second << 40) + ((count % second) << 31) / five_to_ninth;
}

[[nodiscard]] inline Ticks ticks_of(Seconds time) {
  const double ticks = time.raw() * formula::ticks_per_second;
  return ticks >= static_cast<double>(never) ? never : static_cast<Ticks>(std::llround(ticks));
}

[[nodiscard]] constexpr Seconds seconds_of(Ticks ticks) {
  return Seconds(static_cast<double>(ticks) / formula::ticks_per_second);
}

[[nodiscard]] constexpr Seconds seconds_of_wide(WideTicks ticks) {
  return Seconds(static_cast<double>(ticks) / formula::ticks_per_second);
}

}  // namespace tightrope::serving
