// Pages of a replica: what sequences need, what they share, what happens when there are too few.
#include <algorithm>

#include "tightrope/core/check.h"
#include "tightrope/serving/replica_internal.h"

namespace tightrope::serving {
namespace {

std::int64_t modulo(std::int64_t a, std::int64_t m) {
  const std::int64_t r = a % m;
  return r < 0 ? r + m : r;
}

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return (x ^ (x >> 31)) | 1U;
}

}  // namespace

std::int64_t Replica::blocks_for(std::int64_t tokens) const { return (tokens + page_ - 1) / page_; }

/// All that a request will ever take, under Capacity::whole_output.
std::int64_t Replica::whole_pages(const Flight& f) const {
  return blocks_for(f.input + f.output + lookahead_) + state_pages_;
}

/// Pages of a sequence that decodes, up to this reading of the clock.
std::int64_t Replica::blocks_of(const Flight& f, std::int64_t reading) const {
  return blocks_for(f.base - f.unpaged + reading + lookahead_);
}

/// Pages it must take to get to a reading, whatever chance has added to it.
std::int64_t Replica::missing_blocks(const Flight& f, std::int64_t reading) const {
  return blocks_for(f.base + reading + lookahead_) - blocks_of(f, paged_until_);
}

/// Pages of a prompt computed up to `end`. A whole one gets what it will have had to take when it
/// starts to decode, so that afterwards only the clock decides.
std::int64_t Replica::prefill_blocks(const Flight& f, std::int64_t end) const {
  const std::int64_t target = target_of(f);
  if (end < target) return blocks_for(end);
  const std::int64_t steps = steps_ + (rules_.mixed ? 1 : 0);
  return blocks_for(target + 1 + lookahead_ - (clock_.at(steps + 1) - clock_.at(steps)));
}

/// Pages the group takes while the clock goes on to `reading`: sequences cross a page's end when
/// the clock meets their residue.
std::int64_t Replica::pages_until(std::int64_t reading) const {
  if (!thresholds_.empty()) return pages_of_each(reading);
  const std::int64_t ticks = reading - paged_until_;
  std::int64_t pages = decoding_ * (ticks / page_);
  std::int64_t at = modulo(-paged_until_, page_);
  for (std::int64_t left = ticks % page_; left > 0; --left) {
    pages += residues_[static_cast<std::size_t>(at)];
    at = at == 0 ? page_ - 1 : at - 1;
  }
  return pages;
}

/// Takes the next step's pages. True when sequences had to be put back for it: vLLM goes through
/// the running ones in order of admission and puts back the last until the one at hand has its
/// page.
bool Replica::take_decode_pages() {
  const std::int64_t reading = clock_.at(steps_ + 1);
  if (const std::int64_t pages = pages_until(reading); pages <= pool_.free()) {
    pool_.take(pages);
    paged();
    paged_until_ = reading;
    return false;
  }
  for (std::uint32_t at = first_; at != 0;) {
    if (flights_[at].stage == Stage::decoding) {
      const std::int64_t pages = missing_blocks(flights_[at], reading);
      std::uint32_t victim = 0;
      while (victim != at && pool_.free() < pages) {
        victim = last_;
        put_back(victim);
      }
      if (victim == at) break;
      pool_.take(pages);
    }
    at = flights_[at].after;
  }
  paged();
  paged_until_ = reading;
  if (rules_.capacity == Capacity::token_ratio) {
    const auto decoded = static_cast<double>(output_sum_ - due_sum_ + decoding_ * reading);
    const auto kept = static_cast<double>(rules_.ratio.steps_kept_free * decoding_);
    ratio_start_ = std::min(1.0, (decoded + kept) / static_cast<double>(output_sum_ + 1));
    ratio_since_ = steps_;
  }
  return true;
}

void Replica::put_back(std::uint32_t at) {
  Flight& f = flights_[at];
  const bool swaps = rules_.preemption == Preemption::swap && f.stage == Stage::decoding &&
                     model_.limits.swap.raw() > 0.0;
  if (f.stage == Stage::decoding) {
    const std::int64_t reading = clock_.at(steps_ + 1), started = clock_.at(f.join_step + 1);
    const std::int64_t blocks = blocks_of(f, paged_until_);
    leave(f);
    f.computed = f.base + reading - 1;
    f.generated += static_cast<std::int32_t>(reading - started);
    release(f, blocks, !swaps);
  } else {
    std::erase(prefilling_, at);
    release(f, f.blocks, true);
  }
  unlink(at);
  if (swaps) {
    f.ready = f.swapped = true;
    const Bytes size =
        model_.limits.kv_token * static_cast<double>(f.computed) + model_.limits.sequence_state;
    stall_.time += ticks_of(size / model_.limits.swap);
  } else {
    f.computed = 0;
  }
  f.stage = Stage::waiting;
  waiting_.push_front(at);
  ++seen_;
  recorder_.waiting_changes(now_, 1);
  ++recorder_.preemptions;
}

