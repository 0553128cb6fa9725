#include "tightrope/cli/simulate_request.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "tightrope/cli/amounts.h"
#include "tightrope/cli/yields.h"
#include "tightrope/serving_study/simulate_files.h"

namespace tightrope::cli {
namespace {

using serving_study::PoolRequest;
using serving_study::SimulateRequest;

bool said(const PoolWords& w) {
  return !w.system.empty() || !w.numerics.empty() || !w.engine.empty() || !w.scheduler.empty() ||
         w.tp + w.pp + w.dp + w.ep > 0 || w.replicas > 0;
}

// What `own` says, else what `usual` says.
PoolWords over(const PoolWords& usual, const PoolWords& own) {
  PoolWords out = usual;
  for (auto member :
       {&PoolWords::system, &PoolWords::numerics, &PoolWords::engine, &PoolWords::scheduler}) {
    if (!(own.*member).empty()) out.*member = own.*member;
  }
  for (auto member : {&PoolWords::tp, &PoolWords::pp, &PoolWords::dp, &PoolWords::ep}) {
    if (own.*member > 0) out.*member = own.*member;
  }
  out.replicas = own.replicas > 0 ? own.replicas : 1;
  return out;
}

Result<PoolRequest> pool_of(const SimulateServingOptions& o, const PoolWords& w,
                            serving::Role role) {
  if (w.system.empty()) {
    return fail(ErrorCode::usage, "on which system?", {},
                "for example --system p5.48xlarge; `tightrope catalog list systems` has all");
  }
  PoolRequest pool;
  pool.role = role;
  pool.name = role == serving::Role::whole ? "replica" : to_string(role);
  pool.count = std::max<std::int64_t>(1, w.replicas);
  pool.system = w.system;
  if (!w.numerics.empty()) pool.numerics = w.numerics;
  pool.engine = w.engine;
  pool.scheduler = w.scheduler;
  pool.mapping = {std::max(1, w.tp), std::max(1, w.pp), std::max(1, w.dp), std::max(1, w.ep)};
  pool.drafts = o.drafts;
  TR_TRY(const SpokenYields yields, read_yields({o.drafts, o.accepted, o.acceptance}));
  pool.accepted = yields.mean;
  pool.yields = yields.shares;
  if (!o.batch_wait.empty()) {
    TR_TRY(pool.batch_wait, parse_duration(o.batch_wait, "--batch-wait"));
  }
  pool.token_budget = o.token_budget;
  pool.max_sequences = o.max_sequences;
  pool.block_tokens = o.block_size;
  pool.prefix_cache = !o.no_prefix_cache;
  pool.poll_steps = o.poll_steps;
  if (!o.preemption.empty()) {
    TR_TRY(pool.preemption, serving_study::preemption_from(o.preemption, "--preemption"));
  }
  return pool;
}

Result<void> read_pools(const SimulateServingOptions& o, SimulateRequest& r) {
  TR_TRY(r.model, serving_study::find_served_model(o.model));
  if (!said(o.prefill) && !said(o.decode)) {
    TR_TRY(const PoolRequest pool, pool_of(o, o.pool, serving::Role::whole));
    r.pools.push_back(pool);
    return {};
  }
  if (o.pool.replicas > 0) {
    return fail(ErrorCode::usage, "--replicas beside replicas that prefill or decode", {},
                "give --prefill-replicas and --decode-replicas");
  }
  TR_TRY(const PoolRequest prefill, pool_of(o, over(o.pool, o.prefill), serving::Role::prefill));
  TR_TRY(const PoolRequest decode, pool_of(o, over(o.pool, o.decode), serving::Role::decode));
  r.pools = {prefill, decode};
  return {};
}

Result<void> read_fleet(const SimulateServingOptions& o, SimulateRequest& r) {
  const bool by_file = !o.fleet.empty() || !o.plan.empty();
  if (!by_file) {
    if (o.model.empty()) {
      return fail(ErrorCode::usage, "which model?", {},
                  "give --model NAME (see `tightrope catalog list llms`) or a config.json");
    }
    return read_pools(o, r);
  }
  const bool twice = !o.fleet.empty() && !o.plan.empty();
  const bool pools = said(o.pool) || said(o.prefill) || said(o.decode) || o.drafts > 0 ||
                     !o.accepted.empty() || o.acceptance >= 0 || !o.batch_wait.empty() ||
                     o.token_budget > 0 || o.max_sequences > 0 || o.block_size > 0 ||
                     o.no_prefix_cache || o.poll_steps > 0 || !o.preemption.empty();
  if (twice || !o.model.empty() || pools) {
    return fail(ErrorCode::usage,
                fmt::format("{} says which model runs on which replicas",
                            o.fleet.empty() ? "--plan" : "--fleet"),
                {}, "drop the other options about them");
  }
  if (!o.fleet.empty()) {
    TR_TRY(r, serving_study::read_fleet(o.fleet));
  } else {
    TR_TRY(r, serving_study::read_serve_plan(o.plan, o.pick));
  }
  return {};
}

Result<void> read_load(const SimulateServingOptions& o, serving_study::LoadRequest& load) {
  const bool retimed = !o.trace.empty() && o.rate > 0;  // the trace's requests at another rate
  const bool plain = (o.rate > 0 && !retimed) || o.input > 0 || o.output > 0;
  if ((!o.trace.empty()) + (!o.traffic.empty()) + plain > 1) {
    return fail(ErrorCode::usage,
                "--trace, --traffic and --rate with --input and --output each say what is asked",
                {}, "give one of them; --trace with --rate alone draws its arrivals anew");
  }
  if (!o.trace.empty() || !o.traffic.empty() || plain) {
    load.trace = o.trace;
    load.traffic = o.traffic;
    load.rate = retimed ? o.rate : 0;
    load.spec.reset();
  }
  if (plain) {
    if (!(o.input > 0 && o.output > 0) || (!(o.rate > 0) && o.concurrency == 0)) {
      return fail(ErrorCode::usage, "--rate, --input and --output belong together", {},
                  "for example --rate 5 --input 1000 --output 200; --concurrency stands for "
                  "--rate");
    }
    load.spec = serving_study::plain_spec(
        {.rate = o.rate > 0 ? o.rate : 1.0, .input = o.input, .output = o.output});
  }
  if (o.requests > 0) load.requests = o.requests;
  if (o.seed >= 0) load.seed = static_cast<std::uint64_t>(o.seed);
  if (o.rate_scale > 0) load.rate_scale = o.rate_scale;
  if (o.concurrency > 0) load.concurrency = o.concurrency;
  if (o.warm_up > 0) load.warm_up = o.warm_up;
  return {};
}

Result<void> read_autoscale(const SimulateServingOptions& o, SimulateRequest& r) {
  if (o.autoscale.empty()) return {};
  serving::Autoscaling& a = r.pools.front().autoscaling;
  const char* begin = o.autoscale.data();
  const char* end = begin + o.autoscale.size();
  const auto least = std::from_chars(begin, end, a.least);
  const bool colon = least.ec == std::errc() && least.ptr != end && *least.ptr == ':';
  const auto most = colon ? std::from_chars(least.ptr + 1, end, a.most) : least;
  if (!colon || most.ec != std::errc() || most.ptr != end || a.least < 1 || a.most < a.least) {
    return fail(
        ErrorCode::usage,
        fmt::format("--autoscale \"{}\" is no least and most number of replicas", o.autoscale), {},
        "for example --autoscale 2:16");
  }
  a.is_on = true;
  if (o.autoscale_target > 0) a.target = o.autoscale_target;
  r.pools.front().count = std::clamp(r.pools.front().count, a.least, a.most);
  return {};
}

Result<void> read_promises(const SimulateServingOptions& o, serving::Slo& slo) {
  struct Promise {
    const std::string& text;
    const char* option;
    Seconds& out;
  };
  for (const Promise& p :
       {Promise{o.slo_ttft, "--slo-ttft", slo.ttft}, Promise{o.slo_tpot, "--slo-tpot", slo.tpot},
        Promise{o.slo_e2e, "--slo-e2e", slo.e2e}}) {
    if (p.text.empty()) continue;
    TR_TRY(p.out, parse_duration(p.text, p.option));
  }
  return {};
}

Result<void> read_failures(const SimulateServingOptions& o, serving::Failures& f) {
  if (!o.mtbf.empty()) {
    TR_TRY(f.mean_time_between, parse_duration(o.mtbf, "--mtbf"));
  }
  if (!o.repair.empty()) {
    TR_TRY(f.repair, parse_duration(o.repair, "--repair"));
  }
  if (o.seed >= 0) f.seed = static_cast<std::uint64_t>(o.seed);
  return {};
}

}  // namespace

Result<SimulateRequest> simulate_request(const SimulateServingOptions& o) {
  SimulateRequest r;
  TR_TRY_VOID(read_fleet(o, r));
  TR_TRY_VOID(read_load(o, r.load));
  TR_TRY_VOID(read_autoscale(o, r));
  TR_TRY_VOID(read_promises(o, r.slo));
  TR_TRY_VOID(read_failures(o, r.failures));
  if (!o.routing.empty()) {
    TR_TRY(r.routing, serving_study::routing_from(o.routing, "--routing"));
  }
  if (!o.region.empty()) r.regions = parse_list(o.region);
  if (!o.term.empty()) {
    r.term = study::term_from(o.term);
    if (!r.term) {
      return fail(ErrorCode::usage, fmt::format("unknown term \"{}\"", o.term), {},
                  "choose on_demand, spot, capacity_block, reserved_1y, reserved_3y or purchase");
    }
  }
  return r;
}

}  // namespace tightrope::cli
