// Fitting what serving adds to kernels: an engine's host work, a chip's decoding attention.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tightrope/serving_study/cases.h"

namespace tightrope::serving_study {

struct ServingFit {
  infer::ServingTuning tuning;
  std::map<std::string, int> rows;  ///< behind an engine's or an architecture's numbers
};

/// Fits engines' and chips' numbers to rows (those that `use` admits; all when empty), all at once,
/// each drawn to what is believed of it beforehand (fit_numbers.h). `start` gives the engines,
/// chips and what is not fitted or not measured. Deterministic.
[[nodiscard]] ServingFit fit_serving(const ServingTable& table, std::vector<ServingCase> cases,
                                     const infer::ServingTuning& start,
                                     const std::vector<bool>& use);

/// Rows that are fitted: aggregated runs, each once.
[[nodiscard]] std::vector<bool> fitted_rows(const ServingTable& table);
/// How many numbers of a tuning rows decide.
[[nodiscard]] int fitted_numbers(const infer::ServingTuning& tuning);

/// The tuning as a file, with how it was made.
[[nodiscard]] std::string tuning_text(const ServingFit& fit, const ServingTable& table);

}  // namespace tightrope::serving_study
