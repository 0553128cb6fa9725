#include "tightrope/report/plan_json.h"

#include <nlohmann/json.hpp>

#include "tightrope/study/plan_mapping.h"

namespace tightrope::report {
namespace {

using json = nlohmann::ordered_json;
using study::Plan;

constexpr double hour = 3600.0;

template <class Q>
json number_or_null(const std::optional<Q>& value) {
  return value ? json(value->raw()) : json(nullptr);
}

json request_json(const study::PlanRequest& r) {
  json out;
  out["model"] = {{"origin", r.model.origin}, {"config", json::parse(r.model.config)}};
  out["task"] = workload::to_string(r.job.task);
  out["tokens"] = r.tokens.raw();
  out["seq_len"] = r.job.seq_len;
  out["global_batch"] = r.job.global_batch;
  out["document_len"] = r.job.document_len;
  out["lora_rank"] = r.job.lora_rank;
  json targets = json::array();
  for (const char* name :
       {"qkv", "q", "k", "v", "attention_out", "ffn_in", "gate", "up", "ffn_out"}) {
    for (const workload::LoraTarget target : r.job.lora_targets) {
      if (workload::lora_target_from(name) == target) targets.push_back(name);
    }
  }
  out["lora_targets"] = targets;
  out["goal"] = study::to_string(r.goal);
  out["deadline_s"] = number_or_null(r.constraints.deadline);
  out["budget_usd"] = number_or_null(r.constraints.budget);
  out["max_chips"] = r.constraints.max_chips;
  out["memory_share"] = r.constraints.memory_share;
  out["chips"] = r.chips;
  out["units"] = r.units;
  out["systems"] = r.systems;
  out["regions"] = r.regions;
  out["precisions"] = r.precisions;
  out["term"] = r.term ? json(catalog::to_string(*r.term)) : json(nullptr);
  out["stack"] = r.stack;
  out["capacity_factors"] = r.capacity;
  out["announced"] = r.announced;
  out["prune"] = r.prune;
  out["top"] = r.top;
  return out;
}

json mapping_json(const step::Mapping& m) {
  json out;
  for (const study::MappingNumber& f : study::mapping_numbers()) out[f.name] = m.*f.member;
  out["schedule"] = step::to_string(m.schedule);
  out["sharding"] = step::to_string(m.sharding);
  out["tp_comm"] = step::to_string(m.tp_comm);
  out["tp_overlap"] = step::to_string(m.tp_overlap);
  out["cp_kind"] = step::to_string(m.cp_kind);
  out["recompute"] = step::recompute_text(m.recompute);
  out["capacity_factor"] = m.capacity_factor;
  for (const study::MappingSwitch& f : study::mapping_switches()) out[f.name] = m.*f.member;
  return out;
}

json parts_json(const step::TimeParts& t) {
  return {{"forward_s", t.forward.raw()},
          {"backward_s", t.backward.raw()},
          {"recompute_s", t.recompute.raw()},
          {"ends_s", t.ends.raw()},
          {"tp_s", t.tp.raw()},
          {"cp_s", t.cp.raw()},
          {"ep_s", t.ep.raw()},
          {"host_s", t.host.raw()},
          {"bubble_s", t.bubble.raw()},
          {"shard_gather_s", t.shard_gather.raw()},
          {"offload_s", t.offload.raw()},
          {"dp_s", t.dp.raw()},
          {"optimizer_s", t.optimizer.raw()},
          {"straggler_s", t.straggler.raw()},
          {"fixed_s", t.fixed.raw()},
          {"total_s", t.total.raw()}};
}

json memory_json(const step::Memory& m) {
  return {{"stage", m.stage},
          {"weights_bytes", m.weights.raw()},
          {"gradients_bytes", m.gradients.raw()},
          {"optimizer_bytes", m.optimizer.raw()},
          {"activations_bytes", m.activations.raw()},
          {"working_bytes", m.transient.raw()},
          {"framework_bytes", m.reserve.raw()},
          {"total_bytes", m.total().raw()}};
}

json cost_json(const study::TermCost& c) {
  return {{"term", catalog::to_string(c.price.term)},
          {"provider", c.price.provider},
          {"region", c.price.region},
          {"price_usd_per_chip_h", c.price.per_chip.raw() * hour},
          {"price_as_written", c.price.written},
          {"price_source", c.price.source},
          {"price_as_of", c.price.as_of},
          {"price_grade", c.price.grade},
          {"rent_usd", c.rent.raw()},
          {"electricity_usd", c.electricity.raw()},
          {"cost_usd", c.total().raw()}};
}

void add_run(const Plan& p, json& out) {
  const step::Estimate& e = p.estimate;
  out["micro_batches"] = e.micro_batches;
  out["step_time_s"] = e.step_time.raw();
  out["step_time_low50_s"] = p.band.low50.raw();
  out["step_time_high50_s"] = p.band.high50.raw();
  out["step_time_low90_s"] = p.band.low90.raw();
  out["step_time_high90_s"] = p.band.high90.raw();
  out["band_reasons"] = p.band.reasons;
  out["steps"] = p.steps;
  out["duration_s"] = p.duration.raw();
  out["tokens_per_s_per_chip"] = p.chip_throughput.raw();
  out["mfu"] = p.mfu;
  out["mfu_convention"] = "causal";
  out["chip_peak_flop_per_s"] = p.chip_peak.raw();
  out["hardware_flop_per_step"] = e.hardware_flops.raw();
}

json plan_object(const Plan& p) {
  json out;
  out["system"] = p.system;
  out["title"] = p.title;
  out["provider"] = p.provider;
  out["chip"] = p.chip;
  out["status"] = p.status == catalog::Status::announced ? "announced" : "shipping";
  out["chips"] = p.chips;
  out["rented_chips"] = p.rented_chips;
  out["precision"] = p.precision;
  out["stack"] = p.stack;
  out["mapping_text"] = step::to_text(p.estimate.mapping);
  out["mapping"] = mapping_json(p.estimate.mapping);
  add_run(p, out);
  out["time_parts"] = parts_json(p.estimate.parts);
  out["memory"] = memory_json(p.estimate.memory);
  out["hbm_bytes"] = p.hbm.raw();
  out["power_w"] = p.estimate.power.raw();
  out["region"] = p.place.region;
  out["pue"] = p.place.pue;
  out["energy_j"] = number_or_null(p.energy);
  out["carbon_g"] = number_or_null(p.carbon);
  out["cost_usd"] = p.cost ? json(p.cost->total().raw()) : json(nullptr);
  out["cost_term"] = p.cost ? json(catalog::to_string(p.cost->price.term)) : json(nullptr);
  out["notes"] = p.notes;
  out["costs"] = json::array();
  for (const study::TermCost& c : p.costs) out["costs"].push_back(cost_json(c));
  return out;
}

// A plan of the front: enough to find or make it, without its breakdown.
json front_object(const Plan& p) {
  return {{"system", p.system},
          {"chips", p.chips},
          {"precision", p.precision},
          {"mapping_text", step::to_text(p.estimate.mapping)},
          {"duration_s", p.duration.raw()},
          {"cost_usd", p.cost->total().raw()},
          {"energy_j", p.energy->raw()}};
}

json counts_json(const study::PlanResult& r) {
  const search::Counters& m = r.mappings;
  json infeasible;
  for (std::size_t i = 1; i < m.infeasible.size(); ++i) {
    infeasible[std::string(step::to_string(static_cast<step::Infeasible>(i)))] = m.infeasible[i];
  }
  return {{"mappings",
           {{"enumerated", m.enumerated},
            {"replayed", m.replayed},
            {"evaluated", m.evaluated},
            {"bounded", m.bounded},
            {"infeasible", infeasible}}},
          {"plans",
           {{"searched", r.counts.searched},
            {"too_slow", r.counts.too_slow},
            {"nothing_runs", r.counts.nothing_runs},
            {"late", r.counts.late},
            {"over_budget", r.counts.over_budget},
            {"too_many_chips", r.counts.too_many_chips},
            {"no_price", r.counts.no_price},
            {"dominated", r.counts.dominated}}}};
}

json remedy_json(const study::Remedy& r) {
  return {{"kind", study::to_string(r.kind)},
          {"deadline_s", number_or_null(r.constraints.deadline)},
          {"budget_usd", number_or_null(r.constraints.budget)},
          {"max_chips", r.constraints.max_chips},
          {"memory_share", r.constraints.memory_share},
          {"plan", plan_object(r.plan)}};
}

}  // namespace

std::string plan_json(const study::PlanRequest& request, const study::PlanResult& result,
                      std::string_view version) {
  json out;
  out["schema"] = plan_schema;
  out["version"] = version;
  out["catalog_hash"] = result.catalog_hash;
  out["calibration_hash"] = result.calibration_hash;
  out["request"] = request_json(request);
  out["feasible"] = result.feasible();
  out["precisions"] = result.precisions;
  out["plans"] = json::array();
  for (const Plan& p : result.plans) out["plans"].push_back(plan_object(p));
  out["front"] = json::array();
  for (const Plan& p : result.front) out["front"].push_back(front_object(p));
  out["lost"] = json::array();
  for (const study::LostSystem& lost : result.lost) {
    out["lost"].push_back({{"system", lost.system}, {"reason", lost.reason}});
  }
  out["counts"] = counts_json(result);
  out["remedies"] = json::array();
  for (const study::Remedy& r : result.remedies) out["remedies"].push_back(remedy_json(r));
  if (result.nearest) {
    const study::NearestFit& n = *result.nearest;
    out["nearest"] = {{"system", n.system},
                      {"precision", n.precision},
                      {"chips", n.chips},
                      {"mapping_text", step::to_text(n.estimate.mapping)},
                      {"memory", memory_json(n.estimate.memory)},
                      {"hbm_bytes", n.hbm.raw()}};
  }
  return out.dump(2) + "\n";
}

}  // namespace tightrope::report
