// Standard errors of fitted numbers, from the curvature of the penalised loss.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <Eigen/Cholesky>
#include <Eigen/Dense>

#include "tightrope/core/check.h"
#include "tightrope/study/calibrate_training_internal.h"

namespace tightrope::study::training_fit {
namespace {

double value_of(const Knob& k, const step::TuningTable& table) {
  switch (k.kind) {
    case Knob::Kind::habit: return table.habits.*step::habit_fields()[k.field].member;
    case Knob::Kind::sustained:
    case Knob::Kind::chip:
      return table.sustained[k.index].*step::sustained_fields()[k.field].member;
    case Knob::Kind::stack: return table.stacks[k.index].*step::stack_fields()[k.field].member;
  }
  return 0;
}

// J' W J + I: what the rows say of each knob's z, and its prior.
Eigen::MatrixXd precision(const FitRows& rows, const std::vector<Column>& columns,
                          const std::vector<double>& residual) {
  const auto n = static_cast<Eigen::Index>(columns.size());
  const auto m = static_cast<Eigen::Index>(rows.size());
  Eigen::MatrixXd slopes = Eigen::MatrixXd::Zero(m, n);
  for (std::size_t k = 0; k < columns.size(); ++k) {
    const Column& c = columns[k];
    for (std::size_t j = 0; j < c.rows.size(); ++j) {
      const std::size_t i = c.rows[j];
      slopes(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)) =
          c.slopes[j] * std::sqrt(rows.weights[i] * curvature(residual[i]));
    }
  }
  Eigen::MatrixXd out = slopes.transpose() * slopes;
  out.diagonal().array() += 1.0;
  return out;
}

}  // namespace

std::vector<step::StandardError> standard_errors(const FitRows& rows, const KnobSet& set,
                                                 const std::vector<Column>& columns,
                                                 const std::vector<double>& residual,
                                                 const std::vector<double>& z) {
  const Eigen::MatrixXd hessian = precision(rows, columns, residual);
  const Eigen::LLT<Eigen::MatrixXd> factor(hessian);
  TR_CHECK(factor.info() == Eigen::Success, set.knobs.size());
  const step::TuningTable table = table_at(set, z);
  std::vector<step::StandardError> out;
  for (std::size_t k = 0; k < set.knobs.size(); ++k) {
    const Knob& knob = set.knobs[k];
    // How the knob's value, or its logarithm, follows each z; a chip's follows its architecture's.
    Eigen::VectorXd slope = Eigen::VectorXd::Zero(hessian.rows());
    slope(static_cast<Eigen::Index>(k)) = knob.sigma;
    for (std::size_t a = 0; knob.kind == Knob::Kind::chip && a < set.knobs.size(); ++a) {
      const Knob& kin = set.knobs[a];
      if (kin.kind == Knob::Kind::sustained && kin.index == knob.parent &&
          kin.field == knob.field) {
        slope(static_cast<Eigen::Index>(a)) = kin.sigma;
      }
    }
    const double variance = slope.dot(factor.solve(slope));
    const double size = knob.relative ? value_of(knob, table) : 1.0;
    out.push_back({knob.name, size * std::sqrt(variance)});
  }
  return out;
}

std::vector<FittedValue> values_of(const KnobSet& set, const std::vector<double>& z,
                                   const step::Evidence& evidence) {
  const step::TuningTable before = table_at(set, std::vector<double>(z.size(), 0.0));
  const step::TuningTable after = table_at(set, z);
  std::vector<std::size_t> order(z.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t k) { return std::abs(z[k]); });
  std::vector<FittedValue> out;
  for (const std::size_t k : order) {
    const Knob& knob = set.knobs[k];
    out.push_back({knob.name, value_of(knob, before), value_of(knob, after),
                   evidence.standard_error(knob.name)});
  }
  return out;
}

}  // namespace tightrope::study::training_fit
