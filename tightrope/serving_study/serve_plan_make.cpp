// One plan of a served model: money, energy, memory and bands around a fleet.
#include <algorithm>
#include <cmath>

#include "tightrope/serving_study/serve_plan_internal.h"
#include "tightrope/traffic/summary.h"

namespace tightrope::serving_study {

namespace serve_internal {
namespace {

constexpr double million = 1e6;

ServePool pool_of(const sizing::Pool& pool, const Seller& seller, bool front) {
  const infer::Context& c = front && seller.front ? *seller.front : *seller.context;
  ServePool out;
  out.system = c.system.name;
  out.title = c.system.title;
  out.chip = c.chip.name;
  out.provider = c.system.provider;
  out.numerics = c.numerics.name;
  out.engine = c.engine.name;
  const bool announced =
      c.system.status == catalog::Status::announced || c.chip.status == catalog::Status::announced;
  out.status = announced ? catalog::Status::announced : c.system.status;
  out.memory = infer::serving_memory(c, pool.deployment, pool.token_budget);
  out.unit_chips = std::max(1, c.system.chips);
  out.price = seller.price;
  out.place = seller.place;
  out.evidence = borrowed(c);
  return out;
}

// Errors are log(predicted / measured): what was measured lies the other way. Each thing that
// nobody measured widens by half; the prediction lies inside its own band.
ServeBand band(const std::string& key, std::size_t unmeasured) {
  const infer::ServingBand fitted = fitted_band(key);
  constexpr double wider = 1.5;
  const double by = std::pow(wider, static_cast<double>(unmeasured));
  const auto factor = [by](double error) { return std::exp(-by * error); };
  return {.low50 = std::min(1.0, factor(fitted.q75)),
          .high50 = std::max(1.0, factor(fitted.q25)),
          .low90 = std::min(1.0, factor(fitted.q95)),
          .high90 = std::max(1.0, factor(fitted.q05))};
}

}  // namespace

/// Energy is power times time: errors of both, as if they had nothing to do with each other.
ServeBand energy_band(const ServeBand& time, double power_spread) {
  constexpr double half = 0.6745, nine_tenths = 1.645;  // deviates of the normal law
  const auto wider = [&](double factor, double deviate) {
    const double both = std::hypot(std::log(factor), deviate * power_spread);
    return std::exp(factor < 1.0 ? -both : both);
  };
  return {wider(std::min(time.low50, 0.999), half), wider(std::max(time.high50, 1.001), half),
          wider(std::min(time.low90, 0.999), nine_tenths),
          wider(std::max(time.high90, 1.001), nine_tenths)};
}

ServePlan make_serve_plan(const ServeRequest& request, const sizing::Fleet& fleet,
                          const Market& market) {
  const Seller& back = market.sellers[fleet.pool.offer];
  const Seller& front = market.sellers[fleet.prefill.offer];
  const bool split = fleet.disaggregated;
  ServePlan plan;
  plan.fleet = fleet;
  plan.pool = pool_of(fleet.pool, back, false);
  plan.pool.static_batches = request.static_batches && back.context->engine.static_batches;
  if (split) plan.prefill = pool_of(fleet.prefill, front, true);
  plan.tokens_a_s_chip = fleet.output_tokens_a_s_chip(request.demand);
  const double tokens = fleet.rate * request.demand.output;
  const double total = fleet.rate * (request.demand.input + request.demand.output);
  const bool metered = back.context->chip.power.known && front.context->chip.power.known;
  // Two places share a request's energy; it is counted at the decoding pool's.
  const sizing::Tariff tariff = tariff_of(back);
  const Joules energy = fleet.request_energy * tariff.pue;
  if (metered) {
    plan.energy = JoulesPerToken(energy.raw() / request.demand.output);
    if (back.place.known) {
      plan.carbon_g_mtoken = (energy * back.place.carbon).raw() / request.demand.output * million;
    }
  }
  if (back.price && (!split || front.price)) {
    plan.rent = back.price->per_chip * fleet.pool.rented;
    if (split) plan.rent += front.price->per_chip * fleet.prefill.rented;
    plan.rent += DollarsPerSecond(fleet.rate * (energy * tariff.electricity).raw());
    plan.usd_output_mtoken = plan.rent.raw() / tokens * million;
    plan.usd_total_mtoken = plan.rent.raw() / total * million;
  }
  std::size_t wider = plan.pool.evidence.size();
  if (split) wider = std::max(wider, plan.prefill.evidence.size());
  const std::string mode = split ? "disagg" : "agg";
  plan.ttft = band(mode + "_ttft_ms", wider);
  plan.tpot = band(mode + "_tpot_ms", wider);
  plan.energy_band = energy_band(plan.tpot, back.context->power.spread);
  return plan;
}

}  // namespace serve_internal

sizing::Demand demand_of(const traffic::Trace& trace, double percentile) {
  const traffic::Summary summary = traffic::describe(trace);
  std::vector<double> inputs, outputs;
  for (const traffic::Request& r : trace.requests) {
    inputs.push_back(r.input);
    outputs.push_back(r.output);
  }
  sizing::Demand out;
  out.input_cv = traffic::variation(inputs);
  std::ranges::sort(inputs);
  std::ranges::sort(outputs);
  out.input = summary.input.mean;
  out.output = summary.output.mean;
  out.input_high = traffic::quantile(inputs, percentile / 100);
  out.output_high = traffic::quantile(outputs, percentile / 100);
  out.cached = std::min(summary.reuse_share * out.input, out.input - 1);
  out.rate = summary.rate.raw();
  return out;
}

}  // namespace tightrope::serving_study
