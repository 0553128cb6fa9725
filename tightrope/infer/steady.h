// A replica under steady load, in closed form: what a search ranks and a calibration fits.
#pragma once

#include "tightrope/infer/memory.h"

namespace tightrope::infer {

/// Requests as their means. Lengths in tokens.
struct Load {
  double input = 1024, output = 1024;
  double cached = 0;       ///< leading tokens of the prompt whose keys and values are kept already
  double concurrency = 1;  ///< requests under way at any time, queued ones included
  double spread = 0;       ///< of lengths: evenly from (1 - spread) of the longest to all of it
  /// A benchmark that starts all clients at once and sends this many waves of requests: the first
  /// wave queues for its prefill. 0: no such start.
  double waves = 0;
  /// Requests of a run in all, which come at once. Equally long ones run in waves of equal size;
  /// of those whose answers vary the last ones drain. 0: without end.
  double requests = 0;
  /// Standard deviation over mean of lengths that vary widely (a data set's). Who writes long
  /// answers decodes longest: a decoding sequence is longer than an answer's half.
  double input_variation = 0, output_variation = 0;
  double longest = 0;  ///< answer, where lengths vary; 0: not said
};

/// How the replica schedules and what it may keep.
struct SteadyLimits {
  double cache_tokens = 1e12;  ///< of all sequences together
  double sequences = 1e9;      ///< at most this many under way
  double token_budget = 8192;  ///< of one iteration, over the replica
  bool mixes_prefill = true;
  bool reserves_output = false;  ///< a sequence needs room for all it will write when it starts
  double ahead_steps = 0;        ///< iterations that start before one that takes in a request
  double poll_steps = 1;         ///< decoding steps between two looks at the queue, where prefills
                                 ///< stop decodes (SGLang's scheduler_recv_interval)
  double groups = 1;             ///< that split attention by sequences
  double balance_steps = 0;      ///< decoding steps in which prompts wait, where they share
                                 ///< iterations, until every group has one; 0: they do not
  /// Graphs of decoding iterations come in sizes of so many sequences a group: others are filled
  /// up to the next. 0: each size has its own.
  double graph_sequences = 0;
  bool buckets_cache = false;  ///< static_loop: attention reads to the next power of two
};

/// What the replica does then.
struct Steady {
  Seconds ttft{}, tpot{}, e2e{};
  /// 99th percentile of the first, estimated: who waits at all waits exponentially long (Kingman's
  /// heavy traffic), and a prompt of the 99th percentile of lengths takes its share longer.
  Seconds late_ttft{};
  Seconds iteration{};  ///< mean
  double decoding = 0;  ///< sequences that decode, on average
  double waiting = 0;   ///< requests without room in the cache
  double request_rate = 0;
  double busy_share = 0;     ///< of the time in which chips compute or move bytes
  Joules request_energy{};   ///< of one request, machines only
  Seconds prefill_alone{};   ///< of one request's prompt, nothing else running
  Seconds prefill_queue{};   ///< mean wait for the prompts ahead
  double prefill_share = 0;  ///< of the time that prompts take: what that queue comes from
  [[nodiscard]] TokensPerSecond output_rate(const Load& load) const {
    return TokensPerSecond(request_rate * load.output);
  }
};

/// What: a replica in which `concurrency` clients each send the next request when the last is done.
/// Formula: B sequences decode, B/S requests prefill an iteration (S = (output-1)/accepted), f of
///   the iterations carry a chunk of p tokens; iteration = t(B) + f (t(B + p) - t(B)), or t(B) +
///   t(q) (concurrency/m - 1)/S where the m prompts that came together, q tokens, run alone; tpot =
///   iteration / accepted; ttft = max(front, waiting / X) + ahead + residual + hold + n t(B + p) +
///   queue; hold = half of poll_steps t(B); B + those that prefill = concurrency, as far as the
///   cache holds them. Equal lengths that start together (spread 0, waves > 0): N / g prompts in a
///   row of iterations, g whole ones in each; of `ahead` iterations min(ahead, k - 1) carry prompts
///   for the k-th of the row.
/// Source: derived: flow balance (Little) over the iterations of continuous batching.
/// Valid: lengths >= 1; concurrency > 0. Means only: tails and bursts are the simulator's.
/// Checked by: Steady.Laws
[[nodiscard]] Steady closed_loop(const Pricing& pricing, const Load& load,
                                 const SteadyLimits& limits);

/// What: batches of as many requests as clients, which start together and end together. `tpot` is
///   that of the middle token (the median: times grow with the cache).
/// Formula: ttft = front + t(B input) prefilled at once; a step at length c = t(B) + B key(c),
///   key(c) = that of the next power of two with buckets_cache; X = B / (ttft + sum of steps)
/// Source: derived; Neuron's compiled graphs: context and token buckets (Transformers-NeuronX
/// guide). Valid: as closed_loop; concurrency above what the cache holds waits for the next batch.
/// Checked by: Steady.StaticBatches
[[nodiscard]] Steady static_loop(const Pricing& pricing, const Load& load,
                                 const SteadyLimits& limits);

/// A worker that only decodes, without prefills: what a search of ratios puts together.
struct DecodeWork {
  Seconds tpot{};
  double rate = 0;  ///< requests a second
  Joules request_energy{};
};
/// `decoding`: sequences that decode at any time, > 0.
[[nodiscard]] DecodeWork decode_work(const Pricing& pricing, const Load& load, double decoding);

}  // namespace tightrope::infer
