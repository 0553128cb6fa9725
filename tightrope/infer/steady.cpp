#include "tightrope/infer/steady.h"

#include <algorithm>
#include <cmath>

namespace tightrope::infer {
namespace {

/// Tokens in the cache of a sequence that decodes, on average: of answers of different lengths the
/// long ones are met longer (inspection paradox), E n^2 / 2 E n.
double mean_length(const Load& load) {
  const double spread = 1.0 + load.output_variation * load.output_variation;
  return load.input + 0.5 * load.output * spread;
}

// What one iteration of the replica looks like under a load.
class Iterations {
 public:
  Iterations(const Pricing& pricing, const Load& load, const SteadyLimits& limits)
      : pricing_(pricing), load_(load), limits_(limits), attention_(pricing.attention()) {
    uncached_ = std::max(1.0, load.input - load.cached);
    const double window = attention_.window;
    // Keys that queries of the uncached part meet, on average.
    const double mean = load.cached + 0.5 * uncached_;
    scores_ = uncached_ * mean;
    window_scores_ = uncached_ * std::min(mean, window);
    keys_ = mean_length(load);
    const double length = keys_;
    window_keys_ = std::min(length, window);
  }

  /// One iteration of `decodes` sequences and nothing else.
  [[nodiscard]] Spent decode(double decodes) const {
    if (!(decodes > 0)) return {};
    const double filled = in_graph(decodes);
    return pricing_.tokens(filled * pricing_.decode_tokens()) + beside_tokens(decodes, filled);
  }

  /// One with a chunk of `tokens` prompt tokens of `prompts` requests beside them.
  [[nodiscard]] Spent mixed(double decodes, double tokens) const {
    const double prompts = tokens / uncached_;
    Spent device = pricing_.tokens(decodes * pricing_.decode_tokens() + tokens) +
                   beside_tokens(decodes, decodes + std::max(prompts, 1.0)) + scores(tokens);
    // Outside graphs the host issues every kernel while the device works.
    device.time = max(device.time, attention_.prefill.time);
    return device;
  }

  /// One with such a chunk alone; the last answer is kept, since chunks rarely change.
  [[nodiscard]] Spent alone(double tokens) const {
    if (tokens != alone_tokens_) {
      alone_tokens_ = tokens;
      alone_ = mixed(0, tokens);
    }
    return alone_;
  }

  [[nodiscard]] double chunk(double decodes) const {
    const double room = limits_.mixes_prefill
                            ? limits_.token_budget - decodes * pricing_.decode_tokens()
                            : limits_.token_budget;
    return std::max(room, 0.05 * limits_.token_budget);
  }
  [[nodiscard]] double uncached() const { return uncached_; }
  /// Sequences that can decode while those that end are replaced within the token budget.
  [[nodiscard]] double most_decodes(double steps) const {
    if (!limits_.mixes_prefill) return 1e12;
    return limits_.token_budget / (pricing_.decode_tokens() + uncached_ / std::max(steps, 1.0));
  }

 private:
  /// Sequences of the graph that runs so many.
  [[nodiscard]] double in_graph(double decodes) const {
    const double size = limits_.graph_sequences * limits_.groups;
    return size > 0 ? std::ceil(decodes / size - 1e-9) * size : decodes;
  }
  [[nodiscard]] Spent beside_tokens(double decodes, double yields) const {
    return pricing_.yields(yields) + attention_.decode * decodes +
           attention_.decode_key * (decodes * keys_) +
           attention_.decode_window_key * (decodes * window_keys_);
  }
  [[nodiscard]] Spent scores(double tokens) const {
    const double share = tokens / uncached_;
    return attention_.prefill_score * (scores_ * share) +
           attention_.prefill_window_score * (window_scores_ * share);
  }

