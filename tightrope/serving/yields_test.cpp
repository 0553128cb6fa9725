#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tightrope/core/parallel.h"
#include "tightrope/serving/test_fleets_internal.h"

namespace tightrope::serving {
namespace {

struct Outcome {
  ServingResult result;
  std::vector<RequestRecord> records;  ///< by serial
};

Outcome run(const ReplicaKind& kind, const traffic::Trace& trace, std::int64_t concurrency = 0) {
  Fleet fleet;
  fleet.kinds.push_back(kind);
  Outcome outcome;
  outcome.records.resize(trace.size());
  RunOptions options;
  options.on_finish = [&](const RequestRecord& r) {
    outcome.records[static_cast<std::size_t>(r.serial)] = r;
  };
  Load load = open_load(trace);
  load.concurrency = concurrency;
  const auto result = simulate(fleet, load, options);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().what);
  if (result) outcome.result = *result;
  return outcome;
}

/// Every iteration takes 1 ms, whatever its work.
ReplicaKind flat_kind(const SchedulerOptions& rules) {
  ReplicaKind kind = kind_of_shape({.most = 2}, 1 << 22, rules);
  const Ticks step = ticks_of(Seconds(1e-3));
  kind.times = {};
  kind.times.by_tokens = {{}, {step, 1}, {step, 1}};
  kind.times.by_yields = {{}, {}};
  return kind;
}

Seconds steps(int count) { return seconds_of(count * ticks_of(Seconds(1e-3))); }

traffic::Trace random_trace(Chance& chance, std::int64_t count, std::int64_t gap_ns) {
  traffic::Trace trace;
  std::int64_t now = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    now += chance.in(0, gap_ns);
    trace.requests.push_back({.arrival_ns = now,
                              .input = static_cast<std::int32_t>(chance.in(1, 200)),
                              .output = static_cast<std::int32_t>(chance.in(1, 200))});
  }
  return trace;
}

// Law: chance that always yields r tokens does what the clock does at a mean of r, to the last bit.
RC_GTEST_PROP(Yields, SureOnesEqualTheMean, (std::uint64_t seed)) {
  Chance chance(seed);
  SchedulerOptions rules = vllm_v1();
  rules.prefix_cache = false;
  rules.max_sequences = chance.in(1, 24);
  rules.token_budget = chance.in(120, 700);
  rules.mixed = chance.in(0, 1) == 0;
  rules.draft_tokens = chance.in(1, 4);
  const std::int64_t yield = chance.in(1, rules.draft_tokens + 1);
  rules.accepted = static_cast<double>(yield - 1);
  const TimesShape shape{.key = chance.uniform(),
                         .flat = 20,
                         .most = 700,
                         .window = chance.in(0, 1) * chance.in(1, 250)};
  const traffic::Trace trace = random_trace(chance, 60, 20'000'000);
  const Outcome clock = run(kind_of_shape(shape, 1 << 20, rules), trace);
  rules.yields.assign(static_cast<std::size_t>(yield), 0.0);
  rules.yields.back() = 1.0;
  const Outcome drawn = run(kind_of_shape(shape, 1 << 20, rules), trace);
  RC_ASSERT(drawn.result.iterations == clock.result.iterations);
  RC_ASSERT(drawn.result.energy == clock.result.energy);
  for (std::size_t i = 0; i < trace.size(); ++i) {
    RC_ASSERT(drawn.records[i].ttft == clock.records[i].ttft);
    RC_ASSERT(drawn.records[i].e2e == clock.records[i].e2e);
  }
}

SchedulerOptions drawn_rules() {
  SchedulerOptions rules = vllm_v1();
  rules.draft_tokens = 3;
  rules.yields = {0.45, 0.25, 0.2, 0.1};
  return rules;
}

