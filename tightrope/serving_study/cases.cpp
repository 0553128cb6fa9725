#include "tightrope/serving_study/cases.h"

#include <algorithm>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/infer/disaggregated.h"
#include "tightrope/serving_study/mapping.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::serving_study {
namespace {

// Public benchmarks start all clients at once and send ten requests a client.
constexpr double benchmark_waves = 10;
constexpr double unlimited = 1e6;  // requests in a queue that never runs dry

infer::Load load_of(const ServingRow& row) {
  const double mean = 1.0 - 0.5 * row.spread;
  return {.input = row.input * mean,
          .output = row.output * mean,
          .cached = 0,
          .concurrency = row.queued ? unlimited : row.concurrency,
          .spread = row.spread,
          .waves = row.queued      ? 0
                   : row.waves > 0 ? row.waves
                                   : benchmark_waves,
          .requests = row.requests,
          .input_variation = row.input_variation,
          .output_variation = row.output_variation,
          .longest = row.longest};
}

/// What the row's engine was told: the replica's, or a decode worker's.
void tell(infer::Engine& engine, const ServingRow& row) {
  if (row.token_budget > 0) engine.token_budget = row.token_budget;
  if (row.poll_steps > 0) engine.poll_steps = row.poll_steps;
  if (row.balance_steps > 0) engine.balance_steps = row.balance_steps;
  if (row.most_sequences > 0) engine.most_sequences = row.most_sequences;
  if (row.graph_sequences > 0) engine.graph_sequences = row.graph_sequences;
  if (row.evicts) engine.reserves_output = false;
  if (row.stops_decodes) engine.mixes_prefill = false;
  engine.step_us /= row.host_steps;
  engine.sequence_us /= row.host_steps;
  if (row.in_process) {
    // No server, no tokenizer; and a loop that reads its tokens before it starts again.
    engine.request_ms = 0;
    engine.ahead_steps = std::min(engine.ahead_steps, 1.0);
  }
  if (row.tuned_products) engine.dense_math = 1.0;
  if (row.decode_most > 0) {
    engine.most_sequences = row.decode_most;
    engine.token_budget = row.decode_most * (1 + row.drafts);
  }
}

/// What a prefill worker's engine was told.
void tell_prefill(infer::Engine& engine, const ServingRow& row) {
  if (row.prefill_tokens > 0) engine.token_budget = row.prefill_tokens;
  if (row.prefill_prompts > 0) engine.most_sequences = row.prefill_prompts;
}

/// Takes the deployment that a row leaves open, and counts its replicas.
Result<void> choose_deployment(ServingCase& c, const ServingRow& row) {
  if (row.mapping_unsaid) {
    TR_TRY(c.deployment, fastest_deployment(c.context, row.chips, c.load, c.bounds));
  }
  if (row.experts_unsaid) {
    const int ranks = row.deployment.tp * row.deployment.dp, pp = row.deployment.pp;
    const std::vector<infer::Deployment> choices = {{.tp = ranks, .pp = pp, .dp = 1, .ep = 1},
                                                    {.tp = ranks, .pp = pp, .dp = 1, .ep = ranks},
                                                    {.tp = 1, .pp = pp, .dp = ranks, .ep = 1},
                                                    {.tp = 1, .pp = pp, .dp = ranks, .ep = ranks}};
    const Result<infer::Deployment> best = faster_of(c.context, choices, c.load, c.bounds);
    if (best) c.deployment = *best;
  }
  const int ranks = row.chips * c.context.chip.ranks_per_chip;
  c.replicas = std::max(1, ranks / c.deployment.ranks());
  return {};
}

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
  request.expert_slots = row.expert_slots;
  request.experts_balanced = row.experts_balanced;
  request.tuning = &tuning;
  ServingCase c;
  c.chip = chip->name;
  c.architecture = chip->architecture;
  TR_TRY(c.context, infer::make_context(request, *system, catalog, calibration));
  tell(c.context.engine, row);
  if (row.disaggregated) {
    request.drafts = 0;
    request.expert_slots = 0;
    request.experts_balanced = false;
    TR_TRY(c.prefill_context, infer::make_context(request, *system, catalog, calibration));
    tell_prefill(c.prefill_context.engine, row);
  }
  for (const infer::LayerPart& part : c.context.parts) c.routed = c.routed || part.experts > 0;
  c.bounds = {.first = row.first_bound,
              .token = row.token_bound,
              .ranks = row.chips * chip->ranks_per_chip};
  c.load = load_of(row);
  c.deployment = row.deployment;
  TR_TRY_VOID(choose_deployment(c, row));
  std::string reason = infer::why_not(c.context, c.deployment);
  if (reason.empty() && row.disaggregated) reason = infer::why_not(c.context, row.prefill);
  if (reason.empty()) reason = too_large(c.context, c.deployment);
  if (reason.empty() && row.disaggregated) reason = too_large(c.prefill_context, row.prefill);
  if (!reason.empty()) return fail(ErrorCode::unsupported, reason);
  return c;
}

infer::Steady run(const infer::Context& context, const infer::Context& prefill,
                  const ServingCase& c, const ServingRow& row) {
  const infer::Load& load = c.load;
  if (!row.disaggregated) return serve(context, c.deployment, load, c.bounds);
  const infer::Pricing pricing(context, row.deployment);
  const infer::SteadyLimits limits = limits_of(context, row.deployment);
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
  fleet.frontends = row.frontends;
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
  for (formula::ExpertCoefficients& e : k.experts.values) {
    e = {.peak_share = 1.0,
         .row_padding = 0,
         .read_share = 1.0,
         .overlap_loss = 0,
         .launch = Seconds(0.0),
         .held = Seconds(0.0),
         .token_passes = 0,
         .routed_passes = 4};
  }
  k.attention_forward = {.peak_share = 1.0, .q_half = 0, .softmax = Flops(0.0)};
  c.engine.step_us = c.engine.sequence_us = c.engine.prefill_kernel_us = 0;
  c.engine.request_ms = c.engine.prompt_us = 0;
  c.engine.kernel_share = c.engine.expert_share = c.engine.dense_math = 1;
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
    if (context == &c.prefill_context) {
      tell_prefill(context->engine, row);
    } else {
      tell(context->engine, row);
    }
    context->habits = tuning.chip(c.architecture);
    context->expert_skew = tuning.expert_skew;
    context->speculation = infer::speculation(context->speculation.drafts, tuning);
  }
}

infer::Steady predict(const ServingCase& c, const ServingRow& row) {
  return run(c.context, c.prefill_context, c, row);
}

TokensPerSecond output_rate(const ServingCase& c, const infer::Steady& steady) {
  return steady.output_rate(c.load) * c.replicas;
}

infer::Steady plain_roofline(const ServingCase& c, const ServingRow& row) {
  infer::Context context = c.context, prefill = c.prefill_context;
  idealise(context);
  if (row.disaggregated) idealise(prefill);
  return run(context, prefill, c, row);
}

}  // namespace tightrope::serving_study
