#include "tightrope/traffic/sampler.h"

#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/traffic/random.h"

namespace tightrope::traffic {
namespace {

constexpr double widest_score = 6.0;  // one draw of a billion lies beyond
constexpr int gamma_steps = 1024;
constexpr double most_tokens = 1 << 30;

// On the straight lines through (x[i], y[i]); x rises.
double interpolate(const std::vector<double>& x, const std::vector<double>& y, double at) {
  const auto above = std::ranges::upper_bound(x, at);
  if (above == x.begin()) return y.front();
  if (above == x.end()) return y.back();
  const auto i = static_cast<std::size_t>(above - x.begin());
  return y[i - 1] + (y[i] - y[i - 1]) * (at - x[i - 1]) / (x[i] - x[i - 1]);
}

}  // namespace

const char* to_string(Shape shape) {
  switch (shape) {
    case Shape::constant: return "constant";
    case Shape::uniform: return "uniform";
    case Shape::lognormal: return "lognormal";
    case Shape::gamma: return "gamma";
    case Shape::quantiles: return "quantiles";
  }
  return "?";
}

const char* to_string(Process process) {
  switch (process) {
    case Process::poisson: return "poisson";
    case Process::gamma: return "gamma";
    case Process::constant: return "constant";
    case Process::bursty: return "bursty";
  }
  return "?";
}

Sampler::Sampler(const Distribution& distribution) : d_(distribution) {
  TR_CHECK(d_.min <= d_.max, d_.min, d_.max);
  if (d_.shape == Shape::quantiles) {
    TR_CHECK(!d_.at.empty() && d_.at.size() == d_.values.size(), d_.at.size(), d_.values.size());
  } else if (d_.shape == Shape::lognormal) {
    const double square = same_log(1.0 + d_.cv * d_.cv);
    sigma_ = std::sqrt(square);
    mu_ = same_log(d_.mean) - 0.5 * square;
  } else if (d_.shape == Shape::gamma) {
    tabulate_gamma();
  }
}

void Sampler::tabulate_gamma() {
  TR_CHECK(d_.cv >= 0.05 && d_.cv <= 10.0, d_.cv);
  const double shape = 1.0 / (d_.cv * d_.cv), scale = d_.mean / shape;
  table_.reserve(gamma_steps + 1);
  double low = 0.0, high = shape + 1.0;
  for (int i = 0; i <= gamma_steps; ++i) {
    const double share = normal_share(widest_score * (2.0 * i / gamma_steps - 1.0));
    while (gamma_share(shape, high) < share) high *= 1.5;
    double below = low, above = high;
    for (int n = 0; n < 60; ++n) {
      const double middle = 0.5 * (below + above);
      (gamma_share(shape, middle) < share ? below : above) = middle;
    }
    low = below;
    table_.push_back(above * scale);
  }
}

double Sampler::raw(double z) const {
  switch (d_.shape) {
    case Shape::constant: return d_.mean;
    case Shape::uniform: return d_.min + (d_.max - d_.min) * normal_share(z);
    case Shape::lognormal: return same_exp(mu_ + sigma_ * z);
    case Shape::quantiles: return interpolate(d_.at, d_.values, normal_share(z));
    case Shape::gamma: break;
  }
  const double place = (std::clamp(z / widest_score, -1.0, 1.0) + 1.0) * 0.5 * gamma_steps;
  const int i = std::min(static_cast<int>(place), gamma_steps - 1);
  return table_[i] + (table_[i + 1] - table_[i]) * (place - i);
}

double Sampler::at(double z) const { return std::clamp(raw(z), d_.min, d_.max); }

int Sampler::count(double z) const {
  return static_cast<int>(std::clamp(std::floor(at(z) + 0.5), 1.0, most_tokens));
}

double Sampler::mean_count() const {
  constexpr int parts = 4096;
  double sum = 0.0;
  for (int i = 0; i < parts; ++i) sum += count(normal_quantile((i + 0.5) / parts));
  return sum / parts;
}

}  // namespace tightrope::traffic
