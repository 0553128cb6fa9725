// How routed tokens fall on experts: how many experts are hit, how full the busiest rank is.
#pragma once

namespace tightrope::formula {

struct ExpertLoad {
  double experts = 1;  ///< routed experts of the layer
  double experts_per_token = 1;
  double tokens = 1;  ///< tokens routed in this iteration
  double ranks = 1;   ///< places that hold experts / ranks of them each
  double skew = 0;    ///< popularity of the i-th expert falls as i^(-skew/4); 0: even
  double slots = 0;   ///< places for experts on all ranks, copies included; 0: one an expert
  /// A balancer lays experts out by their load and copies the busy ones; else in random order.
  bool balanced = false;
};

struct ExpertSpread {
  double active = 1;   ///< experts with at least one token, over all ranks
  double busiest = 1;  ///< load of the busiest rank against the mean
  double held = 1;     ///< experts on the fullest rank
  double read = 1;     ///< of these, with at least one token
};

/// What: experts that receive a token, and the busiest rank's load, under uneven popularity.
/// Formula: p_i = min(1, c * mean of x^(-a) from i - 1 to i), sum p_i = k, a = skew / 4; active =
///   sum (1 - (1 - p_i)^T); busiest = 1 + (sd of a rank's share over its mean) * E max of `ranks`
///   normal variables, of popularity and of chance, or of chance alone if balanced; held =
///   ceil(max(experts, slots) / ranks); read = active held / experts
/// Source: mean number of occupied boxes; Blom (1958), Statistical Estimates and Transformed
///   Beta-Variables, for the largest of normal variables.
/// Valid: all >= 0, max(experts, slots) >= ranks >= 1.
/// Checked by: ExpertLoads.Laws
[[nodiscard]] ExpertSpread expert_spread(const ExpertLoad& load) noexcept;

}  // namespace tightrope::formula
