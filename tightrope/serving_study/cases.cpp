#include "tightrope/serving_study/cases.h"

#include <algorithm>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::serving_study {
namespace {

// Public benchmarks start all clients at once and send ten requests a client.
constexpr double benchmark_waves = 10;

std::string too_large(const infer::Context& c, const infer::Deployment& d) {
  const infer::ServingMemory memory = infer::serving_memory(c, d, c.engine.token_budget * d.dp);
  if (memory.fits()) return {};
  return fmt::format("{} {} on {} does not fit as the row has it", c.model.name, to_string(d),
                     c.chip.name);
}

Result<ServingCase> express(const ServingRow& row, const catalog::Catalog& catalog,
                            const formula::Calibration& calibration,
                            const infer::ServingTuning& tuning) {
  if (!row.unclear.empty()) return fail(ErrorCode::unsupported, row.unclear);
  const catalog::Chip* chip = catalog.find_chip(row.chip);
  if (chip == nullptr) return fail(ErrorCode::not_found, fmt::format("no chip \"{}\"", row.chip));
  const catalog::System* system = catalog.find_system_of(row.chip, row.chip);
  if (system == nullptr) {
    return fail(ErrorCode::not_found, fmt::format("no system of \"{}\"", row.chip));
  }
  TR_TRY(const std::string config, catalog::llm_config(row.model));
  infer::ContextRequest request;
  TR_TRY(request.model, workload::read_hf_config(config, row.model));
  request.numerics = row.numerics;
  request.engine = row.stack;
  request.drafts = row.drafts;
  request.tuning = &tuning;
  ServingCase c;
  c.chip = chip->name;
  c.architecture = chip->architecture;
  TR_TRY(c.context, infer::make_context(request, *system, catalog, calibration));
  if (row.disaggregated) {
    request.drafts = 0;
    TR_TRY(c.prefill_context, infer::make_context(request, *system, catalog, calibration));
  }
  for (const infer::LayerPart& part : c.context.parts) c.routed = c.routed || part.experts > 0;
  std::string reason = infer::why_not(c.context, row.deployment);
  if (reason.empty() && row.disaggregated) reason = infer::why_not(c.context, row.prefill);
  if (reason.empty()) reason = too_large(c.context, row.deployment);
  if (reason.empty() && row.disaggregated) reason = too_large(c.prefill_context, row.prefill);
  if (!reason.empty()) return fail(ErrorCode::unsupported, reason);
  const double mean = 1.0 - 0.5 * row.spread;
  c.load = {.input = row.input * mean,
            .output = row.output * mean,
            .cached = 0,
            .concurrency = row.concurrency,
            .spread = row.spread,
            .waves = benchmark_waves};
  return c;
}

infer::SteadyLimits limits_of(const infer::Context& c, const infer::Deployment& d) {
  infer::SteadyLimits limits;
  limits.token_budget = c.engine.token_budget * d.dp;
  limits.mixes_prefill = c.engine.mixes_prefill;
  const infer::ServingMemory memory = infer::serving_memory(c, d, limits.token_budget);
  limits.cache_tokens = std::max(1.0, memory.tokens);
  return limits;
}

infer::Steady run(const infer::Context& context, const infer::Context& prefill,
                  const ServingRow& row, const infer::Load& load) {
  const infer::Pricing pricing(context, row.deployment);
  const infer::SteadyLimits limits = limits_of(context, row.deployment);
  if (!row.disaggregated) return infer::closed_loop(pricing, load, limits);
  const infer::Pricing front(prefill, row.prefill);
  infer::Disaggregated fleet;
  fleet.prefill = &front;
  fleet.decode = &pricing;
  fleet.prefill_workers = row.prefill_workers;
  fleet.decode_workers = row.decode_workers;
  fleet.prefill_limits = limits_of(prefill, row.prefill);
  fleet.decode_limits = limits;
  const formula::ReplicaLimits worker =
      infer::replica_limits(prefill, row.prefill, infer::serving_memory(prefill, row.prefill, 1));
  fleet.kv_token = worker.kv_token;
  fleet.transfer = worker.transfer;
  return infer::disaggregated_loop(fleet, load);
}

void idealise(infer::Context& c) {
  formula::RankKernels& k = c.kernels;
  k.launch = Seconds(0.0);
  k.hbm_share = k.hbm_read_share = 1.0;
  k.hbm_half = Bytes(0.0);
  for (auto table : {&formula::RankKernels::gemm, &formula::RankKernels::gemm_block}) {
    for (DType t : all_dtypes) {
      (k.*table)[t] = {.peak_share = 1.0,
                       .tile_m = 1,
                       .tile_n = 1,
                       .small_tile_share = 1.0,
                       .k_half = 0,
                       .wave_share = 0,
                       .split_share = 0,
                       .overlap_loss = 0,
                       .launch = Seconds(0.0)};
    }
  }
  k.attention_forward = {.peak_share = 1.0, .q_half = 0, .softmax = Flops(0.0)};
  c.engine.step_us = c.engine.sequence_us = c.engine.request_ms = c.engine.prefill_kernel_us = 0;
  c.engine.kernel_share = c.engine.expert_share = 1;
  c.habits.decode_read_share = c.habits.latent_read_share = 1.0;
  c.habits.decode_head_ns = c.habits.decode_kernel_us = c.habits.reduce_us = c.habits.peer_us = 0;
  c.expert_skew = 0;
  for (formula::LinkModel* link : {&c.fabric.scaleup, &c.fabric.scaleout}) {
    link->share = link->all_to_all_share = link->send_share = 1.0;
    link->pair_loss = link->peer_loss = 0.0;
    link->latency = link->peer_latency = link->step_latency = link->bulk_latency = Seconds(0.0);
    link->half_size = Bytes(0.0);
  }
}

}  // namespace

std::vector<ServingCase> make_cases(const ServingTable& table, const catalog::Catalog& catalog,
                                    const formula::Calibration& calibration,
                                    const infer::ServingTuning& tuning) {
  std::vector<ServingCase> cases(table.rows.size());
  for_each_index(cases.size(), [&](std::size_t i) {
    Result<ServingCase> made = express(table.rows[i], catalog, calibration, tuning);
    if (made) {
      cases[i] = *std::move(made);
    } else {
      cases[i].refused = made.error().what;
    }
  });
  return cases;
}

void retune(ServingCase& c, const ServingRow& row, const infer::ServingTuning& tuning) {
  for (infer::Context* context : {&c.context, &c.prefill_context}) {
    if (auto engine = tuning.engine(row.stack)) context->engine = *engine;
    context->habits = tuning.chip(c.architecture);
    context->expert_skew = tuning.expert_skew;
    context->speculation = infer::speculation(context->speculation.drafts, tuning);
  }
}

infer::Steady predict(const ServingCase& c, const ServingRow& row) {
  return run(c.context, c.prefill_context, row, c.load);
}

infer::Steady plain_roofline(const ServingCase& c, const ServingRow& row) {
  infer::Context context = c.context, prefill = c.prefill_context;
  idealise(context);
  if (row.disaggregated) idealise(prefill);
  return run(context, prefill, row, c.load);
}

}  // namespace tightrope::serving_study