  const Pricing& pricing_;
  const Load& load_;
  const SteadyLimits& limits_;
  const AttentionPrices& attention_;
  mutable double alone_tokens_ = -1;
  mutable Spent alone_;
  double uncached_ = 1, scores_ = 0, window_scores_ = 0, keys_ = 0, window_keys_ = 0;
};

double held_at_once(const Load& load, const SteadyLimits& limits) {
  const double length = limits.reserves_output ? load.input + load.output : mean_length(load);
  const double most =
      std::max(1.0, std::min({load.concurrency, limits.sequences, limits.cache_tokens / length}));
  if (!(load.requests > 0)) return most;
  if (load.output_variation > 0) return std::min(most, load.requests);
  return load.requests / std::ceil(load.requests / most);
}

struct Rhythm {
  Spent iteration;          // mean
  Seconds first{};          // from a request's first chunk to its first token
  Seconds queue{};          // mean wait for prompts ahead
  Seconds ahead{};          // mean wait for iterations that were launched before it came
  Seconds poll{};           // mean wait until the scheduler looks for new requests
  double chunks = 0;        // a request
  Seconds prefill_alone{};  // of one request's chunks, nothing else running
  double load = 0;          // share of what prefills may take that they take
};

// Requests come where others end, so at the end of an iteration, `started` of them on average.
struct Arrivals {
  double held = 1, decodes = 0, steps = 0;
  double spread = 0, waves = 0;
  bool queued = false;  // others wait for places, and so take them when an iteration ends
  [[nodiscard]] double started() const { return decodes / std::max(steps, 1.0); }
  /// The share of arrivals that are not one's own: a request never meets itself.
  [[nodiscard]] double others() const { return std::max(0.0, 1.0 - 1.0 / held); }

