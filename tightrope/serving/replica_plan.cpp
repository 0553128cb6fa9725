// The scheduler of a replica. Rules of vLLM v1 (v1/core/sched/scheduler.py, v0.11 to v0.19) unless
// an option says otherwise:
// - sequences in work first, each decode one token, then the waiting in order of arrival;
// - an iteration that had to put sequences back admits nobody;
// - the first that waits is not overtaken.
// Ours: decodes are served before unfinished prompts, which matters under `long_prefill` only; a
// request that was refused is asked again when pages were released, not at every step.
#include <algorithm>
#include <bit>

#include "tightrope/core/check.h"
#include "tightrope/serving/replica_internal.h"

namespace tightrope::serving {
namespace {

/// Query-key pairs of a chunk that starts behind `start` tokens.
std::int64_t scores(std::int64_t start, std::int64_t tokens) {
  return tokens * start + tokens * (tokens + 1) / 2;
}

std::int64_t window_scores(std::int64_t start, std::int64_t tokens, std::int64_t window) {
  const std::int64_t below = std::clamp<std::int64_t>(window - start, 0, tokens);
  return scores(start, below) + (tokens - below) * window;
}

}  // namespace

bool Replica::may_admit() const {
  if (rules_.static_batches) return batch_size() > 0;
  return seen_ > 0 && !refused_ && admitted() < rules_.max_sequences &&
         (!rules_.mixed || decoding_ * (1 + lookahead_) < rules_.token_budget);
}

/// From a count of decode steps to the next at which the scheduler looks who came, at least one.
std::int64_t Replica::steps_to_look(std::int64_t from) const {
  if (rules_.poll_steps == 1) return 1;
  return rules_.poll_steps - (from - looked_) % rules_.poll_steps;
}

void Replica::look() {
  const bool is_due = decoding_ == 0 || prefilled_ || (steps_ - looked_) % rules_.poll_steps == 0;
  if (decoding_ == 0 || prefilled_) looked_ = steps_;
  prefilled_ = false;
  if (!is_due) return;
  // Where nothing runs nothing was launched ahead.
  if (rules_.ahead_steps == 0 || running_ == 0) seen_ = waiting_.size();
  while (seen_ < waiting_.size() && flights_[waiting_[seen_]].held_until <= iterations_) ++seen_;
}

/// Decode steps to the first look that sees who waits unseen, at least one.
std::int64_t Replica::steps_to_entry(const Flight& f) const {
  const std::int64_t held = std::max<std::int64_t>(f.held_until - iterations_ - 1, 0);
  return held + steps_to_look(steps_ + held);
}

void Replica::plan(Ticks now) {
  now_ = now;
  ratio_refused_ = false;
  chunks_.clear();
  pulls_.clear();
  decodes_too_ = false;
  end_batch();
  if (decoding_ == 0) paged_until_ = clock_.at(steps_);
  join_received();
  look();
  bool was_put_back = false;
  if (!prefilling_.empty() || may_admit()) {
    if (rules_.mixed) was_put_back = take_decode_pages();
    plan_chunks(was_put_back);
    if (!chunks_.empty()) {
      decodes_too_ = rules_.mixed;
      start_iteration();
      return;
    }
  }
  plan_run();
}

void Replica::plan_chunks(bool was_put_back) {
  std::int64_t budget = rules_.token_budget;
  if (rules_.mixed) budget -= decoding_ * (1 + lookahead_);
  // Decodes are spread evenly over the groups, whose budgets are equal.
  const std::int64_t room =
      groups_ == 1 ? budget
                   : rules_.token_budget / groups_ - share_of(rules_.token_budget - budget);
  std::fill(rooms_.begin(), rooms_.end(), room);
  const std::int64_t before = recorder_.preemptions;
  continue_prefills(budget);
  if (rules_.static_batches) return admit_batch(batch_size());
  if (!was_put_back && recorder_.preemptions == before) admit_waiting(budget);
}

void Replica::continue_prefills(std::int64_t& budget) {
  for (std::size_t i = 0; i < prefilling_.size() && budget > 0; ++i) {
    const std::uint32_t at = prefilling_[i];
    Flight& f = flights_[at];
    std::int64_t& room = rooms_[f.group];
    if (room <= 0) continue;
    std::int64_t tokens = std::min({target_of(f) - f.computed, budget, room});
    if (rules_.long_prefill > 0) tokens = std::min(tokens, rules_.long_prefill);
    const std::int64_t pages = prefill_blocks(f, f.computed + tokens) - f.blocks;
    std::uint32_t victim = 0;
    while (victim != at && pool_.free() < pages) {
      victim = last_;
      put_back(victim);
    }
    if (victim == at) break;
    pool_.take(pages);
    f.blocks += pages;
    publish(f, f.computed + tokens);
    chunks_.push_back({at, tokens, f.computed + tokens == target_of(f)});
    budget -= tokens;
    room -= tokens;
  }
}

void Replica::admit_waiting(std::int64_t& budget) {
  while (budget > 0 && seen_ > 0 && !refused_ && admitted() < rules_.max_sequences) {
    const std::uint32_t at = waiting_.front();
    Flight& f = flights_[at];
    if (f.ready) {
      if (!admit_ready(f)) return;
      enter(f);
      if (f.remote) {
        f.stage = Stage::moving;
        receiving_.push_back(at);
        pulls_.push_back(at);
      } else {
        link(at);
        join(at);
        budget -= 1 + lookahead_;
      }
      continue;
    }
    if (rules_.max_prefills > 0 &&
        static_cast<std::int64_t>(chunks_.size()) >= rules_.max_prefills) {
      return;
    }
    const std::int64_t room = std::min(budget, rooms_[roomiest()]);
    std::int64_t tokens = 0;
    if (room <= 0 || !admit(f, at, room, tokens)) return;
    budget -= tokens;
  }
}

/// The attention group that may take most tokens: a new prompt is its own.
std::uint32_t Replica::roomiest() const {
  return static_cast<std::uint32_t>(std::max_element(rooms_.begin(), rooms_.end()) -
                                    rooms_.begin());
}

/// All prompts of a static batch are prefilled in one iteration.
void Replica::admit_batch(std::int64_t size) {
  constexpr std::int64_t unbounded = std::int64_t{1} << 40;
  for (; size > 0; --size) {
    const std::uint32_t at = waiting_.front();
    std::int64_t tokens = 0;
    const bool is_in = admit(flights_[at], at, unbounded, tokens);
    TR_CHECK(is_in, size, pool_.free());
  }
}

/// Share of the outputs to come that SGLang keeps free at this step.
double Replica::ratio() const {
  const double fall = (rules_.ratio.first - rules_.ratio.least) /
                      static_cast<double>(rules_.ratio.steps) *
                      static_cast<double>(steps_ - ratio_since_);
  return std::max(ratio_start_ - fall, rules_.ratio.least);
}

/// `fresh` pages would be taken, of which `hits` lie in the queue under their names.
bool Replica::has_room(const Flight& f, std::int64_t fresh, std::int64_t hits) const {
  const auto kept =
      static_cast<std::int64_t>(rules_.watermark * static_cast<double>(pool_.total()));
  const std::int64_t room = pool_.free() - (running_ > 0 ? kept : 0);
  if (fresh + hits + state_pages_ > room) return false;
  if (rules_.capacity == Capacity::whole_output) {
    const std::int64_t promised = reserved_ + whole_pages(f);
    return promised <= pool_.total() - (running_ > 0 ? kept : 0);
  }
  if (rules_.capacity == Capacity::token_ratio && running_ > 0) {
    std::int64_t to_come = due_sum_ - decoding_ * clock_.at(steps_ + 1);
    for (const std::uint32_t at : prefilling_) to_come += flights_[at].output;
    const std::int64_t own =
        std::min<std::int64_t>(f.output - f.generated, rules_.ratio.longest_output);
    const double promised = static_cast<double>(to_come) * ratio() + static_cast<double>(own);
    return static_cast<double>((room - fresh - hits) * page_) >= promised;
  }
  return true;
}

void Replica::enter(Flight& f) {
  waiting_.pop_front();
  --seen_;
  recorder_.waiting_changes(now_, -1);
  if (f.admitted < 0) f.admitted = now_;
  f.ready = f.swapped = false;
  if (rules_.capacity == Capacity::whole_output) {
    reserved_ += whole_pages(f);
  }
}

/// A request whose keys and values are at hand, in host memory or at another replica. As vLLM does,
/// those from elsewhere get their pages before they are sent, those of a first step too.
bool Replica::admit_ready(Flight& f) {
  const std::int64_t base = f.computed + 1 - clock_.at(steps_ + 1);
  const std::int64_t reading = f.remote ? clock_.at(steps_ + 1) : paged_until_;
  const std::int64_t pages = blocks_for(base + reading + lookahead_);
  if (!has_room(f, pages, 0)) {
    refused_ = rules_.capacity != Capacity::token_ratio;
    ratio_refused_ = !refused_;
    return false;
  }
  pool_.take(pages + state_pages_);
  f.blocks = pages;
  if (f.swapped) {
    const Bytes size =
        model_.limits.kv_token * static_cast<double>(f.computed) + model_.limits.sequence_state;
    stall_.time += ticks_of(size / model_.limits.swap);
  }
  return true;
}

void Replica::join_received() {
  for (const std::uint32_t at : received_) {
    Flight& f = flights_[at];
    if (!rules_.prefiller_tells) f.first_token = f.last_token = now_;
    link(at);
    join(at);
    pool_.give(f.blocks - blocks_of(f, paged_until_));
    f.remote = false;
  }
  if (!received_.empty()) refused_ = false;
  received_.clear();
}

bool Replica::admit(Flight& f, std::uint32_t at, std::int64_t budget, std::int64_t& used) {
  const Match m = match(f);
  const std::int64_t target = target_of(f);
  const std::int64_t hits = m.blocks + m.own_blocks, start = hits * page_;
  std::int64_t tokens = std::min(target - start, budget);
  if (rules_.long_prefill > 0 && rules_.chunked_prefill) {
    tokens = std::min(tokens, rules_.long_prefill);
  }
  const bool is_too_long = !rules_.chunked_prefill && tokens < target - start;
  const std::int64_t end = rules_.whole_input ? target : start + tokens;
  if (is_too_long || !has_room(f, prefill_blocks(f, end) - hits, m.idle_blocks)) {
    // The token ratio falls step by step: its refusals do not last.
    const bool lasts = rules_.capacity != Capacity::token_ratio;
    // An iteration that other prompts fill says nothing about the next.
    if (is_too_long && !chunks_.empty()) return false;
    refused_ = lasts;
    ratio_refused_ = !lasts;
    return false;
  }
  if (f.admitted < 0) {
    recorder_.prompt_tokens += f.input;
    recorder_.hit_tokens += start;
    f.hit_tokens = static_cast<std::int32_t>(start);
  }
  enter(f);
  link(at);
  hold(f, m);
  pool_.take(state_pages_);
  const std::int64_t pages = prefill_blocks(f, start + tokens) - f.blocks;
  pool_.take(pages);
  f.blocks += pages;
  publish(f, start + tokens);
  f.stage = Stage::prefilling;
  f.group = roomiest();
  rooms_[f.group] -= tokens;
  prefilling_.push_back(at);
  chunks_.push_back({at, tokens, start + tokens == target});
  used = tokens;
  return true;
}

formula::IterationWork Replica::decode_work() const {
  formula::IterationWork w;
  const std::int64_t reading = clock_.at(steps_ + 1) + lookahead_;
  w.tokens = decoding_ * (1 + lookahead_);
  w.yields = w.decodes = decoding_;
  w.decode_keys = base_sum_ + decoding_ * reading;
  if (model_.times.window > 0) {
    w.decode_window_keys = (decoding_ - unsaturated_) * model_.times.window + unsaturated_base_ +
                           unsaturated_ * reading;
  }
  add_padding(w);
  read_buckets(w, longest_base_);
  return w;
}

void Replica::start_iteration() {
  saturate();
  formula::IterationWork w;
  if (decodes_too_) w = decode_work();
  std::int64_t longest = 0;  // a static batch's prompts are padded to it
  for (const Chunk& chunk : chunks_) {
    if (rules_.static_batches) longest = std::max(longest, chunk.tokens);
  }
  if (rules_.buckets_cache) {
    longest = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(longest)));
  }
  std::fill(shares_.begin(), shares_.end(), Share{share_of(w.tokens), 0, 0});
  for (const Chunk& chunk : chunks_) {
    const Flight& f = flights_[chunk.flight];
    const std::int64_t tokens = std::max(longest, chunk.tokens);
    Share& group = shares_[f.group];
    group.tokens += tokens;
    group.scores += scores(f.computed, tokens);
    if (model_.times.window > 0) {
      group.window_scores += window_scores(f.computed, tokens, model_.times.window);
    }
    w.tokens += tokens;
    ++w.prefills;
    if (chunk.is_last) ++w.yields;
    recorder_.prefill_tokens += chunk.tokens;
  }
  // All wait for the fullest group; prices of scores are those of scores that all share.
  for (const Share& group : shares_) {
    w.fullest = std::max(w.fullest, group.tokens);
    w.prefill_scores = std::max(w.prefill_scores, group.scores * groups_);
    w.prefill_window_scores = std::max(w.prefill_window_scores, group.window_scores * groups_);
  }
  iteration_ = model_.times.cost(w) + stall_;
  stall_ = {};
  run_ = {0, iteration_, {}};
  segment_end_ = now_ + iteration_.time;
}

