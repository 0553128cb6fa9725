#include "tightrope/sizing/survey.h"

#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/sizing/percentile.h"
#include "tightrope/sizing/replica_internal.h"

namespace tightrope::sizing {

Watts idle_power(const infer::Pricing& pricing) {
  const infer::Context& c = pricing.context();
  const Watts chip = c.chip.power.value_or(Watts(0.0)) * 0.5 * c.power.waiting;
  return pricing.chips() * (chip + c.host_share);
}

double unlucky(const infer::Context& context, double tokens, const Limits& limits) {
  if (context.speculation.steps.empty()) return 1.0;
  return context.speculation.late(tokens, normal_deviate(limits.percentile / 100.0));
}

Latency high_latency(const infer::Steady& mean, Seconds tpot_high, const infer::Context& context,
                     const Demand& demand, const Limits& limits) {
  const double steps = std::max(0.0, std::max(demand.output, demand.output_high) - 1.0);
  const Seconds start = context.engine.front(demand.input);
  const Seconds first = mean.ttft - start - mean.prefill_queue - mean.iteration * 0.5;
  const double prompt = std::max(1.0, demand.input - demand.cached);
  const double longer = std::max(1.0, (demand.input_high - demand.cached) / prompt);
  const Queue queue{.service = mean.prefill_alone,
                    .utilisation = mean.prefill_share,
                    .service_cv = demand.input_cv,
                    .percentile = limits.percentile};
  Latency high;
  high.ttft = start + mean.iteration * (0.01 * limits.percentile) + first * longer +
              max(queue_wait(queue), mean.prefill_queue);
  high.tpot = max(tpot_high, mean.tpot) * unlucky(context, steps, limits);
  high.e2e = high.ttft + high.tpot * steps;
  return high;
}

namespace {

using infer::Deployment;
using survey_internal::Replica;
using survey_internal::Room;

class Surveyor {
 public:
  Surveyor(const Offer& offer, std::size_t index, const Settings& settings, bool disaggregate)
      : offer_(offer), index_(index), settings_(settings), disaggregate_(disaggregate) {
    out_.best = Best(settings.keep);
  }

  Survey run() {
    for (const Deployment& d :
         deployments(*offer_.context, settings_.space, out_.counters.refused)) {
      visit(d);
    }
    Best exact(settings_.keep);
    for (const Fleet& f : out_.best.fleets()) {
      exact.add(survey_internal::refined(offer_, settings_, f));
    }
    out_.best = std::move(exact);
    if (out_.decode.empty() && fastest_) out_.decode.push_back(*fastest_);
    if (out_.prefill.empty() && quickest_) out_.prefill.push_back(*quickest_);
    return std::move(out_);
  }

 private:
  void visit(const Deployment& d) {
    const infer::Context& context = *offer_.context;
    std::vector<Room> rooms;
    std::string reason = "do not fit in memory";
    for (const double share : settings_.space.budget_shares) {
      const Room room = survey_internal::room_of(context, d, settings_, share);
      if (room.memory.fits() && room.sequences < 1) reason = "leave no room for one request";
      if (room.sequences >= 1) rooms.push_back(room);
    }
    if (rooms.empty()) {
      ++out_.counters.refused[reason];
      return;
    }
    ++out_.counters.deployments;
    infer::Pricing pricing(context, d);
    survey_internal::tabulate(pricing, rooms, settings_.demand);
    for (const Room& room : rooms) replicas(pricing, room);
    if (!disaggregate_) return;
    decoders(pricing, rooms.back());
    if (offer_.front == nullptr) {
      prefillers(pricing, rooms.front());
      return;
    }
    infer::Pricing front(*offer_.front, d);
    survey_internal::tabulate(front, rooms, settings_.demand);
    prefillers(front, rooms.front());
  }

  void replicas(const infer::Pricing& pricing, const Room& room) {
    Replica replica(pricing, room, offer_, index_, settings_);
    if (settings_.prune && out_.best.full() && replica.hopeless(out_.best, out_.front)) {
      ++out_.counters.bounded;
      return;
    }
    replica.evaluate(out_.counters, out_.best, out_.front, out_.reach);
  }

