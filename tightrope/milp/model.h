// A mixed-integer linear program, built piece by piece: variables, rows, one objective to minimise.
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace tightrope::milp {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// A variable with lower <= upper; either may be infinite.
struct Variable {
  std::string name;
  double lower = 0.0;
  double upper = infinity;
  double cost = 0.0;  ///< its factor in the objective
  bool integer = false;
};

struct Term {
  int variable = 0;
  double factor = 0.0;
};

/// lower <= sum of the terms <= upper. Rows of one `group` stand for one thing a user said, and are
/// kept or dropped together by smallest_conflict; rows without a group are never dropped.
struct Row {
  std::string name;
  std::string group = {};
  double lower = -infinity;
  double upper = infinity;
  std::vector<Term> terms = {};
};

/// Grows only; indices are given out in order from 0. Names need not differ: writers add the index.
class Model {
 public:
  int add_variable(Variable variable);
  /// Terms of one variable are added up; zeros are dropped.
  int add_row(Row row);

  [[nodiscard]] const std::vector<Variable>& variables() const { return variables_; }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  [[nodiscard]] bool has_integers() const;

  void set_bounds(int variable, double lower, double upper);
  void set_cost(int variable, double cost);
  void set_row_bounds(int row, double lower, double upper);
  /// Added to the objective, whatever the variables.
  void set_constant(double constant) { constant_ = constant; }
  [[nodiscard]] double constant() const { return constant_; }

  /// The objective at a point, in our own arithmetic.
  [[nodiscard]] double objective_at(const std::vector<double>& values) const;
  /// The largest violation of a row, a bound or integrality at a point.
  [[nodiscard]] double violation_at(const std::vector<double>& values) const;

 private:
  std::vector<Variable> variables_;
  std::vector<Row> rows_;
  double constant_ = 0.0;
};

}  // namespace tightrope::milp
