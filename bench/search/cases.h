// The searches that are timed: models and option spaces of Calculon's llm-optimal-execution
// (Isaev et al. 2023) on 4,096 A100 80GB, batch 4,096 sequences of 2,048 tokens, fp16.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/search/search.h"

namespace tightrope::bench {

struct Case {
  std::string name;        ///< "GPT-3 175B"
  std::string llm;         ///< of catalog/llms
  std::string peer_model;  ///< Calculon's models/<peer_model>.json
  bool host_tier = true;   ///< weights, activations and optimizer may go to host memory
};

/// The cases in the order they are run.
[[nodiscard]] const std::vector<Case>& cases();

inline constexpr int case_ranks = 4096;
inline constexpr int case_batch = 4096;
inline constexpr int case_sequence = 2048;

[[nodiscard]] Result<step::Context> case_context(const Case& which);
[[nodiscard]] search::Space case_space(const Case& which);

/// Plans by Calculon's own loops, and what becomes of them in ours.
struct PlanCounts {
  std::uint64_t listed = 0;    ///< by Calculon
  std::uint64_t repeated = 0;  ///< of them: the same plan under another name
  std::uint64_t added = 0;     ///< only here: gathered inputs kept under full recompute
  [[nodiscard]] std::uint64_t ours() const { return listed - repeated + added; }
};
[[nodiscard]] PlanCounts count_plans(const Case& which, const workload::Model& model);

}  // namespace tightrope::bench
