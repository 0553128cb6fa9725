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

// What a knob sets. Of kin it is the factor on what their stacks start from, seen on the first.
double value_of(const Knob& k, const KnobSet& set, const step::TuningTable& table) {
  switch (k.kind) {
    case Knob::Kind::habit: return table.habits.*step::habit_fields()[k.field].member;
    case Knob::Kind::sustained:
    case Knob::Kind::chip:
      return table.sustained[k.index].*step::sustained_fields()[k.field].member;
    case Knob::Kind::kin: {
      const auto member = step::stack_fields()[k.field].member;
      for (std::size_t i = 0; i < table.stacks.size(); ++i) {
        const double start = set.table.stacks[i].*member;
        const bool told = table.stacks[i].name.starts_with(k.owner) && start > 0;
        if (told) return table.stacks[i].*member / start;
      }
      return 1;
    }
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

// How each knob's value follows each z: its own, and those of the kin that it is drawn to. At the
// end of a range the side that moves counts.
Eigen::MatrixXd value_slopes(const KnobSet& set, const std::vector<double>& z) {
  constexpr double step = 1e-4;
  const auto n = static_cast<Eigen::Index>(z.size());
  const step::TuningTable here = table_at(set, z);
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(n, n);
  for (Eigen::Index a = 0; a < n; ++a) {
    for (const double side : {step, -step}) {
      std::vector<double> moved = z;
      moved[static_cast<std::size_t>(a)] += side;
      const step::TuningTable there = table_at(set, moved);
      for (Eigen::Index k = 0; k < n; ++k) {
        const Knob& knob = set.knobs[static_cast<std::size_t>(k)];
        const double slope = (value_of(knob, set, there) - value_of(knob, set, here)) / side;
        if (std::abs(slope) > std::abs(out(k, a))) out(k, a) = slope;
      }
    }
  }
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
  const Eigen::MatrixXd slopes = value_slopes(set, z);
  std::vector<step::StandardError> out;
  for (std::size_t k = 0; k < set.knobs.size(); ++k) {
    if (set.knobs[k].kind == Knob::Kind::kin) continue;  // no number of the file: its stacks are
    const Eigen::VectorXd slope = slopes.row(static_cast<Eigen::Index>(k));
    out.push_back({set.knobs[k].name, std::sqrt(slope.dot(factor.solve(slope)))});
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
    out.push_back({knob.name, value_of(knob, set, before), value_of(knob, set, after),
                   evidence.standard_error(knob.name)});
  }
  return out;
}

}  // namespace tightrope::study::training_fit
