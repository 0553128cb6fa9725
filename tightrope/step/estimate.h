// One step's time, memory, energy and traffic, with its breakdown.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tightrope/step/basis.h"

namespace tightrope::step {

/// Device memory of the fullest rank, by category.
struct Memory {
  int stage = 0;  ///< pipeline stage it stands on
  Bytes weights{}, gradients{}, optimizer{}, activations{}, transient{}, reserve{};
  [[nodiscard]] Bytes total() const { return allocated() + reserve; }
  /// Without framework reserve: what an allocator's peak counter shows.
  [[nodiscard]] Bytes allocated() const {
    return weights + gradients + optimizer + activations + transient;
  }
};

/// Where the step's time goes, seen from the busiest stage. The parts sum to `total`.
struct TimeParts {
  Seconds forward{}, backward{}, recompute{};  ///< kernels of the layers
  Seconds ends{};                              ///< embedding, head, loss, MTP
  Seconds tp{}, cp{}, ep{};                    ///< visible communication inside layers
  Seconds host{};                              ///< waiting for the host to issue kernels
  Seconds bubble{};                            ///< pipeline fill, drain and hops
  Seconds shard_gather{};                      ///< visible ZeRO-3 traffic
  Seconds offload{};                           ///< visible traffic to host memory
  Seconds dp{};                                ///< visible gradients and parameters
  Seconds optimizer{};
  Seconds straggler{};  ///< waiting for the slowest node
  Seconds fixed{};      ///< host work once a step
  Seconds total{};
};

/// Memory of the fullest stage. Costs a few multiplications a distinct stage.
[[nodiscard]] Memory peak_memory(const Context& context, const Mapping& mapping, const Basis& basis,
                                 const SyncCost& sync);

/// Activations of one micro-batch of a run that go to the host under offload.
[[nodiscard]] Bytes moved_activations(const Mapping& mapping, const RunBasis& run);

/// The peak as the stack's own tools print it: allocated, reserved by the allocator, or the
/// device's.
[[nodiscard]] Bytes printed_peak(const Tuning& tuning, const Memory& memory);

/// Step time with a pipeline time that the caller took from pipeline_bound or replay_pipeline.
/// Monotone in the pipeline time, so that a bound of the one is a bound of the other.
[[nodiscard]] TimeParts finish(const Context& context, const Mapping& mapping, const Basis& basis,
                               const SyncCost& sync, const formula::PipelineTime& pipeline);

/// No step on so many ranks takes less when its pipeline takes `pipeline`: what nodes wait for the
/// slowest one, and host work once a step.
[[nodiscard]] Seconds least_step(const Context& context, int ranks, Seconds pipeline);

enum class Infeasible {
  none,
  does_not_divide,    ///< heads, layers, batch, experts or ranks do not divide
  no_format,          ///< the chip lacks the precision
  no_scaleout,        ///< more ranks than the system can connect
  does_not_fit,       ///< memory
  no_host_link,       ///< offload without a known host link
  cluster_too_small,  ///< more chips than the provider offers
};
[[nodiscard]] std::string_view to_string(Infeasible reason);

struct Estimate {
  Mapping mapping;
  Infeasible infeasible = Infeasible::none;  ///< times are still given when it only does not fit
  int micro_batches = 0;
  Seconds step_time{};
  TimeParts parts;
  Memory memory;
  formula::PipelineTime pipeline;
  double tokens = 0;       ///< a step
  Flops hardware_flops{};  ///< of all ranks, recompute included
  double busy = 0;         ///< share of the step in which the busiest stage computes
  Bytes hbm_traffic{};     ///< of a rank on the busiest stage, a step
  Bytes scaleup_traffic{}, scaleout_traffic{};  ///< sent by it, pipeline messages left out
  Watts power{};                                ///< of all machines, before PUE
  [[nodiscard]] TokensPerSecond throughput() const { return Tokens(tokens) / step_time; }
};

/// Why a mapping cannot run, memory aside; none when it can.
[[nodiscard]] Infeasible check_mapping(const Context& context, const Mapping& mapping);

/// The full model with the replayed pipeline.
[[nodiscard]] Estimate estimate(const Context& context, const Mapping& mapping);

}  // namespace tightrope::step
