// What is asked of a served model, and what makes one fleet better than another.
#pragma once

#include <optional>
#include <string_view>

#include "tightrope/core/units.h"
#include "tightrope/infer/disaggregated.h"

namespace tightrope::sizing {

/// Requests as a search sees them. Lengths in tokens.
struct Demand {
  double input = 1024, output = 1024;  ///< means
  double cached = 0;       ///< leading tokens of the prompt whose keys and values are kept already
  double input_high = 0;   ///< at the limits' percentile; below the mean: as the mean
  double output_high = 0;  ///< likewise
  double input_cv = 0;     ///< deviation over mean of what is prefilled
  double rate = 0;         ///< requests a second; 0: a fleet as large as the units let it fill
};

/// What users may be made to wait. A limit that is not set binds nobody.
struct Limits {
  std::optional<Seconds> ttft, tpot, e2e;
  double percentile = 90;  ///< of requests that keep them, 50 .. 99.9
  [[nodiscard]] bool any() const { return ttft || tpot || e2e; }
};

/// Time to the first token, between tokens after it, and from arrival to the last token.
struct Latency {
  Seconds ttft{}, tpot{}, e2e{};
};

enum class Limit { none, ttft, tpot, e2e };
[[nodiscard]] std::string_view to_string(Limit limit);

/// The limit a latency breaks most, or comes nearest to, and latency over limit there. Without any
/// limits `none` and 0.
struct Tightest {
  Limit limit = Limit::none;
  double share = 0;
};
[[nodiscard]] Tightest tightest(const Latency& latency, const Limits& limits);

enum class Objective { usd, throughput, energy, carbon };
[[nodiscard]] std::string_view to_string(Objective objective);
[[nodiscard]] std::optional<Objective> objective_from(std::string_view text);

/// What a system's chips cost and how they are sold.
struct Tariff {
  bool priced = false;
  DollarsPerSecond chip{};  ///< rent, or write-off of what one owns
  int unit_chips = 1;       ///< rented together
  double pue = 1.0;
  DollarsPerJoule electricity{};  ///< paid beside the rent; 0 where the rent includes it
  GramsPerJoule carbon{};
};

/// Chips rented for `workers` of `chips` chips each: a unit holds whole workers, or a worker takes
/// whole units.
[[nodiscard]] double rented_chips(double workers, int chips, int unit_chips);
/// Of one worker among many: units fill as well as its size lets them.
[[nodiscard]] double rented_share(int chips, int unit_chips);

/// Some chips of one system that serve.
struct Bill {
  double rate = 0;          ///< requests a second
  Joules request_energy{};  ///< at the machines
  double chips = 0, rented = 0;
};
/// Of one output token, lower is better: USD, chip-seconds, J at the meter, or g CO2e. Without a
/// price, chip-seconds stand in for USD.
[[nodiscard]] double score(const Bill& bill, const Demand& demand, Objective objective,
                           const Tariff& tariff);

/// The closed form's load at a concurrency.
[[nodiscard]] infer::Load load_at(const Demand& demand, double concurrency);

}  // namespace tightrope::sizing
