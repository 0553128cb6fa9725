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
    return steady_at(pricing_, settings_, room_.limits, std::max(1.0, concurrency));
  }

  // Fills in what one replica does at a concurrency; true when that keeps the limits.
  bool fill(Fleet& f, double concurrency) const {
    const double busy = std::max(1.0, concurrency);
    const infer::Steady s = at(busy);
    const double full = fullness(busy, settings_.limits.percentile);
    f.mean = {s.ttft, s.tpot, s.e2e};
    f.high = high_of(s, at(std::min(full, room_.sequences)).tpot, *offer_.context, settings_);
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

// From a fleet that keeps the limits up to the most requests below `late`, which does not.
void fullest(const Exact& exact, Fleet& f, double late) {
  while (late - f.concurrency > 1) {
    const double middle = std::floor(0.5 * (late + f.concurrency));
    Fleet fuller = f;
    if (exact.fill(fuller, middle)) {
      f = fuller;
    } else {
      late = middle;
    }
  }
}

}  // namespace

Fleet refined(const Offer& offer, const Settings& settings, Fleet f) {
  const Exact exact(offer, settings, f);
  constexpr int tries = 32;
  constexpr double step = 1.0 / 32;
  const double rate = settings.demand.rate;
  const int unit = offer.tariff.unit_chips;
  double late = 0;  // a concurrency that does not keep the limits
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
      if (exact.fill(f, f.concurrency)) {
        fullest(exact, f, late);
        break;
      }
      late = f.concurrency;
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

Fleet settled(const Offer& offer, const Settings& settings, Fleet f) {
  const Demand& demand = settings.demand;
  if (demand.rate <= 0) return f;
  const infer::Context& context = *offer.context;
  const infer::Pricing pricing(context, f.pool.deployment);
  const auto work = [&](double decoding) {
    return infer::decode_work(pricing, load_at(demand, decoding), decoding);
  };
  const double share = demand.rate / f.pool.workers;
  double low = 1, high = std::max(1.0, f.pool.sequences);
  constexpr int rounds = 24;
  for (int i = 0; i < rounds && work(1).rate < share; ++i) {
    const double middle = 0.5 * (low + high);
    (work(middle).rate < share ? low : high) = middle;
  }
  const bool idles = work(1).rate >= share;
  const double busy = idles ? 1.0 : high;
  const infer::DecodeWork own = work(busy);
  const double pause = std::max(0.0, 1.0 / share - 1.0 / own.rate);
  f.concurrency = idles ? share / own.rate : busy;
  f.request_energy = f.prefill_energy + own.request_energy + idle_power(pricing) * Seconds(pause);
  const double steps = std::max(0.0, std::max(demand.output, demand.output_high) - 1.0);
  const double full = std::max(busy, fullness(busy, settings.limits.percentile));
  const Seconds late = max(own.tpot, work(full).tpot) * unlucky(context, steps, settings.limits);
  f.mean.tpot = min(f.mean.tpot, own.tpot);
  f.high.tpot = min(f.high.tpot, late);
  f.mean.e2e = f.mean.ttft + f.mean.tpot * std::max(0.0, demand.output - 1.0);
  f.high.e2e = f.high.ttft + f.high.tpot * steps;
  return f;
}

}  // namespace tightrope::sizing::survey_internal