/// Steps until something may change that the closed form does not know.
std::int64_t Replica::longest_run() {
  if (stepping_ || !thresholds_.empty() || stall_.time > 0 || ratio_refused_) return 1;
  while (flights_[finishes_.top().flight].epoch != finishes_.top().epoch) finishes_.pop();
  std::int64_t steps = clock_.steps_to(finishes_.top().reading) - 1 - steps_;
  while (!saturations_.empty() &&
         flights_[saturations_.top().flight].epoch != saturations_.top().epoch) {
    saturations_.pop();
  }
  if (!saturations_.empty()) {
    steps = std::min(steps, clock_.steps_to(saturations_.top().reading) - 1 - steps_);
  }
  if (rules_.buckets_cache) {
    const std::int64_t full = bucket(longest_base_) - longest_base_ - lookahead_;
    steps = std::min(steps, clock_.steps_to(full + 1) - 1 - steps_);
  }
  const auto pages = [&](std::int64_t count) { return pages_until(clock_.at(steps_ + count)); };
  const std::int64_t ticks = clock_.at(steps_ + steps) - paged_until_;
  if (decoding_ * ((ticks + page_ - 1) / page_) <= pool_.free()) return steps;
  if (pages(steps) <= pool_.free()) return steps;
  std::int64_t low = 1, high = steps;
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    (pages(middle) <= pool_.free() ? low : high) =
        pages(middle) <= pool_.free() ? middle : middle - 1;
  }
  return low;
}

