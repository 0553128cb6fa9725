#include "tightrope/infer/group_times.h"

#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"

namespace tightrope::infer {

void add_group_times(const Pricing& pricing, int max_tokens, formula::IterationTimes& times) {
  TR_CHECK(max_tokens >= 2, max_tokens);
  const Deployment& d = pricing.deployment();
  times.groups = d.dp;
  if (d.dp < 2) return;
  // Experts see the tokens of all groups, everything else those of the fullest: the sum of a part
  // of each. With the first held still, the second is what differs.
  const double still = d.pp;
  const auto price = [&](int fullest) {
    const Spent s = pricing.tokens_apart(still, fullest);
    return formula::IterationCost{std::llround(s.time.raw() * formula::ticks_per_second),
                                  std::llround(pricing.energy(s).raw() * formula::ticks_per_joule)};
  };
  std::vector<formula::IterationCost>& out = times.by_group;
  out = {price(1), price(1)};
  constexpr int exact = 64;  // and knots beyond, as by_tokens has them
  for (int from = 1; from < max_tokens;) {
    const int to = std::min(max_tokens, from < exact ? from + 1 : from + from / 16);
    const formula::IterationCost start = out.back(), there = price(to);
    const formula::IterationCost end{std::max(start.time, there.time),
                                     std::max(start.energy, there.energy)};
    for (int i = from + 1; i <= to; ++i) {
      const std::int64_t n = i - from, of = to - from;
      out.push_back({start.time + (end.time - start.time) * n / of,
                     start.energy + (end.energy - start.energy) * n / of});
    }
    from = to;
  }
}

}  // namespace tightrope::infer
