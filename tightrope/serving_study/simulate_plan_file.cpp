// A plan of `plan --serve --json` as a fleet to simulate.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/serving_study/simulate_files.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::serving_study {
namespace {

using nlohmann::json;

constexpr std::string_view schema = "tightrope.serve_plan/1";

// Values of an object by key; the first that is missing or of another kind is told by `fault`.
class Reader {
 public:
  Reader(const json& object, std::string& fault) : object_(object), fault_(fault) {}

  [[nodiscard]] double number(const char* key) {
    if (const json* v = find(key, &json::is_number)) return v->get<double>();
    return 0;
  }
  [[nodiscard]] double number_or(const char* key, double absent) const {
    const auto at = object_.find(key);
    return at != object_.end() && at->is_number() ? at->get<double>() : absent;
  }
  [[nodiscard]] std::string text(const char* key) {
    if (const json* v = find(key, &json::is_string)) return v->get<std::string>();
    return {};
  }
  [[nodiscard]] std::string text_or(const char* key) const {
    const auto at = object_.find(key);
    return at != object_.end() && at->is_string() ? at->get<std::string>() : std::string();
  }
  [[nodiscard]] int whole(const char* key) { return static_cast<int>(std::llround(number(key))); }

 private:
  const json* find(const char* key, bool (json::*is)() const noexcept) {
    const auto at = object_.find(key);
    if (at != object_.end() && ((*at).*is)()) return &*at;
    if (fault_.empty()) fault_ = fmt::format("\"{}\" is missing or of another kind", key);
    return nullptr;
  }
  const json& object_;
  std::string& fault_;
};

PoolRequest pool_of(const json& object, serving::Role role, std::string& fault) {
  Reader read(object, fault);
  PoolRequest pool;
  pool.role = role;
  pool.name = role == serving::Role::whole ? "replica" : to_string(role);
  pool.system = read.text("system");
  pool.engine = read.text("engine");
  pool.numerics = read.text("numerics");
  pool.count = std::max<std::int64_t>(1, std::llround(read.number("workers")));
  pool.mapping = {read.whole("tp"), read.whole("pp"), read.whole("dp"), read.whole("ep")};
  // The plan counts over the worker, engines a group of tp ranks; what the plan's means need at the
  // percentile is no limit that an engine would be started with, so the engine's own stays.
  const double groups = std::max(1, pool.mapping.dp);
  pool.token_budget = std::llround(std::max(1.0, read.number("token_budget") / groups));
  pool.scheduler = read.text_or("scheduler");
  // A static batch is as large as the plan says.
  if (!pool.scheduler.empty()) {
    pool.max_sequences = std::llround(std::max(1.0, read.number("max_sequences") / groups));
  }
  return pool;
}

// Poisson arrivals of the demand's means, at its rate or else at what the plan serves.
traffic::GeneratorSpec demand_of(const json& request, const json& plan, std::string& fault) {
  Reader demand(request, fault);
  Reader planned(plan, fault);
  PlainTraffic plain;
  plain.rate = demand.number_or("requests_per_s", 0);
  if (!(plain.rate > 0)) plain.rate = planned.number("requests_per_s");
  plain.input = demand.number("input_tokens");
  plain.output = demand.number("output_tokens");
  traffic::GeneratorSpec spec = plain_spec(plain);
  // What is cached is a beginning that all prompts share.
  const double cached = demand.number_or("cached_tokens", 0);
  if (cached > 0) {
    spec.block_tokens = 16;
    spec.prompts = {.share = 1.0, .tokens = static_cast<int>(std::lround(cached))};
  }
  return spec;
}

infer::YieldShares yields_of(const json& request) {
  infer::YieldShares shares;
  if (const auto at = request.find("yield_shares"); at != request.end() && at->is_array()) {
    for (const json& share : *at) shares.push_back(share.is_number() ? share.get<double>() : -1);
  }
  return shares;
}

void read_pools(const json& plan, const json& request, SimulateRequest& out, std::string& fault) {
  const Reader demand(request, fault);
  const auto add = [&](const char* key, serving::Role role) {
    const auto at = plan.find(key);
    if (at == plan.end() || !at->is_object()) {
      if (fault.empty()) fault = fmt::format("the plan has no \"{}\"", key);
      return;
    }
    out.pools.push_back(pool_of(*at, role, fault));
    out.pools.back().drafts = static_cast<int>(demand.number_or("drafts", 0));
    out.pools.back().accepted = demand.number_or("accepted_tokens", 0);
    out.pools.back().yields = yields_of(request);
  };
  if (plan.contains("prefill")) {
    add("prefill", serving::Role::prefill);
    add("decode", serving::Role::decode);
  } else {
    add("replica", serving::Role::whole);
  }
}

void read_terms(const json& request, SimulateRequest& out) {
  if (const auto at = request.find("regions"); at != request.end() && at->is_array()) {
    for (const json& name : *at) {
      if (name.is_string()) out.regions.push_back(name.get<std::string>());
    }
  }
  std::string ignored;
  const Reader read(request, ignored);
  out.term = study::term_from(read.text_or("term"));
  out.slo = {Seconds(read.number_or("ttft_limit_s", 0)), Seconds(read.number_or("tpot_limit_s", 0)),
             Seconds(read.number_or("e2e_limit_s", 0))};
}

}  // namespace

Result<SimulateRequest> parse_serve_plan(std::string_view text, const std::string& name,
                                         int which) {
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object()) return fail(ErrorCode::syntax, "not a JSON object", {name, 0, 0});
  if (root.value("schema", std::string()) != schema) {
    return fail(ErrorCode::unsupported, fmt::format("not a serving plan of schema {}", schema),
                {name, 0, 0}, "write one with `tightrope plan --serve --json FILE`");
  }
  const json& plans = root.contains("plans") ? root["plans"] : json::array();
  if (which < 1 || which > static_cast<int>(plans.size())) {
    return fail(ErrorCode::range, fmt::format("no plan {} among {}", which, plans.size()),
                {name, 0, 0}, "--pick counts from 1");
  }
  const json& plan = plans[static_cast<std::size_t>(which - 1)];
  const json request = root.value("request", json::object());
  const json model = request.value("model", json::object());
  SimulateRequest out;
  std::string fault;
  read_pools(plan, request, out, fault);
  read_terms(request, out);
  out.load.spec = demand_of(request, plan, fault);
  out.model.origin = Reader(model, fault).text("origin");
  if (!model.contains("config")) fault = "\"request\" has no model's config";
  if (!fault.empty()) return fail(ErrorCode::type, fault, {name, 0, 0});
  out.model.config = model["config"].dump();
  TR_TRY(out.model.model, workload::read_hf_config(out.model.config, out.model.origin));
  return out;
}

Result<SimulateRequest> read_serve_plan(const std::string& path, int which) {
  TR_TRY(const std::string text, read_file(path));
  return parse_serve_plan(text, path, which);
}

}  // namespace tightrope::serving_study
