#include <algorithm>
#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/serving/engine_internal.h"

namespace tightrope::serving {
namespace {

std::size_t slot_count(const Fleet& fleet) {
  std::int64_t count = 0;
  for (const ReplicaKind& kind : fleet.kinds) count += kind.most_replicas();
  return static_cast<std::size_t>(count);
}

std::uint64_t chained(std::uint64_t key, std::uint32_t content) {
  key = (key ^ content) * 0x9e3779b97f4a7c15ULL;
  key = (key ^ (key >> 29)) * 0xbf58476d1ce4e5b9ULL;
  return (key ^ (key >> 32)) | 1U;
}

}  // namespace

Engine::Engine(const Fleet& fleet, const Load& load, const RunOptions& options)
    : fleet_(fleet),
      load_(load),
      options_(options),
      entry_(fleet.routing, fleet.prefix, slot_count(fleet)),
      takers_(Routing::least_load, fleet.prefix, slot_count(fleet)),
      ends_(slot_count(fleet), never) {
  build();
}

void Engine::build() {
  keeps_content_ = fleet_.routing == Routing::prefix_aware;
  for (const ReplicaKind& kind : fleet_.kinds) {
    models_.push_back({kind.times, kind.limits, kind.scheduler, load_.content_tokens,
                       kind.role == Role::prefill, kind.role == Role::decode});
    SchedulerOptions& rules = models_.back().scheduler;
    rules.max_sequences =
        std::min(rules.max_sequences, rules.token_budget / (1 + rules.draft_tokens));
    keeps_content_ = keeps_content_ || rules.prefix_cache;
  }
  for (std::uint32_t k = 0; k < models_.size(); ++k) {
    const std::int64_t count = fleet_.kinds[k].most_replicas();
    for (std::int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back(models_[k], index, flights_, recorder_, options_.stepping);
      slots_.back().kind = k;
      slots_.back().chance = fleet_.failures.seed * 0x9e3779b97f4a7c15ULL + index;
    }
  }
}

Router& Engine::router_of(const Slot& slot) {
  return kind_of(slot).role == Role::decode ? takers_ : entry_;
}

void Engine::start() {
  std::uint32_t slot = 0;
  for (std::size_t k = 0; k < fleet_.kinds.size(); ++k) {
    const std::int64_t slots = fleet_.kinds[k].most_replicas();
    for (std::int64_t i = 0; i < slots; ++i, ++slot) {
      if (i < fleet_.kinds[k].count) open(slot, 0);
    }
  }
  for (const ReplicaFailure& f : fleet_.failures.listed) {
    at(ticks_of(f.at), {.kind = TimerKind::fail,
                        .slot = static_cast<std::uint32_t>(f.replica),
                        .span = ticks_of(f.repair)});
  }
  grown_at_.assign(fleet_.kinds.size(), 0);
  for (std::uint32_t k = 0; k < fleet_.kinds.size(); ++k) {
    const Autoscaling& rules = fleet_.kinds[k].autoscaling;
    if (rules.is_on) at(ticks_of(rules.interval), {.kind = TimerKind::scale, .pool = k});
  }
  at(sample_every_, {.kind = TimerKind::sample});
  clients_ready_ = load_.concurrency;
  pull();
  if (load_.concurrency > 0) step(0);
}

void Engine::pull() {
  has_next_ = load_.source(next_);
  const bool is_open = has_next_ && load_.concurrency == 0;
  next_time_ = is_open ? ticks_of_nanoseconds(next_.request.arrival_ns) : never;
}

bool Engine::is_done() const { return !has_next_ && flights_.in_flight() == 0; }

/// Only housekeeping is left, and it will not help those that wait.
bool Engine::is_stuck() const {
  if (ends_.best_key() != never || next_time_ != never || vital_timers_ > 0) return false;
  if (parked_.empty()) return true;
  return std::none_of(slots_.begin(), slots_.end(), [this](const Slot& slot) {
    return kind_of(slot).autoscaling.is_on && slot.state == State::off;
  });
}

bool Engine::is_vital(TimerKind kind) {
  return kind != TimerKind::sample && kind != TimerKind::fail && kind != TimerKind::scale;
}

ServingResult Engine::run() {
  start();
  while (!is_done() && !is_cancelled_) {
    Ticks now = std::min(ends_.best_key(), next_time_);
    if (!timers_.empty()) now = std::min(now, timers_.top().time);
    if (now == never || is_stuck()) break;
    step(now);
    if ((++events_ & 1023) == 0) watch(now);
  }
  return result();
}

void Engine::watch(Ticks now) {
  if (options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed)) {
    is_cancelled_ = true;
  }
  if (options_.on_progress && (events_ & 32767) == 0) {
    options_.on_progress({seconds_of(now), tally_.arrived, tally_.finished, flights_.in_flight()});
  }
}

