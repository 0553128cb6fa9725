// A distribution made ready to be drawn from.
#pragma once

#include <vector>

#include "tightrope/traffic/spec.h"

namespace tightrope::traffic {

/// Turns normal scores into values, so that two distributions can be drawn together with a
/// correlation. Pure after construction.
class Sampler {
 public:
  explicit Sampler(const Distribution& distribution);

  /// The value whose share below is that of a standard normal below z.
  [[nodiscard]] double at(double z) const;
  /// Rounded to whole tokens or turns, at least 1.
  [[nodiscard]] int count(double z) const;
  /// Mean of count(), by 4096 equal shares.
  [[nodiscard]] double mean_count() const;

 private:
  [[nodiscard]] double raw(double z) const;
  void tabulate_gamma();
  Distribution d_;
  double mu_ = 0.0, sigma_ = 0.0;  // of the logarithm
  std::vector<double> table_;      // of gamma, over equal steps of z
};

}  // namespace tightrope::traffic
