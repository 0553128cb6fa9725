// Fitting a few coefficients to measured times, robustly and repeatably.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace tightrope::study {

/// One coefficient: where the search starts and between what it must stay.
struct FitParameter {
  std::string name;
  double start = 0.0, low = 0.0, high = 0.0;
};

/// A coefficient's value and its standard error (jackknife over folds of rows; 0 when not asked).
struct FittedNumber {
  std::string name;
  double value = 0.0, standard_error = 0.0;
};

/// How well a model meets the rows it was fitted to. Errors are |predicted/measured - 1|.
struct FitQuality {
  int rows = 0;
  double median_ape = 0.0, p90_ape = 0.0, mean_ape = 0.0;
  double bias = 0.0;       ///< mean of log(predicted/measured)
  double cross_ape = 0.0;  ///< median over folds of rows left out of the fit; 0 when not asked
};

/// One measured row as the fit sees it.
struct FitRow {
  double measured = 0.0;  ///< > 0
  double weight = 1.0;
};

/// Predicts row `i` with coefficients `x`; must be pure.
using Predictor = std::function<double(std::size_t i, const std::vector<double>& x)>;

struct FitResult {
  std::vector<FittedNumber> numbers;
  FitQuality quality;
  double loss = 0.0;  ///< weighted mean of |log(predicted/measured)|

  [[nodiscard]] std::vector<double> values() const;
};

/// Minimises the weighted mean absolute log error (NLopt's Subplex, deterministic), restarted from
/// its own optimum until that no longer helps, at most `restarts` times. With folds > 1 the fit is
/// repeated without each fold, for standard errors and the error on rows left out. A row belongs to
/// fold `i % folds`.
[[nodiscard]] FitResult fit(const std::vector<FitRow>& rows,
                            const std::vector<FitParameter>& parameters, const Predictor& predict,
                            int folds, int restarts = 5);

/// Quality of fixed coefficients on rows.
[[nodiscard]] FitQuality judge(const std::vector<FitRow>& rows, const Predictor& predict,
                               const std::vector<double>& x);

}  // namespace tightrope::study