void Engine::step(Ticks now) {
  while (ends_.best_key() == now) end_segment(ends_.best(), now);
  while (true) {
    if (has_next_ && (next_time_ <= now || clients_ready_ > 0)) {
      if (load_.concurrency > 0) --clients_ready_;
      arrive(now);
    } else if (!timers_.empty() && timers_.top().time <= now) {
      const Timer timer = timers_.top();
      timers_.pop();
      if (is_vital(timer.kind)) --vital_timers_;
      fire(timer);
    } else {
      break;
    }
  }
  // By index: who pulls first from a sender must not depend on who came to its boundary first.
  std::sort(to_plan_.begin(), to_plan_.end());
  for (const std::uint32_t slot : to_plan_) {
    slots_[slot].plans = false;
    slots_[slot].replica.plan(now);
    for (const std::uint32_t flight : slots_[slot].replica.pulls()) transfer(flight, slot, now);
    ends_.set(slot, slots_[slot].replica.segment_end());
    wait_for_batch(slot, now);
  }
  to_plan_.clear();
}

void Engine::arrive(Ticks now) {
  const std::uint32_t flight = flights_.add();
  Flight& f = flights_[flight];
  f.serial = tally_.arrived++;
  f.arrival = now;
  f.input = next_.request.input;
  f.output = next_.request.output;
  f.session = next_.request.session;
  if (keeps_content_) {
    std::uint64_t key = fleet_.failures.seed;
    for (const std::uint32_t content : next_.content) {
      key = chained(key, content);
      f.keys.push_back(key);
    }
  }
  tally_.first_arrival = std::min(tally_.first_arrival, now);
  tally_.last_arrival = now;
  tally_.greatest_in_flight = std::max(tally_.greatest_in_flight, flights_.in_flight());
  pull();
  TR_CHECK(f.input > 0 && f.output > 0, f.input, f.output);
  dispatch(flight, now);
}

void Engine::dispatch(std::uint32_t flight, Ticks now) {
  std::uint32_t slot = entry_.pick(flights_[flight]);
  if (slot == Router::nobody) {
    parked_.push_back(flight);
    return;
  }
  if (!slots_[slot].replica.fits(flights_[flight])) slot = roomier(slot, flights_[flight]);
  if (slot == Router::nobody) {
    ++tally_.rejected;
    flights_.remove(flight);
    if (load_.concurrency > 0) ++clients_ready_;
    return;
  }
  hand_to(flight, slot, now);
}

/// The least loaded replica of another kind that can hold the request; nobody without one. Replicas
/// of a kind are alike.
std::uint32_t Engine::roomier(std::uint32_t picked, const Flight& f) const {
  std::uint32_t best = Router::nobody;
  double least = 0.0;
  const bool decodes = kind_of(slots_[picked]).role == Role::decode;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    const ReplicaKind& kind = kind_of(slot);
    if (slot.kind == slots_[picked].kind || slot.state != State::active) continue;
    if ((kind.role == Role::decode) != decodes || !slot.replica.fits(f)) continue;
    const double load = static_cast<double>(slot.replica.outstanding()) / kind.weight;
    if (best != Router::nobody && load >= least) continue;
    best = i;
    least = load;
  }
  return best;
}

void Engine::hand_to(std::uint32_t flight, std::uint32_t slot, Ticks now) {
  Replica& replica = slots_[slot].replica;
  replica.enqueue(flight, now);
  load_changes(slot);
  if (replica.idle()) {
    plan_soon(slot);
    return;
  }
  replica.cut(now);
  if (replica.segment_end() == now) {
    end_segment(slot, now);
  } else {
    ends_.set(slot, replica.segment_end());
  }
}

void Engine::plan_soon(std::uint32_t slot) {
  if (slots_[slot].plans) return;
  slots_[slot].plans = true;
  to_plan_.push_back(slot);
}

void Engine::load_changes(std::uint32_t slot) {
  router_of(slots_[slot]).load_changes(slot, slots_[slot].replica.outstanding());
}