void Replica::plan_run() {
  run_ = {};
  segment_end_ = never;
  if (decoding_ == 0) return;
  bool asks_again = false;
  if (pages_until(clock_.at(steps_ + 1)) > pool_.free()) {
    static_cast<void>(take_decode_pages());
    asks_again = true;
  }
  // The only one was put back for pages that are kept for what is on its way: wait for that.
  if (decoding_ == 0) return;
  saturate();
  // Who was put back asks for admission after one step, and so does whoever was not asked yet.
  std::int64_t steps = asks_again || may_admit() ? 1 : longest_run();
  const bool is_blocked = seen_ > 0 || admitted() >= rules_.max_sequences;
  if (seen_ < waiting_.size() && (rules_.poll_steps > 1 || !is_blocked)) {
    steps = std::min(steps, steps_to_entry(flights_[waiting_[seen_]]));
  }
  start_run(steps);
}

void Replica::start_run(std::int64_t steps) {
  TR_CHECK(steps > 0, steps);
  formula::IterationWork work = decode_work();
  run_.steps = steps;
  run_.first = model_.times.cost(work) + stall_;
  if (!rules_.buckets_cache) {
    run_.slope = model_.times.decode_key * (decoding_ + padding_) +
                 model_.times.decode_window_key * unsaturated_;
  }
  stall_ = {};
  segment_end_ = now_ + cost_of(steps).time;
}

