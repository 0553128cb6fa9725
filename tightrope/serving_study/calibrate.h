// Fitting what serving adds to kernels: an engine's host work, a chip's decoding attention.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tightrope/serving_study/cases.h"

namespace tightrope::serving_study {

/// How a fit went, number by number.
struct FittedKnob {
  std::string owner, name;  ///< an engine or architecture, and its key in calibration/serving.toml
  double value = 0;
  int rows = 0;
};

struct ServingFit {
  infer::ServingTuning tuning;
  std::vector<FittedKnob> knobs;
};

/// Fits engines' and chips' numbers to rows (those that `use` admits; all when empty), block by
/// block and in `sweeps` rounds: an engine over all its years, then each year drawn to it; chips
/// alike; what all share. `start` gives the engines, chips and what is not fitted. Deterministic.
[[nodiscard]] ServingFit fit_serving(const ServingTable& table, std::vector<ServingCase> cases,
                                     const infer::ServingTuning& start,
                                     const std::vector<bool>& use, int sweeps);

inline constexpr int whole_sweeps = 2;

/// Rows that are fitted: aggregated runs, each once.
[[nodiscard]] std::vector<bool> fitted_rows(const ServingTable& table);
/// How many numbers of a tuning rows decide.
[[nodiscard]] int fitted_numbers(const infer::ServingTuning& tuning);

/// The tuning as a file, with how it was made.
[[nodiscard]] std::string tuning_text(const ServingFit& fit, const ServingTable& table);

}  // namespace tightrope::serving_study
