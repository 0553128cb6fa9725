#include "tightrope/formula/expert_load.h"

#include <algorithm>
#include <cmath>

namespace tightrope::formula {
namespace {

// Mean and mean square of (i - 1/2)^(-a) over i = 1..n: the first two terms, then the integral.
struct Moments {
  double mean, square;
};

Moments popularity(double n, double a) noexcept {
  constexpr double head = 2.0;
  const auto sum = [n](double power) {
    const double first = std::pow(0.5, -power) + std::pow(1.5, -power);
    const double rest =
        std::fabs(power - 1.0) < 1e-9
            ? std::log(n / head)
            : (std::pow(n, 1.0 - power) - std::pow(head, 1.0 - power)) / (1.0 - power);
    return first + std::max(0.0, rest);
  };
  return {sum(a) / n, sum(2.0 * a) / n};
}

/// Mean of the largest of n standard normal variables: Blom's score, with the quantile of the
/// normal law by Tukey's lambda. Within 0.03 of the exact one (0.564 of 2, 1.424 of 8, 2.344 of
/// 64).
double largest_of(double n) noexcept {
  const double p = (n - 0.375) / (n + 0.25);
  return 4.91 * (std::pow(p, 0.14) - std::pow(1.0 - p, 0.14));
}

}  // namespace

ExpertSpread expert_spread(const ExpertLoad& load) noexcept {
  const double slots = std::max(load.experts, load.slots), places = slots / load.ranks;
  ExpertSpread out{.active = 0.0, .busiest = 1.0, .held = std::ceil(places), .read = 0.0};
  if (!(load.tokens > 0.0)) return out;
  constexpr double skew_scale = 0.25;
  constexpr int buckets = 8;
  const double a = load.skew * skew_scale;
  const Moments m = popularity(load.experts, a);
  const Moments spread = popularity(load.experts, load.rank_skew * skew_scale);
  // Experts in buckets of like popularity: cheap, and smooth in all arguments.
  for (int b = 0; b < buckets; ++b) {
    const double rank = load.experts * (b + 0.5) / buckets;
    const double p = std::min(
        1.0, load.experts_per_token / load.experts * std::pow(std::max(rank, 0.5), -a) / m.mean);
    out.active +=
        load.experts / buckets * -std::expm1(load.tokens * std::log1p(-std::min(p, 0.999999)));
  }
  out.active = std::clamp(out.active, std::min(load.experts, load.experts_per_token), load.experts);
  if (load.ranks > 1.0) {
    const double popular = std::max(0.0, spread.square / (spread.mean * spread.mean) - 1.0) / places;
    const double uneven = load.balanced ? 0.0 : popular;
    const double chance = load.ranks / (load.tokens * load.experts_per_token);
    // All ranks together hold every expert, and get every token, once.
    const double whole = 1.0 - 1.0 / load.ranks;
    out.busiest = 1.0 + std::sqrt((uneven + chance) * whole) * largest_of(load.ranks);
    // Where places do not divide, some ranks hold one more than others.
    out.busiest = std::min(out.busiest * out.held / places, load.ranks);
  }
  out.read = std::clamp(out.active / load.experts * out.held, 1.0, out.held);
  return out;
}

}  // namespace tightrope::formula