  void decoders(const infer::Pricing& pricing, const Room& room) {
    const Demand& demand = settings_.demand;
    const Limits& limits = settings_.limits;
    DecodeWorker w;
    w.offer = index_;
    w.deployment = pricing.deployment();
    w.chips = survey_internal::whole_chips(pricing);
    w.kv_element = pricing.context().numerics.kv_bytes;
    links(pricing.context(), w.deployment, w.inside, w.outside);
    for (const double level : survey_internal::levels(room.sequences)) {
      w.decoding = level;
      w.sequences = limits.any() ? fullness(level, limits.percentile) : level;
      if (w.sequences > room.sequences * (1 + 1e-9)) break;
      const infer::Load load = load_at(demand, level);
      w.work = infer::decode_work(pricing, load, level);
      w.tpot_high = max(w.work.tpot, infer::decode_work(pricing, load, w.sequences).tpot);
      const double steps = std::max(demand.output, demand.output_high) - 1.0;
      w.tpot_high = w.tpot_high * unlucky(pricing.context(), steps, limits);
      if (!fastest_ || w.tpot_high < fastest_->tpot_high) fastest_ = w;
      const bool late = (limits.tpot && w.tpot_high > *limits.tpot) ||
                        (limits.e2e && w.tpot_high * steps > *limits.e2e);
      if (!late) keep(w, out_.decode);
    }
  }

  void prefillers(const infer::Pricing& pricing, const Room& room) {
    PrefillWorker w;
    w.offer = index_;
    w.deployment = pricing.deployment();
    w.chips = survey_internal::whole_chips(pricing);
    w.token_budget = room.token_budget;
    w.work = infer::prefill_work(pricing, load_at(settings_.demand, 1), room.limits);
    w.idle = idle_power(pricing);
    w.kv_element = pricing.context().numerics.kv_bytes;
    const formula::ReplicaLimits limits =
        infer::replica_limits(pricing.context(), w.deployment, room.memory);
    w.prompt_bytes = limits.kv_token * settings_.demand.input + limits.sequence_state;
    links(pricing.context(), w.deployment, w.inside, w.outside);
    if (!quickest_ || w.work.request < quickest_->work.request) quickest_ = w;
    const std::optional<Seconds>& most = settings_.limits.ttft;
    if (!most || w.work.request <= *most) keep(w, out_.prefill);
  }

  // What a worker sends or takes, all its ranks that hold parts of one sequence together.
  static void links(const infer::Context& c, const Deployment& d, BytesPerSecond& inside,
                    BytesPerSecond& outside) {
    const double ranks = static_cast<double>(d.tp) * d.pp;
    inside = c.fabric.scaleup.bandwidth * (c.fabric.scaleup.send_share * ranks);
    outside = c.fabric.scaleout.bandwidth * (c.fabric.scaleout.send_share * ranks);
  }

  static bool beats(const PrefillWorker& a, const PrefillWorker& b) {
    return a.chips == b.chips && a.work.request <= b.work.request && a.work.rate >= b.work.rate &&
           a.work.request_energy <= b.work.request_energy && a.inside >= b.inside &&
           a.outside >= b.outside;
  }
  static bool beats(const DecodeWorker& a, const DecodeWorker& b) {
    return a.chips == b.chips && a.work.rate >= b.work.rate && a.tpot_high <= b.tpot_high &&
           a.work.tpot <= b.work.tpot && a.work.request_energy <= b.work.request_energy &&
           a.inside >= b.inside && a.outside >= b.outside;
  }

  // A worker that another of as many chips beats in all adds nothing to any fleet.
  template <class Worker>
  void keep(const Worker& worker, std::vector<Worker>& list) const {
    if (settings_.prune) {
      if (std::ranges::any_of(list, [&](const Worker& have) { return beats(have, worker); }))
        return;
      std::erase_if(list, [&](const Worker& have) { return beats(worker, have); });
    }
    list.push_back(worker);
  }

  const Offer& offer_;
  std::size_t index_;
  const Settings& settings_;
  bool disaggregate_;
  Survey out_;
  std::optional<DecodeWorker> fastest_;
  std::optional<PrefillWorker> quickest_;
};

}  // namespace

Survey survey(const Offer& offer, std::size_t index, const Settings& settings, bool disaggregate) {
  TR_CHECK(offer.context != nullptr && settings.keep >= 1);
  return Surveyor(offer, index, settings, disaggregate).run();
}

}  // namespace tightrope::sizing
