#include "tightrope/step/context.h"

#include <algorithm>

#include <fmt/format.h>

namespace tightrope::step {
namespace {

double weights_of(const workload::LayerWork& work, double experts) {
  double sum = 0;
  for (const workload::Gemm& g : work.gemms) {
    sum +=
        static_cast<double>(g.weights()) * (g.role == workload::GemmRole::expert ? experts : 1.0);
  }
  return sum;
}

Part layer_part(const workload::Model& model, const workload::LayerKind& kind,
                const workload::WorkOptions& options) {
  Part part;
  part.work = workload::layer_work(model, kind, options);
  part.experts = kind.ffn.experts;
  part.experts_per_token = kind.ffn.experts_per_token;
  part.expert_groups = kind.ffn.expert_groups;
  part.groups_per_token = kind.ffn.groups_per_token;
  const double all = static_cast<double>(workload::count_layer(model, kind).total());
  part.norm_parameters = std::max(0.0, all - weights_of(part.work, part.experts));
  return part;
}

// What products of one format keep up on a rank, from their rate in the kernel tables.
FlopsPerSecond held_rate(const Context& context, const Sustained& s, DType format,
                         FlopsPerSecond table) {
  constexpr double tera = 1e12;
  const double width = bytes_of(format);
  const double clock = width >= 2 ? s.wide : width >= 1 ? s.narrow : s.narrowest;
  // Steps in narrow formats spend more of their time on passes, so that their mean draw stays low.
  const double work = width >= 2 && !context.recipe.quantized ? s.wide_per_watt : 0.0;
  const Watts power = context.chip.power.value_or(Watts(0.0)) / context.chip.ranks_per_chip;
  return s.chip * formula::sustained_rate({clock * table, power, work * tera});
}

void add_ends(Context& context, const workload::WorkOptions& options) {
  const workload::Model& model = context.model;
  const workload::ParameterCount count = workload::count_parameters(model);
  context.embedding.work = workload::embedding_work(model, options);
  context.embedding.table_parameters = static_cast<double>(count.embedding);
  context.head.work = workload::head_work(model);
  context.head.norm_parameters = static_cast<double>(count.final_norm);
  // Pipelines keep a copy of a tied table on the last stage: the head's weights count there too.
  context.mtp.work = workload::mtp_work(model);
  context.mtp.norm_parameters = 2.0 * static_cast<double>(model.hidden);
}

}  // namespace

void retune(Context& context, const Tuning& tuning) {
  context.tuning = tuning;
  formula::RankKernels& kernels = context.kernels;
  const formula::RankKernels& warm = context.warm;
  const Stack& stack = tuning.stack;
  for (DType t : all_dtypes) {
    kernels.peak[t] = warm.peak[t] * stack.compute_share;
    for (auto table : {&formula::RankKernels::gemm, &formula::RankKernels::gemm_block}) {
      const double share = (warm.*table)[t].peak_share;
      const FlopsPerSecond held = held_rate(context, tuning.sustained, t, share * warm.peak[t]);
      if (warm.peak[t].raw() > 0) (kernels.*table)[t].peak_share = held / warm.peak[t];
    }
  }
  // Softmax keeps attention below the power limit that slows the products.
  const bool later_gpu = context.chip.kind == "gpu" && context.chip.architecture != "ampere";
  const double attention =
      stack.attention_share *
      (stack.old_attention && later_gpu ? tuning.habits.old_attention_share : 1.0);
  kernels.attention_forward.peak_share = warm.attention_forward.peak_share * attention;
  kernels.attention_backward.peak_share = warm.attention_backward.peak_share * attention;
}

Result<Context> make_context(const ContextRequest& request, const catalog::System& system,
                             const catalog::Catalog& catalog,
                             const formula::Calibration& calibration) {
  const catalog::Chip* chip = catalog.find_chip(system.chip);
  if (chip == nullptr) {
    return fail(ErrorCode::not_found,
                fmt::format("system \"{}\" names chip \"{}\", which the catalog lacks", system.name,
                            system.chip));
  }
  Context context;
  context.model = request.model;
  context.job = request.job;
  context.chip = *chip;
  context.system = system;
  TR_TRY(context.recipe, find_recipe(request.precision));
  const TuningTable& table = request.tuning ? *request.tuning : TuningTable::embedded();
  TR_TRY(context.tuning, table.tuning(chip->architecture, request.stack, chip->name));
  context.kernels = formula::rank_kernels(*chip, calibration, &context.borrowed_from);
  context.power = calibration.power();
  context.fabric = formula::fabric_model(system, *chip, calibration);
  if (!chip_runs(context.kernels, context.recipe)) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} has no matrix units for {}", chip->title, context.recipe.name), {},
                "choose another --precision or system");
  }
  context.warm = context.kernels;
  const Tuning tuning = context.tuning;
  retune(context, tuning);
  if (tuning.stack.gradient_bytes > 0) context.recipe.gradient_sent = tuning.stack.gradient_bytes;
  double& kept = context.recipe.gradient_kept;
  if (tuning.stack.gradient_kept_bytes > 0) kept = std::min(kept, tuning.stack.gradient_kept_bytes);
  double& states = context.recipe.optimizer_kept;
  if (tuning.stack.optimizer_kept_bytes > 0) {
    states = std::min(states, tuning.stack.optimizer_kept_bytes);
  }
  if (request.gradient_kept > 0) kept = request.gradient_kept;
  const workload::WorkOptions options{.flash_attention = tuning.stack.flash_attention,
                                      .dropout = tuning.stack.dropout};
  for (const workload::LayerKind& kind : context.model.kinds) {
    context.kinds.push_back(layer_part(context.model, kind, options));
  }
  add_ends(context, options);
  if (context.frozen_base()) {
    context.adapter_parameters = static_cast<double>(
        workload::lora_parameters(context.model, context.job.lora_rank, context.job.lora_targets));
  }
  return context;
}

}  // namespace tightrope::step
