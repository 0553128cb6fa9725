#include "tightrope/formula/direct_reduce.h"

#include <limits>

namespace tightrope::formula {

DirectReduceTime direct_reduce(const DirectReduceCall& call,
                               const DirectReduceCoefficients& fitted) noexcept {
  if (call.ranks <= 1) return {};
  const double n = call.ranks;
  const double size = call.size.raw();
  const double rate = call.bandwidth.raw();
  const Seconds latency = fitted.latency + (n - 1.0) * fitted.rank_latency;
  if (!(rate > 0.0)) {
    return {.time = Seconds(std::numeric_limits<double>::infinity()), .latency = latency};
  }
  const Seconds one = latency + Seconds((n - 1.0) * size / (rate * fitted.one_shot_share));
  const Seconds two = latency + fitted.second_barrier +
                      Seconds(2.0 * (n - 1.0) / n * size / (rate * fitted.two_shot_share));
  if (one <= two) return {.time = one, .latency = latency};
  return {.time = two, .latency = latency + fitted.second_barrier, .two_shot = true};
}

}  // namespace tightrope::formula
