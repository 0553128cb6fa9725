// Time of an all-reduce by peer reads, as serving engines do it for small messages.
#pragma once

#include "tightrope/core/units.h"

namespace tightrope::formula {

/// What one engine's kernels over a kind of link were fitted to (calibration/network.toml).
struct DirectReduceCoefficients {
  Seconds latency{};            ///< launch and the first barrier
  Seconds rank_latency{};       ///< for each further rank: its flag
  double one_shot_share = 0.5;  ///< of the link's nameplate when each rank reads all of the others
  Seconds second_barrier{};     ///< what two passes take beyond one
  double two_shot_share = 0.5;  ///< of the nameplate when ranks reduce a part each, then share it
};

struct DirectReduceCall {
  Bytes size{};  ///< of the buffer
  int ranks = 1;
  BytesPerSecond bandwidth{};  ///< nameplate of the scale-up link, per rank and direction
};

struct DirectReduceTime {
  Seconds time{}, latency{};
  bool two_shot = false;
};

/// What: time of an all-reduce over peers' memory inside one scale-up domain.
/// Formula: one shot: latency + (n-1) rank_latency + (n-1) S / (bandwidth one_shot_share);
///   two shots: that latency + second_barrier + 2 (n-1)/n S / (bandwidth two_shot_share); the less
/// Source: one- and two-shot kernels of vLLM, SGLang and TensorRT-LLM; fitted on their tables
///   (kernels/collectives.csv).
/// Valid: size >= 0; one rank takes no time; without a link (bandwidth 0) the time is infinite.
///   Engines hand large buffers to the library: take the less of this and collective().
/// Checked by: DirectReduce.Laws
[[nodiscard]] DirectReduceTime direct_reduce(const DirectReduceCall& call,
                                             const DirectReduceCoefficients& fitted) noexcept;

}  // namespace tightrope::formula
