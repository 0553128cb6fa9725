#include "tightrope/milp/model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "tightrope/core/check.h"

namespace tightrope::milp {

int Model::add_variable(Variable variable) {
  TR_CHECK(variable.lower <= variable.upper, variable.name, variable.lower, variable.upper);
  TR_CHECK(std::isfinite(variable.cost), variable.name, variable.cost);
  variables_.push_back(std::move(variable));
  return static_cast<int>(variables_.size()) - 1;
}

int Model::add_row(Row row) {
  TR_CHECK(row.lower <= row.upper, row.name, row.lower, row.upper);
  std::vector<Term>& terms = row.terms;
  std::stable_sort(terms.begin(), terms.end(),
                   [](const Term& a, const Term& b) { return a.variable < b.variable; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    TR_CHECK(terms[i].variable >= 0 && terms[i].variable < static_cast<int>(variables_.size()),
             row.name, terms[i].variable);
    TR_CHECK(std::isfinite(terms[i].factor), row.name, terms[i].factor);
    if (kept > 0 && terms[kept - 1].variable == terms[i].variable) {
      terms[kept - 1].factor += terms[i].factor;
    } else {
      terms[kept++] = terms[i];
    }
  }
  terms.resize(kept);
  std::erase_if(terms, [](const Term& t) { return t.factor == 0.0; });
  rows_.push_back(std::move(row));
  return static_cast<int>(rows_.size()) - 1;
}

bool Model::has_integers() const {
  return std::any_of(variables_.begin(), variables_.end(),
                     [](const Variable& v) { return v.integer; });
}

void Model::set_bounds(int variable, double lower, double upper) {
  TR_CHECK(lower <= upper, lower, upper);
  Variable& v = variables_.at(static_cast<std::size_t>(variable));
  v.lower = lower;
  v.upper = upper;
}

void Model::set_cost(int variable, double cost) {
  variables_.at(static_cast<std::size_t>(variable)).cost = cost;
}

void Model::set_row_bounds(int row, double lower, double upper) {
  TR_CHECK(lower <= upper, lower, upper);
  Row& r = rows_.at(static_cast<std::size_t>(row));
  r.lower = lower;
  r.upper = upper;
}

double Model::objective_at(const std::vector<double>& values) const {
  TR_CHECK(values.size() == variables_.size(), values.size(), variables_.size());
  double sum = constant_;
  for (std::size_t i = 0; i < values.size(); ++i) sum += variables_[i].cost * values[i];
  return sum;
}

double Model::violation_at(const std::vector<double>& values) const {
  TR_CHECK(values.size() == variables_.size(), values.size(), variables_.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Variable& v = variables_[i];
    worst = std::max({worst, v.lower - values[i], values[i] - v.upper});
    if (v.integer) worst = std::max(worst, std::abs(values[i] - std::round(values[i])));
  }
  for (const Row& row : rows_) {
    double sum = 0.0;
    for (const Term& t : row.terms) sum += t.factor * values[static_cast<std::size_t>(t.variable)];
    worst = std::max({worst, row.lower - sum, sum - row.upper});
  }
  return worst;
}

}  // namespace tightrope::milp
