// One training step as every rank of a stage runs it: what it computes and with whom it then talks.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tightrope/core/units.h"
#include "tightrope/formula/collectives.h"

namespace tightrope::netsim {

/// The ranks a transfer joins: a digit of the mapping. etp and edp are the experts' own tp and dp.
enum class Dimension : std::uint8_t { tp, cp, ep, etp, dp, edp, pp };
inline constexpr int dimensions = 7;
[[nodiscard]] std::string_view to_string(Dimension dimension);

/// One collective or message of a program, the same in all groups of its dimension.
struct Transfer {
  Dimension over = Dimension::tp;
  formula::Collective kind = formula::Collective::all_reduce;
  int count = 0, stride = 1;  ///< part of the dimension (Layout::Part); 0: all of it
  Bytes size{};               ///< as CollectiveCall::size
  double repeats = 1;         ///< so many of it one after the other, counted as one
  /// Of one of them alone on an ideal fabric: fixed time, and how long it fills a rank's scale-up
  /// and scale-out port.
  Seconds latency{}, up{}, out{};
  Seconds closed{};     ///< of one of them alone, as the closed form counts it
  Seconds hidden{};     ///< longest part of all repeats that runs beside compute
  double slowdown = 0;  ///< compute lost a second of hidden transfer
};

/// A transfer (index into StepProgram::transfers, or none) and then kernels.
struct Segment {
  int transfer = -1;
  Seconds compute{};
};

/// Gradients or parameters: transfers one after the other, beside the passes of `window`.
struct Sync {
  std::vector<int> transfers;
  int passes = 1;       ///< pieces of the stage that it may run beside
  double quality = 0;   ///< share of those passes that can be used
  Seconds window{};     ///< how long those passes last alone
  double slowdown = 0;  ///< compute lost a second of hidden transfer
};

/// What a stage does for one micro-batch and chunk, and once a step.
struct StageWork {
  std::vector<Segment> forward, backward, weight;  ///< weight: split off (zero bubble), else empty
  Sync reduce;                                     ///< after the last backward, hidden beside it
  Sync gather;                                     ///< before the first forward, hidden beside it
};

struct StepProgram {
  int stages = 1, chunks = 1, micro_batches = 1;
  std::vector<Transfer> transfers;
  std::vector<StageWork> works;
  std::vector<int> work_of_stage;  ///< index into works
  int send_forward = -1,
      send_backward = -1;      ///< transfers from stage to stage; none with one stage
  Seconds after_reduce{};      ///< optimizer, offload that shows, host work once a step
  double straggler_share = 0;  ///< of the pipeline's time: waiting for the slowest node

  [[nodiscard]] const StageWork& work(int stage) const {
    return works[static_cast<std::size_t>(work_of_stage[static_cast<std::size_t>(stage)])];
  }
};

}  // namespace tightrope::netsim
