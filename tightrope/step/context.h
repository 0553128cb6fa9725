// Everything a step depends on but the mapping, resolved once.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/formula/calibration.h"
#include "tightrope/step/recipe.h"
#include "tightrope/step/tuning.h"
#include "tightrope/workload/job.h"
#include "tightrope/workload/layer_work.h"
#include "tightrope/workload/model.h"

namespace tightrope::step {

/// A layer kind, the embedding, the head or an MTP module: its work and its parameters.
struct Part {
  workload::LayerWork work;
  double norm_parameters = 0;   ///< norms and biases: whole on every tensor-parallel rank
  double table_parameters = 0;  ///< embedding table: divided by tp
  double experts = 0;           ///< routed experts of the layer, 0 when dense
  double experts_per_token = 0;
  double expert_groups = 0, groups_per_token = 0;  ///< of group-limited routing, 0 without
};

struct Context {
  workload::Model model;
  workload::Job job;
  catalog::Chip chip;
  catalog::System system;
  formula::RankKernels kernels;  ///< as long runs of this stack find them
  formula::RankKernels warm;     ///< as the kernel tables found them, before `tuning`
  formula::FabricModel fabric;
  formula::PowerShares power;  ///< of the chip's limit, computing and waiting
  std::string borrowed_from;   ///< kin whose kernel coefficients stand in; empty when its own
  Recipe recipe;
  Tuning tuning;
  std::vector<Part> kinds;  ///< by layer kind of the model
  Part embedding, head, mtp;
  double adapter_parameters = 0;  ///< LoRA, all layers together
  [[nodiscard]] bool frozen_base() const { return job.task == workload::Task::lora; }
};

struct ContextRequest {
  workload::Model model;
  workload::Job job;
  std::string precision = "bf16";
  std::string stack = "megatron-core-2025";
  const TuningTable* tuning = nullptr;  ///< the embedded table when null
  double gradient_kept = 0;  ///< bytes of a gradient in its buffer; 0: as the stack keeps it
};

/// Resolves a system and its chip for a request. Errors: unsupported precision or stack; not_found
/// chip.
[[nodiscard]] Result<Context> make_context(const ContextRequest& request,
                                           const catalog::System& system,
                                           const catalog::Catalog& catalog,
                                           const formula::Calibration& calibration);

/// Replaces the fitted numbers of a context; its flags (flash attention, dropout) must not change.
void retune(Context& context, const Tuning& tuning);

}  // namespace tightrope::step
