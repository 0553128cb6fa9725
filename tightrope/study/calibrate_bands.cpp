#include "tightrope/study/calibrate_bands.h"

#include <algorithm>
#include <cmath>

#include <nlopt.hpp>

namespace tightrope::study {
namespace {

using step::Bands;
using step::Unseen;

// Fitted on a log scale: base, six things unseen, two factors; and the lean as it is.
constexpr std::size_t spreads = 7, factors = 2, numbers = spreads + factors + 1;
constexpr std::size_t generation_at = 4, lean_at = numbers - 1;
constexpr double prior_spread = 0.04, prior_sigma = 0.7;  // of what one unseen thing adds
constexpr double corner = 1e-3;                           // rounds |error| off at 0
constexpr std::size_t fewest = 20;

using Point = std::vector<double>;

Point point_of(const Bands& b) {
  return {std::log(b.base),
          std::log(std::max(b.source, 0.01)),
          std::log(std::max(b.model, 0.01)),
          std::log(std::max(b.chip, 0.01)),
          std::log(std::max(b.generation, 0.01)),
          std::log(std::max(b.format, 0.01)),
          std::log(std::max(b.stack, 0.01)),
          std::log(b.routed_factor),
          std::log(b.adapted_factor),
          b.lean};
}

Bands bands_of(const Point& p, Bands b) {
  b.base = std::exp(p[0]);
  b.source = std::exp(p[1]);
  b.model = std::exp(p[2]);
  b.chip = std::exp(p[3]);
  b.generation = std::exp(p[4]);
  b.format = std::exp(p[5]);
  b.stack = std::exp(p[6]);
  b.routed_factor = std::exp(p[7]);
  b.adapted_factor = std::exp(p[8]);
  b.lean = p[9];
  return b;
}

bool applies(const Unseen& u, std::size_t k) {
  const bool flags[] = {true,     u.source, u.model,  u.chip,   u.generation,
                        u.format, u.stack,  u.routed, u.adapted};
  return flags[k];
}

// Negative log likelihood of one error, and its slopes.
double unlikelihood(const BandObservation& o, const Point& p, Point& slope) {
  double variance = 0, leaning = 0, factor = 1;
  for (std::size_t k = 0; k < spreads; ++k) {
    if (!applies(o.unseen, k)) continue;
    const double v = std::exp(2 * p[k]);
    variance += v;
    if (k > 0 && k != generation_at) leaning += v;
  }
  for (std::size_t k = spreads; k < lean_at; ++k) {
    if (applies(o.unseen, k)) factor *= std::exp(p[k]);
  }
  const double spread = factor * std::sqrt(variance), root = factor * std::sqrt(leaning);
  const double shift = p[lean_at] * root;
  const double d = o.log_error - shift;
  const double size = std::sqrt(d * d + corner * corner);
  const double by_spread = o.weight * (1 / spread - size / (spread * spread));
  const double by_shift = -o.weight * d / (size * spread);
  for (std::size_t k = 0; k < spreads; ++k) {
    if (!applies(o.unseen, k)) continue;
    const double v = std::exp(2 * p[k]);
    slope[k] += by_spread * spread * v / variance;
    if (k > 0 && k != generation_at) slope[k] += by_shift * shift * v / leaning;
  }
  for (std::size_t k = spreads; k < lean_at; ++k) {
    if (applies(o.unseen, k)) slope[k] += by_spread * spread + by_shift * shift;
  }
  slope[lean_at] += by_shift * root;
  return o.weight * (std::log(spread) + size / spread);
}

double total(const Point& p, Point& gradient, void* data) {
  const auto& all = *static_cast<const std::vector<BandObservation>*>(data);
  Point slope(numbers, 0.0);
  double sum = 0;
  for (const BandObservation& o : all) sum += o.weight > 0 ? unlikelihood(o, p, slope) : 0;
  for (std::size_t k = 1; k < spreads; ++k) {
    const double off = (p[k] - std::log(prior_spread)) / prior_sigma;
    sum += 0.5 * off * off;
    slope[k] += off / prior_sigma;
  }
  for (std::size_t k = spreads; k < lean_at; ++k) {
    sum += 0.5 * p[k] * p[k];
    slope[k] += p[k];
  }
  if (!gradient.empty()) gradient = slope;
  return sum;
}

}  // namespace

step::Bands fit_bands(const std::vector<BandObservation>& observations, const step::Bands& start) {
  if (observations.size() < fewest) return start;
  Point low(numbers, std::log(0.01)), high(numbers, std::log(0.5));
  for (std::size_t k = spreads; k < lean_at; ++k) {
    low[k] = 0;
    high[k] = std::log(5.0);
  }
  low[lean_at] = 0;
  high[lean_at] = 0.5;
  Point p = point_of(start);
  for (std::size_t k = 0; k < numbers; ++k) p[k] = std::clamp(p[k], low[k], high[k]);
  nlopt::opt search(nlopt::LD_LBFGS, numbers);
  std::vector<BandObservation> copy = observations;
  search.set_min_objective(total, &copy);
  search.set_lower_bounds(low);
  search.set_upper_bounds(high);
  search.set_ftol_rel(1e-8);
  search.set_maxeval(300);
  double reached = 0;
  try {
    search.optimize(p, reached);
  } catch (const std::exception&) {
    // Rounding stopped the search; the best point so far stands in p.
  }
  step::Bands bands = bands_of(p, start);
  std::vector<BandRatio> ratios;
  for (const BandObservation& o : observations) ratios.push_back(ratio_of(o, bands));
  set_quantiles(std::move(ratios), bands);
  return bands;
}

BandRatio ratio_of(const BandObservation& o, const step::Bands& bands) {
  return {(o.log_error - bands.shift(o.unseen)) / bands.spread(o.unseen), o.weight};
}

void set_quantiles(std::vector<BandRatio> ratios, step::Bands& bands) {
  std::ranges::stable_sort(ratios, {}, &BandRatio::ratio);
  double weight = 0, sum = 0;
  for (const BandRatio& r : ratios) weight += r.weight;
  if (!(weight > 0)) return;
  const std::pair<double, double step::Bands::*> wanted[] = {
      {0.05, &Bands::q05}, {0.25, &Bands::q25}, {0.75, &Bands::q75}, {0.95, &Bands::q95}};
  std::size_t next = 0;
  for (const BandRatio& r : ratios) {
    sum += r.weight;
    for (; next < 4 && sum >= wanted[next].first * weight; ++next) {
      bands.*wanted[next].second = r.ratio;
    }
  }
  bands.q05 = std::min(bands.q05, 0.0);
  bands.q25 = std::min(bands.q25, 0.0);
  bands.q75 = std::max(bands.q75, 0.0);
  bands.q95 = std::max(bands.q95, 0.0);
}

}  // namespace tightrope::study
