#include "tightrope/infer/acceptance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace tightrope::infer {
namespace {

constexpr int tabulated = 4096;

// The value at a length, between whole ones linear, beyond the table along its limit's line.
double value_at(std::span<const double> table, double tokens, double slope, int period) noexcept {
  const auto whole = [&](double n) {
    if (n < static_cast<double>(table.size())) return table[static_cast<std::size_t>(n)];
    const double beyond = n - static_cast<double>(table.size() - 1);
    const double back = std::ceil(beyond / period) * period;
    return table[static_cast<std::size_t>(n - back)] + slope * back;
  };
  const double below = std::floor(std::max(0.0, tokens));
  const double part = std::max(0.0, tokens) - below;
  return part > 0 ? whole(below) * (1.0 - part) + whole(below + 1.0) * part : whole(below);
}

}  // namespace

YieldShares geometric_yields(int drafts, double holds) {
  YieldShares shares;
  double left = 1.0;
  for (int i = 0; i < drafts; ++i) {
    shares.push_back(left * (1.0 - holds));
    left *= holds;
  }
  shares.push_back(left);
  return shares;
}

Result<YieldShares> checked_yields(YieldShares shares, int drafts) {
  const std::string hint = fmt::format(
      "shares of iterations that yield 1 to {} tokens, for example 0.45,0.25,0.2,0.1 with 3 drafts",
      drafts + 1);
  if (drafts < 0 || shares.size() > static_cast<std::size_t>(drafts) + 1) {
    return fail(ErrorCode::range,
                fmt::format("{} drafts yield at most {} tokens an iteration, not {}", drafts,
                            drafts + 1, shares.size()),
                {}, hint);
  }
  double sum = 0;
  for (const double share : shares) {
    if (!(share >= 0.0 && share <= 1.0)) {
      return fail(ErrorCode::range, fmt::format("{} is no share of iterations", share), {}, hint);
    }
    sum += share;
  }
  constexpr double rounding = 0.005;
  if (!(std::abs(sum - 1.0) <= rounding)) {
    return fail(ErrorCode::range,
                fmt::format("shares of accepted tokens sum to {:.4g}, not to 1", sum), {}, hint);
  }
  for (double& share : shares) share /= sum;
  return shares;
}

double mean_yield(std::span<const double> shares) noexcept {
  double mean = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) mean += static_cast<double>(i + 1) * shares[i];
  return mean;
}

AnswerSteps::AnswerSteps(std::span<const double> shares) : period_(0) {
  std::vector<double> square(tabulated + 1);
  mean_.resize(tabulated + 1);
  variance_.resize(tabulated + 1);
  const double mu = mean_yield(shares);
  double second = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto yield = static_cast<double>(i + 1);
    second += yield * yield * shares[i];
    if (shares[i] > 0) period_ = std::gcd(period_, static_cast<int>(i + 1));
  }
  for (std::size_t n = 1; n <= tabulated; ++n) {
    double mean = 1, squares = 1;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const std::size_t left = n > i + 1 ? n - i - 1 : 0;
      mean += shares[i] * mean_[left];
      squares += shares[i] * (2.0 * mean_[left] + square[left]);
    }
    mean_[n] = mean;
    square[n] = squares;
    variance_[n] = std::max(0.0, squares - mean * mean);
  }
  slope_ = 1.0 / mu;
  variance_slope_ = (second - mu * mu) / (mu * mu * mu);
}

double AnswerSteps::mean(double tokens) const noexcept {
  return value_at(mean_, tokens, slope_, period_);
}

double AnswerSteps::deviation(double tokens) const noexcept {
  return std::sqrt(value_at(variance_, tokens, variance_slope_, period_));
}

}  // namespace tightrope::infer