/// Frees pages as vLLM does, last ones first. With `keeps_content` the sequence may find its own
/// again, if nobody took them meanwhile.
void Replica::release(Flight& f, std::int64_t blocks, bool keeps_content) {
  std::int64_t own = blocks - f.matched;
  if (keeps_content && rules_.prefix_cache) {
    const std::int64_t whole = std::clamp<std::int64_t>(f.computed / page_ - f.matched, 0, own);
    pool_.give(own - whole);
    pool_.give_named(own_key(f), whole);
  } else {
    pool_.give(own);
  }
  pool_.give(state_pages_);
  for (std::size_t i = f.held.size(); i-- > 0;) pool_.drop(f.held[i]);
  f.held.clear();
  f.matched = f.blocks = 0;
  f.next_unit = f.partial = 0;
  if (rules_.capacity == Capacity::whole_output) {
    reserved_ -= whole_pages(f);
  }
  refused_ = false;
}

std::uint64_t Replica::own_key(const Flight& f) const {
  return mixed(mixed(static_cast<std::uint64_t>(f.serial) * 2 + 1) +
               static_cast<std::uint64_t>(f.matched));
}

/// Content is shared in units: one block of the source's content, or as many as fill a page.
std::int32_t Replica::units_of(const Flight& f) const {
  const std::int64_t unit = std::max(model_.content_tokens, page_);
  const std::int64_t known = static_cast<std::int64_t>(f.keys.size()) * model_.content_tokens;
  return static_cast<std::int32_t>((std::min<std::int64_t>(known, f.input) + unit - 1) / unit);
}

std::uint64_t Replica::unit_key(const Flight& f, std::int32_t unit) const {
  const std::int64_t blocks = std::max<std::int64_t>(1, page_ / model_.content_tokens);
  const std::int64_t at = std::min((unit + 1) * blocks, static_cast<std::int64_t>(f.keys.size()));
  return f.keys[static_cast<std::size_t>(at - 1)];
}

/// Whole pages of a unit; a prompt's last unit may hold fewer, or none.
std::int64_t Replica::unit_blocks(const Flight& f, std::int32_t unit) const {
  const std::int64_t size = std::max(model_.content_tokens, page_);
  return std::min(size, f.input - unit * size) / page_;
}

/// The longest prefix that is at hand; the last token is always computed, for its output.
Replica::Match Replica::match(const Flight& f) const {
  Match m;
  if (!rules_.prefix_cache) return m;
  const std::int64_t most = (target_of(f) - 1) / page_;
  for (const std::int32_t units = units_of(f); m.units < units && m.partial == 0; ++m.units) {
    const std::int64_t whole = unit_blocks(f, m.units);
    const BlockPool::Extent e = whole == 0 ? BlockPool::none : pool_.find(unit_key(f, m.units));
    if (e == BlockPool::none) break;
    const std::int64_t part = std::min({pool_.blocks(e), whole, most - m.blocks});
    if (part <= 0) break;
    m.blocks += part;
    if (pool_.holders(e) == 0) m.idle_blocks += pool_.blocks(e);
    if (part < whole) m.partial = static_cast<std::int32_t>(part);
  }
  if (f.generated > 0 || f.admitted >= 0) {
    Flight probe;
    probe.serial = f.serial;
    probe.matched = m.blocks;
    m.own = pool_.find(own_key(probe));
    if (m.own != BlockPool::none) m.own_blocks = std::min(pool_.blocks(m.own), most - m.blocks);
    if (m.own_blocks <= 0) m.own = BlockPool::none;
    if (m.own != BlockPool::none) m.idle_blocks += pool_.blocks(m.own);
  }
  return m;
}

void Replica::hold(Flight& f, const Match& m) {
  for (std::int32_t unit = 0; unit < m.units; ++unit) {
    f.held.push_back(pool_.find(unit_key(f, unit)));
    pool_.hold(f.held.back());
  }
  f.matched = m.blocks;
  f.next_unit = m.partial > 0 ? m.units - 1 : m.units;
  f.partial = m.partial;
  f.blocks = m.blocks + m.own_blocks;
  f.computed = f.blocks * page_;
  if (m.own == BlockPool::none) return;
  const std::int64_t surplus = pool_.blocks(m.own) - m.own_blocks;
  pool_.take_named(m.own);
  pool_.give(surplus);
}

/// Names the pages of units that are computed up to `end`, unless their content is there already.
void Replica::publish(Flight& f, std::int64_t end) {
  if (!rules_.prefix_cache) return;
  const std::int64_t size = std::max(model_.content_tokens, page_);
  for (const std::int32_t units = units_of(f); f.next_unit < units; ++f.next_unit) {
    const std::int64_t whole = unit_blocks(f, f.next_unit);
    if (whole == 0 || f.next_unit * size + whole * page_ > end) break;
    if (f.partial > 0) {
      const BlockPool::Extent e = f.held.back();
      const std::int64_t more = whole - pool_.blocks(e);
      if (more > 0 && pool_.holders(e) == 1) {
        pool_.grow(e, more);
        f.matched += more;
      }
      f.partial = 0;
      continue;
    }
    const std::uint64_t key = unit_key(f, f.next_unit);
    if (pool_.find(key) != BlockPool::none) continue;
    f.held.push_back(pool_.publish(key, whole));
    f.matched += whole;
  }
}

}  // namespace tightrope::serving
