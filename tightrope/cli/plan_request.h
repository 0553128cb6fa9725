// What is to be trained, as the command line says it, for every command that plans.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/session.h"
#include "tightrope/study/plan.h"

namespace tightrope::cli {

/// The model and the work. Empty texts and zeros mean: not said.
struct WorkWords {
  std::string config;  ///< path of a config.json, its folder, or a bundled model's name
  std::string tokens, batch, batch_tokens, seq, document;
  std::string task = "pretrain";
  int lora_rank = 16;
  std::string lora_targets;
  std::string precision, stack, region, term;
  std::string calibration;  ///< a training calibration or a folder; empty: the one in the binary
};

/// The request these words make, its constraints and systems left open. `assumed` receives a
/// sentence for each thing that was not said and had to be chosen. Errors: those of the config, and
/// of numbers that cannot be read.
[[nodiscard]] Result<study::PlanRequest> read_work(const WorkWords& words,
                                                   std::vector<std::string>& assumed);

/// The model of a config path, folder or bundled name. Errors: not_found with near names, and all
/// of workload::read_hf_config.
[[nodiscard]] Result<study::PlannedModel> read_model(const std::string& config);

}  // namespace tightrope::cli
