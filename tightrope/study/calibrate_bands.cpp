#include "tightrope/study/calibrate_bands.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <nlopt.hpp>

namespace tightrope::study {
namespace {

using step::Bands;
using step::Unseen;

// Fitted on a log scale: the base and what may be added to it; and the lean as it is.
struct Part {
  double Bands::* spread;
  bool Unseen::* flag;  ///< null: always
  bool leans;
};
constexpr Part parts[] = {
    {&Bands::base, nullptr, false},
    {&Bands::source, &Unseen::source, true},
    {&Bands::model, &Unseen::model, true},
    {&Bands::chip, &Unseen::chip, true},
    {&Bands::format, &Unseen::format, true},
    {&Bands::stack, &Unseen::stack, true},
    {&Bands::generation, &Unseen::generation, false},
    {&Bands::routed, &Unseen::routed, false},
    {&Bands::adapted, &Unseen::adapted, false},
};
constexpr std::size_t spreads = std::size(parts), lean_at = spreads, numbers = spreads + 1;
constexpr double least = 0.01, most = 0.5;                // of a spread
constexpr double prior_spread = 0.04, prior_sigma = 0.7;  // of what one thing adds
constexpr double corner = 1e-3;                           // rounds |error| off at 0
constexpr std::size_t fewest = 20;

using Point = std::vector<double>;

Point point_of(const Bands& b) {
  Point p;
  for (const Part& part : parts) p.push_back(std::log(std::clamp(b.*part.spread, least, most)));
  p.push_back(b.lean);
  return p;
}

Bands bands_of(const Point& p, Bands b) {
  for (std::size_t k = 0; k < spreads; ++k) b.*parts[k].spread = std::exp(p[k]);
  b.lean = p[lean_at];
  return b;
}

bool applies(const Unseen& u, std::size_t k) {
  return parts[k].flag == nullptr || u.*parts[k].flag;
}

// Negative log likelihood of one error, and its slopes.
double unlikelihood(const BandObservation& o, const Point& p, Point& slope) {
  double variance = 0, leaning = 0;
  for (std::size_t k = 0; k < spreads; ++k) {
    if (!applies(o.unseen, k)) continue;
    const double v = std::exp(2 * p[k]);
    variance += v;
    if (parts[k].leans) leaning += v;
  }
  const double spread = std::sqrt(variance), root = std::sqrt(leaning);
  const double shift = p[lean_at] * root;
  const double d = o.log_error - shift;
  const double size = std::sqrt(d * d + corner * corner);
  const double by_spread = o.weight * (1 / spread - size / (spread * spread));
  const double by_shift = -o.weight * d / (size * spread);
  for (std::size_t k = 0; k < spreads; ++k) {
    if (!applies(o.unseen, k)) continue;
    const double v = std::exp(2 * p[k]);
    slope[k] += by_spread * spread * v / variance;
    if (parts[k].leans) slope[k] += by_shift * shift * v / leaning;
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
  if (!gradient.empty()) gradient = slope;
  return sum;
}

}  // namespace

step::Bands fit_bands(const std::vector<BandObservation>& observations, const step::Bands& start) {
  if (observations.size() < fewest) return start;
  Point low(numbers, std::log(least)), high(numbers, std::log(most));
  low[lean_at] = 0;
  high[lean_at] = 0.5;
  Point p = point_of(start);
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
