// A winner once more without tables: what is reported is what closed_loop says.
#include <algorithm>
#include <cmath>

#include "tightrope/sizing/percentile.h"
#include "tightrope/sizing/replica_internal.h"

namespace tightrope::sizing::survey_internal {
namespace {

class Exact {
 public:
  Exact(const Offer& offer, const Settings& settings, const Fleet& fleet)
      : offer_(offer), settings_(settings), pricing_(*offer.context, fleet.pool.deployment) {
    const double whole = offer.context->engine.token_budget * fleet.pool.deployment.dp;
    room_ =
        room_of(*offer.context, fleet.pool.deployment, settings, fleet.pool.token_budget / whole);
  }

  [[nodiscard]] infer::Steady at(double concurrency) const {
    return infer::closed_loop(pricing_, load_at(settings_.demand, std::max(1.0, concurrency)),
                              room_.limits);
  }

  // Fills in what one replica does at a concurrency; true when that keeps the limits.
  bool fill(Fleet& f, double concurrency) const {
    const double busy = std::max(1.0, concurrency);
    const infer::Steady s = at(busy);
    const double full = fullness(busy, settings_.limits.percentile);
    f.mean = {s.ttft, s.tpot, s.e2e};
    f.high = high_latency(s, at(std::min(full, room_.sequences)).tpot, *offer_.context,
                          settings_.demand, settings_.limits);
    f.concurrency = concurrency;
    f.prefill_share = s.prefill_share;
    if (concurrency >= 1) f.request_energy = s.request_energy;
    f.rate = s.request_rate;
    return tightest(f.high, settings_.limits).share <= 1;
  }

  // The concurrency at which a replica serves `request_rate`, up to `most`.
  [[nodiscard]] double concurrency_for(double request_rate, double most) const {
    double low = 1, high = most;
    if (high <= 1 || at(1).request_rate >= request_rate) return 1;
    constexpr int rounds = 12;
    for (int i = 0; i < rounds; ++i) {
      const double middle = 0.5 * (low + high);
      (at(middle).request_rate < request_rate ? low : high) = middle;
    }
    return high;
  }

  [[nodiscard]] double most() const { return room_.sequences; }

 private:
  const Offer& offer_;
  const Settings& settings_;
  infer::Pricing pricing_;
  Room room_;
};

}  // namespace

Fleet refined(const Offer& offer, const Settings& settings, Fleet f) {
  const Exact exact(offer, settings, f);
  constexpr int tries = 32;
  constexpr double step = 1.0 / 32;
  const double rate = settings.demand.rate;
  const int unit = offer.tariff.unit_chips;
  for (int i = 0; i < tries; ++i) {
    if (rate > 0) {
      const double share = rate / f.pool.workers;
      const bool idle = f.concurrency < 1;
      const double most = std::min(exact.most(), 2 * f.concurrency + 1);
      const bool kept = exact.fill(f, idle ? f.concurrency : exact.concurrency_for(share, most));
      const bool served = f.rate >= share * (1 - 1e-3);
      f.rate = rate;
      f.pool.rented = rented_chips(f.pool.workers, f.pool.worker_chips, unit);
      if (kept && served) break;
      f.pool.workers += 1;
    } else {
      if (exact.fill(f, f.concurrency)) break;
      f.concurrency = std::max(1.0, std::floor(f.concurrency * (1 - step)));
    }
  }
  if (settings.limits.any()) {
    const double busy = std::max(1.0, f.concurrency);
    f.pool.sequences = std::ceil(fullness(busy, settings.limits.percentile));
  }
  Bill bill;
  bill.rate = f.rate;
  bill.request_energy = f.request_energy;
  bill.chips = f.chips();
  bill.rented = f.rented();
  f.score = score(bill, settings.demand, settings.objective, offer.tariff);
  return f;
}

}  // namespace tightrope::sizing::survey_internal
