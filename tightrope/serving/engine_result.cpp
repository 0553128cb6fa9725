// What a run says at its end.
#include <cmath>

#include "tightrope/serving/engine_internal.h"

namespace tightrope::serving {
namespace {

void open_tails(Distribution& d) {
  for (Percentile* p : {&d.p50, &d.p90, &d.p95, &d.p99}) p->high_is_open = true;
}

}  // namespace

/// More came than went over the second half of arrivals, by more than chance explains, and a queue
/// grew all the while.
Saturation Engine::saturation() const {
  Saturation s;
  if (tally_.finished == 0) return s;
  s.drain = seconds_of(tally_.last_end - tally_.last_arrival);
  const Seconds last = seconds_of(tally_.last_arrival);
  const SeriesPoint *half = nullptr, *late = nullptr, *end = nullptr;
  for (const SeriesPoint& p : series_) {
    if (p.time > last) break;
    if (half == nullptr && p.time >= 0.5 * last) half = &p;
    if (late == nullptr && p.time >= 0.75 * last) late = &p;
    end = &p;
  }
  if (half == nullptr || late == nullptr || end == half || end == late) return s;
  const double span = (end->time - half->time).raw();
  const auto came =
      static_cast<double>(end->arrived - half->arrived - (end->refused - half->refused));
  const auto went = static_cast<double>(end->finished - half->finished);
  s.arrival_rate = came / span;
  s.completion_rate = went / span;
  s.waiting_half = half->waiting;
  s.waiting_three_quarters = late->waiting;
  s.waiting_end = end->waiting;
  if (load_.concurrency > 0) return s;  // clients wait for answers: no queue can grow for ever
  s.is_saturated = came - went > std::max(0.03 * came, 4.0 * std::sqrt(came)) &&
                   s.waiting_half < s.waiting_three_quarters &&
                   s.waiting_three_quarters < s.waiting_end;
  return s;
}

/// What the replicas drew, and what they cost, up to the last completion.
void Engine::tell_of_kinds(ServingResult& r) {
  for (const ReplicaKind& kind : fleet_.kinds) r.kinds.push_back({.name = kind.name});
  r.down = seconds_of(tally_.down);
  for (Slot& slot : slots_) {
    const Ticks end = tally_.last_end;
    if (slot.state == State::down && end > slot.down_since) {
      r.down += seconds_of(end - slot.down_since);
    }
    if (slot.state != State::off && end > slot.up_since) slot.provisioned += end - slot.up_since;
    const ReplicaKind& kind = kind_of(slot);
    const Ticks busy = slot.replica.busy();
    const Seconds idle = seconds_of(std::max<Ticks>(0, slot.provisioned - busy));
    const Joules drawn{static_cast<double>(slot.replica.energy()) / formula::ticks_per_joule};
    KindResult& k = r.kinds[slot.kind];
    k.busy += seconds_of(busy);
    k.provisioned += seconds_of(slot.provisioned);
    k.energy += drawn + kind.times.idle * idle;
    k.cost += kind.limits.rent * seconds_of(slot.provisioned);
    r.blocks_left += slot.replica.blocks_total() - slot.replica.blocks_free();
  }
  for (const KindResult& k : r.kinds) {
    r.busy += k.busy;
    r.provisioned += k.provisioned;
    r.energy += k.energy;
    r.cost += k.cost;
  }
  r.replica_hours = r.provisioned.raw() / 3600.0;
}

ServingResult Engine::result() {
  ServingResult r;
  const Ticks end = tally_.last_end;
  r.arrived = tally_.arrived;
  r.finished = tally_.finished;
  r.rejected = tally_.rejected;
  r.given_up = tally_.given_up;
  r.unfinished = flights_.in_flight();
  r.is_complete = !is_cancelled_ && !has_next_ && r.unfinished == 0;
  r.within_slo = tally_.within_slo;
  r.ttft = tally_.ttft.distribution();
  r.tpot = tally_.tpot.distribution();
  r.itl = recorder_.token_gaps.distribution();
  r.e2e = tally_.e2e.distribution();
  r.queue = tally_.queue.distribution();
  r.input_tokens = tally_.input_tokens;
  r.output_tokens = tally_.output_tokens;
  r.preemptions = recorder_.preemptions;
  r.iterations = recorder_.iterations;
  r.prefill_tokens = recorder_.prefill_tokens;
  r.retries = tally_.retries;
  r.transfers = tally_.transfers;
  r.failures = tally_.failures;
  r.greatest_waiting = recorder_.greatest_waiting;
  r.greatest_in_flight = tally_.greatest_in_flight;
  if (recorder_.prompt_tokens > 0) {
    r.hit_rate =
        static_cast<double>(recorder_.hit_tokens) / static_cast<double>(recorder_.prompt_tokens);
  }
  tell_of_kinds(r);
  if (r.finished > 0 && end > tally_.first_arrival) {
    r.duration = seconds_of(end - tally_.first_arrival);
    r.requests_per_second = static_cast<double>(r.finished) / r.duration.raw();
    r.goodput = static_cast<double>(r.within_slo) / r.duration.raw();
    r.input_rate = Tokens(static_cast<double>(r.input_tokens)) / r.duration;
    r.output_rate = Tokens(static_cast<double>(r.output_tokens)) / r.duration;
    recorder_.waiting_changes(end, 0);
    r.mean_waiting = static_cast<double>(recorder_.waiting_area) / static_cast<double>(end);
  }
  r.saturation = saturation();
  r.series = series_;
  if (r.saturation.is_saturated) {
    for (Distribution* d : {&r.ttft, &r.e2e, &r.queue}) open_tails(*d);
  }
  return r;
}

}  // namespace tightrope::serving
