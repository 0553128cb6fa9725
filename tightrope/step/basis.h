// The step, assembled in three layers so that a search pays for each only once:
//   BlockCosts  kernels of every part                    by tp, cp, ep, micro-batch, recompute, ...
//   Basis       stages, pipeline, activations            by block, pp, vp, schedule, micro-batches
//   SyncCost    gradients, parameters, optimizer, states by basis, dp, sharding
// and finish() (estimate.h), plain arithmetic over the remaining switches (overlap, offload, NICs).
#pragma once

#include <array>
#include <vector>

#include "tightrope/formula/pipeline.h"
#include "tightrope/step/cost.h"
#include "tightrope/step/mapping.h"
#include "tightrope/step/stages.h"

namespace tightrope::step {

/// Costs of every part under one CostKey.
struct BlockCosts {
  std::array<PartCost, max_layer_kinds> kinds;
  std::array<PartCost, max_layer_kinds> plain;  ///< the same without recompute
  PartCost embedding, head, mtp;
};
[[nodiscard]] BlockCosts block_costs(const Context& context, const CostKey& key);

/// A run of equal stages, with all its layers and ends together, for one micro-batch.
struct RunBasis {
  int first = 0, count = 1;
  formula::StageTime time;
  Seconds host{};     ///< visible host time inside `time`, forward and backward
  Seconds compute{};  ///< kernels inside `time`: what draws power
  Bytes hbm_traffic{}, scaleup_traffic{}, scaleout_traffic{};  ///< per rank and micro-batch
  Bytes kept{};                                                ///< activations of one micro-batch
  Bytes layer_kept{};                                          ///< of the largest single layer
  Bytes working{};  ///< of backward in one layer, beside them
  Bytes loss{};     ///< of the loss, instead
  Bytes held{};     ///< logits that stay until backward has passed, however many are in flight
  double dense_parameters = 0, expert_parameters = 0;  ///< of this rank, before data sharding
  double layer_parameters = 0;     ///< of the largest layer: gathered copies under ZeRO-3
  double head_parameters = 0;      ///< gathered beside the loss under ZeRO-3
  double distinct_parameters = 0;  ///< of one layer and the head, by weights of their own shape
  double in_flight = 1;            ///< micro-batches whose activations the run's first stage holds
};

struct Basis {
  std::vector<RunBasis> runs;
  std::vector<formula::StageRun> stage_runs;  ///< the same times, as the pipeline reads them
  int stages = 1, chunks = 1, micro_batches = 1;
};

/// The run whose stages take longest: its share of computing stands for the whole step's.
[[nodiscard]] const RunBasis& busiest_run(const Basis& basis);

/// One stage-to-stage message of a micro-batch's activations.
[[nodiscard]] Seconds hop_time(const Context& context, const Mapping& mapping);

/// Stage layout by (pp, vp, first, last) is the caller's to keep; `layout` must be of the mapping.
[[nodiscard]] Basis make_basis(const Context& context, const Mapping& mapping,
                               const BlockCosts& costs, const std::vector<StageLayers>& layout,
                               int micro_batches);

/// Data-parallel work of one run of stages.
struct RunSync {
  Seconds reduce{};     ///< gradients, once a step (a micro-batch under ZeRO-3)
  Seconds gather{};     ///< parameters, once a step (twice a micro-batch under ZeRO-3)
  Seconds optimizer{};  ///< states in HBM
  Seconds optimizer_offloaded{};
  Bytes weights{}, gradients{}, states{};       ///< resident
  Bytes scaleup_traffic{}, scaleout_traffic{};  ///< sent per rank each time
};

/// One collective of gradients or parameters, for explanations and simulation.
struct SyncOp {
  formula::Collective kind = formula::Collective::all_reduce;
  Bytes size{};       ///< of one piece
  double pieces = 1;  ///< one after the other
  topology::Group group;
  bool gather = false;   ///< parameters, not gradients
  bool experts = false;  ///< among the ranks that hold the same experts
  int stride = 1;  ///< places between members, among all that hold the same parameters
};
/// What make_traffic adds up for a run of stages.
[[nodiscard]] std::vector<SyncOp> sync_ops(const Context& context, const Mapping& mapping,
                                           const RunBasis& run);

struct SyncCost {
  std::vector<RunSync> runs;  ///< as Basis::runs
};
[[nodiscard]] SyncCost make_sync(const Context& context, const Mapping& mapping,
                                 const Basis& basis);
/// make_sync in two parts, into `sync`, for a search that asks for memory first. States depend on
/// the sharding alone, traffic on the networks too.
void make_states(const Context& context, const Mapping& mapping, const Basis& basis,
                 SyncCost& sync);
void make_traffic(const Context& context, const Mapping& mapping, const Basis& basis,
                  SyncCost& sync);

}  // namespace tightrope::step
