#include "tightrope/serving_study/benchmark_run.h"

#include <algorithm>
#include <cmath>

#include "tightrope/infer/pricing.h"
#include "tightrope/serving/simulate.h"
#include "tightrope/serving_study/mapping.h"
#include "tightrope/traffic/random.h"

namespace tightrope::serving_study {
namespace {

constexpr std::uint64_t seed = 1;
enum Lane : std::uint64_t { input_lane, output_lane };

/// A length drawn evenly from (1 - spread) of the longest to all of it.
std::int32_t drawn(double longest, double spread, Lane lane, std::int64_t request) {
  traffic::Draws draws(seed, lane, static_cast<std::uint64_t>(request));
  const double least = std::floor(longest * (1.0 - spread));
  const double length = least + std::floor(draws.uniform() * (longest - least + 1.0));
  return std::max(1, static_cast<std::int32_t>(length));
}

serving::Source clients_of(const ServingRow& row, std::int64_t requests) {
  return [&row, requests, sent = std::int64_t{0}](serving::Arrival& next) mutable {
    if (sent == requests) return false;
    next.request = {};
    next.request.input = drawn(row.input, row.spread, input_lane, sent);
    next.request.output = drawn(row.output, row.spread, output_lane, sent);
    next.content = {};
    ++sent;
    return true;
  };
}

serving::ReplicaKind replica_of(const ServingCase& c) {
  const infer::Pricing pricing(c.context, c.deployment);
  const infer::SteadyLimits limits = limits_of(c.context, c.deployment);
  serving::ReplicaKind kind;
  kind.name = "replica";
  kind.scheduler = engine_rules(c.context.engine);
  kind.scheduler.token_budget = static_cast<std::int64_t>(limits.token_budget);
  kind.scheduler.max_sequences = static_cast<std::int64_t>(std::min(
      limits.sequences, static_cast<double>(kind.scheduler.max_sequences) * c.deployment.dp));
  kind.scheduler.prefix_cache = false;
  kind.scheduler.ahead_steps = std::llround(c.context.engine.ahead_steps);
  kind.scheduler.poll_steps = std::llround(std::max(1.0, c.context.engine.poll_steps));
  kind.scheduler.draft_tokens = c.context.speculation.drafts;
  kind.scheduler.accepted = c.context.speculation.accepted - 1.0;
  kind.scheduler.yields = c.context.speculation.yields;
  const int tokens = static_cast<int>(kind.scheduler.token_budget);
  const int yields = static_cast<int>(std::min(kind.scheduler.max_sequences, std::int64_t{32768}));
  kind.times = infer::iteration_times(pricing, std::max(2, tokens), std::max(2, yields + 1));
  const infer::ServingMemory memory =
      infer::serving_memory(c.context, c.deployment, limits.token_budget);
  kind.limits = infer::replica_limits(c.context, c.deployment, memory);
  return kind;
}

}  // namespace

serving::SchedulerOptions engine_rules(const infer::Engine& engine) {
  const auto is = [&](std::string_view name) { return engine.name.starts_with(name); };
  const bool known = is("sglang") || is("tensorrt-llm") || is("neuron") || is("vllm");
  if (!known) return serving::vllm_v1();
  serving::SchedulerOptions options = is("sglang")         ? serving::sglang()
                                      : is("tensorrt-llm") ? serving::tensorrt_llm()
                                      : is("neuron")       ? serving::nxd_inference()
                                                           : serving::vllm_v1();
  options.mixed = engine.mixes_prefill;  // as its times were fitted
  return options;
}

bool can_run(const ServingCase& c, const ServingRow& row) {
  return c.refused.empty() && !row.disaggregated && !row.queued &&
         !c.context.engine.static_batches && c.load.waves > 0 && c.load.concurrency >= 1;
}

BenchmarkRun run_benchmark(const ServingCase& c, const ServingRow& row) {
  if (!can_run(c, row)) return {};
  serving::Fleet fleet;
  fleet.kinds.push_back(replica_of(c));
  serving::Load load;
  load.concurrency = std::llround(c.load.concurrency);
  const std::int64_t requests = std::llround(c.load.concurrency * c.load.waves);
  load.source = clients_of(row, requests);
  serving::RunOptions options;
  options.front.request = c.context.engine.front(0);
  options.front.token = c.context.engine.front(1) - options.front.request;
  const Result<serving::ServingResult> result = serving::simulate(fleet, load, options);
  if (!result || result->finished < requests) return {};
  BenchmarkRun run;
  run.ran = true;
  run.tpot = result->tpot.mean;
  run.ttft = result->ttft.mean;
  run.output_rate = result->output_rate * static_cast<double>(c.replicas);
  return run;
}

}  // namespace tightrope::serving_study
