#include "tightrope/formula/iteration_times.h"

#include <algorithm>
#include <cmath>

namespace tightrope::formula {
namespace {

IterationCost entry(const std::vector<IterationCost>& table, std::int64_t at) {
  const auto last = static_cast<std::int64_t>(table.size()) - 1;
  if (at <= last) return table[static_cast<std::size_t>(std::max<std::int64_t>(at, 0))];
  const IterationCost end = table.back(), before = table[table.size() - 2];
  const IterationCost slope{end.time - before.time, end.energy - before.energy};
  return end + slope * (at - last);
}

}  // namespace

IterationCost IterationTimes::cost(const IterationWork& w) const noexcept {
  IterationCost c = entry(by_tokens, w.tokens) + entry(by_yields, w.yields);
  if (w.fullest > 0 && !by_group.empty()) {
    const std::int64_t share = (w.tokens + groups - 1) / groups;
    if (w.fullest > share) c += entry(by_group, w.fullest) + entry(by_group, share) * -1;
  }
  c += decode * w.decodes;
  c += decode_key * w.decode_keys;
  c += decode_window_key * w.decode_window_keys;
  c += prefill_score * w.prefill_scores;
  c += prefill_window_score * w.prefill_window_scores;
  if (w.prefills > 0 && host_first) {
    c += prefill;
  } else if (w.prefills > 0 && c.time < prefill.time) {
    const double waited = static_cast<double>(prefill.time - c.time);
    c.energy += std::llround(static_cast<double>(prefill.energy) * waited /
                             static_cast<double>(prefill.time));
    c.time = prefill.time;
  }
  return c;
}

}  // namespace tightrope::formula