WorkRecord Replica::work() const {
  WorkRecord w{index_, seconds_of(now_), seconds_of(segment_end_)};
  w.iterations = std::max<std::int64_t>(run_.steps, 1);
  w.decodes = run_.steps > 0 || decodes_too_ ? decoding_ : 0;
  w.prefills = static_cast<std::int64_t>(chunks_.size());
  for (const Chunk& chunk : chunks_) w.prefill_tokens += chunk.tokens;
  return w;
}

/// Counts from scratch, sequence by sequence, what the closed forms keep as sums.
void Replica::audit() const {
  formula::IterationWork w;
  std::int64_t in_work = 0, longest = padding_longest_;
  for (std::uint32_t at = first_; at != 0; at = flights_[at].after) {
    const Flight& f = flights_[at];
    ++in_work;
    if (f.stage != Stage::decoding) continue;
    const std::int64_t keys = f.base + clock_.at(steps_ + 1) + lookahead_;
    w.tokens += 1 + lookahead_;
    ++w.yields;
    ++w.decodes;
    w.decode_keys += keys;
    longest = std::max(longest, f.base);
    if (model_.times.window > 0) w.decode_window_keys += std::min(keys, model_.times.window);
  }
  add_padding(w);
  read_buckets(w, longest);
  TR_CHECK(in_work == running_, in_work, running_);
  TR_CHECK(w == decode_work(), w.decode_keys, w.decode_window_keys);
}

}  // namespace tightrope::serving
