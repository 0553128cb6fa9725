// What happens to a fleet at set times: transfers, failures, scaling, samples.
#include <algorithm>
#include <cmath>
#include <utility>

#include "tightrope/serving/engine_internal.h"

namespace tightrope::serving {

void Engine::at(Ticks time, Timer timer) {
  timer.time = time;
  timer.order = timer_count_++;
  if (is_vital(timer.kind)) ++vital_timers_;
  timers_.push(timer);
}

void Engine::fire(const Timer& timer) {
  const Ticks now = timer.time;
  Slot& slot = slots_[timer.slot];
  switch (timer.kind) {
    case TimerKind::sample: sample(now); break;
    case TimerKind::sent: {
      Flight& parcel = parcels_[timer.flight];
      if (parcel.join_step == slot.incarnation) {
        slot.replica.sent(parcel);
        if (slot.replica.idle()) plan_soon(timer.slot);
        turn_off_if_drained(timer.slot, now);
      }
      parcels_.remove(timer.flight);
      break;
    }
    case TimerKind::deliver: delivered(timer); break;
    case TimerKind::resend: dispatch(timer.flight, now); break;
    case TimerKind::fail: fail(timer); break;
    case TimerKind::repair:
      if (slot.state == State::down) open(timer.slot, now);
      break;
    case TimerKind::scale: scale(timer.pool, now); break;
    case TimerKind::warm:
      if (slot.state == State::warming && timer.incarnation == slot.incarnation) {
        open(timer.slot, now);
      }
      break;
    case TimerKind::batch:
      if (slot.batch_due == now) slot.batch_due = never;
      if (slot.replica.idle()) plan_soon(timer.slot);
      break;
  }
}

/// An idle replica with static batches starts one when its first request has waited long enough.
void Engine::wait_for_batch(std::uint32_t index, Ticks now) {
  Slot& slot = slots_[index];
  const Ticks due = slot.replica.idle() ? slot.replica.batch_due() : never;
  if (due == never || due <= now || due == slot.batch_due) return;
  slot.batch_due = due;
  at(due, {.kind = TimerKind::batch, .slot = index});
}

/// A replica takes requests from now on.
void Engine::open(std::uint32_t index, Ticks now) {
  Slot& slot = slots_[index];
  if (slot.state == State::off) slot.up_since = now;
  if (slot.state == State::down) tally_.down += now - slot.down_since;
  slot.state = State::active;
  router_of(slot).open(index, kind_of(slot).weight, slot.replica.outstanding());
  next_failure(index, now);
  call_parked(now);
}

void Engine::close(std::uint32_t index, Ticks now, State state) {
  Slot& slot = slots_[index];
  router_of(slot).close(index);
  slot.state = state;
  if (state == State::off) slot.provisioned += now - slot.up_since;
}

void Engine::turn_off_if_drained(std::uint32_t index, Ticks now) {
  const Slot& slot = slots_[index];
  if (slot.state == State::draining && slot.replica.empty()) close(index, now, State::off);
}

void Engine::call_parked(Ticks now) {
  std::deque<std::uint32_t> parked;
  parked.swap(parked_);
  for (const std::uint32_t flight : parked) {
    if (flights_[flight].ready) {
      to_taker(flight, now);
    } else {
      dispatch(flight, now);
    }
  }
}

void Engine::delivered(const Timer& timer) {
  Slot& taker = slots_[timer.slot];
  if (timer.incarnation != taker.incarnation) return;  // it failed, the request went elsewhere
  taker.replica.received(timer.flight, timer.time);
  if (taker.replica.idle()) {
    plan_soon(timer.slot);
  } else if (taker.replica.segment_end() == timer.time) {
    end_segment(timer.slot, timer.time);
  } else {
    ends_.set(timer.slot, taker.replica.segment_end());
  }
}

/// Nobody will ask for these keys and values any more.
void Engine::drop_parcel(Flight& f) {
  const std::uint32_t parcel = std::exchange(f.parcel, 0);
  if (parcel == 0) return;
  const std::uint32_t index = parcels_[parcel].replica;
  Slot& slot = slots_[index];
  if (parcels_[parcel].join_step == slot.incarnation) {
    slot.replica.sent(parcels_[parcel]);
    if (slot.replica.idle()) plan_soon(index);
  }
  parcels_.remove(parcel);
}

void Engine::fail(const Timer& timer) {
  Slot& slot = slots_[timer.slot];
  const bool is_stale = timer.incarnation != 0 && timer.incarnation != slot.incarnation + 1;
  if (is_stale || slot.state == State::off || slot.state == State::down) return;
  lost_.clear();
  slot.replica.fail(timer.time, lost_);
  ++slot.incarnation;
  ends_.set(timer.slot, never);
  slot.link_free = timer.time;
  close(timer.slot, timer.time, State::down);
  slot.down_since = timer.time;
  ++tally_.failures;
  load_changes(timer.slot);
  for (const std::uint32_t flight : lost_) lose(flight, timer.time);
  if (timer.span > 0) {
    at(timer.time + timer.span, {.kind = TimerKind::repair, .slot = timer.slot});
  }
}

/// What a failed replica had done of a request is gone; its clock goes on.
void Engine::lose(std::uint32_t flight, Ticks now) {
  Flight& f = flights_[flight];
  drop_parcel(f);
  f.held.clear();
  f.matched = f.blocks = f.computed = 0;
  f.next_unit = f.partial = f.generated = 0;
  f.first_token = -1;
  f.ready = f.swapped = f.remote = f.saturated = false;
  f.stage = Stage::waiting;
  ++f.epoch;
  ++f.retries;
  if (f.retries > fleet_.failures.most_retries) {
    ++tally_.given_up;
    flights_.remove(flight);
    if (load_.concurrency > 0) ++clients_ready_;
    return;
  }
  ++tally_.retries;
  at(now + ticks_of(fleet_.failures.retry_delay), {.kind = TimerKind::resend, .flight = flight});
}

void Engine::next_failure(std::uint32_t index, Ticks now) {
  const Failures& failures = fleet_.failures;
  if (failures.mean_time_between.raw() <= 0.0) return;
  Slot& slot = slots_[index];
  slot.chance += 0x9e3779b97f4a7c15ULL;
  std::uint64_t x = slot.chance;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  const double uniform = (static_cast<double>(x >> 11) + 0.5) * 0x1p-53;
  at(now + ticks_of(failures.mean_time_between * -std::log(uniform)),
     {.kind = TimerKind::fail,
      .slot = index,
      .incarnation = slot.incarnation + 1,
      .span = ticks_of(failures.repair)});
}

std::int64_t Engine::wanted(std::uint32_t kind) const {
  const ReplicaKind& of = fleet_.kinds[kind];
  const bool takes_over = of.role == Role::decode;
  // Who waits for a replica counts for all kinds that could take him.
  std::int64_t outstanding = std::count_if(parked_.begin(), parked_.end(), [&](std::uint32_t f) {
    return flights_[f].ready == takes_over;
  });
  for (const Slot& slot : slots_) {
    if (slot.kind == kind) outstanding += slot.replica.outstanding();
  }
  const double replicas = std::ceil(static_cast<double>(outstanding) / of.autoscaling.target);
  return std::clamp(static_cast<std::int64_t>(replicas), of.autoscaling.least, of.autoscaling.most);
}

void Engine::scale(std::uint32_t kind, Ticks now) {
  const Autoscaling& rules = fleet_.kinds[kind].autoscaling;
  const std::int64_t target = wanted(kind);
  std::int64_t up = std::count_if(slots_.begin(), slots_.end(), [kind](const Slot& slot) {
    return slot.kind == kind && (slot.state == State::active || slot.state == State::warming);
  });
  for (std::uint32_t i = 0; i < slots_.size() && up < target; ++i) {
    Slot& slot = slots_[i];
    if (slot.kind != kind || slot.state != State::off) continue;
    slot.state = State::warming;
    slot.up_since = now;
    at(now + ticks_of(rules.warm_up),
       {.kind = TimerKind::warm, .slot = i, .incarnation = slot.incarnation});
    grown_at_[kind] = now;
    ++up;
  }
  const bool may_shrink = now - grown_at_[kind] >= ticks_of(rules.cool_down);
  for (std::size_t i = slots_.size(); may_shrink && i-- > 0 && up > target;) {
    if (slots_[i].kind != kind || slots_[i].state != State::active) continue;
    const auto index = static_cast<std::uint32_t>(i);
    close(index, now, State::draining);
    turn_off_if_drained(index, now);
    --up;
  }
  at(now + ticks_of(rules.interval), {.kind = TimerKind::scale, .pool = kind});
}

void Engine::sample(Ticks now) {
  SeriesPoint point;
  point.time = seconds_of(now);
  point.arrived = tally_.arrived;
  point.finished = tally_.finished;
  point.refused = tally_.rejected + tally_.given_up;
  point.waiting = recorder_.waiting + static_cast<std::int64_t>(parked_.size());
  std::int64_t used = 0, total = 0;
  for (const Slot& slot : slots_) {
    if (slot.state == State::active) ++point.replicas;
    if (slot.state == State::off || slot.state == State::down) continue;
    point.running += slot.replica.running();
    used += slot.replica.blocks_used(now);
    total += slot.replica.blocks_total();
  }
  point.kv_used = total == 0 ? 0.0 : static_cast<double>(used) / static_cast<double>(total);
  series_.push_back(point);
  Ticks next = now + sample_every_;
  if (series_.size() >= options_.series_points) {
    for (std::size_t i = 0; 2 * i + 1 < series_.size(); ++i) series_[i] = series_[2 * i + 1];
    series_.resize(series_.size() / 2);
    sample_every_ *= 2;
    next = (now / sample_every_ + 1) * sample_every_;
  }
  at(next, {.kind = TimerKind::sample});
}

}  // namespace tightrope::serving