  // How much denser than evenly requests come where all that start together also end together. A
  // benchmark's clients start at once. With lengths that vary little the next wave comes within a
  // window of the cycle, the one after in a wider one: each adds its variance.
  [[nodiscard]] double crowding() const {
    const int later = static_cast<int>(waves) - 1;
    if (later < 1) return 1.0;
    const double own = spread / (1.0 - 0.5 * spread), least = 1.0 / std::max(1.0, steps);
    double sum = 0;
    for (int j = 1; j <= later; ++j) {
      sum += 1.0 / std::min(1.0, std::sqrt(least * least + own * own * j));
    }
    return sum / later;
  }
};

// Iterations that have been launched when a request comes, as long as others run.
double ahead(const SteadyLimits& limits, const Arrivals& at) {
  const double steps = limits.ahead_steps - (at.queued ? 1.0 : at.waves > 0 ? 0.0 : 0.5);
  return std::max(0.0, steps) * std::clamp(at.held - 1.0, 0.0, 1.0);
}

// Steps between two starts of prompts where they wait until every group has one: as many as it
// takes to find one for each (each comes to any group), or what they wait at most.
double balance_turn(const SteadyLimits& limits, const Arrivals& at) {
  if (!(limits.balance_steps > 0) || limits.groups < 2) return 0;
  double draws = 0;
  for (int left = static_cast<int>(limits.groups); left > 0; --left) draws += limits.groups / left;
  return std::min(limits.balance_steps, draws / std::max(at.started(), 1e-9));
}

// Prompts share iterations with decodes, as many as the budget takes: one that comes meets as many
// others in its iteration as come in one, or while the scheduler waits for more.
void mix(Rhythm& r, const Iterations& work, const SteadyLimits& limits, const Arrivals& at) {
  const double prompt = work.uncached(), room = work.chunk(at.decodes);
  r.chunks = std::ceil(prompt / room);
  const double own = prompt / r.chunks, beside = at.started() * at.others() * prompt;
  // The first to come waits for all of these steps or until the budget is full, others for less.
  const double turn = balance_turn(limits, at);
  const double held_steps = limits.poll_steps - 1.0 + turn;
  const double hold = at.held > 1 ? std::min(held_steps, room / std::max(beside, 1e-9)) : 0.0;
  const double meet = at.started() * at.others() * hold;
  const double size = std::min(std::max(room, own), own + beside * (1.0 + hold));
  const Spent plain = work.decode(at.decodes), with = work.mixed(at.decodes, size);
  const double carried = std::min(1.0, beside / size);
  r.iteration = plain * (1.0 - carried) + with * carried;
  r.first = with.time * r.chunks;
  // A turn of the groups goes on whether prompts wait or not: half of it is waited for.
  r.poll = turn > 0 ? plain.time * (0.5 * hold)
                    : plain.time * (hold * (1.0 + 0.5 * meet) / (1.0 + meet));
  // Iterations are the clock and the budget the server: M/D/1 in them.
  const double share = prompt / room;
  r.load = std::min(0.95, at.started() * share);
  const double wait = std::min(0.5 * at.held, 0.5 * r.load / (1.0 - r.load) * at.others());
  r.queue = with.time * (wait * share);
}

// Prompts stop all decodes: all that came since the scheduler looked run together, in as many
// iterations as the budget asks for.
void stop(Rhythm& r, const Iterations& work, const SteadyLimits& limits, const Arrivals& at) {
  const double prompt = work.uncached(), budget = limits.token_budget;
  r.chunks = std::ceil(prompt / budget);
  const Spent plain = work.decode(at.decodes);
  const double came = at.started() * at.others() * at.crowding() * limits.poll_steps;
  const double together = std::min(at.held, 1.0 + came);
  const double tokens = together * prompt, size = std::min(tokens, budget);
  const Spent burst = work.alone(size) * (tokens / size);
  // A request comes in a larger burst than the mean one: came / (1 - e^-came) where it sees 1 +
  // came.
  const double mean = std::min(at.held, came > 1e-6 ? came / -std::expm1(-came) : 1.0);
  const double mean_tokens = mean * prompt, mean_size = std::min(mean_tokens, budget);
  const Spent others = work.mixed(0, mean_size) * (mean_tokens / mean_size);
  // A sequence waits for the bursts of others, and for the rest of its own.
  const double rest = 0.5 * (1.0 - size / tokens);
  const double bursts = (at.held / mean - 1.0 + rest) / std::max(1.0, at.steps);
  r.iteration = plain + others * bursts;
  r.first = burst.time * (1.0 - rest);
  r.poll = plain.time * (0.5 * (limits.poll_steps - 1.0) * std::min(1.0, at.held - 1.0));
  r.load = std::min(0.95, bursts * others.time.raw() / r.iteration.time.raw());
}

// A benchmark of equal lengths, whose clients start together: its requests stay in rows.
bool in_rows(const Arrivals& at) { return at.waves > 0 && !(at.spread > 0) && at.held > 1; }

// Who shares an iteration with others ends with them, and so comes back with them. In a cycle of
// `steps` iterations all prompts come in a row, as many in each as the budget takes whole.
void row_up(Rhythm& r, const Iterations& work, const SteadyLimits& limits, const Arrivals& at) {
  const double prompt = work.uncached(), room = work.chunk(at.decodes);
  const double steps = std::max(1.0, at.steps);
  r.chunks = std::ceil(prompt / room);
  const double together = std::clamp(std::floor(room / prompt), 1.0, at.held);
  const double row = prompt > room ? at.held * prompt / room : std::ceil(at.held / together);
  const Spent plain = work.decode(at.decodes);
  const Spent with = work.mixed(at.decodes, at.held * prompt / row);
  // The k-th of a row finds prompts in min(ahead, k - 1) of the iterations launched before it.
  const double ahead = std::max(0.0, limits.ahead_steps - (at.queued ? 1.0 : 0.0));
  const double met = std::min(ahead, row - 1.0) * (1.0 - 0.5 * std::min((ahead + 1.0) / row, 1.0));
  r.ahead = plain.time * (ahead - met) + with.time * met;
  const double meets = std::clamp((row - r.chunks - met) / steps, 0.0, 1.0);
  r.iteration = plain * (1.0 - meets) + with * meets;
  r.first = with.time * r.chunks;
  // A row longer than the cycle: each waits for its turn.
  r.queue = max(with.time * (row - steps) - r.first - r.ahead, Seconds(0.0));
  r.load = std::min(0.95, row / steps);
}

// The same where prompts stop decodes: all prefill, then all decode.
void row_up_stopped(Rhythm& r, const Iterations& work, const SteadyLimits& limits,
                    const Arrivals& at) {
  const double prompt = work.uncached(), budget = limits.token_budget;
  const double tokens = at.held * prompt, size = std::min(tokens, budget);
  const double row = tokens / size, steps = std::max(1.0, at.steps);
  const Spent batch = work.alone(size);
  r.chunks = std::ceil(prompt / budget);
  r.first = batch.time * (0.5 * (row + 1.0));
  r.iteration = work.decode(at.held) + batch * (0.5 * (row - 1.0) / steps);
  const double burst = batch.time.raw() * row;
  r.load = std::min(0.95, burst / (burst + steps * work.decode(at.held).time.raw()));
}

// `last` is the rhythm of the round before: what does not change is kept.
Rhythm rhythm(const Iterations& work, const SteadyLimits& limits, const Arrivals& at,
              const Rhythm& last) {
  Rhythm r;
  if (in_rows(at)) {
    limits.mixes_prefill ? row_up(r, work, limits, at) : row_up_stopped(r, work, limits, at);
  } else {
    limits.mixes_prefill ? mix(r, work, limits, at) : stop(r, work, limits, at);
    r.ahead = r.iteration.time * ahead(limits, at);
  }
  r.prefill_alone = r.chunks == last.chunks
                        ? last.prefill_alone
                        : work.mixed(0, work.uncached() / r.chunks).time * r.chunks;
  return r;
}

/// What clients that all start at once add to the mean: their prompts fill iterations to the
/// budget, and each is done at the end of its last, where later ones take `first`.
Seconds first_wave(const Iterations& work, const Load& load, const SteadyLimits& limits,
                   double held, Seconds first) {
  if (!(load.waves > 0)) return {};
  const double prompt = work.uncached();
  const double size = std::min(held * prompt, limits.token_budget);
  const double iterations = held * prompt / size, own = std::max(1.0, prompt / size);
  const Seconds done = work.alone(size).time * (0.5 * (iterations + own));
  return max(done - first, Seconds(0.0)) * (1.0 / load.waves);
}

/// What the 99th percentile of first tokens waits beyond the mean. Of all arrivals a share as large
/// as the prompts' load waits; those wait exponentially. Lengths that vary add to both.
Seconds lateness(const Rhythm& r, const Load& load) {
  constexpr double one_in = 100.0, deviate = 2.326;
  const double own = load.input_variation, varied = 1.0 + own * own;
  const double waits = std::max(r.load, 1.0 / one_in);
  const double times = std::max(0.0, std::log(one_in * waits) / waits * varied - 1.0);
  // A wait for the scheduler's next look, or for other groups, is anything up to twice its mean.
  return r.queue * times + r.first * (deviate * own) + r.poll * (1.0 - 2.0 / one_in);
}

/// Share of the rate without end that a run of so many requests has: when the last one starts,
/// those under way have their rest before them, E n^2 / 2 E n on average and taken to fall
/// exponentially, and iterations shrink with them.
double share_before_end(const Iterations& work, const Load& load, double held, double decodes,
                        double rate, double accepted) {
  if (!(load.requests > 0) || !(load.output_variation > 0)) return 1.0;
  const double varied = 1.0 + load.output_variation * load.output_variation;
  const double rest = 0.5 * load.output * varied / accepted;
  double steps = rest * std::log(std::max(decodes, 1.0));
  if (load.longest > 0) steps = std::min(steps, load.longest / accepted);
  constexpr int parts = 64;
  double drain = 0;
  for (int i = 0; i < parts; ++i) {
    const double left = decodes * std::exp(-(i + 0.5) / parts * steps / rest);
    drain += work.decode(left).time.raw() * steps / parts;
  }
  const double whole = std::max(0.0, load.requests - held) / rate + drain;
  return std::min(1.0, load.requests / rate / whole);
}

}  // namespace

Steady closed_loop(const Pricing& pricing, const Load& load, const SteadyLimits& limits) {
  const Iterations work(pricing, load, limits);
  const double accepted = pricing.context().speculation.rate(load.output - 1.0);
  const double steps = std::max(0.0, load.output - 1.0) / accepted;
  const double held = held_at_once(load, limits);
  const double most = work.most_decodes(steps);
  double decodes = std::min(held, most);
  Rhythm r;
  Seconds first{};
  // The sequences that decode are those that the rhythm they make lets decode: by secants between
  // bounds, every third time half way. Where prices jump there may be none: then just below.
  constexpr int rounds = 16;
  constexpr double near = 1e-4;
  double low = 0, high = held, before = 0, gap_before = 0;
  for (int i = 0; i < rounds; ++i) {
    const bool queued = held < load.concurrency;
    r = rhythm(work, limits, {held, decodes, steps, load.spread, load.waves, queued}, r);
    first = r.ahead + r.poll + r.queue + r.first;
    const double decoding = steps * r.iteration.time.raw();
    const double free = held * decoding / (decoding + first.raw());
    const double target = std::max(std::min(free, most), 1e-3);
    const double gap = target - decodes;
    if (std::abs(gap) <= near * decodes) break;
    (gap > 0 ? low : high) = decodes;
    const bool jump = high - low <= near * high;
    if (jump && decodes <= low) break;
    double next = i == 0 ? target : decodes + gap * (decodes - before) / (gap_before - gap);
    if (i % 3 == 2 || !(next > low && next < high)) next = 0.5 * (low + high);
    if (jump || i + 2 == rounds) next = std::max(low, 1e-3);
    before = decodes;
    gap_before = gap;
    decodes = next;
  }
  Steady s;
  s.iteration = r.iteration.time;
  s.decoding = decodes;
  s.tpot = r.iteration.time / accepted;
  s.prefill_alone = r.prefill_alone;
  s.prefill_queue = r.queue;
  s.prefill_share = r.load;
  // A benchmark's client sends when its last request ends, as an iteration does; others come while
  // one runs.
  const bool random = !(load.waves > 0) && !(limits.ahead_steps > 0);
  const Seconds residual = r.iteration.time * (random ? 0.5 : 0.0);
  const Seconds service = residual + first;
  s.ttft = service + first_wave(work, load, limits, held, r.first);
  const Seconds in_place = service + s.tpot * std::max(0.0, load.output - 1.0);
  s.request_rate = held / in_place.raw();
  // Those that hold a place but wait for their turn in the budget: as Little's law has it.
  if (steps > 0) {
    s.request_rate = std::min(s.request_rate, 1.05 * decodes / (steps * r.iteration.time.raw()));
  }
  s.request_rate *= share_before_end(work, load, held, decodes, s.request_rate, accepted);
  s.waiting = load.concurrency - held;
  // Who waits for a place is made ready meanwhile.
  s.ttft += max(pricing.context().engine.front(load.input), Seconds(s.waiting / s.request_rate));
  s.late_ttft = s.ttft + r.iteration.time * 0.5 + lateness(r, load);
  s.e2e = s.ttft + s.tpot * std::max(0.0, load.output - 1.0);
  s.busy_share = r.iteration.busy / r.iteration.time;
  const double iterations_a_request = in_place.raw() / held / r.iteration.time.raw();
  s.request_energy = pricing.energy(r.iteration) * iterations_a_request;
  return s;
}

namespace {

double next_power(double tokens) { return std::exp2(std::ceil(std::log2(std::max(1.0, tokens)))); }

/// Keys that decoding from `first` to `last` tokens in the cache reads, summed over its steps.
double keys_read(double first, double last, bool buckets) {
  if (!buckets) return 0.5 * (last - first) * (last + first);
  double sum = 0;
  while (first < last) {
    double bucket = next_power(first);
    if (bucket <= first) bucket *= 2;  // full to the brim: the next token needs the next one
    const double until = std::min(last, bucket);
    sum += (until - first) * bucket;
    first = until;
  }
  return sum;
}

}  // namespace

Steady static_loop(const Pricing& pricing, const Load& load, const SteadyLimits& limits) {
  const double held = held_at_once(load, limits);
  const double prompt = limits.buckets_cache ? next_power(load.input) : load.input;
  const Load padded{.input = prompt, .output = load.output, .concurrency = held};
  const Iterations work(pricing, padded, limits);
  const AttentionPrices& prices = pricing.attention();
  const double steps = std::max(0.0, load.output - 1.0);
  const Spent bare = pricing.tokens(held) + pricing.yields(held) + prices.decode * held;
  const auto reading = [&](double keys) {
    const double window = prices.window > 0 ? prices.window : 0.0;
    return prices.decode_key * (held * keys) +
           prices.decode_window_key * (held * std::min(keys, window));
  };
  const double last = load.input + steps;
  const double middle = load.input + 0.5 * steps;
  const bool buckets = limits.buckets_cache;
  const double mean_keys = steps > 0 ? keys_read(load.input, last, buckets) / steps : 0.0;
  const Spent mean = bare + reading(mean_keys);
  const Spent typical = bare + reading(buckets ? next_power(middle) : middle);
  const Spent first = work.mixed(0, held * prompt);
  Steady s;
  s.iteration = mean.time;
  s.decoding = held;
  s.tpot = typical.time;
  const Seconds start = pricing.context().engine.front(load.input) + first.time;
  const Seconds batch = start + mean.time * steps;
  s.request_rate = held / batch.raw();
  s.waiting = load.concurrency - held;
  s.ttft = start + Seconds(s.waiting / s.request_rate);
  s.e2e = s.ttft + mean.time * steps;
  s.busy_share = mean.busy / mean.time;
  s.request_energy = (pricing.energy(first) + pricing.energy(mean) * steps) * (1.0 / held);
  return s;
}

DecodeWork decode_work(const Pricing& pricing, const Load& load, double decoding) {
  const SteadyLimits open;
  const Iterations work(pricing, load, open);
  const Spent step = work.decode(decoding);
  const double accepted = pricing.context().speculation.rate(load.output - 1.0);
  const double steps = std::max(0.0, load.output - 1.0) / accepted;
  DecodeWork out;
  out.tpot = step.time / accepted;
  out.rate = decoding / std::max(1e-12, step.time.raw() * steps);
  out.request_energy = pricing.energy(step) * (steps / decoding);
  return out;
}

}  // namespace tightrope::infer
