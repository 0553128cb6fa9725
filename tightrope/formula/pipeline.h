// Pipelines: how long p stages take for m micro-batches.
#pragma once

#include <span>
#include <vector>

#include "tightrope/core/units.h"

namespace tightrope::formula {

/// One stage's work for one micro-batch, all its chunks together, exposed communication included.
struct StageTime {
  Seconds forward{};
  Seconds backward{};  ///< with the weight gradients, unless the schedule splits them off
  Seconds weight{};    ///< weight gradients, when the schedule splits them off (zero bubble)
  [[nodiscard]] constexpr Seconds total() const { return forward + backward + weight; }
};

struct UniformPipeline {
  StageTime stage;
  int stages = 1;
  int chunks = 1;  ///< interleaved chunks a stage (vp)
  int micro_batches = 1;
  Seconds hop{};  ///< one exposed stage-to-stage message
};

struct PipelineTime {
  Seconds time{};
  Seconds work{};    ///< the busiest stage's own work
  Seconds bubble{};  ///< time - work
};

/// What: a pipeline of equal stages under 1F1B, interleaved 1F1B, or ZB-H1 when weight > 0.
/// Formula: m (F+B+W) + (p-1) ((F+B-W)/v + 2 hop), W = 0 unless the schedule splits it off
/// Source: Narayanan et al. 2021 section 2.2; Qi et al. 2023 (ZB-H1)
/// Valid: stages, chunks, micro_batches >= 1; m a multiple of p when chunks > 1, else the last
///   partial round of p micro-batches costs a whole one for each further chunk.
/// Checked by: Pipeline.ReplayEqualsClosedFormOnEqualStages
[[nodiscard]] PipelineTime uniform_pipeline(const UniformPipeline& pipeline) noexcept;

/// Neighbouring stages that take the same time.
struct StageRun {
  StageTime time;
  int count = 1;
};

/// Stages in order, first to last, as runs of equal ones.
struct UnevenPipeline {
  std::span<const StageRun> runs;
  int chunks = 1;
  int micro_batches = 1;
  Seconds hop{};
};

/// What: a bound below the time of any 1F1B-like schedule over unequal stages.
/// Formula: max over stages j of m T_j + sum_{i<j} (F_i + B_i) / v + 2 j hop; without the B_i when
///   weight gradients are split off, since they fill the drain
/// Source: the first micro-batch must reach stage j, and the last must leave it.
/// Valid: as uniform_pipeline.
/// Checked by: Pipeline.BoundIsNeverAboveReplay
[[nodiscard]] PipelineTime pipeline_bound(const UnevenPipeline& pipeline) noexcept;

/// One piece of work in a replayed pipeline.
struct PipelineEvent {
  enum class Kind { forward, backward, weight };
  int stage = 0, chunk = 0, micro_batch = 0;
  Kind kind = Kind::forward;
  Seconds start{}, end{};
};

/// What: replays the schedule event by event over unequal stages.
/// Formula: start = max(stage free, input there); order as in Megatron's (interleaved) 1F1B; ZB-H1
///   runs weight gradients when a stage would otherwise wait.
/// Source: Narayanan et al. 2021; Qi et al. 2023
/// Valid: as uniform_pipeline, whole rounds only (no schedule is published for others). `events`,
///   when given, receives every piece in start order a stage.
/// Checked by: Pipeline.ReplayEqualsClosedFormOnEqualStages
[[nodiscard]] PipelineTime replay_pipeline(const UnevenPipeline& pipeline,
                                           std::vector<PipelineEvent>* events = nullptr) noexcept;

/// Micro-batch chunks whose activations a stage holds at its peak.
struct InFlight {
  int stages = 1, chunks = 1, micro_batches = 1;
  int stage = 0;
};

/// What: activations in flight, in units of one micro-batch of the whole stage.
/// Formula: min(m, p - i) for 1F1B; min(m v, 2 (p - i - 1) + (v-1) p + 1) / v interleaved
/// Source: Narayanan et al. 2021; Korthikanti et al. 2022 section 4.2
/// Valid: 0 <= stage < stages
/// Checked by: Pipeline.InFlightLaws
[[nodiscard]] double in_flight(const InFlight& at) noexcept;

}  // namespace tightrope::formula
