#include "tightrope/formula/exchange.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tightrope/formula/routing.h"

namespace tightrope::formula {

ExchangeTime exchange(const ExchangeCall& call, const ExchangeCoefficients& fitted) noexcept {
  const double n = std::max(1, call.ranks);
  const double copies =
      call.copy_an_expert
          ? call.experts_per_token
          : places_of_token(
                {.places = n, .experts_per_token = std::max(1.0, 1.0 * call.experts_per_token)});
  ExchangeTime out;
  out.latency = fitted.latency + (call.experts / n) * fitted.expert_latency;
  out.traffic = call.tokens * copies * call.copy;
  const double units = std::max(1, call.compute_units);
  const double handling = call.tokens * (fitted.token.raw() + copies * fitted.message.raw());
  const double rate = fitted.copy_rate.raw();
  const double moving = rate > 0.0 ? out.traffic.raw() / rate : 0.0;
  out.copying = Seconds((moving + handling) / units);
  const double away = out.traffic.raw() * (n - 1.0) / n;
  const double link = call.bandwidth.raw() * fitted.share;
  if (away > 0.0) {
    out.wire = Seconds(link > 0.0 ? away / link : std::numeric_limits<double>::infinity());
  }
  // Both at once; where they take equally long, a fifth is lost (2^(1/4)).
  const double most = std::max(out.copying.raw(), out.wire.raw());
  const double least = std::min(out.copying.raw(), out.wire.raw());
  const double ratio = most > 0.0 && std::isfinite(most) ? least / most : 0.0;
  const double both = most * std::sqrt(std::sqrt(1.0 + ratio * ratio * ratio * ratio));
  out.time = out.latency + Seconds(both);
  return out;
}

}  // namespace tightrope::formula
