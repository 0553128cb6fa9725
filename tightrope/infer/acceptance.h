// What verified guesses yield: a law over the tokens of an iteration, and what it makes of answers.
#pragma once

#include <span>
#include <vector>

#include "tightrope/core/result.h"

namespace tightrope::infer {

/// Shares of the iterations that yield 1, 2, 3, ... tokens. Empty: no law, a mean stands for it.
using YieldShares = std::vector<double>;

/// The law of `drafts` guesses, each of which holds with probability `holds` if those before it
/// did: (1 - p), (1 - p) p, ..., p^drafts. 0 <= holds <= 1.
[[nodiscard]] YieldShares geometric_yields(int drafts, double holds);

/// Scaled so that they sum to 1. Errors: range (negative, more than drafts + 1, a sum that is not 1
/// within rounding).
[[nodiscard]] Result<YieldShares> checked_yields(YieldShares shares, int drafts);

/// Tokens an iteration yields on average.
[[nodiscard]] double mean_yield(std::span<const double> shares) noexcept;

/// What: iterations until an answer's tokens are there, the last one cut at the answer's end.
/// Formula: N(0) = 0; E N(n) = 1 + sum_y p_y E N(n - y); E N(n)^2 = 1 + sum_y p_y (2 E N(n - y) +
///   E N(n - y)^2), negative lengths as 0; from 4,096 tokens on both go on in their limits' lines
/// Source: first passage of a renewal process (Feller, vol. I, ch. XIII).
/// Valid: yields independent of each other; between whole lengths linear.
/// Checked by: Acceptance.ExpectedIterations
class AnswerSteps {
 public:
  AnswerSteps() = default;
  /// `shares` as checked.
  explicit AnswerSteps(std::span<const double> shares);
  [[nodiscard]] bool empty() const noexcept { return mean_.empty(); }
  /// Expected iterations for so many tokens, >= 0.
  [[nodiscard]] double mean(double tokens) const noexcept;
  /// Standard deviation of their number.
  [[nodiscard]] double deviation(double tokens) const noexcept;

 private:
  std::vector<double> mean_, variance_;
  double slope_ = 0, variance_slope_ = 0;  ///< a token, far out
  int period_ = 1;                         ///< the largest step that all yields are multiples of
};

}  // namespace tightrope::infer
