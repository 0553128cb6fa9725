// How the words of a published table become a model, a job, a mapping and a stack. Rules are about
// words that any source may use; none asks which source, model or row it reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/step/context.h"
#include "tightrope/step/mapping.h"
#include "tightrope/step/tuning.h"
#include "tightrope/study/training_rows.h"
#include "tightrope/workload/job.h"

namespace tightrope::study::rows_internal {

/// Letters in lower case.
[[nodiscard]] std::string lower(std::string_view text);
/// True when `text` holds one of `words`.
[[nodiscard]] bool has_any(std::string_view text, std::initializer_list<std::string_view> words);
/// The number right after the first `word` in `text` ("kv=16" by "kv="); nullopt without one.
[[nodiscard]] std::optional<double> number_after(std::string_view text, std::string_view word);
/// The number right before the first `word` ("4 slices" by " slices"); nullopt without one.
[[nodiscard]] std::optional<double> number_before(std::string_view text, std::string_view word);

/// The number that ends `text`; nullopt when it ends otherwise.
[[nodiscard]] std::optional<double> number_ending(std::string_view text);

/// The year a row speaks of, from its release ("26.08 ... (2026-08)", "24.03"); 2024 when silent.
[[nodiscard]] int year_of(const TrainingRow& row);

/// The software that ran a row, as far as its words tell.
enum class Software {
  megatron,
  deepspeed,
  torchtitan,
  torch_fsdp,
  llm_foundry,
  internevo,
  jax,
  neuron
};
[[nodiscard]] Software software_of(const TrainingRow& row, const catalog::Chip& chip);
/// Name of the stack in the tuning table: Megatron by year, the nearest earlier one there is.
[[nodiscard]] std::string stack_of(const TrainingRow& row, Software software,
                                   const step::TuningTable& table);

/// Bytes of a gradient in its buffer, where the row's software has another default than its stack:
/// Megatron-LM accumulates in 32 bits unless told otherwise, recipes built on it in 16. 0 = the
/// stack's.
[[nodiscard]] double gradient_kept_of(const TrainingRow& row, Software software);

/// Name of the precision recipe; errors: unsupported.
[[nodiscard]] Result<std::string> precision_of(const TrainingRow& row);

/// The network, from its architecture file or, failing that, from the row's note of its shape; cut
/// to fewer layers where the row says so. Errors: those of the reader.
[[nodiscard]] Result<workload::Model> model_of(const TrainingRow& row);

/// The chip by name, alias or the longest alias that begins the text. Errors: not_found.
[[nodiscard]] Result<const catalog::Chip*> chip_of(const TrainingRow& row,
                                                   const catalog::Catalog& catalog);
/// The system by alias, by the chip's reference system, or 8-chip nodes; the network rate is the
/// one that the row's words give ("4x100G Omni-Path"), where they give one.
[[nodiscard]] catalog::System system_of(const TrainingRow& row, const catalog::Chip& chip,
                                        const catalog::Catalog& catalog);

[[nodiscard]] workload::Job job_of(const TrainingRow& row);

/// Mapping by degrees and words. Errors: range when ranks do not divide or the batch is too small.
[[nodiscard]] Result<step::Mapping> mapping_of(const TrainingRow& row, const workload::Model& model,
                                               const catalog::Chip& chip, Software software);

/// Layers of the fullest stage.
[[nodiscard]] int layers_a_stage(const workload::Model& model, const step::Mapping& mapping);
/// Layers of a stage that PyTorch's selective checkpointing runs again, in whole layers: every
/// second one, or what torchtitan's choice of single products comes to.
[[nodiscard]] int selective_layers(const workload::Model& model, const step::Mapping& mapping,
                                   Software software);

/// Reads what a row does not say about recompute and offload as the least that fits the device.
/// Says what it did, in words for the row's note; empty when there was nothing to do.
[[nodiscard]] std::string fit_unsaid(const TrainingRow& row, Software software,
                                     const step::Context& context, step::Mapping& mapping);

}  // namespace tightrope::study::rows_internal
