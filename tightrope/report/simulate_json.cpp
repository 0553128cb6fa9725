// A simulation as JSON, and its timeline.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/report/simulate_report.h"
#include "tightrope/report/simulate_words_internal.h"

namespace tightrope::report {
namespace {

using json = nlohmann::ordered_json;
using serving_study::LatencyBand;
using serving_study::SimulatedPool;
using serving_study::SimulateRequest;
using serving_study::SimulateResult;
using namespace simulate_internal;

constexpr double hour = 3600.0, million = 1e6, micro = 1e6;

json percentile_json(const serving::Percentile& p) {
  return {{"value_s", p.value.raw()},
          {"low95_s", p.low.raw()},
          {"high95_s", p.high_is_open ? json(nullptr) : json(p.high.raw())}};
}

json distribution_json(const serving::Distribution& d) {
  if (d.count == 0) return {{"count", 0}};
  return {{"count", d.count},
          {"mean_s", d.mean.raw()},
          {"mean_low95_s", d.mean_low.raw()},
          {"mean_high95_s", d.mean_high.raw()},
          {"min_s", d.least.raw()},
          {"p50", percentile_json(d.p50)},
          {"p90", percentile_json(d.p90)},
          {"p95", percentile_json(d.p95)},
          {"p99", percentile_json(d.p99)},
          {"max_s", d.greatest.raw()}};
}

json memory_json(const SimulatedPool& p) {
  const infer::ServingMemory& m = p.memory;
  return {{"device_bytes", m.device.raw()},
          {"weights_bytes", m.weights.raw()},
          {"activations_bytes", m.activations.raw()},
          {"reserve_bytes", m.reserve.raw()},
          {"cache_bytes", m.cache.raw()},
          {"token_bytes", m.token.raw()},
          {"sequence_bytes", m.sequence.raw()},
          {"cache_tokens", m.tokens}};
}

json price_json(const SimulatedPool& p) {
  if (!p.price) return nullptr;
  return {{"usd_per_chip_h", p.price->per_chip.raw() * hour},
          {"term", catalog::to_string(p.price->term)},
          {"provider", p.price->provider},
          {"region", p.price->region},
          {"source", p.price->source},
          {"as_of", p.price->as_of},
          {"grade", p.price->grade}};
}

json pool_json(const SimulatedPool& p, const serving::KindResult& did) {
  const infer::Deployment& d = p.asked.mapping;
  const serving::SchedulerOptions& s = p.scheduler;
  json out = {{"name", p.asked.name},
              {"role", to_string(p.asked.role)},
              {"system", p.asked.system},
              {"chip", p.chip},
              {"engine", p.engine},
              {"numerics", p.numerics},
              {"replicas", p.asked.count},
              {"tp", d.tp},
              {"pp", d.pp},
              {"dp", d.dp},
              {"ep", d.ep},
              {"replica_chips", p.chips},
              {"replica_rented_chips", p.rented_chips}};
  out["scheduler"] = {{"token_budget", s.token_budget},
                      {"max_sequences", s.max_sequences},
                      {"block_tokens", s.block_tokens},
                      {"chunked_prefill", s.chunked_prefill},
                      {"mixed", s.mixed},
                      {"prefix_cache", s.prefix_cache},
                      {"capacity", to_string(s.capacity)},
                      {"poll_steps", s.poll_steps},
                      {"ahead_steps", s.ahead_steps},
                      {"preemption", to_string(s.preemption)},
                      {"draft_tokens", s.draft_tokens},
                      {"accepted_drafts", s.accepted}};
  if (!s.yields.empty()) out["scheduler"]["yield_shares"] = s.yields;
  if (s.static_batches) {
    out["scheduler"]["static_batches"] = true;
    out["scheduler"]["buckets_cache"] = s.buckets_cache;
    out["scheduler"]["batch_wait_s"] = s.batch_wait.raw();
  }
  out["request_front_s"] = p.front.request.raw();
  out["prompt_token_front_s"] = p.front.token.raw();
  out["memory"] = memory_json(p);
  out["price"] = price_json(p);
  out["region"] = p.place.region;
  out["pue"] = p.place.pue;
  out["borrowed"] = p.borrowed;
  out["busy_s"] = did.busy.raw();
  out["provisioned_s"] = did.provisioned.raw();
  out["energy_j"] = did.energy.raw();
  return out;
}

json request_json(const SimulateRequest& r) {
  const auto bound = [](Seconds s) { return s.raw() > 0 ? json(s.raw()) : json(nullptr); };
  const serving_study::LoadRequest& l = r.load;
  return {{"model", r.model.origin},
          {"trace", l.trace.empty() ? json(nullptr) : json(l.trace)},
          {"traffic", l.traffic.empty() ? json(nullptr) : json(l.traffic)},
          {"seed", l.seed},
          {"rate_per_s", l.rate > 0 ? json(l.rate) : json(nullptr)},
          {"rate_scale", l.rate_scale},
          {"concurrency", l.concurrency > 0 ? json(l.concurrency) : json(nullptr)},
          {"warm_up_requests", l.warm_up},
          {"routing", to_string(r.routing)},
          {"ttft_limit_s", bound(r.slo.ttft)},
          {"tpot_limit_s", bound(r.slo.tpot)},
          {"e2e_limit_s", bound(r.slo.e2e)}};
}

json band_json(const std::optional<LatencyBand>& b) {
  if (!b) return nullptr;
  return {{"low50", b->low50}, {"high50", b->high50}, {"low90", b->low90}, {"high90", b->high90}};
}

void add_counts(const serving::ServingResult& s, json& out) {
  out["requests"] = {{"arrived", s.arrived},       {"finished", s.finished},
                     {"rejected", s.rejected},     {"given_up", s.given_up},
                     {"unfinished", s.unfinished}, {"within_slo", s.within_slo},
                     {"retries", s.retries}};
  for (const Named& row : distributions(s)) {
    std::string key = row.name;
    std::ranges::transform(key, key.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    out[key] = distribution_json(*row.distribution);
  }
  out["duration_s"] = s.duration.raw();
  out["input_tokens"] = s.input_tokens;
  out["output_tokens"] = s.output_tokens;
  out["requests_per_s"] = s.requests_per_second;
  out["goodput_requests_per_s"] = s.goodput;
  out["input_tokens_per_s"] = s.input_rate.raw();
  out["output_tokens_per_s"] = s.output_rate.raw();
}

void add_bill(const SimulateResult& r, json& out) {
  const serving::ServingResult& s = r.served;
  const bool any = s.output_tokens > 0;
  const double hours = s.duration.raw() / hour;
  out["chip_h"] = r.chip_hours;
  out["output_tokens_per_s_per_chip"] =
      r.chip_hours > 0 ? static_cast<double>(s.output_tokens) / (r.chip_hours * hour) : 0.0;
  out["cost_usd"] = r.cost ? json(r.cost->raw()) : json(nullptr);
  out["cost_usd_per_h"] = r.cost && hours > 0 ? json(r.cost->raw() / hours) : json(nullptr);
  out["usd_per_output_mtoken"] =
      r.cost && any ? json(per_output_token(r.cost->raw(), s) * million) : json(nullptr);
  out["energy_j"] = r.energy.raw();
  const double each = per_output_token(r.energy.raw(), s);
  out["energy_j_per_output_token"] = any ? json(each) : json(nullptr);
  out["energy_band50_j_per_output_token"] =
      any ? json({each * (1 - r.energy_error), each * (1 + r.energy_error)}) : json(nullptr);
  out["carbon_g"] = r.carbon ? json(r.carbon->raw()) : json(nullptr);
}

void add_state(const serving::ServingResult& s, json& out) {
  const CacheUse use = cache_use(s);
  out["cache"] = {{"mean_share", use.mean},
                  {"max_share", use.greatest},
                  {"prefix_hit_rate", s.hit_rate},
                  {"preemptions", s.preemptions},
                  {"transfers", s.transfers}};
  out["queue_length"] = {{"mean", s.mean_waiting}, {"max", s.greatest_waiting}};
  out["in_flight_max"] = s.greatest_in_flight;
  out["replicas_max"] = use.replicas;
  const double span = s.duration.raw();
  out["replicas_mean"] = span > 0 ? json(s.provisioned.raw() / span) : json(nullptr);
  out["failures"] = {{"count", s.failures}, {"down_s", s.down.raw()}};
  out["iterations"] = s.iterations;
  out["prefill_tokens"] = s.prefill_tokens;
  const serving::Saturation& sat = s.saturation;
  out["saturation"] = {{"is_saturated", sat.is_saturated},
                       {"arrival_rate_per_s", sat.arrival_rate},
                       {"completion_rate_per_s", sat.completion_rate},
                       {"waiting_half", sat.waiting_half},
                       {"waiting_three_quarters", sat.waiting_three_quarters},
                       {"waiting_end", sat.waiting_end},
                       {"drain_s", sat.drain.raw()}};
}

json series_json(const serving::ServingResult& s) {
  json out = json::array();
  for (const serving::SeriesPoint& p : s.series) {
    out.push_back({{"time_s", p.time.raw()},
                   {"arrived", p.arrived},
                   {"finished", p.finished},
                   {"waiting", p.waiting},
                   {"running", p.running},
                   {"replicas", p.replicas},
                   {"cache_share", p.kv_used}});
  }
  return out;
}

json name_event(const char* what, std::size_t process, std::int64_t row, const std::string& name) {
  return {{"ph", "M"}, {"name", what}, {"pid", process}, {"tid", row}, {"args", {{"name", name}}}};
}

json counter_event(std::size_t process, double at_us, const char* name, json values) {
  return {
      {"ph", "C"}, {"name", name}, {"pid", process}, {"ts", at_us}, {"args", std::move(values)}};
}

// What a stretch did, in a few words.
std::string stretch_name(const serving::WorkRecord& w) {
  if (w.prefills == 0) return fmt::format("decode {} x {}", w.decodes, w.iterations);
  return fmt::format("prefill {} tokens of {}, decode {}", w.prefill_tokens, w.prefills, w.decodes);
}

}  // namespace

std::string simulate_json(const SimulateRequest& request, const SimulateResult& result,
                          std::string_view version) {
  json out;
  out["schema"] = "tightrope.simulate_serving/1";
  out["version"] = version;
  out["catalog"] = result.catalog_hash;
  out["request"] = request_json(request);
  out["complete"] = result.served.is_complete;
  out["cancelled"] = result.cancelled;
  add_counts(result.served, out);
  add_bill(result, out);
  add_state(result.served, out);
  out["calibration_band"] = {{"ttft", band_json(result.ttft_band)},
                             {"tpot", band_json(result.tpot_band)}};
  json pools = json::array();
  for (std::size_t i = 0; i < result.fleet.pools.size(); ++i) {
    pools.push_back(pool_json(result.fleet.pools[i], result.served.kinds[i]));
  }
  out["pools"] = std::move(pools);
  out["series"] = series_json(result.served);
  return out.dump(2) + "\n";
}

std::string simulate_timeline(const SimulateResult& result,
                              const std::vector<serving::WorkRecord>& work, std::int64_t left_out) {
  // Replicas are counted over pools; a pool may grow to what scaling allows.
  std::vector<std::int64_t> first;
  std::int64_t count = 0;
  const serving::Fleet& fleet = result.fleet.fleet;
  for (std::size_t k = 0; k < fleet.kinds.size(); ++k) {
    first.push_back(count);
    count += fleet.kinds[k].most_replicas();
  }
  const auto pool_of = [&](std::int64_t replica) {
    return static_cast<std::size_t>(std::ranges::upper_bound(first, replica) - first.begin()) - 1;
  };
  json events = json::array();
  for (std::size_t k = 0; k < first.size(); ++k) {
    events.push_back(name_event("process_name", k, 0, fleet.kinds[k].name));
  }
  std::vector<bool> named(static_cast<std::size_t>(count));
  for (const serving::WorkRecord& w : work) {
    if (named[w.replica]) continue;
    named[w.replica] = true;
    events.push_back(name_event("thread_name", pool_of(w.replica), w.replica,
                                fmt::format("replica {}", w.replica)));
  }
  const std::size_t fleet_row = first.size();
  events.push_back(name_event("process_name", fleet_row, 0, "fleet"));
  for (const serving::SeriesPoint& p : result.served.series) {
    const double at = p.time.raw() * micro;
    events.push_back(counter_event(fleet_row, at, "requests", {{"waiting", p.waiting}}));
    events.push_back(counter_event(fleet_row, at, "in work", {{"requests", p.running}}));
    events.push_back(counter_event(fleet_row, at, "pages in use, %", {{"share", 100 * p.kv_used}}));
    events.push_back(counter_event(fleet_row, at, "replicas", {{"taking requests", p.replicas}}));
  }
  for (const serving::WorkRecord& w : work) {
    events.push_back({{"ph", "X"},
                      {"name", stretch_name(w)},
                      {"cat", w.prefills > 0 ? "prefill" : "decode"},
                      {"pid", pool_of(w.replica)},
                      {"tid", w.replica},
                      {"ts", w.begin.raw() * micro},
                      {"dur", (w.end - w.begin).raw() * micro}});
  }
  json out;
  out["displayTimeUnit"] = "ms";
  out["otherData"] = {{"load", result.load}, {"stretches_left_out", left_out}};
  out["traceEvents"] = std::move(events);
  return out.dump() + "\n";
}

}  // namespace tightrope::report
