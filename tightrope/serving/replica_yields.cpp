// Two ways in which sequences of a replica do not go by the shared clock alone: iterations that
// yield as many tokens as chance has it, and static batches, whose rows stay until the longest
// ends.
#include <algorithm>
#include <bit>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/serving/replica_internal.h"

namespace tightrope::serving {
namespace {

std::uint64_t scrambled(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

/// 53-bit numbers below which a draw yields one token, two, ...; the last one is never looked at.
std::vector<std::uint64_t> Replica::thresholds(const std::vector<double>& shares) {
  std::vector<std::uint64_t> out;
  double below = 0;
  for (const double share : shares) {
    below += share;
    out.push_back(static_cast<std::uint64_t>(std::llround(std::min(1.0, below) * 0x1p53)));
  }
  return out;
}

/// Tokens of a request's next iteration. Its draws depend on its serial and on how many it had, so
/// that nobody else's fate changes them.
std::int64_t Replica::draw(Flight& f) const {
  const std::uint64_t own = scrambled(rules_.yield_seed) + static_cast<std::uint64_t>(f.serial);
  const std::uint64_t u = scrambled(scrambled(own) + static_cast<std::uint64_t>(f.draws++)) >> 11;
  std::size_t yield = 0;
  while (yield + 1 < thresholds_.size() && u >= thresholds_[yield]) ++yield;
  return static_cast<std::int64_t>(yield) + 1;
}

/// After a step of the group: the clock gave each sequence one token, chance adds the others. Their
/// pages are taken with the next step's (`unpaged`).
void Replica::add_yields(std::vector<Leaving>& left) {
  for (std::uint32_t at = first_; at != 0;) {
    Flight& f = flights_[at];
    const std::uint32_t next = f.after;
    if (f.stage == Stage::decoding) {
      const std::int64_t missing = f.output - f.generated - (steps_ - f.join_step);
      const std::int64_t more = std::min(draw(f) - 1, missing);
      f.generated += static_cast<std::int32_t>(more);
      f.base += more;
      longest_base_ = std::max(longest_base_, f.base);
      f.unpaged += more;
      base_sum_ += more;
      due_sum_ -= more;
      if (!f.saturated && model_.times.window > 0) unsaturated_base_ += more;
      if (more == missing) finish(at, left);
    }
    at = next;
  }
}

std::int64_t Replica::pages_of_each(std::int64_t reading) const {
  std::int64_t pages = 0;
  for (std::uint32_t at = first_; at != 0; at = flights_[at].after) {
    const Flight& f = flights_[at];
    if (f.stage == Stage::decoding) pages += missing_blocks(f, reading);
  }
  return pages;
}

/// All pages up to the present bases are taken.
void Replica::paged() {
  if (thresholds_.empty()) return;
  for (std::uint32_t at = first_; at != 0; at = flights_[at].after) flights_[at].unpaged = 0;
}

void Replica::saturate_each() {
  const std::int64_t reading = clock_.at(steps_ + 1);
  for (std::uint32_t at = first_; at != 0; at = flights_[at].after) {
    Flight& f = flights_[at];
    if (f.stage != Stage::decoding || f.saturated) continue;
    if (f.base + reading + lookahead_ < model_.times.window) continue;
    f.saturated = true;
    --unsaturated_;
    unsaturated_base_ -= f.base;
  }
}

/// Requests of the static batch that may start now: as many of those that wait as fit with the
/// longest prompt and answer among them; 0 while a batch runs or is still waited for.
std::int64_t Replica::batch_size() const {
  if (waiting_.empty() || running_ > 0) return 0;
  std::int64_t count = 0, input = 0, output = 0;
  for (const std::uint32_t at : waiting_) {
    const Flight& f = flights_[at];
    input = std::max<std::int64_t>(input, f.input);
    output = std::max<std::int64_t>(output, f.output);
    const std::int64_t row = blocks_for(input + output + lookahead_) + state_pages_;
    if (count >= rules_.max_sequences || (count > 0 && (count + 1) * row > pool_.free())) {
      return count;
    }
    ++count;
  }
  return count == rules_.max_sequences || now_ >= batch_due() ? count : 0;
}

Ticks Replica::batch_due() const {
  if (!rules_.static_batches || waiting_.empty() || running_ > 0) return never;
  return flights_[waiting_.front()].arrival + ticks_of(rules_.batch_wait);
}

/// A row that is done goes on as padding until its batch ends: it costs what it did, but for the
/// keys of sliding windows, which stay as they are.
void Replica::pad(const Flight& f) {
  if (!rules_.static_batches) return;
  const bool decodes = f.stage == Stage::decoding;
  const std::int64_t base = decodes ? f.base : f.computed + 1 - clock_.at(steps_ + 1);
  ++padding_;
  padding_base_ += base;
  padding_longest_ = std::max(padding_longest_, base);
  longest_base_ = std::max(longest_base_, base);
  padding_window_ += std::min(base + clock_.at(steps_ + 1) + lookahead_, model_.times.window);
}

void Replica::add_padding(formula::IterationWork& w) const {
  if (padding_ == 0) return;
  w.tokens += padding_ * (1 + lookahead_);
  w.yields += padding_;
  w.decodes += padding_;
  w.decode_keys += padding_base_ + padding_ * (clock_.at(steps_ + 1) + lookahead_);
  if (model_.times.window > 0) w.decode_window_keys += padding_window_;
}

/// The cache of the next step's graph, in tokens.
std::int64_t Replica::bucket(std::int64_t longest) const {
  const std::int64_t keys = longest + clock_.at(steps_ + 1) + lookahead_;
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(keys)));
}

/// Rows read the whole bucket, however long each is.
void Replica::read_buckets(formula::IterationWork& w, std::int64_t longest) const {
  if (!rules_.buckets_cache || w.decodes == 0) return;
  const std::int64_t keys = bucket(longest);
  w.decode_keys = w.decodes * keys;
  w.decode_window_keys = w.decodes * std::min(keys, model_.times.window);
}

void Replica::end_batch() {
  if (running_ == 0) leave_batch();
}

void Replica::leave_batch() {
  padding_ = padding_base_ = padding_window_ = 0;
  longest_base_ = padding_longest_ = shortest;
}

}  // namespace tightrope::serving
