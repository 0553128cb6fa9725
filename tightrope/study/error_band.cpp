#include "tightrope/study/error_band.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tightrope::study {
namespace {

// A catalog range is taken to hold 90 of 100 values, and a normal spread within it.
constexpr double half_of_ninety = 0.674 / 1.645;

struct Spread {
  double faster = 1, slower = 1;  // factors from the catalog's range of a fact
};

template <class Q>
void widen(const catalog::Fact<Q>& fact, Spread& spread) {
  if (!fact.known || !(fact.low > Q(0.0))) return;
  spread.faster = std::max(spread.faster, fact.high / fact.value);
  spread.slower = std::max(spread.slower, fact.value / fact.low);
}

void add_reasons(const step::Context& c, const step::Unseen& u, std::vector<std::string>& reasons) {
  if (u.chip) {
    reasons.push_back(fmt::format("no published training measurement of {}{}", c.chip.title,
                                  u.generation ? " or of a chip of its generation" : ""));
  }
  if (u.format) {
    reasons.push_back(fmt::format("no measurement of {} in {}",
                                  u.chip ? c.chip.architecture : c.chip.title, c.recipe.name));
  }
  if (u.stack) {
    reasons.push_back(fmt::format("no measurement of the stack {}", c.tuning.stack.name));
  }
  if (u.model) reasons.push_back("no measurement of a model of these widths");
  if (!c.borrowed_from.empty()) {
    reasons.push_back("kernel coefficients borrowed from " + c.borrowed_from);
  }
}

}  // namespace

ErrorFactors error_factors(const step::Context& context, const std::string& source) {
  const step::Evidence& evidence = *context.tuning.evidence;
  step::Traits traits = step::traits_of(context);
  traits.source = source;
  const step::Unseen unseen = evidence.unseen(traits);
  const step::LogBand band = evidence.bands.band(unseen);
  ErrorFactors out;
  add_reasons(context, unseen, out.reasons);
  Spread spread;
  widen(context.chip.peak[context.recipe.product], spread);
  widen(context.chip.hbm_bandwidth, spread);
  if (spread.faster > 1 || spread.slower > 1) {
    out.reasons.push_back(fmt::format("the chip's speed is known to -{:.0f} %/+{:.0f} % only",
                                      100 * (1 - 1 / spread.slower), 100 * (spread.faster - 1)));
  }
  // Measured time = predicted time x predicted throughput / measured throughput.
  const double faster = std::log(spread.faster), slower = std::log(spread.slower);
  out.low50 = std::exp(band.q25 - half_of_ninety * faster);
  out.high50 = std::exp(band.q75 + half_of_ninety * slower);
  out.low90 = std::exp(band.q05 - faster);
  out.high90 = std::exp(band.q95 + slower);
  return out;
}

}  // namespace tightrope::study
