#include <algorithm>
#include <cmath>

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

double curvature(double residual) { return robust_curvature(residual, noise); }

RobustProblem problem_of(FitRows& rows, const KnobSet& set, const std::vector<double>& weights) {
  RobustProblem problem;
  problem.noise = noise;
  problem.weights = weights;
  for (const Knob& k : set.knobs) {
    const auto [low, high] = z_range(k);
    problem.low.push_back(low);
    problem.high.push_back(high);
  }
  problem.residuals = [&rows, &set](const std::vector<double>& z) {
    return residuals(rows, table_at(set, z));
  };
  problem.slopes = [&rows, &set](const std::vector<double>& z, const std::vector<double>& at_z) {
    return slopes(rows, set, z, at_z);
  };
  return problem;
}

}  // namespace tightrope::study::training_fit
