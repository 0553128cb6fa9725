#include "tightrope/study/robust_fit.h"

#include <algorithm>
#include <cmath>

#include <nlopt.hpp>

#include "tightrope/core/check.h"

namespace tightrope::study {
namespace {

constexpr double first_reach = 1.5, least_reach = 0.02;

double pull(double residual, double noise) {
  const double u = residual / noise;
  return std::sqrt(1 + u * u) - 1;
}

double pull_slope(double residual, double noise) {
  const double u = residual / noise;
  return u / std::sqrt(1 + u * u) / noise;
}

struct LinearModel {
  const RobustProblem& problem;
  const RobustOptimum& at;
};

// The linear model's sum and its gradient, for NLopt.
double linear_loss(const std::vector<double>& z, std::vector<double>& gradient, void* data) {
  const LinearModel& m = *static_cast<const LinearModel*>(data);
  const double noise = m.problem.noise;
  std::vector<double> r = m.at.residual;
  for (std::size_t k = 0; k < z.size(); ++k) {
    const double dz = z[k] - m.at.z[k];
    const Column& c = m.at.columns[k];
    for (std::size_t j = 0; j < c.rows.size(); ++j) r[c.rows[j]] += c.slopes[j] * dz;
  }
  double sum = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    sum += m.problem.weights[i] * pull(r[i], noise);
    r[i] = m.problem.weights[i] * pull_slope(r[i], noise);
  }
  for (std::size_t k = 0; k < z.size(); ++k) {
    sum += 0.5 * z[k] * z[k];
    if (gradient.empty()) continue;
    gradient[k] = z[k];
    const Column& c = m.at.columns[k];
    for (std::size_t j = 0; j < c.rows.size(); ++j) gradient[k] += c.slopes[j] * r[c.rows[j]];
  }
  return sum;
}

// The z that minimises the linear model's sum, no coefficient moving more than `reach`.
std::vector<double> solve(const RobustProblem& problem, const RobustOptimum& at, double reach) {
  const auto n = static_cast<unsigned>(at.z.size());
  nlopt::opt search(nlopt::LD_LBFGS, n);
  LinearModel model{problem, at};
  search.set_min_objective(linear_loss, &model);
  std::vector<double> low(n), high(n), z = at.z;
  for (unsigned k = 0; k < n; ++k) {
    low[k] = std::min(z[k], std::max(problem.low[k], z[k] - reach));
    high[k] = std::max(z[k], std::min(problem.high[k], z[k] + reach));
  }
  search.set_lower_bounds(low);
  search.set_upper_bounds(high);
  search.set_ftol_rel(1e-9);
  search.set_maxeval(500);
  double reached = 0;
  try {
    search.optimize(z, reached);
  } catch (const std::exception&) {
    return z;  // rounding stopped the search; the best point so far
  }
  return z;
}

}  // namespace

double robust_loss(const RobustProblem& problem, const std::vector<double>& residual,
                   const std::vector<double>& z) {
  double sum = 0;
  for (std::size_t i = 0; i < residual.size(); ++i) {
    sum += problem.weights[i] * pull(residual[i], problem.noise);
  }
  for (const double x : z) sum += 0.5 * x * x;
  return sum;
}

double robust_curvature(double residual, double noise) {
  const double u = residual / noise, root = std::sqrt(1 + u * u);
  return 1 / (noise * noise * root * root * root);
}

RobustOptimum robust_descend(const RobustProblem& problem, RobustOptimum at) {
  double reach = first_reach;
  double least = robust_loss(problem, at.residual, at.z);
  for (int round = 0; round < problem.rounds && reach > least_reach; ++round) {
    const std::vector<double> z = solve(problem, at, reach);
    std::vector<double> residual = problem.residuals(z);
    const double now = robust_loss(problem, residual, z);
    if (!(now < least)) {
      reach *= 0.3;
      continue;
    }
    const bool done = least - now < 1e-4 * least;
    at.z = z;
    at.residual = std::move(residual);
    least = now;
    if (done) break;
    at.columns = problem.slopes(z, at.residual);
  }
  return at;
}

RobustOptimum robust_fit(const RobustProblem& problem) {
  TR_CHECK(problem.low.size() == problem.high.size() && problem.noise > 0);
  RobustOptimum at;
  at.z.assign(problem.low.size(), 0.0);
  at.residual = problem.residuals(at.z);
  TR_CHECK(at.residual.size() == problem.weights.size(), at.residual.size());
  at.columns = problem.slopes(at.z, at.residual);
  return robust_descend(problem, std::move(at));
}

}  // namespace tightrope::study
