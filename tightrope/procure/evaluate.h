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
/// chosen anew, quarter by quarter, for least cost; longer blocks stay as planned; budgets and the
/// share of own silicon are not enforced. Workloads that must be served are served first; what of
/// them is unserved costs their penalty.
struct Evaluation {
  Dollars cost;  ///< discounted
  GramsCo2 carbon;
  double served_share = 0.0;  ///< of demanded compute
  double own_share = 0.0;     ///< of served compute
};

class Evaluator {
 public:
  /// `answer` is of `scenario`, and `scenario` outlives the evaluator. One thread at a time.
  Evaluator(const Scenario& scenario, const Answer& answer);
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;
  ~Evaluator();

  [[nodiscard]] Result<Evaluation> evaluate(const Future& future);
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

struct MonteCarlo {
  std::vector<Evaluation> samples;
  Spread cost;   ///< USD
  Dollars cvar;  ///< at Scenario::cvar_level
  Spread served_share, own_share;
  Spread carbon;  ///< g
};

/// Samples demand, performance, prices and slip from Scenario::uncertainty, Workload::uncertainty
/// and Throughput::band (normal, cut at a tenth of the middle). The same seed gives the same
/// samples on any number of threads.
[[nodiscard]] Result<MonteCarlo> monte_carlo(const Scenario& scenario, const Answer& answer,
                                             const MonteCarloOptions& options = {});

/// The future of one sample.
[[nodiscard]] Future sampled_future(const Scenario& scenario, std::uint64_t seed, int sample);

/// One doubt at one standard deviation below and above, all else at its middle.
struct TornadoBar {
  std::string doubt;  ///< "demand of chat", "performance of trn3", "purchase prices", ...
  Dollars low, high;  ///< cost when the doubt turns out low, and high
};

/// Widest bar first. The last of all is the middle: low = high = cost with no surprise.
[[nodiscard]] Result<std::vector<TornadoBar>> tornado(const Scenario& scenario,
                                                      const Answer& answer);

}  // namespace tightrope::procure
