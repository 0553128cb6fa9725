#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/core/parallel.h"
#include "tightrope/procure/decode_internal.h"
#include "tightrope/procure/evaluate.h"

namespace tightrope::procure {
namespace {

constexpr int chunk_samples = 25;  ///< with one evaluator, one after the other
constexpr int chunks_at_once = 8;  ///< between two reports of progress
constexpr double least = 0.1;      ///< of the middle: normal draws are cut there

/// splitmix64 from a seed and a place: draws do not depend on each other's number.
class Draws {
 public:
  Draws(std::uint64_t seed, int sample)
      : x_(seed ^ (0x9E3779B97F4A7C15ULL * (static_cast<std::uint64_t>(sample) + 1))) {}

  double uniform() {
    x_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t y = x_;
    y = (y ^ (y >> 30)) * 0xBF58476D1CE4E5B9ULL;
    y = (y ^ (y >> 27)) * 0x94D049BB133111EBULL;
    y ^= y >> 31;
    return (static_cast<double>(y >> 11) + 0.5) * 0x1p-53;
  }

  double around_one(double deviation) {
    const double angle = 2.0 * M_PI * uniform();
    const double z = std::sqrt(-2.0 * std::log(uniform())) * std::cos(angle);
    return std::max(least, 1.0 + deviation * z);
  }

