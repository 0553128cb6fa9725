// How a model is split over ranks and how its step is run: the planner's decision variables.
#pragma once

#include <cstdint>
#include <string>

#include "tightrope/workload/layer_work.h"

namespace tightrope::step {

enum class Schedule : std::uint8_t { one_f_one_b, zero_bubble };

/// What data-parallel ranks share instead of repeating.
enum class Sharding : std::uint8_t {
  none,       ///< ZeRO-0, plain DDP
  optimizer,  ///< ZeRO-1
  gradients,  ///< ZeRO-2
  full,       ///< ZeRO-3, FSDP
};

/// What a tensor-parallel block exchanges.
enum class TpComm : std::uint8_t {
  all_reduce,         ///< two all-reduces a layer and direction (Megatron 2019)
  sequence_parallel,  ///< all-gather + reduce-scatter; norms work on 1/tp of the tokens
};

/// How tensor-parallel traffic hides behind its matrix product.
enum class TpOverlap : std::uint8_t {
  none,
  ring,  ///< product cut into tp pieces, passed round a ring
  bulk,  ///< the collective runs beside an independent product (weight gradient)
};

enum class CpKind : std::uint8_t { ring, all_to_all };

/// One way to run a training step. Ranks = tp * cp * pp * dp; the experts' ranks are folded into
/// dp * cp * tp: ep * etp must divide tp * cp * dp.
struct Mapping {
  int tp = 1, cp = 1, pp = 1, dp = 1;
  int ep = 1, etp = 1;
  int vp = 1;           ///< model chunks a stage (interleaving); 1 = plain 1F1B
  int micro_batch = 1;  ///< sequences a micro-batch and data-parallel replica
  int first_stage_layers = 0, last_stage_layers = 0;  ///< 0: as even as the layer count allows
  int recompute_layers = 0;  ///< layers a stage that recompute; 0 = all of them
  int offload_layers = 0;    ///< layers a stage whose activations are offloaded; 0 = all of them
  int shard_ranks = 0;       ///< ranks that share states (HSDP, hybrid ZeRO); 0 = all of dp
  workload::ModuleSet recompute;  ///< dropped in forward, run again in backward; empty = keep all
  /// Experts padded and cut to this many times the mean load (token dropping); 0 = dropless.
  double capacity_factor = 0;
  Schedule schedule = Schedule::one_f_one_b;
  Sharding sharding = Sharding::optimizer;
  TpComm tp_comm = TpComm::sequence_parallel;
  TpOverlap tp_overlap = TpOverlap::none;
  CpKind cp_kind = CpKind::ring;
  bool regather = true;     ///< sequence parallel: gather inputs again in backward, not keep them
  bool p2p_scatter = true;  ///< pipeline messages carry 1/tp of the tokens, gathered on arrival
  bool dp_overlap = true;   ///< gradients and parameters travel beside compute
  bool ep_overlap = false;  ///< expert all-to-all of one micro-batch beside compute of another
  bool graph = false;       ///< device graphs: no host time between kernels
  bool offload_weights = false, offload_activations = false, offload_optimizer = false;
  /// Forces a dimension onto the NICs, leaving the scale-up domain to the others.
  bool tp_scaleout = false, pp_scaleout = false, dp_scaleout = false;

  [[nodiscard]] int ranks() const { return tp * cp * pp * dp; }
  friend bool operator==(const Mapping&, const Mapping&) = default;
};

/// True when heads and widths of every layer divide by the ranks that share them. State-space
/// layers are scanned along the whole sequence: context parallelism of them is not modelled.
[[nodiscard]] bool tensors_divide(const workload::Model& model, int tp, int cp, CpKind kind);
/// The same of experts.
[[nodiscard]] bool experts_divide(const workload::Model& model, int ep, int etp);

[[nodiscard]] const char* to_string(Schedule value);
[[nodiscard]] const char* to_string(Sharding value);
[[nodiscard]] const char* to_string(TpComm value);
[[nodiscard]] const char* to_string(TpOverlap value);
[[nodiscard]] const char* to_string(CpKind value);

/// "none", "full", or the modules joined by '+': "norms+mla_up".
[[nodiscard]] std::string recompute_text(workload::ModuleSet modules);

/// "tp8 pp16 vp4 dp32 mbs1 zero1 sp recompute=full ...": unique for a mapping, short for people.
[[nodiscard]] std::string to_text(const Mapping& mapping);

}  // namespace tightrope::step
