#include "tightrope/report/serve_plan_json.h"

#include <nlohmann/json.hpp>

namespace tightrope::report {
namespace {

using json = nlohmann::ordered_json;
using serving_study::ServePlan;
using serving_study::ServePool;
using serving_study::ServeRequest;
using serving_study::ServeResult;

constexpr double hour = 3600.0;

template <class Q>
json number_or_null(const std::optional<Q>& value) {
  return value ? json(value->raw()) : json(nullptr);
}
json number_or_null(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

json request_json(const ServeRequest& r) {
  const sizing::Demand& d = r.demand;
  json out;
  out["model"] = {{"origin", r.model.origin}, {"config", json::parse(r.model.config)}};
  out["input_tokens"] = d.input;
  out["output_tokens"] = d.output;
  out["cached_tokens"] = d.cached;
  out["input_tokens_at_percentile"] = std::max(d.input, d.input_high);
  out["output_tokens_at_percentile"] = std::max(d.output, d.output_high);
  out["input_variation"] = d.input_cv;
  out["requests_per_s"] = d.rate > 0 ? json(d.rate) : json(nullptr);
  out["ttft_limit_s"] = number_or_null(r.limits.ttft);
  out["tpot_limit_s"] = number_or_null(r.limits.tpot);
  out["e2e_limit_s"] = number_or_null(r.limits.e2e);
  out["percentile"] = r.limits.percentile;
  out["objective"] = sizing::to_string(r.objective);
  out["systems"] = r.systems;
  out["regions"] = r.regions;
  out["numerics"] = r.numerics;
  out["engine"] = r.engine;
  out["term"] = r.term ? json(catalog::to_string(*r.term)) : json(nullptr);
  out["drafts"] = r.drafts;
  out["accepted_tokens"] = r.accepted;
  if (!r.yields.empty()) out["yield_shares"] = r.yields;
  out["replicas"] = r.replicas;
  out["disaggregated"] = r.disaggregated;
  return out;
}

json pool_json(const sizing::Pool& pool, const ServePool& of) {
  const infer::Deployment& d = pool.deployment;
  json out;
  out["system"] = of.system;
  out["chip"] = of.chip;
  out["provider"] = of.provider;
  out["engine"] = of.engine;
  out["numerics"] = of.numerics;
  out["tp"] = d.tp;
  out["pp"] = d.pp;
  out["dp"] = d.dp;
  out["ep"] = d.ep;
  out["workers"] = pool.workers;
  out["worker_chips"] = pool.worker_chips;
  out["chips"] = pool.workers * pool.worker_chips;
  out["rented_chips"] = pool.rented;
  out["unit_chips"] = of.unit_chips;
  out["token_budget"] = pool.token_budget;
  out["max_sequences"] = pool.sequences;
  if (of.static_batches) out["scheduler"] = "neuron-static";
  const infer::ServingMemory& m = of.memory;
  out["memory"] = {{"device_bytes", m.device.raw()},
                   {"weights_bytes", m.weights.raw()},
                   {"activations_bytes", m.activations.raw()},
                   {"reserve_bytes", m.reserve.raw()},
                   {"cache_bytes", m.cache.raw()},
                   {"token_bytes", m.token.raw()},
                   {"sequence_bytes", m.sequence.raw()},
                   {"cache_tokens", m.tokens}};
  out["price"] = nullptr;
  if (of.price) {
    out["price"] = {{"usd_per_chip_h", of.price->per_chip.raw() * hour},
                    {"term", catalog::to_string(of.price->term)},
                    {"provider", of.price->provider},
                    {"region", of.price->region},
                    {"as_written", of.price->written},
                    {"source", of.price->source},
                    {"as_of", of.price->as_of},
                    {"grade", of.price->grade}};
  }
  out["region"] = of.place.region;
  out["pue"] = of.place.pue;
  out["borrowed"] = of.evidence;
  return out;
}

json latency_json(const sizing::Latency& l) {
  return {{"ttft_s", l.ttft.raw()}, {"tpot_s", l.tpot.raw()}, {"e2e_s", l.e2e.raw()}};
}

json band_json(Seconds mean, const serving_study::ServeBand& b) {
  return {{"low50_s", (mean * b.low50).raw()},
          {"high50_s", (mean * b.high50).raw()},
          {"low90_s", (mean * b.low90).raw()},
          {"high90_s", (mean * b.high90).raw()}};
}

json plan_json(const ServePlan& p) {
  const sizing::Fleet& f = p.fleet;
  json out;
  out["mode"] = f.disaggregated ? "disaggregated" : "replicas";
  if (f.disaggregated) out["prefill"] = pool_json(f.prefill, p.prefill);
  out[f.disaggregated ? "decode" : "replica"] = pool_json(f.pool, p.pool);
  out["chips"] = f.chips();
  out["rented_chips"] = f.rented();
  out["concurrency"] = f.concurrency;
  out["requests_per_s"] = f.rate;
  out["output_tokens_per_s_per_chip"] = p.tokens_a_s_chip;
  out["interactivity_tokens_per_s"] = f.interactivity();
  out["prefill_share"] = f.prefill_share;
  out["kv_transfer_s"] = f.transfer.raw();
  out["mean"] = latency_json(f.mean);
  out["at_percentile"] = latency_json(f.high);
  out["ttft_band"] = band_json(f.mean.ttft, p.ttft);
  out["tpot_band"] = band_json(f.mean.tpot, p.tpot);
  out["usd_per_output_mtoken"] = number_or_null(p.usd_output_mtoken);
  out["usd_per_total_mtoken"] = number_or_null(p.usd_total_mtoken);
  out["rent_usd_per_h"] = p.usd_output_mtoken ? json(p.rent.raw() * hour) : json(nullptr);
  out["energy_j_per_output_token"] = number_or_null(p.energy);
  if (p.energy) {
    const double each = p.energy->raw();
    out["energy_band90_j_per_output_token"] = {each * p.energy_band.low90,
                                               each * p.energy_band.high90};
  } else {
    out["energy_band90_j_per_output_token"] = nullptr;
  }
  out["carbon_g_per_output_mtoken"] = number_or_null(p.carbon_g_mtoken);
  out["score"] = f.score;
  return out;
}

json counts_json(const ServeResult& result) {
  json refused = json::object();
  for (const auto& [reason, count] : result.counters.refused) refused[reason] = count;
  return {{"systems", result.systems},
          {"deployments", result.counters.deployments},
          {"configurations", result.counters.configurations},
          {"bounded", result.counters.bounded},
          {"missed", result.counters.missed},
          {"refused", refused}};
}

}  // namespace

std::string serve_plan_json(const ServeRequest& request, const ServeResult& result,
                            std::string_view version) {
  json out;
  out["schema"] = serve_plan_schema;
  out["version"] = version;
  out["catalog"] = result.catalog_hash;
  out["calibration"] = result.calibration_hash;
  out["request"] = request_json(request);
  out["feasible"] = result.feasible();
  const auto list = [](const std::vector<ServePlan>& plans) {
    json all = json::array();
    for (const ServePlan& p : plans) all.push_back(plan_json(p));
    return all;
  };
  out["plans"] = list(result.plans);
  out["front"] = list(result.front);
  out["fewest_chips"] = result.fewest ? plan_json(*result.fewest) : json(nullptr);
  out["nearest"] = result.nearest ? plan_json(*result.nearest) : json(nullptr);
  if (!result.feasible()) {
    out["binding_limit"] = sizing::to_string(result.tightest.limit);
    out["binding_share"] = result.tightest.share;
    out["reachable"] = {{"ttft_s", number_or_null(result.reach.ttft)},
                        {"tpot_s", number_or_null(result.reach.tpot)},
                        {"e2e_s", number_or_null(result.reach.e2e)}};
  }
  json lost = json::array();
  for (const study::LostSystem& l : result.lost) {
    lost.push_back({{"system", l.system}, {"reason", l.reason}});
  }
  out["lost"] = lost;
  out["counts"] = counts_json(result);
  return out.dump(2) + "\n";
}

}  // namespace tightrope::report
