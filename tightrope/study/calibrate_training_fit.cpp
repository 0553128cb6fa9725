#include <algorithm>
#include <cmath>

#include <nlopt.hpp>

#include "tightrope/core/check.h"
#include "tightrope/core/parallel.h"
#include "tightrope/study/calibrate_training_internal.h"

namespace tightrope::study::training_fit {
namespace {

constexpr double noise = 0.06;      // re-measurements of one configuration differ by about this
constexpr double slope_step = 0.1;  // of z, for finite differences

double residual_of(FitRows& rows, std::size_t i, const step::TuningTable& table) {
  retune(rows.cases[i], table);
  const double value = predict(rows.cases[i], rows.forms[i], rows.accelerators[i]).value;
  const double ratio = std::log(value / rows.cases[i].measured);
  return rows.forms[i] == TrainingForm::mapping_grid ? -ratio : ratio;
}

bool touches(const Knob& k, const RowCase& row) {
  switch (k.kind) {
    case Knob::Kind::habit: return true;
    case Knob::Kind::sustained: return row.contexts.front().chip.architecture == k.owner;
    case Knob::Kind::chip: return row.chip == k.owner;
    case Knob::Kind::kin: return row.stack.starts_with(k.owner);
    case Knob::Kind::stack: return row.stack == k.owner;
  }
  return true;
}

double robust(double residual) {
  const double u = residual / noise;
  return std::sqrt(1 + u * u) - 1;
}

double robust_slope(double residual) {
  const double u = residual / noise;
  return u / std::sqrt(1 + u * u) / noise;
}

// The linear model's loss and its gradient, for NLopt.
double linear_loss(const std::vector<double>& z, std::vector<double>& gradient, void* data) {
  const LinearStep& s = *static_cast<const LinearStep*>(data);
  std::vector<double> r = s.residual;
  for (std::size_t k = 0; k < z.size(); ++k) {
    const double dz = z[k] - s.z[k];
    const Column& c = s.columns[k];
    for (std::size_t j = 0; j < c.rows.size(); ++j) r[c.rows[j]] += c.slopes[j] * dz;
  }
  double sum = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    sum += s.weights[i] * robust(r[i]);
    r[i] = s.weights[i] * robust_slope(r[i]);
  }
  for (std::size_t k = 0; k < z.size(); ++k) {
    sum += 0.5 * z[k] * z[k];
    if (gradient.empty()) continue;
    gradient[k] = z[k];
    const Column& c = s.columns[k];
    for (std::size_t j = 0; j < c.rows.size(); ++j) gradient[k] += c.slopes[j] * r[c.rows[j]];
  }
  return sum;
}

// Range of z that keeps a knob's value inside its own range (about, for chips).
std::pair<double, double> z_range(const Knob& k) {
  if (k.relative) {
    const double low = k.low > 0 ? std::log(k.low / k.prior) / k.sigma : -6.0;
    return {std::max(-6.0, low), std::min(6.0, std::log(k.high / k.prior) / k.sigma)};
  }
  return {std::max(-6.0, (k.low - k.prior) / k.sigma), std::min(6.0, (k.high - k.prior) / k.sigma)};
}

}  // namespace

std::vector<double> residuals(FitRows& rows, const step::TuningTable& table) {
  std::vector<double> out(rows.size());
  for_each_index(rows.size(), [&](std::size_t i) { out[i] = residual_of(rows, i, table); });
  return out;
}

std::vector<Column> slopes(FitRows& rows, const KnobSet& set, const std::vector<double>& z,
                           const std::vector<double>& at_z) {
  std::vector<Column> columns(set.knobs.size());
  for (std::size_t k = 0; k < set.knobs.size(); ++k) {
    Column& c = columns[k];
    const auto [low, high] = z_range(set.knobs[k]);
    std::vector<double> moved = z;
    const double step = z[k] + slope_step <= high ? slope_step : -slope_step;
    moved[k] = z[k] + step;
    TR_CHECK(low <= high, set.knobs[k].name);
    const step::TuningTable table = table_at(set, moved);
    // Habits and architectures reach rows through their chips' records too.
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (touches(set.knobs[k], rows.cases[i])) c.rows.push_back(i);
    }
    c.slopes.resize(c.rows.size());
    for_each_index(c.rows.size(), [&](std::size_t j) {
      const std::size_t i = c.rows[j];
      c.slopes[j] = (residual_of(rows, i, table) - at_z[i]) / step;
    });
  }
  return columns;
}

double curvature(double residual) {
  const double u = residual / noise, root = std::sqrt(1 + u * u);
  return 1 / (noise * noise * root * root * root);
}

double loss(const std::vector<double>& residual, const std::vector<double>& weights,
            const std::vector<double>& z) {
  double sum = 0;
  for (std::size_t i = 0; i < residual.size(); ++i) sum += weights[i] * robust(residual[i]);
  for (const double x : z) sum += 0.5 * x * x;
  return sum;
}

std::vector<double> solve(const LinearStep& step) {
  const auto n = static_cast<unsigned>(step.z.size());
  nlopt::opt search(nlopt::LD_LBFGS, n);
  LinearStep copy = step;
  search.set_min_objective(linear_loss, &copy);
  std::vector<double> low(n), high(n), z = step.z;
  for (unsigned k = 0; k < n; ++k) {
    const auto [least, most] = z_range(step.set.knobs[k]);
    low[k] = std::min(z[k], std::max(least, z[k] - step.reach));
    high[k] = std::max(z[k], std::min(most, z[k] + step.reach));
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

}  // namespace tightrope::study::training_fit
