#include "tightrope/sizing/goal.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tightrope::sizing {

std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::none: return "none";
    case Limit::ttft: return "ttft";
    case Limit::tpot: return "tpot";
    case Limit::e2e: return "e2e";
  }
  return "none";
}

Tightest tightest(const Latency& latency, const Limits& limits) {
  Tightest out;
  const auto judge = [&](Limit which, Seconds is, const std::optional<Seconds>& most) {
    if (!most) return;
    const double share = is / *most;
    if (out.limit == Limit::none || share > out.share) out = {which, share};
  };
  judge(Limit::ttft, latency.ttft, limits.ttft);
  judge(Limit::tpot, latency.tpot, limits.tpot);
  judge(Limit::e2e, latency.e2e, limits.e2e);
  return out;
}

namespace {
constexpr std::array<Objective, 4> objectives = {Objective::usd, Objective::throughput,
                                                 Objective::energy, Objective::carbon};
}  // namespace

std::string_view to_string(Objective objective) {
  switch (objective) {
    case Objective::usd: return "usd";
    case Objective::throughput: return "throughput";
    case Objective::energy: return "energy";
    case Objective::carbon: return "carbon";
  }
  return "usd";
}

std::optional<Objective> objective_from(std::string_view text) {
  for (const Objective o : objectives) {
    if (to_string(o) == text) return o;
  }
  return std::nullopt;
}

double rented_chips(double workers, int chips, int unit_chips) {
  if (chips >= unit_chips) return workers * rented_share(chips, unit_chips);
  const int in_unit = unit_chips / chips;
  return std::ceil(workers / in_unit) * unit_chips;
}

double rented_share(int chips, int unit_chips) {
  if (chips >= unit_chips) {
    return std::ceil(static_cast<double>(chips) / unit_chips) * unit_chips;
  }
  const int in_unit = unit_chips / chips;
  return static_cast<double>(unit_chips) / in_unit;
}

double score(const Bill& bill, const Demand& demand, Objective objective, const Tariff& tariff) {
  const double tokens = bill.rate * demand.output;
  const double joules = bill.request_energy.raw() / demand.output * tariff.pue;
  switch (objective) {
    case Objective::usd:
      if (!tariff.priced) break;
      return bill.rented * tariff.chip.raw() / tokens + joules * tariff.electricity.raw();
    case Objective::throughput: break;
    case Objective::energy: return joules;
    case Objective::carbon: return joules * tariff.carbon.raw();
  }
  return bill.chips / tokens;
}

infer::Load load_at(const Demand& demand, double concurrency) {
  infer::Load load;
  load.input = demand.input;
  load.output = demand.output;
  load.cached = demand.cached;
  load.concurrency = concurrency;
  load.spread = 1;  // users do not keep step with each other
  return load;
}

}  // namespace tightrope::sizing
