#include "tightrope/sizing/pairing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tightrope/core/check.h"
#include "tightrope/sizing/percentile.h"
#include "tightrope/sizing/replica_internal.h"

namespace tightrope::sizing {

struct Pairing::Way {
  bool inside = false;            // pools stand in one scale-up domain
  Seconds transfer{};             // of a mean prompt
  double utilisation = 0;         // of prefill workers that the limits bear; 0: none
  Seconds start{}, start_high{};  // ttft without the queue, mean and at the percentile
};

namespace {

constexpr int most_workers = 8;  // of either kind, in a ratio

Queue queue_of(const PrefillWorker& p, const Settings& s, double utilisation) {
  return {.service = p.work.request,
          .utilisation = utilisation,
          .service_cv = s.demand.input_cv,
          .percentile = s.limits.percentile};
}

// Mean of the wait whose percentiles queue_wait gives.
Seconds mean_wait(const Queue& q) {
  const double spread = 0.5 * (1.0 + q.service_cv * q.service_cv);
  return q.service * (spread * q.utilisation / (1.0 - q.utilisation));
}

double last_steps(const Demand& demand) {
  return std::max(0.0, std::max(demand.output, demand.output_high) - 1.0);
}

double pools_score(const Fleet& f, const Settings& settings, const Tariff& front,
                   const Tariff& back) {
  const auto of = [&](const Pool& pool, Joules energy, const Tariff& tariff) {
    Bill bill;
    bill.rate = f.rate;
    bill.request_energy = energy;
    bill.chips = pool.workers * pool.worker_chips;
    bill.rented = pool.rented;
    return score(bill, settings.demand, settings.objective, tariff);
  };
  return of(f.prefill, f.prefill_energy, front) +
         of(f.pool, f.request_energy - f.prefill_energy, back);
}

}  // namespace

Pairing::Way Pairing::way_of(const PrefillWorker& p, const DecodeWorker& d, bool inside) const {
  const Demand& demand = settings_.demand;
  const Limits& limits = settings_.limits;
  Way way;
  way.inside = inside;
  const BytesPerSecond link = inside ? min(p.inside, d.inside) : min(p.outside, d.outside);
  if (link.raw() <= 0) return way;
  way.transfer = p.prompt_bytes / link;
  const Seconds request = offers_[p.offer].prefill_context().engine.front(demand.input);
  way.start = request + p.work.request + way.transfer;
  const double prompt = std::max(1.0, demand.input - demand.cached);
  const double longer = std::max(1.0, (demand.input_high - demand.cached) / prompt);
  const double wider = std::max(1.0, demand.input_high / demand.input);
  way.start_high = request + p.work.request * longer + way.transfer * wider;
  Seconds most(1e30);
  if (limits.ttft) most = *limits.ttft;
  if (limits.e2e) most = min(most, *limits.e2e - d.tpot_high * last_steps(demand));
  way.utilisation = bearable_utilisation(queue_of(p, settings_, 0), most - way.start_high);
  return way;
}

void Pairing::rent(Fleet& f) const {
  const Tariff& front = offers_[f.prefill.offer].tariff;
  const Tariff& back = offers_[f.pool.offer].tariff;
  const Demand& demand = settings_.demand;
  if (demand.rate <= 0) {
    f.prefill.rented = f.prefill.workers * rented_share(f.prefill.worker_chips, front.unit_chips);
    f.pool.rented = f.pool.workers * rented_share(f.pool.worker_chips, back.unit_chips);
    return;
  }
  f.prefill.rented = rented_chips(f.prefill.workers, f.prefill.worker_chips, front.unit_chips);
  f.pool.rented = rented_chips(f.pool.workers, f.pool.worker_chips, back.unit_chips);
  const bool same =
      offers_[f.prefill.offer].context->system.name == offers_[f.pool.offer].context->system.name;
  const int unit = back.unit_chips;
  // Workers that divide a unit share units with the other pool's.
  if (same && unit % f.prefill.worker_chips == 0 && unit % f.pool.worker_chips == 0) {
    f.prefill.rented = f.prefill.workers * f.prefill.worker_chips;
    f.pool.rented = std::ceil(f.chips() / unit) * unit - f.prefill.rented;
  }
}

Fleet Pairing::fleet_of(const PrefillWorker& p, const DecodeWorker& d, const Way& way, Shape shape,
                        double served) const {
  Fleet f;
  f.disaggregated = true;
  f.prefill = {.offer = p.offer,
               .deployment = p.deployment,
               .workers = shape.prefill,
               .worker_chips = p.chips,
               .token_budget = p.token_budget,
               .sequences = std::ceil(p.token_budget / std::max(1.0, settings_.demand.input))};
  f.pool = {.offer = d.offer,
            .deployment = d.deployment,
            .workers = shape.decode,
            .worker_chips = d.chips,
            .token_budget = std::ceil(d.sequences),
            .sequences = std::ceil(d.sequences)};
  f.rate = served;
  f.prefill_share = served / (shape.prefill * p.work.rate);
  // A worker with less than its level's load is emptier than the level, in proportion at least.
  f.concurrency = d.decoding * std::min(1.0, served / (shape.decode * d.work.rate));
  const double pause = shape.prefill / served - 1.0 / p.work.rate;
  f.prefill_energy = p.work.request_energy + p.idle * Seconds(std::max(0.0, pause));
  f.request_energy = f.prefill_energy + d.work.request_energy;
  f.transfer = way.transfer;
  const Queue queue = queue_of(p, settings_, f.prefill_share);
  f.mean.ttft = way.start + mean_wait(queue);
  f.mean.tpot = d.work.tpot;
  f.mean.e2e = f.mean.ttft + f.mean.tpot * std::max(0.0, settings_.demand.output - 1.0);
  f.high.ttft = max(way.start_high + queue_wait(queue), f.mean.ttft);
  f.high.tpot = d.tpot_high;
  f.high.e2e = f.high.ttft + f.high.tpot * last_steps(settings_.demand);
  rent(f);
  // Chips are those of both pools, and no pool serves more than it can.
  TR_CHECK(f.chips() == shape.prefill * p.chips + shape.decode * d.chips, f.chips());
  TR_CHECK(f.prefill_share <= 1 + 1e-9, f.prefill_share);
  TR_CHECK(served <= shape.decode * d.work.rate * (1 + 1e-9), served);
  f.score = pools_score(f, settings_, offers_[p.offer].tariff, offers_[d.offer].tariff);
  return f;
}

void Pairing::consider(const PrefillWorker& p, const DecodeWorker& d, const Way& way, Shape shape) {
  ++counters_.configurations;
  const double rate = settings_.demand.rate;
  const double front = shape.prefill * way.utilisation * p.work.rate;
  const double back = shape.decode * d.work.rate;
  const double served = rate > 0 ? rate : std::min(front, back);
  const double chips = shape.prefill * p.chips + shape.decode * d.chips;
  const double tokens_a_chip = served * settings_.demand.output / chips;
  const bool shows = !front_.covers(1.0 / d.work.tpot.raw(), tokens_a_chip);
  const bool cheap = settings_.objective == Objective::throughput && best_.full() &&
                     1.0 / tokens_a_chip > best_.worst();
  if (!shows && cheap) return;
  const Fleet fleet = fleet_of(p, d, way, shape, served);
  if (shows) front_.add(fleet, settings_.demand);
  best_.add(fleet);
}

void Pairing::pair(const PrefillWorker& p, const DecodeWorker& d) {
  const infer::Context& front = offers_[p.offer].prefill_context();
  const infer::Context& back = *offers_[d.offer].context;
  const int domain = std::max(1, front.fabric.fabric.domain_ranks / front.chip.ranks_per_chip);
  const bool same = front.system.name == back.system.name;
  Way ways[2];
  const int fewest = same && p.chips + d.chips <= domain ? 1 : 0;  // may stand in one domain
  ways[0] = way_of(p, d, false);
  if (fewest > 0) ways[1] = way_of(p, d, true);
  const Limits& limits = settings_.limits;
  const bool slow = limits.tpot && d.tpot_high > *limits.tpot;
  if (slow || std::max(ways[0].utilisation, ways[1].utilisation) <= 0) {
    const Way& way = fewest > 0 ? ways[1] : ways[0];
    if (way.transfer.raw() <= 0) {
      ++counters_.refused["no network between the pools"];
      return;
    }
    ++counters_.missed;
    if (!best_.fleets().empty()) return;
    const double some = 0.5 * std::min(p.work.rate, d.work.rate);
    Way empty = way;
    reach_.note(fleet_of(p, d, empty, {}, some), limits);
    return;
  }
  const auto at = [&](double prefill, double decode) {
    const bool inside = fewest > 0 && prefill * p.chips + decode * d.chips <= domain;
    const Way& way = ways[inside ? 1 : 0];
    if (way.utilisation > 0) consider(p, d, way, {prefill, decode});
  };
  const double rate = settings_.demand.rate;
  if (rate > 0) {
    for (const Way& way : ways) {
      if (way.utilisation <= 0) continue;
      const double prefill = std::ceil(rate / (way.utilisation * p.work.rate));
      const double decode = std::ceil(rate / d.work.rate);
      if (way.inside && prefill * p.chips + decode * d.chips > domain) continue;
      consider(p, d, way, {prefill, decode});
    }
    return;
  }
  for (int prefill = 1; prefill <= most_workers; ++prefill) {
    for (int decode = 1; decode <= most_workers; ++decode) {
      if (std::gcd(prefill, decode) == 1) at(prefill, decode);
    }
  }
}

Best Pairing::settled() const {
  Best out(settings_.keep);
  for (const Fleet& f : best_.fleets()) {
    Fleet own = survey_internal::settled(offers_[f.pool.offer], settings_, f);
    own.score =
        pools_score(own, settings_, offers_[f.prefill.offer].tariff, offers_[f.pool.offer].tariff);
    out.add(own);
  }
  return out;
}

void Pairing::add(const std::vector<PrefillWorker>& prefill,
                  const std::vector<DecodeWorker>& decode) {
  for (const PrefillWorker& p : prefill) {
    for (const DecodeWorker& d : decode) {
      if (p.kv_element == d.kv_element) {
        pair(p, d);
      } else {
        ++counters_.refused["keep caches in other formats"];
      }
    }
  }
}

namespace {

template <class Worker>
std::vector<Worker> least(const std::vector<Worker>& workers, const Offer& offer,
                          std::size_t count) {
  std::vector<Worker> list = workers;
  const int unit = offer.tariff.unit_chips;
  std::ranges::stable_sort(
      list, {}, [&](const Worker& w) { return rented_share(w.chips, unit) / w.work.rate; });
  // Several numbers of sequences of one deployment are near each other: one of each.
  std::vector<Worker> out;
  for (const Worker& w : list) {
    const bool known = std::ranges::any_of(
        out, [&](const Worker& have) { return have.deployment == w.deployment; });
    if (!known && out.size() < count) out.push_back(w);
  }
  return out;
}

}  // namespace

std::vector<PrefillWorker> cheapest(const std::vector<PrefillWorker>& workers, const Offer& offer,
                                    std::size_t count) {
  std::vector<PrefillWorker> out = least(workers, offer, count);
  if (workers.empty()) return out;
  const auto quickest =
      std::ranges::min_element(workers, {}, [](const PrefillWorker& w) { return w.work.request; });
  const bool known = std::ranges::any_of(
      out, [&](const PrefillWorker& have) { return have.deployment == quickest->deployment; });
  if (!known) out.push_back(*quickest);
  return out;
}

std::vector<DecodeWorker> cheapest(const std::vector<DecodeWorker>& workers, const Offer& offer,
                                   std::size_t count) {
  return least(workers, offer, count);
}

}  // namespace tightrope::sizing
