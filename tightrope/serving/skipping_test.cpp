#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tightrope/serving/test_fleets_internal.h"

namespace tightrope::serving {
namespace {

traffic::Trace random_trace(Chance& chance) {
  traffic::Trace trace;
  trace.block_tokens = static_cast<int>(16 << chance.in(0, 3));
  const bool shares = chance.in(0, 1) == 1;
  const std::int64_t count = chance.in(1, 60), gap = chance.in(0, 1) == 0 ? 2'000'000 : 40'000'000;
  const std::int64_t longest = chance.in(1, 300);
  std::int64_t now = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    traffic::Request r;
    now += chance.in(0, 3) == 0 ? 0 : chance.in(0, gap);
    r.arrival_ns = now;
    r.input = static_cast<std::int32_t>(chance.in(1, 200));
    r.output = static_cast<std::int32_t>(chance.in(1, longest));
    r.session = static_cast<std::int32_t>(chance.in(-1, 5));
    if (shares) {
      r.first_block = static_cast<std::uint32_t>(trace.blocks.size());
      const int blocks = (r.input + trace.block_tokens - 1) / trace.block_tokens;
      r.block_count = static_cast<std::uint32_t>(blocks);
      const std::int64_t root = chance.in(0, 2);
      for (int b = 0; b < blocks; ++b) {
        const std::int64_t id = b < 2 ? root * 10 + b : root * 10 + b + 100 * chance.in(0, 2);
        trace.blocks.push_back(static_cast<std::uint32_t>(id));
      }
    }
    trace.requests.push_back(r);
  }
  return trace;
}

std::vector<double> random_yields(Chance& chance, std::int64_t drafts) {
  std::vector<double> shares(static_cast<std::size_t>(drafts + 1));
  double sum = 0;
  for (double& share : shares) sum += share = chance.uniform();
  for (double& share : shares) share /= sum;
  return shares;
}

void make_static(Chance& chance, SchedulerOptions& o) {
  o.static_batches = true;
  o.mixed = o.prefix_cache = o.chunked_prefill = false;
  o.capacity = Capacity::whole_output;
  o.watermark = 0.0;
  o.token_budget = 600;
  o.batch_wait = Seconds(0.2 * chance.uniform());
  o.buckets_cache = chance.in(0, 1) == 0;
}

SchedulerOptions random_rules(Chance& chance) {
  SchedulerOptions o;
  o.block_tokens = std::int64_t{1} << chance.in(0, 4);
  o.max_sequences = chance.in(1, 24);
  o.token_budget = chance.in(0, 1) == 0 ? 600 : chance.in(100, 200);
  o.mixed = chance.in(0, 2) != 0;
  o.chunked_prefill = chance.in(0, 4) != 0;
  o.whole_input = chance.in(0, 2) != 0;
  o.prefix_cache = chance.in(0, 3) != 0;
  o.long_prefill = chance.in(0, 3) == 0 ? 24 : 0;
  o.max_prefills = chance.in(0, 3) == 0 ? 1 : 0;
  o.poll_steps = chance.in(0, 3) == 0 ? chance.in(2, 12) : 1;
  o.ahead_steps = chance.in(0, 1) == 0 ? chance.in(1, 4) : 0;
  o.watermark = chance.in(0, 3) == 0 ? 0.05 : 0.0;
  o.capacity = static_cast<Capacity>(chance.in(0, 2));
  o.preemption = chance.in(0, 2) == 0 ? Preemption::swap : Preemption::recompute;
  if (chance.in(0, 2) == 0) {
    o.draft_tokens = chance.in(1, 4);
    o.accepted = chance.uniform() * static_cast<double>(o.draft_tokens);
    if (chance.in(0, 1) == 0) o.yields = random_yields(chance, o.draft_tokens);
  }
  if (chance.in(0, 4) == 0) make_static(chance, o);
  return o;
}

TimesShape random_shape(Chance& chance) {
  TimesShape shape;
  shape.step = 50.0 + 9'000.0 * chance.uniform();
  shape.key = chance.in(0, 2) == 0 ? 0.0 : 5.0 * chance.uniform();
  shape.flat = chance.in(1, 64);
  shape.most = 700;
  shape.window = chance.in(0, 2) == 0 ? chance.in(1, 250) : 0;
  return shape;
}

Fleet random_fleet(Chance& chance) {
  Fleet fleet;
  const SchedulerOptions rules = random_rules(chance);
  const std::int64_t kv = chance.in(0, 1) == 0 ? chance.in(520, 900) : chance.in(900, 6000);
  fleet.kinds.push_back(kind_of_shape(random_shape(chance), kv, rules));
  if (chance.in(0, 3) == 0) split(fleet.kinds[0], chance.in(2, 4));
  fleet.kinds[0].count = chance.in(1, 3);
  if (chance.in(0, 3) == 0) fleet.kinds[0].limits.sequence_state = Bytes(2.5e6);
  fleet.routing = static_cast<Routing>(chance.in(0, 3));
  fleet.prefix.memory = chance.in(4, 100);
  if (!rules.static_batches && chance.in(0, 2) == 0) {
    fleet.kinds[0].role = Role::prefill;
    fleet.kinds.push_back(kind_of_shape(random_shape(chance), kv, rules));
    fleet.kinds[1].role = Role::decode;
    fleet.kinds[1].count = chance.in(1, 3);
  }
  if (chance.in(0, 3) == 0) {
    const Seconds at{0.5 * chance.uniform()};
    fleet.failures.listed.push_back({chance.in(0, 1) == 0 ? 0 : fleet.kinds[0].count - 1, at,
                                     Seconds(0.3 * chance.uniform() + 0.01)});
    fleet.failures.most_retries = chance.in(0, 2);
  }
  if (chance.in(0, 3) == 0) {
    ReplicaKind& scaled = fleet.kinds[static_cast<std::size_t>(
        chance.in(0, static_cast<std::int64_t>(fleet.kinds.size()) - 1))];
    scaled.autoscaling = {true, Seconds(0.1), 4.0, 1, 4, Seconds(0.05), Seconds(0.2)};
  }
  return fleet;
}

void expect_same(const Distribution& a, const Distribution& b) {
  RC_ASSERT(a.count == b.count);
  RC_ASSERT(a.mean == b.mean);
  RC_ASSERT(a.mean_low == b.mean_low);
  RC_ASSERT(a.mean_high == b.mean_high);
  RC_ASSERT(a.least == b.least);
  RC_ASSERT(a.greatest == b.greatest);
  for (auto p : {&Distribution::p50, &Distribution::p90, &Distribution::p95, &Distribution::p99}) {
    RC_ASSERT((a.*p).value == (b.*p).value);
    RC_ASSERT((a.*p).low == (b.*p).low);
    RC_ASSERT((a.*p).high == (b.*p).high);
  }
}

void expect_same(const ServingResult& a, const ServingResult& b) {
  RC_ASSERT(a.arrived == b.arrived);
  RC_ASSERT(a.finished == b.finished);
  RC_ASSERT(a.rejected == b.rejected);
  RC_ASSERT(a.given_up == b.given_up);
  RC_ASSERT(a.unfinished == b.unfinished);
  RC_ASSERT(a.is_complete == b.is_complete);
  RC_ASSERT(a.within_slo == b.within_slo);
  for (auto d : {&ServingResult::ttft, &ServingResult::tpot, &ServingResult::itl,
                 &ServingResult::e2e, &ServingResult::queue}) {
    expect_same(a.*d, b.*d);
  }
  RC_ASSERT(a.duration == b.duration);
  RC_ASSERT(a.hit_rate == b.hit_rate);
  RC_ASSERT(a.preemptions == b.preemptions);
  RC_ASSERT(a.iterations == b.iterations);
  RC_ASSERT(a.prefill_tokens == b.prefill_tokens);
  RC_ASSERT(a.mean_waiting == b.mean_waiting);
  RC_ASSERT(a.greatest_waiting == b.greatest_waiting);
  RC_ASSERT(a.blocks_left == b.blocks_left);
  RC_ASSERT(a.busy == b.busy);
  RC_ASSERT(a.energy == b.energy);
  RC_ASSERT(a.cost == b.cost);
  RC_ASSERT(a.series.size() == b.series.size());
  for (std::size_t i = 0; i < a.series.size(); ++i) {
    RC_ASSERT(a.series[i].time == b.series[i].time);
    RC_ASSERT(a.series[i].finished == b.series[i].finished);
    RC_ASSERT(a.series[i].waiting == b.series[i].waiting);
    RC_ASSERT(a.series[i].running == b.series[i].running);
    RC_ASSERT(a.series[i].kv_used == b.series[i].kv_used);
  }
}

struct Outcome {
  ServingResult result;
  std::vector<RequestRecord> records;
};

Outcome outcome_of(const Fleet& fleet, const traffic::Trace& trace, std::int64_t concurrency,
                   bool stepping) {
  Outcome outcome;
  Load load = open_load(trace);
  load.concurrency = concurrency;
  RunOptions options;
  options.stepping = stepping;
  options.slo = {Seconds(0.2), Seconds(0.02), Seconds(2.0)};
  options.series_points = 16;
  options.on_finish = [&](const RequestRecord& r) { outcome.records.push_back(r); };
  auto result = simulate(fleet, load, options);
  RC_ASSERT(result.has_value());
  outcome.result = *result;
  return outcome;
}

// Law: skipping equals stepping, to the last bit, in everything that is told, for any rules.
RC_GTEST_PROP(Skipping, EqualsStepping, (std::uint64_t seed)) {
  Chance chance(seed);
  const traffic::Trace trace = random_trace(chance);
  const Fleet fleet = random_fleet(chance);
  const std::int64_t concurrency = chance.in(0, 2) == 0 ? chance.in(1, 20) : 0;
  const Outcome skipped = outcome_of(fleet, trace, concurrency, false);
  const Outcome stepped = outcome_of(fleet, trace, concurrency, true);
  RC_ASSERT(skipped.records.size() == stepped.records.size());
  for (std::size_t i = 0; i < skipped.records.size(); ++i) {
    const RequestRecord &a = skipped.records[i], &b = stepped.records[i];
    RC_ASSERT(a.serial == b.serial);
    RC_ASSERT(a.queue == b.queue);
    RC_ASSERT(a.ttft == b.ttft);
    RC_ASSERT(a.e2e == b.e2e);
    RC_ASSERT(a.hit_tokens == b.hit_tokens);
    RC_ASSERT(a.replica == b.replica);
  }
  expect_same(skipped.result, stepped.result);
  // Conservation: who came is done, refused or given up; no page is held by anyone.
  const ServingResult& r = skipped.result;
  RC_ASSERT(r.arrived == static_cast<std::int64_t>(trace.size()));
  RC_ASSERT(r.arrived == r.finished + r.rejected + r.given_up + r.unfinished);
  RC_ASSERT(r.unfinished == 0);
  RC_ASSERT(r.blocks_left == 0);
  RC_CLASSIFY(r.preemptions > 0, "preempted");
  RC_CLASSIFY(r.hit_rate > 0.0, "hits");
  RC_CLASSIFY(r.transfers > 0, "moved");
  RC_CLASSIFY(r.unfinished > 0, "unfinished");
  RC_CLASSIFY(r.retries > 0, "retried");
}

}  // namespace
}  // namespace tightrope::serving