 private:
  std::uint64_t x_;
};

/// The place of a name among the draws (FNV-1a): it moves when no other number comes or goes.
std::uint64_t place_of(const std::string& name) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

/// Between `low` and `high`, most often near 1.
double triangle(double low, double high, double u) {
  if (high <= low) return low;
  const double top = (1.0 - low) / (high - low);
  return u < top ? low + std::sqrt(u * (high - low) * (1.0 - low))
                 : high - std::sqrt((1.0 - u) * (high - low) * (high - 1.0));
}

void scale(const Scenario& s, const UncertainNumber& n, double by, Future& f) {
  const auto i = static_cast<std::size_t>(n.index);
  const auto in = [&](std::vector<double>& list) {
    if (list.empty()) list.assign(things_of(s, n.scales), 1.0);
    list[i] *= by;
  };
  if (n.scales == Scales::demand) return in(f.demand);
  if (n.scales == Scales::performance) return in(f.performance);
  if (n.scales == Scales::purchase_price) return in(f.purchase_price);
  f.factors.resize(scales_count);
  in(f.factors[static_cast<std::size_t>(n.scales)]);
}

/// A system's doubt about its speed: the mean of its bands.
double band_of(const Scenario& s, std::size_t system) {
  double sum = 0.0, count = 0.0;
  for (const auto& row : s.throughput) {
    if (!row[system].feasible) continue;
    sum += row[system].band;
    count += 1.0;
  }
  return count > 0.0 ? sum / count : 0.0;
}

Spread spread_of(std::vector<double> x) {
  Spread s;
  const auto n = static_cast<double>(x.size());
  for (double v : x) s.mean += v / n;
  for (double v : x) s.deviation += (v - s.mean) * (v - s.mean) / n;
  s.deviation = std::sqrt(s.deviation);
  std::sort(x.begin(), x.end());
  const auto at = [&x](double share) {
    const double place = share * static_cast<double>(x.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, x.size() - 1);
    return x[low] + (place - static_cast<double>(low)) * (x[high] - x[low]);
  };
  s.p5 = at(0.05);
  s.p50 = at(0.5);
  s.p95 = at(0.95);
  return s;
}

void summarise(const Scenario& s, MonteCarlo& result) {
  std::vector<double> cost, served, own, carbon;
  std::vector<std::pair<double, double>> weighted;
  for (const Evaluation& e : result.samples) {
    cost.push_back(e.cost.raw());
    served.push_back(e.served_share);
    own.push_back(e.own_share);
    carbon.push_back(e.carbon.raw());
    weighted.emplace_back(e.cost.raw(), 1.0 / static_cast<double>(result.samples.size()));
  }
  result.cost = spread_of(cost);
  result.served_share = spread_of(served);
  result.own_share = spread_of(own);
  result.carbon = spread_of(carbon);
  result.cvar = Dollars(conditional_mean(weighted, s.cvar_level));
  for (std::size_t b = 0; b < result.breaches.size(); ++b) {
    Breach& breach = result.breaches[b];
    double broken = 0.0, sum = 0.0;
    for (const Evaluation& e : result.samples) {
      if (e.missing[b] <= 0.0) continue;
      broken += 1.0;
      sum += e.missing[b];
      breach.worst = std::max(breach.worst, e.missing[b]);
    }
    breach.share = broken / static_cast<double>(result.samples.size());
    breach.mean = broken > 0.0 ? sum / broken : 0.0;
  }
}

}  // namespace

Future sampled_future(const Scenario& s, std::uint64_t seed, int sample) {
  Draws draws(seed, sample);
  Future f;
  f.id = "sample " + std::to_string(sample + 1);
  for (const Workload& w : s.workloads) f.demand.push_back(draws.around_one(w.uncertainty));
  for (std::size_t i = 0; i < s.systems.size(); ++i) {
    f.performance.push_back(draws.around_one(band_of(s, i)));
    f.purchase_price.push_back(draws.around_one(s.uncertainty.purchase_price));
    f.rental_price.push_back(draws.around_one(s.uncertainty.rental_price));
    f.slip_quarters.push_back(draws.uniform() < s.uncertainty.slip_probability ? 1 : 0);
  }
  f.electricity = draws.around_one(s.uncertainty.electricity);
  for (const UncertainNumber& n : s.numbers) {
    Draws own(seed ^ place_of(n.name), sample);
    scale(s, n, triangle(n.low, n.high, own.uniform()), f);
  }
  return f;
}

Result<MonteCarlo> monte_carlo(const Scenario& scenario, const Answer& answer,
                               const MonteCarloOptions& options) {
  TR_CHECK(options.samples >= 1, options.samples);
  MonteCarlo result;
  result.samples.resize(static_cast<std::size_t>(options.samples));
  std::vector<std::optional<Error>> errors(result.samples.size());
  const int chunks = (options.samples + chunk_samples - 1) / chunk_samples;
  // One evaluator a place, kept: what a chunk starts from never depends on chunks before it.
  std::vector<Evaluator> evaluators;
  for (int c = 0; c < std::min(chunks, chunks_at_once); ++c) {
    evaluators.emplace_back(scenario, answer);
  }
  for (int first = 0; first < chunks; first += chunks_at_once) {
    const int count = std::min(chunks_at_once, chunks - first);
    for_each_index(static_cast<std::size_t>(count), [&](std::size_t c) {
      Evaluator& evaluator = evaluators[c];
      evaluator.forget();
      const int begin = (first + static_cast<int>(c)) * chunk_samples;
      for (int n = begin; n < std::min(options.samples, begin + chunk_samples); ++n) {
        Result<Evaluation> e = evaluator.evaluate(sampled_future(scenario, options.seed, n));
        if (e) result.samples[static_cast<std::size_t>(n)] = *e;
        if (!e) errors[static_cast<std::size_t>(n)] = e.error();
      }
    });
    if (options.progress) {
      options.progress(std::min(options.samples, (first + count) * chunk_samples));
    }
  }
  for (const Promise& promise : evaluators.front().promises()) {
    result.breaches.push_back({.promise = promise});
  }
  for (const auto& error : errors) {
    if (error) return Failure(*error);
  }
  summarise(scenario, result);
  return result;
}

Result<std::vector<TornadoBar>> tornado(const Scenario& s, const Answer& answer) {
  Evaluator evaluator(s, answer);
  Future middle;
  middle.demand.assign(s.workloads.size(), 1.0);
  middle.slip_quarters.assign(s.systems.size(), 0);
  middle.performance.assign(s.systems.size(), 1.0);
  middle.purchase_price = middle.rental_price = middle.performance;
  std::vector<TornadoBar> bars;
  const auto broken = [&evaluator](const Evaluation& e) {
    std::vector<std::string> list;
    for (std::size_t b = 0; b < e.missing.size(); ++b) {
      if (e.missing[b] > 0.0) list.push_back(evaluator.promises()[b].what);
    }
    return list;
  };
  const auto bar = [&](std::string doubt, const Future& low, const Future& high) -> Result<void> {
    TR_TRY(Evaluation below, evaluator.evaluate(low));
    TR_TRY(Evaluation above, evaluator.evaluate(high));
    bars.push_back({std::move(doubt), below.cost, above.cost, broken(below), broken(above)});
    return {};
  };
  /// One list of multipliers, one entry or (index < 0) all of them, down and up.
  const auto both = [&](std::string doubt, std::vector<double> Future::* list, int index,
                        double deviation) -> Result<void> {
    if (deviation <= 0.0) return {};
    Future low = middle, high = middle;
    for (std::size_t i = 0; i < (low.*list).size(); ++i) {
      if (index >= 0 && static_cast<int>(i) != index) continue;
      (low.*list)[i] = std::max(least, 1.0 - deviation);
      (high.*list)[i] = 1.0 + deviation;
    }
    return bar(std::move(doubt), low, high);
  };
  for (std::size_t w = 0; w < s.workloads.size(); ++w) {
    TR_TRY_VOID(both("demand of " + s.workloads[w].id, &Future::demand, static_cast<int>(w),
                     s.workloads[w].uncertainty));
  }
  for (std::size_t i = 0; i < s.systems.size(); ++i) {
    TR_TRY_VOID(both("performance of " + s.systems[i].id, &Future::performance, static_cast<int>(i),
                     band_of(s, i)));
    Future late = middle;
    late.slip_quarters[i] = 1;
    const bool leased = std::ranges::any_of(
        s.leases, [&](const Lease& l) { return l.system == static_cast<int>(i); });
    if (s.systems[i].can_buy || leased) {
      TR_TRY_VOID(bar("a quarter's slip of " + s.systems[i].id, middle, late));
    }
  }
  TR_TRY_VOID(both("purchase prices", &Future::purchase_price, -1, s.uncertainty.purchase_price));
  TR_TRY_VOID(both("rental prices", &Future::rental_price, -1, s.uncertainty.rental_price));
  Future cheap = middle, dear = middle;
  cheap.electricity = std::max(least, 1.0 - s.uncertainty.electricity);
  dear.electricity = 1.0 + s.uncertainty.electricity;
  TR_TRY_VOID(bar("electricity prices", cheap, dear));
  for (const UncertainNumber& n : s.numbers) {
    Future low = middle, high = middle;
    scale(s, n, n.low, low);
    scale(s, n, n.high, high);
    TR_TRY_VOID(bar(n.name, low, high));
  }
  const auto width = [](const TornadoBar& b) { return std::abs((b.high - b.low).raw()); };
  std::stable_sort(bars.begin(), bars.end(),
                   [&](const TornadoBar& a, const TornadoBar& b) { return width(a) > width(b); });
  TR_TRY_VOID(bar("no surprise", middle, middle));
  return bars;
}

}  // namespace tightrope::procure