// Law: a request's luck is its own. Other company changes when it starts, not how many iterations
// it takes; another seed changes that.
TEST(Yields, ComeFromTheRequestsOwnStream) {
  Chance chance(7);
  traffic::Trace sparse = random_trace(chance, 200, 2'000'000'000), dense = sparse;
  for (traffic::Request& r : dense.requests) r.arrival_ns /= 500;
  SchedulerOptions rules = drawn_rules();
  const Outcome a = run(flat_kind(rules), sparse), b = run(flat_kind(rules), dense);
  rules.yield_seed = 2;
  const Outcome other = run(flat_kind(rules), sparse);
  int changed = 0;
  for (std::size_t i = 0; i < sparse.size(); ++i) {
    const Seconds took = a.records[i].e2e - a.records[i].ttft;
    EXPECT_NEAR(took.raw(), (b.records[i].e2e - b.records[i].ttft).raw(), 1e-9) << i;
    changed += took != other.records[i].e2e - other.records[i].ttft ? 1 : 0;
    EXPECT_GE(took.raw() + 1e-9, (sparse.requests[i].output - 1) / 4 * 1e-3) << i;
    EXPECT_LE(took.raw() - 1e-9, (sparse.requests[i].output - 1) * 1e-3) << i;
  }
  EXPECT_GT(changed, 100);
}

// Law: over many requests the iterations of an answer are those of the renewal process, within four
// standard errors, and they vary as it does.
TEST(Yields, IterationsAreTheRenewals) {
  const SchedulerOptions rules = drawn_rules();
  constexpr int count = 20'000, tokens = 100;
  traffic::Trace trace;
  for (int i = 0; i < count; ++i) {
    trace.requests.push_back({.arrival_ns = i * 1'000'000LL, .input = 16, .output = tokens + 1});
  }
  const Outcome r = run(flat_kind(rules), trace);
  std::vector<double> mean(tokens + 1), square(tokens + 1);
  for (std::size_t n = 1; n <= tokens; ++n) {
    mean[n] = square[n] = 1;
    for (std::size_t i = 0; i < rules.yields.size(); ++i) {
      const std::size_t left = n > i + 1 ? n - i - 1 : 0;
      mean[n] += rules.yields[i] * mean[left];
      square[n] += rules.yields[i] * (2 * mean[left] + square[left]);
    }
  }
  const double variance = square[tokens] - mean[tokens] * mean[tokens];
  double sum = 0, squares = 0;
  for (const RequestRecord& record : r.records) {
    const double took = (record.e2e - record.ttft).raw() * 1e3;
    sum += took;
    squares += took * took;
  }
  const double seen = sum / count;
  EXPECT_NEAR(seen, mean[tokens], 4 * std::sqrt(variance / count));
  EXPECT_NEAR((squares / count - seen * seen) / variance, 1.0, 0.06);
}

SchedulerOptions batches_of(std::int64_t size, Seconds wait) {
  SchedulerOptions rules = neuron_static();
  rules.max_sequences = size;
  rules.batch_wait = wait;
  return rules;
}

traffic::Request request(std::int64_t at_ms, std::int32_t input, std::int32_t output) {
  return {.arrival_ns = at_ms * 1'000'000, .input = input, .output = output};
}

// A batch starts when it is full; the next one when its longest answer is done.
TEST(StaticBatches, StartTogetherAndWaitForTheLongest) {
  traffic::Trace trace;
  trace.requests = {request(0, 16, 5), request(2, 40, 20), request(2, 16, 1),
                    request(3, 16, 4), request(4, 16, 4),  request(5, 16, 4)};
  const Outcome r = run(flat_kind(batches_of(3, Seconds(1.0))), trace);
  EXPECT_NEAR(r.records[0].queue.raw(), steps(2).raw(), 1e-9);  // an arrival is no whole step
  EXPECT_NEAR(r.records[0].ttft.raw(), steps(3).raw(), 1e-9);
  EXPECT_NEAR(r.records[0].e2e.raw(), steps(7).raw(), 1e-9);
  EXPECT_EQ(r.records[1].e2e, steps(20));
  EXPECT_EQ(r.records[2].e2e, steps(1));
  EXPECT_NEAR(r.records[3].queue.raw(), 0.022 - 0.003, 1e-9);
  EXPECT_NEAR(r.records[5].e2e.raw(), 0.022 - 0.005 + 0.004, 1e-9);
  EXPECT_EQ(r.result.blocks_left, 0);
}

// One that is not full starts when its first request has waited long enough.
TEST(StaticBatches, StartUnfilledAfterTheWait) {
  traffic::Trace trace;
  trace.requests = {request(0, 16, 5), request(20, 16, 5), request(60, 16, 5)};
  const Outcome r = run(flat_kind(batches_of(8, Seconds(0.05))), trace);
  EXPECT_NEAR(r.records[0].queue.raw(), 0.05, 1e-9);
  EXPECT_NEAR(r.records[1].queue.raw(), 0.03, 1e-9);
  EXPECT_NEAR(r.records[2].queue.raw(), 0.05, 1e-9);
}

// Law: rows that are done go on costing what they did.
TEST(StaticBatches, PadToTheLongest) {
  const TimesShape shape{.step = 1000, .token = 100, .key = 1.0, .flat = 1, .most = 700};
  traffic::Trace uneven, even;
  for (int i = 0; i < 8; ++i) {
    uneven.requests.push_back(request(0, i == 0 ? 100 : 10 + i, i == 0 ? 50 : 1 + i));
    even.requests.push_back(request(0, 100, 50));
  }
  const ReplicaKind kind = kind_of_shape(shape, 1 << 16, batches_of(8, Seconds(0.0)));
  const Outcome padded = run(kind, uneven), whole = run(kind, even);
  EXPECT_EQ(padded.records[0].ttft, whole.records[0].ttft) << "prompts are padded";
  EXPECT_LE(padded.records[0].e2e, whole.records[0].e2e) << "shorter prompts, fewer keys";
  const TimesShape keyless{.step = 1000, .token = 100, .key = 0, .flat = 1, .most = 700};
  const ReplicaKind bare = kind_of_shape(keyless, 1 << 16, batches_of(8, Seconds(0.0)));
  EXPECT_EQ(run(bare, uneven).records[0].e2e, run(bare, even).records[0].e2e);
}

// Law: of a saturated replica, static batches serve no more than continuous batching, where that
// prefills beside decodes; equal answers that come together they serve alike.
RC_GTEST_PROP(StaticBatches, NeverBeatContinuous, (std::uint64_t seed)) {
  Chance chance(seed);
  const traffic::Trace trace = random_trace(chance, 80, 0);
  SchedulerOptions rules = batches_of(chance.in(1, 16), Seconds(0.05 * chance.uniform()));
  rules.token_budget = 8192;
  const TimesShape shape{.step = 2'000 + 9'000 * chance.uniform(),
                         .token = 45 * chance.uniform(),
                         .key = 0.1 * chance.uniform(),
                         .flat = chance.in(1, 64),
                         .most = 8192};
  const Outcome fixed = run(kind_of_shape(shape, 1 << 20, rules), trace);
  rules.static_batches = false;
  rules.mixed = true;
  const Outcome continuous = run(kind_of_shape(shape, 1 << 20, rules), trace);
  RC_ASSERT(fixed.result.finished == 80 && continuous.result.finished == 80);
  RC_ASSERT(fixed.result.duration >= continuous.result.duration);
}

// Compiled for powers of two: six tokens and their answer of eight read 8 keys twice and 16 five
// times, in both rows, though one is shorter and soon done; prompts are padded to 8.
TEST(StaticBatches, ReadWholeBuckets) {
  traffic::Trace trace;
  trace.requests = {request(0, 6, 8), request(0, 2, 3)};
  SchedulerOptions rules = batches_of(2, Seconds(0.0));
  rules.buckets_cache = true;
  TimesShape shape{.step = 1000, .token = 0, .key = 0, .score = 0, .flat = 1, .most = 700};
  const auto took = [&](Seconds RequestRecord::* what) {
    return run(kind_of_shape(shape, 1 << 16, rules), trace).records[0].*what;
  };
  const Seconds end = took(&RequestRecord::e2e), first = took(&RequestRecord::ttft);
  shape.key = 1;
  EXPECT_NEAR((took(&RequestRecord::e2e) - end).raw(), 1e-6 * 2 * (2 * 8 + 5 * 16), 1e-9);
  shape.token = 10;
  EXPECT_NEAR((took(&RequestRecord::ttft) - first).raw(), 10e-6 * (2 * 8 - 1), 1e-9);
}

// What static batching cannot do is refused.
TEST(StaticBatches, RefuseOtherRules) {
  traffic::Trace trace;
  trace.requests = {request(0, 16, 5)};
  SchedulerOptions rules = batches_of(4, Seconds(0.0));
  rules.mixed = true;
  Fleet fleet;
  fleet.kinds.push_back(flat_kind(rules));
  EXPECT_FALSE(simulate(fleet, open_load(trace)).has_value());
  fleet.kinds[0].scheduler = vllm_v1();
  fleet.kinds[0].scheduler.buckets_cache = true;
  EXPECT_EQ(simulate(fleet, open_load(trace)).error().what,
            "replica 'test': only static batches read their cache in buckets");
}

// What is drawn belongs to a seed and a request: as many runs side by side as there are threads,
// each with a seed of its own, give what they give one after the other.
TEST(Yields, ThreadsChangeNothing) {
  Chance chance(5);
  const traffic::Trace trace = random_trace(chance, 300, 8'000'000);
  SchedulerOptions rules = vllm_v1();
  rules.draft_tokens = 3;
  rules.yields = {0.4, 0.3, 0.2, 0.1};
  constexpr std::size_t runs = 6;
  const auto all = [&](int threads) {
    set_thread_limit(threads);
    std::vector<Outcome> out(runs);
    for_each_index(runs, [&](std::size_t i) {
      SchedulerOptions own = rules;
      own.yield_seed = i + 1;
      out[i] = run(flat_kind(own), trace);
    });
    set_thread_limit(0);
    return out;
  };
  const std::vector<Outcome> alone = all(1);
  EXPECT_NE(alone[0].result.iterations, alone[1].result.iterations);
  for (const int threads : {2, 8}) {
    const std::vector<Outcome> together = all(threads);
    for (std::size_t i = 0; i < runs; ++i) {
      EXPECT_EQ(together[i].result.iterations, alone[i].result.iterations);
      EXPECT_EQ(together[i].result.energy, alone[i].result.energy);
      ASSERT_EQ(together[i].records.size(), alone[i].records.size());
      for (std::size_t k = 0; k < alone[i].records.size(); ++k) {
        EXPECT_EQ(together[i].records[k].e2e, alone[i].records[k].e2e);
        EXPECT_EQ(together[i].records[k].ttft, alone[i].records[k].ttft);
      }
    }
  }
}

}  // namespace
}  // namespace tightrope::serving
