// What a fixed plan costs in other futures: one by one, in thousands (Monte Carlo), and one doubt
// at a time (tornado).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/procure/plan.h"

namespace tightrope::procure {

/// A plan's result in one future. Rentals of one quarter, assignment and what stays unserved are
/// chosen anew, quarter by quarter, for least cost; longer blocks stay as planned. Budgets and the
/// share of own silicon do not steer these choices: a breach is counted (`missing`). Workloads that
/// must be served are served first; what of them is unserved costs their penalty. Orders above what
/// a future supplies are cut in proportion and not paid; lots that a site cannot feed stay dark.
struct Evaluation {
  Dollars cost;  ///< discounted
  GramsCo2 carbon;
  double served_share = 0.0;         ///< of demanded compute
  double own_share = 0.0;            ///< of served compute
  std::vector<double> missing = {};  ///< of each of Evaluator::promises(); 0: kept
};

/// Something a plan keeps in the futures it was made for, and may break in others.
struct Promise {
  std::string what;  ///< as conflicts say it: "budget of year 1", "power of site north"
  std::string unit;  ///< of what is missing: "USD", "percent", "MW", "chips", the resource's
};

class Evaluator {
 public:
  /// `answer` is of `scenario`, and `scenario` outlives the evaluator. One thread at a time.
  Evaluator(const Scenario& scenario, const Answer& answer);
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;
  ~Evaluator();

  [[nodiscard]] Result<Evaluation> evaluate(const Future& future);
  /// Budgets by year, own silicon, what must be served; and power, supply and resources whose
  /// number is uncertain.
  [[nodiscard]] const std::vector<Promise>& promises() const;
  /// Forgets where the last solve ended.
  void forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct MonteCarloOptions {
  int samples = 1000;  ///< >= 1
  std::uint64_t seed = 20261122;
  /// Told now and then how many samples are done, on the caller's thread.
  std::function<void(int)> progress = {};
};

struct Spread {
  double mean = 0.0, deviation = 0.0, p5 = 0.0, p50 = 0.0, p95 = 0.0;
};

/// How often a promise breaks, and by how much where it does.
struct Breach {
  Promise promise;
  double share = 0.0;  ///< of the samples in which it breaks
  double mean = 0.0;   ///< missing, over the samples in which it breaks; 0 without any
  double worst = 0.0;
};

struct MonteCarlo {
  std::vector<Evaluation> samples;
  Spread cost;   ///< USD
  Dollars cvar;  ///< at Scenario::cvar_level
  Spread served_share, own_share;
  Spread carbon;                 ///< g
  std::vector<Breach> breaches;  ///< one for each promise, broken or not
};

/// Samples demand, performance, prices and slip from Scenario::uncertainty, Workload::uncertainty
/// and Throughput::band (normal, cut at a tenth of the middle), and each of Scenario::numbers from
/// its triangle. The same seed gives the same samples on any number of threads; a number that is
/// added leaves the draws of all others as they were.
[[nodiscard]] Result<MonteCarlo> monte_carlo(const Scenario& scenario, const Answer& answer,
                                             const MonteCarloOptions& options = {});

/// The future of one sample.
[[nodiscard]] Future sampled_future(const Scenario& scenario, std::uint64_t seed, int sample);

/// One doubt at one standard deviation below and above, or at the ends of a number, all else at its
/// middle.
struct TornadoBar {
  std::string doubt;  ///< "demand of chat", "performance of trn3", a number's name, ...
  Dollars low, high;  ///< cost when the doubt turns out low, and high
  std::vector<std::string> broken_low, broken_high;  ///< promises that do not hold then
};

/// Widest bar first. The last of all is the middle: low = high = cost with no surprise.
[[nodiscard]] Result<std::vector<TornadoBar>> tornado(const Scenario& scenario,
                                                      const Answer& answer);

}  // namespace tightrope::procure
