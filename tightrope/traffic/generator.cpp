#include "tightrope/traffic/generator.h"

#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/traffic/lanes_internal.h"
#include "tightrope/traffic/random.h"

namespace tightrope::traffic {
namespace {

constexpr std::size_t remembered = 32768;  // requests that a later one may begin like
constexpr std::size_t looked_at = 512;     // of them, around the age that was drawn

std::int64_t to_ns(Seconds time) {
  // 290 years are as far as nanoseconds go.
  return static_cast<std::int64_t>(std::floor(std::min(time.raw() * 1e9, 9.2e18) + 0.5));
}

PerSecond starts(const GeneratorSpec& spec, const Sampler& turns) {
  const double per_start = spec.sessions.on ? turns.mean_count() : 1.0;
  return spec.arrivals.rate / per_start;
}

}  // namespace

Generator::Generator(const GeneratorSpec& spec, std::uint64_t seed, std::int64_t requests)
    : spec_(spec),
      seed_(seed),
      left_(requests),
      input_(spec.input),
      output_(spec.output),
      first_input_(spec.sessions.first_input),
      turns_(spec.sessions.turns),
      think_s_(spec.sessions.think_s),
      kept_(spec.reuse.kept),
      age_s_(spec.reuse.age_s),
      clock_(spec.arrivals, starts(spec, turns_), seed),
      prompt_blocks_(spec.prompts.tokens / spec.block_tokens),
      next_block_(static_cast<std::uint32_t>(prompt_blocks_ * spec.prompts.count)) {
  TR_CHECK(spec.block_tokens > 0, spec.block_tokens);
  TR_CHECK(!(spec.sessions.on && spec.reuse.share > 0.0));
  if (spec_.sessions.on) next_start_ = clock_.next();
}

std::optional<Request> Generator::next() {
  if (left_ <= 0) return std::nullopt;
  --left_;
  if (!spec_.sessions.on) return alone();
  while (waiting_.empty() || next_start_ <= waiting_.top().time) {
    waiting_.push(begin_session(next_start_));
    next_start_ = clock_.next();
  }
  const Session session = waiting_.top();
  waiting_.pop();
  return turn_of(session);
}

Generator::Lengths Generator::lengths(const Sampler& input, std::uint64_t lane,
                                      std::uint64_t index) const {
  Draws draws(seed_, lane, index);
  const double first = draws.normal(), own = draws.normal();
  const double rho = spec_.correlation;
  return {input.count(first), output_.count(rho * first + std::sqrt(1.0 - rho * rho) * own)};
}

int Generator::drawn_prompt(std::uint64_t index) const {
  Draws draws(seed_, lane::prompt, index);
  if (draws.uniform() >= spec_.prompts.share) return -1;
  const auto which = static_cast<int>(draws.uniform() * spec_.prompts.count);
  return std::min(which, spec_.prompts.count - 1);
}

Request Generator::alone() {
  const std::uint64_t index = made_++;
  const Seconds time = clock_.next();
  const Lengths tokens = lengths(input_, lane::length, index);
  Request request;
  request.arrival_ns = to_ns(time);
  request.input = tokens.input;
  request.output = tokens.output;
  blocks_.clear();
  if (spec_.prompts.share > 0.0 || spec_.reuse.share > 0.0) {
    fill_blocks(tokens.input, drawn_prompt(index), index, time);
  }
  request.block_count = static_cast<std::uint32_t>(blocks_.size());
  return request;
}

std::uint32_t Generator::fresh_block() {
  const std::uint32_t id = next_block_++;
  if (next_block_ == 0)
    next_block_ = static_cast<std::uint32_t>(prompt_blocks_ * spec_.prompts.count);
  return id;
}

void Generator::fill_blocks(int input, int prompt, std::uint64_t index, Seconds time) {
  const auto whole = static_cast<std::size_t>(input / spec_.block_tokens);
  const std::size_t all = whole + (input % spec_.block_tokens != 0 ? 1 : 0);
  if (spec_.reuse.share > 0.0) {
    Draws draws(seed_, lane::reuse, index);
    if (draws.uniform() < spec_.reuse.share) {
      const double kept = kept_.at(draws.normal()) * static_cast<double>(all);
      const auto wanted = static_cast<std::size_t>(std::max(1.0, std::floor(kept + 0.5)));
      if (const Past* past =
              forebear(time - Seconds(age_s_.at(draws.normal())), std::min(wanted, all))) {
        const std::size_t shared = std::min({wanted, all, past->blocks.size()});
        blocks_.assign(past->blocks.begin(), past->blocks.begin() + static_cast<long>(shared));
      }
    }
  }
  if (blocks_.empty() && prompt >= 0) {
    const auto shared = std::min(whole, static_cast<std::size_t>(prompt_blocks_));
    for (std::size_t i = 0; i < shared; ++i) {
      blocks_.push_back(static_cast<std::uint32_t>(prompt * prompt_blocks_) +
                        static_cast<std::uint32_t>(i));
    }
  }
  while (blocks_.size() < all) blocks_.push_back(fresh_block());
  if (spec_.reuse.share > 0.0) remember(time);
}

// The request nearest to a time that has enough blocks; or the longest of those looked at.
const Generator::Past* Generator::forebear(Seconds time, std::size_t wanted) const {
  const std::size_t size = past_.size();
  const auto nth = [&](std::size_t i) { return &past_[(oldest_ + i) % size]; };
  std::size_t low = 0, high = size;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (nth(middle)->time < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const Past* best = nullptr;
  for (std::size_t k = 0; k < looked_at; ++k) {
    for (const std::size_t i : {low + k, low - k - 1}) {
      if (i >= size) continue;  // also those before the first, which wrap around
      const Past* past = nth(i);
      if (past->blocks.size() >= wanted) return past;
      if (best == nullptr || past->blocks.size() > best->blocks.size()) best = past;
    }
  }
  return best;
}

void Generator::remember(Seconds time) {
  if (past_.size() < remembered) {
    past_.push_back({time, blocks_});
    return;
  }
  past_[oldest_].time = time;
  past_[oldest_].blocks.assign(blocks_.begin(), blocks_.end());
  oldest_ = (oldest_ + 1) % remembered;
}

Generator::Lengths Generator::turn_lengths(std::int64_t session, int turn) const {
  return lengths(turn == 0 ? first_input_ : input_, lane::first_turn + turn,
                 static_cast<std::uint64_t>(session));
}

Generator::Session Generator::begin_session(Seconds time) {
  Session s{};
  s.time = time;
  s.number = sessions_++;
  const auto index = static_cast<std::uint64_t>(s.number);
  s.turns = turns_.count(Draws(seed_, lane::session, index).normal());
  s.prompt = drawn_prompt(index);
  s.prompt_blocks = s.prompt < 0 ? 0 : prompt_blocks_;
  s.context = s.prompt < 0 ? 0 : spec_.prompts.tokens;
  if (!spec_.sessions.history) return s;
  // The blocks of all turns lie side by side: whole ones, then one a turn for what is left over.
  std::int64_t context = s.context;
  for (int turn = 0; turn < s.turns; ++turn) {
    const Lengths tokens = turn_lengths(s.number, turn);
    context += tokens.input + tokens.output;
  }
  context = std::min<std::int64_t>(context, spec_.sessions.max_context_tokens);
  s.most_whole_blocks = static_cast<std::uint32_t>(context / spec_.block_tokens);
  const std::int64_t own = static_cast<std::int64_t>(s.most_whole_blocks) + s.turns;
  if (std::numeric_limits<std::uint32_t>::max() - next_block_ < own) {
    next_block_ = static_cast<std::uint32_t>(prompt_blocks_ * spec_.prompts.count);
  }
  s.first_own_block = next_block_;
  next_block_ += static_cast<std::uint32_t>(own);
  return s;
}

Request Generator::turn_of(Session session) {
  const Lengths tokens = turn_lengths(session.number, session.turn);
  const std::int64_t most = spec_.sessions.max_context_tokens;
  Request request;
  request.arrival_ns = to_ns(session.time);
  request.output = tokens.output;
  request.session = static_cast<std::int32_t>(session.number & 0x7fffffff);
  blocks_.clear();
  const std::int64_t asked = session.context + tokens.input;
  request.input = static_cast<std::int32_t>(std::min(asked, std::max<std::int64_t>(1, most)));
  const int whole = request.input / spec_.block_tokens;
  if (spec_.sessions.history) {
    const int shared = std::min(whole, session.prompt_blocks);
    for (int i = 0; i < shared; ++i) {
      blocks_.push_back(static_cast<std::uint32_t>(session.prompt * prompt_blocks_ + i));
    }
    for (int i = shared; i < whole; ++i) blocks_.push_back(session.first_own_block + i);
    if (request.input % spec_.block_tokens != 0) {
      blocks_.push_back(session.first_own_block + session.most_whole_blocks + session.turn);
    }
    session.context = std::min<std::int64_t>(asked + tokens.output, most);
  } else if (spec_.prompts.share > 0.0) {
    fill_blocks(request.input, session.prompt, 0, session.time);
  }
  request.block_count = static_cast<std::uint32_t>(blocks_.size());
  Draws think(seed_, lane::first_pause + session.turn, static_cast<std::uint64_t>(session.number));
  session.time += Seconds(think_s_.at(think.normal()));
  if (++session.turn < session.turns) waiting_.push(session);
  return request;
}

Trace generate(const GeneratorSpec& spec, std::uint64_t seed, std::int64_t requests) {
  Generator generator(spec, seed, requests);
  Trace trace;
  trace.block_tokens = spec.block_tokens;
  while (std::optional<Request> request = generator.next()) {
    request->first_block = static_cast<std::uint32_t>(trace.blocks.size());
    const auto blocks = generator.blocks();
    trace.blocks.insert(trace.blocks.end(), blocks.begin(), blocks.end());
    trace.requests.push_back(*request);
  }
  return trace;
}

void draw_arrivals(Trace& trace, PerSecond rate, std::uint64_t seed) {
  double now = 0.0;
  for (std::size_t i = 0; i < trace.requests.size(); ++i) {
    now += Draws(seed, lane::traced, i).exponential() / rate.raw();
    trace.requests[i].arrival_ns = static_cast<std::int64_t>(now * 1e9 + 0.5);
  }
  trace.timed = true;
}

}  // namespace tightrope::traffic
