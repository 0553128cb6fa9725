#include "tightrope/procure_study/break_even.h"

#include <cmath>

#include <fmt/format.h>

namespace tightrope::procure_study {
namespace {

struct Ratio {
  double low = 1, high = 1;
};

/// Bands that are not there, or no bands at all, leave the ratio as it is.
Ratio ratio_of(const Speed& challenger, const Speed& incumbent) {
  const auto distance = [](double a, double b) {
    return a > 0 && b > 0 ? std::hypot(std::log(a), std::log(b)) : 0.0;
  };
  return {std::exp(-distance(challenger.low90, incumbent.high90)),
          std::exp(distance(challenger.high90, incumbent.low90))};
}

}  // namespace

Result<std::vector<SureBreakEven>> sure_break_even(const Resolved& study,
                                                   const procure::BreakEvenQuestion& question) {
  const auto a = static_cast<std::size_t>(question.challenger);
  const auto b = static_cast<std::size_t>(question.incumbent);
  for (const std::size_t i : {a, b}) {
    if (study.scenario.systems[i].can_buy) continue;
    return fail(
        ErrorCode::usage,
        fmt::format("--break-even: \"{}\" is only rented here, it has no price to break even",
                    study.scenario.systems[i].id),
        study.file.systems[i].where, "name two systems that can be bought");
  }
  procure::Scenario slow = study.scenario;
  procure::Scenario fast = study.scenario;
  std::vector<Ratio> ratios;
  for (std::size_t w = 0; w < study.scenario.workloads.size(); ++w) {
    ratios.push_back(ratio_of(study.speeds.speeds[w][a], study.speeds.speeds[w][b]));
    slow.throughput[w][a].of_chip *= ratios[w].low;
    fast.throughput[w][a].of_chip *= ratios[w].high;
  }
  const std::vector<procure::BreakEven> middle = break_even(study.scenario, question);
  const std::vector<procure::BreakEven> low = break_even(slow, question);
  const std::vector<procure::BreakEven> high = break_even(fast, question);
  std::vector<SureBreakEven> out;
  for (std::size_t n = 0; n < middle.size(); ++n) {
    const Ratio& ratio = ratios[static_cast<std::size_t>(middle[n].workload)];
    out.push_back(
        {middle[n], ratio.low, ratio.high, low[n].chip_price, high[n].chip_price,
         (low[n].challenger < low[n].incumbent) == (high[n].challenger < high[n].incumbent)});
  }
  return out;
}

}  // namespace tightrope::procure_study
