// Segments of a replica: the group that decodes, how a run advances, who leaves at its end.
#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/serving/replica_internal.h"

namespace tightrope::serving {
namespace {

std::int64_t state_pages(const formula::ReplicaLimits& limits, std::int64_t page) {
  if (limits.sequence_state.raw() <= 0.0 || limits.kv_token.raw() <= 0.0) return 0;
  const double tokens = limits.sequence_state / limits.kv_token;
  return static_cast<std::int64_t>(std::ceil(tokens / static_cast<double>(page)));
}

}  // namespace

Replica::Replica(const ReplicaModel& model, std::uint32_t index, FlightTable& flights,
                 Recorder& recorder, bool stepping)
    : model_(model),
      rules_(model_.scheduler),
      index_(index),
      flights_(flights),
      recorder_(recorder),
      stepping_(stepping),
      page_(rules_.block_tokens),
      lookahead_(rules_.draft_tokens),
      state_pages_(state_pages(model.limits, page_)),
      groups_(model.times.groups),
      clock_(rules_.yields.empty() ? 1.0 + rules_.accepted : 1.0),
      thresholds_(thresholds(rules_.yields)),
      pool_(model_.limits.kv_tokens / page_),
      rooms_(static_cast<std::size_t>(groups_)),
      shares_(static_cast<std::size_t>(groups_)),
      ratio_start_(rules_.ratio.first),
      residues_(static_cast<std::size_t>(page_)) {}

bool Replica::fits(const Flight& f) const {
  // A prompt that cannot be split must fit an iteration; so must what is computed again of a
  // sequence that was put back, which whole outputs rule out.
  const bool keeps_all = rules_.capacity == Capacity::whole_output;
  const std::int64_t longest = keeps_all ? f.input : f.input + f.output;
  const bool never_prefills = model_.takes_over && keeps_all;
  if (!rules_.chunked_prefill && !never_prefills && longest > rules_.token_budget / groups_) {
    return false;
  }
  return blocks_for(f.input + f.output + 2 * (1 + lookahead_)) + state_pages_ <= pool_.total();
}

void Replica::enqueue(std::uint32_t flight, Ticks now) {
  Flight& f = flights_[flight];
  f.stage = Stage::waiting;
  f.replica = index_;
  const std::int64_t ahead = rules_.ahead_steps;
  f.held_until = ahead > 0 ? iterations_before(now) + ahead : 0;
  waiting_.push_back(flight);
  recorder_.waiting_changes(now, 1);
}

void Replica::link(std::uint32_t at) {
  flights_[at].before = last_;
  flights_[at].after = 0;
  flights_[at].order = admissions_++;
  (last_ == 0 ? first_ : flights_[last_].after) = at;
  last_ = at;
  ++running_;
}

void Replica::unlink(std::uint32_t at) {
  const Flight& f = flights_[at];
  (f.before == 0 ? first_ : flights_[f.before].after) = f.after;
  (f.after == 0 ? last_ : flights_[f.after].before) = f.before;
  --running_;
}

std::size_t Replica::residue_of(const Flight& f) const {
  return static_cast<std::size_t>(((f.base + lookahead_) % page_ + page_) % page_);
}

/// A sequence starts to decode at the next step.
void Replica::join(std::uint32_t at) {
  Flight& f = flights_[at];
  const std::int64_t reading = clock_.at(steps_ + 1);
  f.stage = Stage::decoding;
  f.join_step = steps_;
  f.unpaged = 0;
  const bool by_clock = thresholds_.empty();
  f.base = f.computed + 1 - reading;
  const std::int64_t due = reading + f.output - f.generated;
  ++decoding_;
  base_sum_ += f.base;
  longest_base_ = std::max(longest_base_, f.base);
  due_sum_ += due;
  output_sum_ += f.output;
  if (by_clock) ++residues_[residue_of(f)];
  if (by_clock) finishes_.push({due, f.order, at, f.epoch});
  if (model_.times.window > 0) {
    f.saturated = false;
    ++unsaturated_;
    unsaturated_base_ += f.base;
    const std::int64_t full = model_.times.window - f.base - lookahead_;
    if (by_clock) saturations_.push({full, f.order, at, f.epoch});
  }
  if (joined_.empty() || joined_.back().last_token != f.last_token) {
    joined_.push_back({f.last_token, 0});
  }
  ++joined_.back().count;
  ++joined_count_;
}

/// It decodes no longer; its last token's time is written down.
void Replica::leave(Flight& f) {
  --decoding_;
  base_sum_ -= f.base;
  due_sum_ -= clock_.at(f.join_step + 1) + f.output - f.generated;
  output_sum_ -= f.output;
  if (thresholds_.empty()) --residues_[residue_of(f)];
  if (model_.times.window > 0 && !f.saturated) {
    --unsaturated_;
    unsaturated_base_ -= f.base;
  }
  ++f.epoch;
  if (f.join_step < steps_) {
    f.last_token = last_step_end_;
    return;
  }
  for (Joined& row : joined_) {
    if (row.last_token != f.last_token || row.count == 0) continue;
    --row.count;
    --joined_count_;
    return;
  }
  TR_CHECK(false, f.serial);
}

/// Sequences whose window is full at the next step see no more keys in it.
void Replica::saturate() {
  if (model_.times.window == 0) return;
  if (!thresholds_.empty()) return saturate_each();
  const std::int64_t reading = clock_.at(steps_ + 1);
  while (!saturations_.empty()) {
    const Due due = saturations_.top();
    const bool is_stale = flights_[due.flight].epoch != due.epoch;
    if (!is_stale && due.reading > reading) break;
    saturations_.pop();
    if (is_stale) continue;
    Flight& f = flights_[due.flight];
    f.saturated = true;
    --unsaturated_;
    unsaturated_base_ -= f.base;
  }
}

IterationCost Replica::cost_of(std::int64_t steps) const {
  return run_.first * steps + run_.slope * clock_.advance(steps_ + 1, steps);
}

/// Time of the run's step, from 0.
Ticks Replica::gap(std::int64_t step) const {
  return run_.first.time + run_.slope.time * (clock_.at(steps_ + 1 + step) - clock_.at(steps_ + 1));
}

/// The fewest steps of the run that end at or after `now`.
std::int64_t Replica::steps_until(Ticks now) const {
  const Ticks wanted = now - now_;
  const auto slope = static_cast<double>(run_.slope.time) * (1.0 + rules_.accepted);
  const double b = static_cast<double>(run_.first.time) - 0.5 * slope;
  const auto w = static_cast<double>(wanted);
  const double guess = 2.0 * w / (b + std::sqrt(b * b + 2.0 * slope * w));
  auto steps = std::clamp(static_cast<std::int64_t>(guess), std::int64_t{1}, run_.steps);
  while (steps < run_.steps && cost_of(steps).time < wanted) ++steps;
  while (steps > 1 && cost_of(steps - 1).time >= wanted) --steps;
  return steps;
}

/// Iterations that have ended at `now`, those of the run under way counted.
std::int64_t Replica::iterations_before(Ticks now) const {
  if (idle() || run_.steps <= 1) return iterations_;
  const std::int64_t steps = steps_until(now);
  return iterations_ + (cost_of(steps).time <= now - now_ ? steps : steps - 1);
}

void Replica::cut(Ticks now) {
  if (rules_.static_batches) return;
  // Behind others who wait it cannot enter before them. Who looks now and then sees it there all
  // the same.
  const bool may_enter = waiting_.size() == 1 && admitted() < rules_.max_sequences;
  if (idle() || run_.steps <= 1 || (rules_.poll_steps == 1 && !may_enter)) return;
  const bool is_held = rules_.ahead_steps > 0;
  const std::int64_t steps =
      is_held ? flights_[waiting_.back()].held_until - iterations_ : steps_until(now);
  run_.steps = std::min(run_.steps, steps - 1 + steps_to_look(steps_ + steps - 1));
  segment_end_ = now_ + cost_of(run_.steps).time;
}

void Replica::shorten(Ticks now) {
  if (idle() || run_.steps <= 1) return;
  run_.steps = steps_until(now);
  segment_end_ = now_ + cost_of(run_.steps).time;
}

std::int64_t Replica::blocks_used(Ticks now) const {
  const std::int64_t taken = pool_.total() - pool_.free();
  if (idle() || run_.steps == 0) return taken;
  return taken + pages_until(clock_.at(steps_ + steps_until(now)));
}

/// Between the tokens of a sequence lies a step, unless it has just joined or waited for prefills.
void Replica::count_gaps(std::int64_t steps) {
  bool is_plain = decoding_ == joined_count_ || last_step_end_ == now_;
  for (const Joined& row : joined_) is_plain = is_plain && row.last_token == now_;
  if (is_plain) {
    count_gap_row(0, steps, decoding_);
  } else {
    const Ticks end = now_ + gap(0);
    recorder_.token_gaps.add(end - last_step_end_, decoding_ - joined_count_);
    for (const Joined& row : joined_) recorder_.token_gaps.add(end - row.last_token, row.count);
    count_gap_row(1, steps, decoding_);
  }
  joined_.clear();
  joined_count_ = 0;
}

/// Steps' times rise: whole rows of them fall into one bucket.
void Replica::count_gap_row(std::int64_t from, std::int64_t to, std::int64_t sequences) {
  Histogram& gaps = recorder_.token_gaps;
  while (from < to) {
    const std::size_t bucket = Histogram::bucket_of(gap(from));
    std::int64_t low = from, high = gaps.is_exact() ? from : to - 1;
    while (low < high) {
      const std::int64_t middle = high == to - 1 && low == from ? high : low + (high - low + 1) / 2;
      if (Histogram::bucket_of(gap(middle)) == bucket) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    const std::int64_t steps = low - from + 1;
    const std::int64_t ticks = clock_.advance(steps_ + 1 + from, steps);
    const Ticks rest = gap(from) * steps + run_.slope.time * ticks;
    if (sequences > 0) gaps.add({gap(from), rest, gap(low), steps, sequences});
    from = low + 1;
  }
}

/// Lets the group decode so many steps of the segment under way.
void Replica::commit_steps(std::int64_t steps) {
  if (steps == 0) return;
  count_gaps(steps);
  const IterationCost cost = cost_of(steps);
  pool_.take(pages_until(clock_.at(steps_ + steps)));
  paged();
  steps_ += steps;
  iterations_ += steps;
  paged_until_ = clock_.at(steps_);
  now_ += cost.time;
  busy_ += cost.time;
  energy_ += cost.energy;
  recorder_.iterations += steps;
  last_step_end_ = now_;
}

void Replica::finish(std::uint32_t at, std::vector<Leaving>& left) {
  Flight& f = flights_[at];
  pad(f);
  release(f, f.stage == Stage::decoding ? blocks_of(f, paged_until_) : f.blocks, false);
  if (f.stage == Stage::decoding) leave(f);
  unlink(at);
  f.generated = f.output;
  left.push_back({at, false});
}

void Replica::end_chunks(std::vector<Leaving>& left) {
  for (const Chunk& chunk : chunks_) {
    Flight& f = flights_[chunk.flight];
    f.computed += chunk.tokens;
    if (!chunk.is_last) continue;
    std::erase(prefilling_, chunk.flight);
    if (f.first_token < 0) f.first_token = now_;
    if (f.generated > 0) recorder_.token_gaps.add(now_ - f.last_token);
    ++f.generated;
    f.last_token = now_;
    if (f.generated >= f.output) {
      finish(chunk.flight, left);
    } else if (model_.hands_over) {
      unlink(chunk.flight);
      f.stage = Stage::moving;
      ++moving_;
      left.push_back({chunk.flight, true});
    } else {
      join(chunk.flight);
    }
  }
  chunks_.clear();
}

void Replica::end_segment(std::vector<Leaving>& left) {
  if (stepping_) audit();
  if (run_.steps > 0) {
    commit_steps(run_.steps);
    if (!thresholds_.empty()) add_yields(left);
  } else {
    if (decodes_too_) {
      count_gaps(decoding_ > 0 ? 1 : 0);
      ++steps_;
      if (decoding_ > 0) last_step_end_ = now_ + iteration_.time;
    }
    now_ += iteration_.time;
    busy_ += iteration_.time;
    energy_ += iteration_.energy;
    ++iterations_;
    ++recorder_.iterations;
    if (decodes_too_ && !thresholds_.empty()) add_yields(left);
    end_chunks(left);
  }
  prefilled_ = run_.steps == 0;
  run_ = {};
  segment_end_ = never;
  const std::int64_t reading = clock_.at(steps_ + 1);
  while (!finishes_.empty()) {
    const Due due = finishes_.top();
    const bool is_stale = flights_[due.flight].epoch != due.epoch;
    if (!is_stale && due.reading > reading) break;
    finishes_.pop();
    if (!is_stale) finish(due.flight, left);
  }
}

void Replica::sent(Flight& parcel) {
  release(parcel, parcel.blocks, false);
  --moving_;
}

void Replica::received(std::uint32_t flight, Ticks now) {
  std::erase(receiving_, flight);
  received_.push_back(flight);
  shorten(now);
}

void Replica::fail(Ticks now, std::vector<std::uint32_t>& lost) {
  if (!idle() && run_.steps > 0) {
    std::int64_t steps = steps_until(now);
    if (now_ + cost_of(steps).time > now) --steps;
    commit_steps(steps);
  }
  for (std::uint32_t at = first_; at != 0; at = flights_[at].after) lost.push_back(at);
  for (const auto* flights : {&receiving_, &received_}) {
    lost.insert(lost.end(), flights->begin(), flights->end());
  }
  lost.insert(lost.end(), waiting_.begin(), waiting_.end());
  recorder_.waiting_changes(now, -static_cast<std::int64_t>(waiting_.size()));
  waiting_.clear();
  seen_ = 0;
  for (auto* flights : {&prefilling_, &pulls_, &receiving_, &received_}) flights->clear();
  chunks_.clear();
  joined_.clear();
  finishes_ = {};
  saturations_ = {};
  residues_.assign(residues_.size(), 0);
  pool_ = BlockPool(pool_.total());
  first_ = last_ = 0;
  running_ = moving_ = reserved_ = joined_count_ = 0;
  decoding_ = base_sum_ = due_sum_ = output_sum_ = unsaturated_ = unsaturated_base_ = 0;
  leave_batch();
  refused_ = ratio_refused_ = decodes_too_ = prefilled_ = false;
  paged_until_ = clock_.at(steps_);
  run_ = {};
  stall_ = {};
  segment_end_ = never;
}

}  // namespace tightrope::serving
