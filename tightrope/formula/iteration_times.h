// What a scheduler must know of a replica: how long an iteration takes, how much it may keep.
//
// Filled by whoever prices iterations, read by whoever schedules them; neither knows the other.
// Times and energies are integers, so that a run of equal steps sums to the last bit as it would
// step by step.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/core/units.h"

namespace tightrope::formula {

/// Counts of 2^-40 s (0.9 ps): 97 days fit.
using Ticks = std::int64_t;
/// Counts of 2^-24 J (0.06 uJ): 150 MWh fit.
using EnergyTicks = std::int64_t;
inline constexpr double ticks_per_second = 1099511627776.0;
inline constexpr double ticks_per_joule = 16777216.0;

/// Time and energy of one thing done by a whole replica.
struct IterationCost {
  Ticks time = 0;
  EnergyTicks energy = 0;

  constexpr IterationCost& operator+=(IterationCost o) {
    time += o.time;
    energy += o.energy;
    return *this;
  }
  friend constexpr IterationCost operator+(IterationCost a, IterationCost b) { return a += b; }
  friend constexpr IterationCost operator*(IterationCost a, std::int64_t n) {
    return {a.time * n, a.energy * n};
  }
  friend constexpr bool operator==(IterationCost, IterationCost) = default;
};

/// One iteration's work, counted over the whole replica.
struct IterationWork {
  std::int64_t tokens = 0;       ///< scheduled: prefill tokens and one (or a draft's) a decode
  std::int64_t fullest = 0;      ///< of them, those of the fullest attention group; 0: even shares
  std::int64_t yields = 0;       ///< sequences that yield output: decodes and finished prefills
  std::int64_t decodes = 0;      ///< sequences that decode
  std::int64_t decode_keys = 0;  ///< sum over them of the tokens they attend to
  std::int64_t decode_window_keys = 0;     ///< the same, each at most `window`
  std::int64_t prefills = 0;               ///< sequences (chunks) that prefill
  std::int64_t prefill_scores = 0;         ///< query-key pairs of their chunks
  std::int64_t prefill_window_scores = 0;  ///< the same, keys at most `window` behind
  friend constexpr bool operator==(const IterationWork&, const IterationWork&) = default;
};

/// What: time and energy of one iteration of one replica.
/// Formula: max(by_tokens[T] + by_group[F] - by_group[ceil(T / groups)] + by_yields[Y] + counts
///   times the other costs below, prefill where there are prefills), T, F and Y clamped to the
///   tables' last entries, beyond which the last difference goes on; F: the fullest group's tokens,
///   where it has more than its share
/// Source: attention is linear in keys and scores; all else depends on the tokens alone.
/// Valid: tables hold at least two entries, entry 0 is an iteration without work; all costs >= 0,
///   tables rise.
/// Checked by: IterationTimes.Laws
struct IterationTimes {
  std::vector<IterationCost> by_tokens;  ///< weights, products, experts, links, host
  /// Attention groups that split sequences between them and wait for each other: a prompt is one
  /// group's. With one group, no table.
  std::int64_t groups = 1;
  std::vector<IterationCost> by_group;                  ///< of the fullest, but for a constant
  std::vector<IterationCost> by_yields;                 ///< head, sampling, host work a sequence
  IterationCost decode, decode_key, decode_window_key;  ///< attention of decodes
  /// The least that an iteration which prefills takes: outside graphs the host issues every kernel
  /// while the device works. Energy is that of waiting so long.
  IterationCost prefill;
  /// What only prefills does not run ahead of its device: the host's time comes on top.
  bool host_first = false;
  IterationCost prefill_score, prefill_window_score;  ///< attention of prefills
  std::int64_t window = 0;  ///< of sliding-window layers, in tokens; 0: no such layers
  Watts idle{};             ///< drawn by the replica's machines while nothing runs

  [[nodiscard]] IterationCost cost(const IterationWork& work) const noexcept;
};

/// A replica as a scheduler sees it.
struct ReplicaLimits {
  std::int64_t kv_tokens = 0;  ///< tokens whose keys and values fit, all sequences together
  Bytes kv_token{};            ///< of one token over the whole replica: what a transfer moves
  Bytes sequence_state{};      ///< of one sequence, whatever its length (state-space layers)
  int chips = 1;               ///< counted for cost
  BytesPerSecond transfer{};   ///< of keys and values to another replica; 0: cannot
  Seconds transfer_latency{};
  BytesPerSecond swap{};    ///< of keys and values to host memory; 0: cannot
  DollarsPerSecond rent{};  ///< of the whole replica
};

}  // namespace tightrope::formula