void Engine::end_segment(std::uint32_t slot, Ticks now) {
  left_.clear();
  if (options_.on_work) options_.on_work(slots_[slot].replica.work());
  slots_[slot].replica.end_segment(left_);
  ends_.set(slot, never);
  plan_soon(slot);
  if (left_.empty()) return;
  load_changes(slot);
  for (const Leaving& leaving : left_) {
    if (leaving.moving) {
      hand_over(leaving.flight, slot, now);
    } else {
      complete(leaving.flight, now);
    }
  }
  turn_off_if_drained(slot, now);
}

Ticks Engine::front_of(const Flight& f) const {
  return ticks_of(options_.front.request) + ticks_of(options_.front.token) * f.input;
}

bool Engine::is_within_slo(const Flight& f, Ticks now) const {
  const Slo& slo = options_.slo;
  const auto within = [](Seconds bound, Ticks value) {
    return bound.raw() <= 0.0 || value <= ticks_of(bound);
  };
  const Ticks rest = f.output > 1 ? (now - f.first_token) / (f.output - 1) : 0;
  const Ticks front = front_of(f);
  return within(slo.ttft, front + f.first_token - f.arrival) && within(slo.tpot, rest) &&
         within(slo.e2e, front + now - f.arrival);
}

void Engine::complete(std::uint32_t flight, Ticks now) {
  const Flight& f = flights_[flight];
  const Ticks ttft = front_of(f) + f.first_token - f.arrival;
  const Ticks e2e = front_of(f) + now - f.arrival;
  ++tally_.finished;
  tally_.input_tokens += f.input;
  tally_.output_tokens += f.output;
  tally_.last_end = now;
  if (f.serial >= options_.warm_up_requests) {
    ++tally_.measured;
    tally_.ttft.add(ttft);
    if (f.output > 1) tally_.tpot.add((now - f.first_token) / (f.output - 1));
    tally_.e2e.add(e2e);
    tally_.queue.add(f.admitted - f.arrival);
    if (is_within_slo(f, now)) ++tally_.within_slo;
  }
  if (options_.on_finish) {
    options_.on_finish({f.serial, seconds_of(f.arrival), seconds_of(f.admitted - f.arrival),
                        seconds_of(ttft), seconds_of(e2e), f.input, f.output, f.session,
                        f.hit_tokens, f.retries, f.replica});
  }
  flights_.remove(flight);
  if (load_.concurrency > 0) ++clients_ready_;
}

/// A prefilled request waits for room where it shall decode; its pages stay where they are.
void Engine::hand_over(std::uint32_t flight, std::uint32_t slot, Ticks now) {
  const std::uint32_t parcel = parcels_.add();
  Flight &f = flights_[flight], &p = parcels_[parcel];
  p.serial = f.serial;
  p.input = f.input;
  p.output = f.output;
  p.computed = f.computed;
  p.blocks = std::exchange(f.blocks, 0);
  p.matched = std::exchange(f.matched, 0);
  p.held.swap(f.held);
  p.replica = slot;
  p.join_step = slots_[slot].incarnation;
  f.parcel = parcel;
  f.ready = f.remote = true;
  ++tally_.transfers;
  to_taker(flight, now);
}

void Engine::to_taker(std::uint32_t flight, Ticks now) {
  Flight& f = flights_[flight];
  std::uint32_t taker = takers_.pick(f);
  if (taker == Router::nobody) {
    parked_.push_back(flight);
    return;
  }
  if (!slots_[taker].replica.fits(f)) taker = roomier(taker, f);
  if (taker != Router::nobody) {
    hand_to(flight, taker, now);
  } else {
    drop_parcel(f);
    ++tally_.rejected;
    flights_.remove(flight);
    if (load_.concurrency > 0) ++clients_ready_;
  }
}

/// A sender's link carries one request after the other; its pages are free once it is read out.
void Engine::transfer(std::uint32_t flight, std::uint32_t taker, Ticks now) {
  const std::uint32_t parcel = std::exchange(flights_[flight].parcel, 0);
  const std::uint32_t slot = parcels_[parcel].replica;
  Slot& sender = slots_[slot];
  const formula::ReplicaLimits& limits = kind_of(sender).limits;
  const Bytes size =
      limits.kv_token * static_cast<double>(flights_[flight].computed) + limits.sequence_state;
  sender.link_free = std::max(now, sender.link_free) + ticks_of(size / limits.transfer);
  at(sender.link_free, {.kind = TimerKind::sent, .slot = slot, .flight = parcel});
  at(sender.link_free + ticks_of(limits.transfer_latency),
     {.kind = TimerKind::deliver,
      .slot = taker,
      .flight = flight,
      .incarnation = slots_[taker].incarnation});
}

}  // namespace tightrope::serving
