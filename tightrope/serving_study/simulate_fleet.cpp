// Pools as asked for become replicas with times, limits and rent.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/infer/group_times.h"
#include "tightrope/infer/pricing.h"
#include "tightrope/serving_study/benchmark_run.h"
#include "tightrope/serving_study/simulate.h"
#include "tightrope/study/prices.h"

namespace tightrope::serving_study {
namespace {

struct Rules {
  const char* name;
  serving::SchedulerOptions (*make)();
};
constexpr std::array<Rules, 6> all_rules = {
    {{"vllm", serving::vllm_v1},
     {"sglang", serving::sglang},
     {"tensorrt-llm", serving::tensorrt_llm},
     {"tensorrt-llm-max-utilization", serving::tensorrt_llm_max_utilization},
     {"neuron", serving::nxd_inference},
     {"neuron-static", serving::neuron_static}}};

Result<serving::SchedulerOptions> rules_of(const PoolRequest& asked, const infer::Engine& engine) {
  if (asked.scheduler.empty()) return engine_rules(engine);
  std::string names;
  for (const Rules& rules : all_rules) {
    if (asked.scheduler == rules.name) return rules.make();
    names += names.empty() ? rules.name : fmt::format(", {}", rules.name);
  }
  return fail(ErrorCode::not_found, fmt::format("unknown scheduler \"{}\"", asked.scheduler), {},
              "choose " + names);
}

Result<serving::SchedulerOptions> scheduler_of(const PoolRequest& asked,
                                               const infer::Context& context) {
  TR_TRY(serving::SchedulerOptions options, rules_of(asked, context.engine));
  const auto groups = static_cast<std::int64_t>(asked.mapping.dp);
  const auto usual = static_cast<std::int64_t>(context.engine.token_budget);
  options.token_budget = (asked.token_budget > 0 ? asked.token_budget : usual) * groups;
  const auto most =
      std::min(options.max_sequences, static_cast<std::int64_t>(context.engine.most_sequences));
  options.max_sequences = (asked.max_sequences > 0 ? asked.max_sequences : most) * groups;
  if (asked.block_tokens > 0) options.block_tokens = asked.block_tokens;
  options.prefix_cache = options.prefix_cache && asked.prefix_cache;
  options.draft_tokens = context.speculation.drafts;
  options.accepted = context.speculation.accepted - 1.0;
  options.yields = context.speculation.yields;
  const double looks = std::max(1.0, context.engine.poll_steps);
  options.poll_steps = asked.poll_steps > 0 ? asked.poll_steps : std::llround(looks);
  // As in the closed form (infer/disaggregated.h): what only prefills has nothing to launch while
  // no prompt waits, but prompts wait for their handshakes; who was prefilled elsewhere is counted
  // apart.
  const std::int64_t handshake = std::llround(context.engine.handshake_steps);
  switch (asked.role) {
    case serving::Role::whole:
      options.ahead_steps = std::llround(context.engine.ahead_steps);
      break;
    case serving::Role::prefill: options.ahead_steps = handshake > 0 ? handshake + 1 : 0; break;
    case serving::Role::decode: options.ahead_steps = 0; break;
  }
  options.preemption = asked.preemption.value_or(options.preemption);
  if (asked.batch_wait) {
    if (!options.static_batches) {
      return fail(ErrorCode::conflict, "only static batches are waited for", {},
                  "choose --scheduler neuron-static, or drop the wait");
    }
    options.batch_wait = *asked.batch_wait;
  }
  options.buckets_cache = options.static_batches && context.engine.buckets_cache;
  return options;
}

Result<const catalog::System*> find_system(const PoolRequest& asked,
                                           const catalog::Catalog& catalog) {
  const catalog::System* system = catalog.find_system(asked.system);
  if (system != nullptr) return system;
  std::string hint = catalog::did_you_mean(catalog.near(asked.system));
  if (hint.empty()) hint = "see `tightrope catalog list systems`";
  return fail(ErrorCode::not_found, fmt::format("no system \"{}\" in the catalog", asked.system),
              {}, std::move(hint));
}

Result<infer::Context> context_of(const SimulateRequest& request, const PoolRequest& asked,
                                  const catalog::System& system, const catalog::Catalog& catalog) {
  if (asked.yields.empty() && asked.accepted > 0 &&
      (asked.accepted < 1 || asked.accepted > asked.drafts + 1.0)) {
    return fail(
        ErrorCode::range,
        fmt::format("{} drafts cannot yield {} tokens an iteration", asked.drafts, asked.accepted),
        {}, fmt::format("--accepted lies between 1 and {}", asked.drafts + 1));
  }
  infer::ContextRequest wanted;
  wanted.model = request.model.model;
  wanted.numerics = asked.numerics;
  const catalog::Chip* chip = catalog.find_chip(system.chip);
  const bool neuron = chip != nullptr && chip->kind == "trainium";
  wanted.engine = !asked.engine.empty() ? asked.engine : neuron ? "neuron" : "vllm";
  // What only prefills guesses nothing.
  const bool decodes = asked.role != serving::Role::prefill;
  wanted.drafts = decodes ? asked.drafts : 0;
  wanted.accepted = decodes ? asked.accepted : 0;
  if (decodes) wanted.yields = asked.yields;
  const formula::Calibration& kernels = formula::embedded_calibration();
  TR_TRY(infer::Context context, infer::make_context(wanted, system, catalog, kernels));
  // A processor's memory is the machine's.
  if (context.chip.kind == "cpu" && system.host_memory.known) {
    context.kernels.hbm = system.host_memory.value / std::max(1, system.chips);
  }
  return context;
}

Result<void> prove_memory(const PoolRequest& asked, const infer::Context& context,
                          const infer::ServingMemory& memory) {
  const std::string reason = infer::why_not(context, asked.mapping);
  const std::string what = fmt::format("{} {} on {}", context.model.name,
                                       infer::to_string(asked.mapping), context.system.name);
  if (!reason.empty()) {
    return fail(ErrorCode::conflict, fmt::format("{} does not run: {}", what, reason));
  }
  if (memory.fits()) return {};
  return fail(ErrorCode::conflict,
              fmt::format("{} does not fit: a rank has {} and needs {} for weights, {} for "
                          "activations, {} in reserve",
                          what, to_text(memory.device), to_text(memory.weights),
                          to_text(memory.activations), to_text(memory.reserve)),
              {}, "raise tp, pp or ep, or choose narrower numerics");
}

// Where no layer keeps all keys (windows, states), a sequence takes the same room whatever its
// length: so many fit, and pages bound nothing.
Result<void> bound_sequences(SimulatedPool& pool) {
  const infer::ServingMemory& m = pool.memory;
  if (m.token.raw() > 0 || m.sequence.raw() <= 0) return {};
  const double fit = std::floor(m.cache / m.sequence) * pool.asked.mapping.dp;
  if (fit < 1) {
    return fail(ErrorCode::conflict,
                fmt::format("a rank's cache of {} does not hold a sequence's {}", to_text(m.cache),
                            to_text(m.sequence)),
                {}, "raise tp or pp, or choose narrower numerics");
  }
  pool.scheduler.max_sequences =
      std::min(pool.scheduler.max_sequences, static_cast<std::int64_t>(fit));
  return {};
}

// Chips paid for a replica: whole units, which small replicas share as far as there are others.
double rented_chips(const catalog::System& system, int chips, std::int64_t count, bool scales) {
  const int unit = std::max(1, system.chips);
  if (chips >= unit) return std::ceil(static_cast<double>(chips) / unit) * unit;
  const auto share = static_cast<double>(unit / chips);
  if (scales || count < 1) return unit / share;
  const auto replicas = static_cast<double>(count);
  return std::ceil(replicas / share) * unit / replicas;
}

void add_price(const SimulateRequest& request, const catalog::System& system,
               const catalog::Catalog& catalog, SimulatedPool& pool) {
  for (const catalog::Term term : study::term_order) {
    if (request.term && *request.term != term) continue;
    const catalog::Price* price = study::price_of(request.regions, system, term, catalog);
    if (price == nullptr) continue;
    pool.price = study::tag_of(*price);
    break;
  }
  pool.place =
      study::place_for(request.regions, system, pool.price ? &*pool.price : nullptr, catalog);
}

std::vector<std::string> borrowed(const infer::Context& context,
                                  const serving::SchedulerOptions& rules) {
  std::vector<std::string> out;
  if (!context.borrowed_from.empty()) {
    out.push_back("kernel coefficients borrowed from " + context.borrowed_from);
  }
  if (context.habits.architecture.empty()) {
    out.push_back(fmt::format("decoding of {} was never measured: general numbers stand in",
                              context.chip.title));
  }
  if (context.engine.static_batches && !rules.static_batches) {
    out.push_back(
        fmt::format("{} was measured with batches that start and end together; here its "
                    "requests join one by one",
                    context.engine.name));
  }
  return out;
}

// The largest iteration that is tabulated, and the most sequences that yield in one.
struct Tables {
  int tokens = 2, yields = 2;
};
Tables tables_of(const serving::SchedulerOptions& s) {
  // Beyond these the tables' last slope goes on.
  constexpr std::int64_t most_tokens = 1 << 18, most_yields = 1 << 15;
  Tables t;
  t.tokens = static_cast<int>(std::clamp<std::int64_t>(s.token_budget, 2, most_tokens));
  t.yields = static_cast<int>(std::clamp<std::int64_t>(s.max_sequences + 1, 2, most_yields));
  return t;
}

Result<void> add_pool(const SimulateRequest& request, const PoolRequest& asked,
                      const catalog::Catalog& catalog, SimulatedFleet& out) {
  TR_TRY(const catalog::System* system, find_system(asked, catalog));
  TR_TRY(const infer::Context context, context_of(request, asked, *system, catalog));
  SimulatedPool pool;
  pool.asked = asked;
  pool.asked.system = system->name;
  pool.title = system->title;
  pool.chip = context.chip.title;
  pool.provider = system->provider;
  pool.engine = context.engine.name;
  pool.numerics = context.numerics.name;
  TR_TRY(pool.scheduler, scheduler_of(asked, context));
  pool.memory = infer::serving_memory(context, asked.mapping,
                                      static_cast<double>(pool.scheduler.token_budget));
  TR_TRY_VOID(prove_memory(asked, context, pool.memory));
  TR_TRY_VOID(bound_sequences(pool));
  const infer::Pricing pricing(context, asked.mapping);
  const Tables tables = tables_of(pool.scheduler);
  serving::ReplicaKind kind;
  kind.name = asked.name;
  kind.times = infer::iteration_times(pricing, tables.tokens, tables.yields);
  kind.times.host_first = asked.role == serving::Role::prefill;
  // As in the closed form: where others decode, each group has its share of the prompts.
  if (asked.role == serving::Role::prefill) {
    infer::add_group_times(pricing, std::max(2, tables.tokens / asked.mapping.dp), kind.times);
  }
  kind.limits = infer::replica_limits(context, asked.mapping, pool.memory);
  pool.scheduler.yield_seed = request.load.seed;
  kind.scheduler = pool.scheduler;
  kind.count = asked.count;
  kind.role = asked.role;
  kind.weight = asked.weight;
  kind.autoscaling = asked.autoscaling;
  pool.front.request = context.engine.front(0);
  pool.front.token = context.engine.front(1) - pool.front.request;
  pool.chips = kind.limits.chips;
  pool.rented_chips = rented_chips(*system, pool.chips, asked.count, asked.autoscaling.is_on);
  add_price(request, *system, catalog, pool);
  if (pool.price) kind.limits.rent = pool.price->per_chip * pool.rented_chips;
  pool.borrowed = borrowed(context, pool.scheduler);
  out.pools.push_back(std::move(pool));
  out.fleet.kinds.push_back(std::move(kind));
  return {};
}

}  // namespace

bool SimulatedFleet::disaggregated() const {
  return std::ranges::any_of(
      pools, [](const SimulatedPool& p) { return p.asked.role != serving::Role::whole; });
}

std::int64_t SimulatedFleet::chips() const {
  std::int64_t sum = 0;
  for (const SimulatedPool& p : pools) sum += p.asked.count * p.chips;
  return sum;
}

Result<SimulatedFleet> make_fleet(const SimulateRequest& request, const catalog::Catalog& catalog) {
  for (const std::string& name : request.regions) {
    if (catalog.find_region(name) != nullptr) continue;
    const std::string near = catalog::did_you_mean(catalog.near(name));
    return fail(ErrorCode::not_found, fmt::format("no region \"{}\" in the catalog", name), {},
                near.empty() ? "see `tightrope catalog list regions`" : near);
  }
  SimulatedFleet out;
  double takers = 0;
  for (const PoolRequest& asked : request.pools) {
    TR_TRY_VOID(add_pool(request, asked, catalog, out));
    if (asked.role == serving::Role::decode) continue;
    const double count = std::max(1.0, static_cast<double>(asked.count));
    const serving::Front& front = out.pools.back().front;
    out.front.request += front.request * count;
    out.front.token += front.token * count;
    takers += count;
  }
  if (takers > 0) {
    out.front.request = out.front.request / takers;
    out.front.token = out.front.token / takers;
  }
  out.fleet.routing = request.routing;
  out.fleet.failures = request.failures;
  return out;
}

}  // namespace tightrope::serving_study
