// Many coefficients at once from many rows: errors count by their size, priors hold what rows do
// not say.
#pragma once

#include <functional>
#include <vector>

namespace tightrope::study {

/// d residual / d z of one coefficient, for the rows it touches.
struct Column {
  std::vector<std::size_t> rows;
  std::vector<double> slopes;
};

/// What: sum_i w_i (sqrt(1 + (r_i / noise)^2) - 1) + sum_k z_k^2 / 2 over z, each coefficient in
///   standard deviations of its prior.
/// Valid: noise > 0, low <= 0 <= high by coefficient, one weight >= 0 a residual. `residuals` and
///   `slopes` must depend on their arguments alone.
struct RobustProblem {
  double noise = 0.05;  ///< residual from which on a row's pull no longer grows
  int rounds = 14;      ///< of linearising and solving, at most
  std::vector<double> weights, low, high;
  std::function<std::vector<double>(const std::vector<double>& z)> residuals;
  std::function<std::vector<Column>(const std::vector<double>& z, const std::vector<double>& at_z)>
      slopes;
};

struct RobustOptimum {
  std::vector<double> z, residual;
  std::vector<Column> columns;  ///< slopes near it
};

/// The problem's sum at z, where the residuals are `residual`.
[[nodiscard]] double robust_loss(const RobustProblem& problem, const std::vector<double>& residual,
                                 const std::vector<double>& z);
/// Second derivative of a row's part of it, at weight 1.
[[nodiscard]] double robust_curvature(double residual, double noise);

/// Linearises and solves (NLopt's L-BFGS, deterministic) until the sum no longer falls, from `at`
/// (its columns and residuals filled) or from all coefficients at their priors.
[[nodiscard]] RobustOptimum robust_descend(const RobustProblem& problem, RobustOptimum at);
[[nodiscard]] RobustOptimum robust_fit(const RobustProblem& problem);

}  // namespace tightrope::study
