// What one part of the model (a layer, the embedding, the head) costs one rank for one micro-batch.
#pragma once

#include <string_view>
#include <vector>

#include "tightrope/step/context.h"
#include "tightrope/step/mapping.h"

namespace tightrope::step {

/// The part of a mapping that a layer's cost depends on; costs are tabulated by it.
struct CostKey {
  int tp = 1, cp = 1, ep = 1, etp = 1, micro_batch = 1;
  TpComm tp_comm = TpComm::sequence_parallel;
  TpOverlap tp_overlap = TpOverlap::none;
  CpKind cp_kind = CpKind::ring;
  bool regather = true, ep_overlap = false, tp_scaleout = false;
  double capacity_factor = 0;
  workload::ModuleSet recompute;
  friend bool operator==(const CostKey&, const CostKey&) = default;
};
[[nodiscard]] CostKey cost_key(const Mapping& mapping);

/// Times are of one micro-batch on one rank. Communication counts only what stays visible.
struct PartCost {
  Seconds forward{};          ///< kernels
  Seconds backward_input{};   ///< kernels of the input gradients (attention and passes included)
  Seconds backward_weight{};  ///< kernels of the weight gradients
  Seconds recompute{};        ///< kernels and traffic run again in backward
  Seconds tp_forward{}, tp_backward{};
  Seconds cp_forward{}, cp_backward{};
  Seconds ep_forward{}, ep_backward{};
  double kernels_forward = 0, kernels_backward = 0, kernels_weight = 0;  ///< launches
  Bytes kept{};                    ///< activations kept from forward to backward
  Bytes kept_if_none{};            ///< the same with nothing recomputed
  Bytes beside{};                  ///< gradients and gathered inputs at backward's widest point
  double logits = 0;               ///< elements the loss works on
  double dense_parameters = 0;     ///< of this rank, shared by dp * cp ranks
  double expert_parameters = 0;    ///< of this rank, shared by the expert data-parallel ranks
  double distinct_parameters = 0;  ///< the same with one expert only
  Flops flops{};                   ///< really multiplied, forward and backward and recompute
  Bytes hbm_traffic{}, scaleup_traffic{}, scaleout_traffic{};

  [[nodiscard]] Seconds forward_total() const {
    return forward + tp_forward + cp_forward + ep_forward;
  }
  /// Backward without the weight gradients.
  [[nodiscard]] Seconds backward_total() const {
    return backward_input + recompute + tp_backward + cp_backward + ep_backward;
  }
};

enum class Phase { forward, backward_input, backward_weight, recompute };

/// One kernel or collective, for explanations.
struct OpTime {
  std::string_view name;
  std::string_view kind;  ///< "gemm", "attention", "pass", "cast", "tp", "cp", "ep"
  Phase phase = Phase::forward;
  Seconds time{};     ///< alone
  Seconds visible{};  ///< after overlap
  Flops flops{};
  Bytes bytes{};
  // Of a collective: what it is, and the compute it may run beside.
  formula::Collective collective = formula::Collective::all_reduce;
  topology::Group group{};
  Seconds hidden{};         ///< longest part beside compute
  bool experts = false;     ///< among the experts' tensor-parallel ranks
  bool recomputed = false;  ///< its visible part comes once more in backward
  bool parallel = false;    ///< runs at the same time as the one before it
};

/// The cost of a part; `ops`, when given, receives every kernel and collective.
[[nodiscard]] PartCost part_cost(const Context& context, const Part& part, const CostKey& key,
                                 std::vector<OpTime>* ops = nullptr);

}  // namespace tightrope::step
