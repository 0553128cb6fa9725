#include "tightrope/study/calibrate_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlopt.hpp>

#include "tightrope/core/check.h"

namespace tightrope::study {
namespace {

constexpr int no_fold = -1;

/// What one minimisation needs; `left_out` is the fold whose rows it must not see.
struct Problem {
  const std::vector<FitRow>& rows;
  const Predictor& predict;
  int folds = 1, left_out = no_fold;

  [[nodiscard]] bool uses(std::size_t i) const {
    return left_out == no_fold || static_cast<int>(i % static_cast<std::size_t>(folds)) != left_out;
  }
};

double loss_of(const std::vector<double>& x, const Problem& problem) {
  double sum = 0.0, weights = 0.0;
  for (std::size_t i = 0; i < problem.rows.size(); ++i) {
    if (!problem.uses(i)) continue;
    const FitRow& row = problem.rows[i];
    sum += row.weight * std::abs(std::log(problem.predict(i, x) / row.measured));
    weights += row.weight;
  }
  return weights > 0.0 ? sum / weights : 0.0;
}

double nlopt_loss(const std::vector<double>& x, std::vector<double>&, void* data) {
  return loss_of(x, *static_cast<const Problem*>(data));
}

/// The optimum from `x`; leaves the loss in `loss`.
std::vector<double> minimise(const std::vector<FitParameter>& parameters, std::vector<double> x,
                             Problem problem, int restarts, double& loss) {
  loss = loss_of(x, problem);
  if (parameters.empty()) return x;
  std::vector<double> low, high, step;
  for (const FitParameter& p : parameters) {
    low.push_back(p.low);
    high.push_back(p.high);
    step.push_back(std::max(0.1 * (p.high - p.low), 1e-12));
  }
  for (int round = 0; round <= restarts; ++round) {
    nlopt::opt search(nlopt::LN_SBPLX, static_cast<unsigned>(parameters.size()));
    search.set_min_objective(nlopt_loss, &problem);
    search.set_lower_bounds(low);
    search.set_upper_bounds(high);
    search.set_initial_step(step);
    search.set_xtol_rel(1e-4);
    search.set_ftol_rel(1e-6);
    search.set_maxeval(400 * static_cast<int>(parameters.size()));
    const double before = loss;
    std::vector<double> trial = x;
    try {
      double reached = before;
      search.optimize(trial, reached);
    } catch (const nlopt::roundoff_limited&) {
      // The best point so far stands in `trial`.
    }
    const double reached = loss_of(trial, problem);
    if (reached < loss) {
      loss = reached;
      x = trial;
    }
    if (before - loss < 1e-4 * before) break;
  }
  return x;
}

/// The p-quantile of a list, by the nearest rank; sorts it.
double quantile(std::vector<double>& values, double p) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const auto rank =
      static_cast<std::size_t>(std::lround(p * static_cast<double>(values.size() - 1)));
  return values[rank];
}

/// Jackknife over folds: standard errors, and the error on the rows left out.
void cross_validate(const std::vector<FitRow>& rows, const std::vector<FitParameter>& parameters,
                    const Predictor& predict, int folds, int restarts, FitResult& result) {
  const std::vector<double> whole = result.values();
  std::vector<double> squares(parameters.size(), 0.0);
  std::vector<double> errors;
  for (int fold = 0; fold < folds; ++fold) {
    double loss = 0.0;
    const Problem problem{rows, predict, folds, fold};
    const std::vector<double> x = minimise(parameters, whole, problem, restarts, loss);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!problem.uses(i)) errors.push_back(std::abs(predict(i, x) / rows[i].measured - 1.0));
    }
    for (std::size_t p = 0; p < x.size(); ++p) squares[p] += (x[p] - whole[p]) * (x[p] - whole[p]);
  }
  for (std::size_t p = 0; p < squares.size(); ++p) {
    result.numbers[p].standard_error = std::sqrt(squares[p] * (folds - 1.0) / folds);
  }
  result.quality.cross_ape = quantile(errors, 0.5);
}

}  // namespace

std::vector<double> FitResult::values() const {
  std::vector<double> x;
  x.reserve(numbers.size());
  for (const FittedNumber& number : numbers) x.push_back(number.value);
  return x;
}

FitQuality judge(const std::vector<FitRow>& rows, const Predictor& predict,
                 const std::vector<double>& x) {
  FitQuality quality;
  std::vector<double> errors;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double ratio = predict(i, x) / rows[i].measured;
    errors.push_back(std::abs(ratio - 1.0));
    quality.mean_ape += errors.back();
    quality.bias += std::log(ratio);
  }
  quality.rows = static_cast<int>(rows.size());
  if (rows.empty()) return quality;
  quality.mean_ape /= static_cast<double>(rows.size());
  quality.bias /= static_cast<double>(rows.size());
  quality.median_ape = quantile(errors, 0.5);
  quality.p90_ape = quantile(errors, 0.9);
  return quality;
}

FitResult fit(const std::vector<FitRow>& rows, const std::vector<FitParameter>& parameters,
              const Predictor& predict, int folds, int restarts) {
  TR_CHECK(!rows.empty());
  std::vector<double> start;
  for (const FitParameter& p : parameters) {
    TR_CHECK(p.low <= p.start && p.start <= p.high, p.name, p.start);
    start.push_back(p.start);
  }
  FitResult result;
  const std::vector<double> x =
      minimise(parameters, start, {rows, predict, 1, no_fold}, restarts, result.loss);
  for (std::size_t p = 0; p < x.size(); ++p) {
    result.numbers.push_back({parameters[p].name, x[p], 0.0});
  }
  result.quality = judge(rows, predict, x);
  if (folds > 1) cross_validate(rows, parameters, predict, folds, restarts, result);
  return result;
}

}  // namespace tightrope::study
