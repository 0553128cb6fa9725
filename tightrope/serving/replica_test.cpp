#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tightrope/serving/test_fleets_internal.h"

namespace tightrope::serving {
namespace {

struct Outcome {
  ServingResult result;
  std::vector<RequestRecord> records;  ///< by serial
};

Outcome run(const ReplicaKind& kind, const traffic::Trace& trace) {
  Fleet fleet;
  fleet.kinds.push_back(kind);
  Outcome outcome;
  outcome.records.resize(trace.size());
  RunOptions options;
  options.on_finish = [&](const RequestRecord& r) {
    outcome.records[static_cast<std::size_t>(r.serial)] = r;
  };
  const auto result = simulate(fleet, open_load(trace), options);
  EXPECT_TRUE(result.has_value());
  outcome.result = *result;
  return outcome;
}

/// Every iteration takes 1 ms, whatever its work.
ReplicaKind flat_kind(std::int64_t kv_tokens, const SchedulerOptions& rules) {
  ReplicaKind kind = kind_of_shape({.most = 2}, kv_tokens, rules);
  const Ticks step = ticks_of(Seconds(1e-3));
  kind.times = {};
  kind.times.by_tokens = {{}, {step, 1}, {step, 1}};
  kind.times.by_yields = {{}, {}};
  return kind;
}

Seconds steps(int count) { return seconds_of(count * ticks_of(Seconds(1e-3))); }

traffic::Request request(std::int64_t at_ms, std::int32_t input, std::int32_t output) {
  return {.arrival_ns = at_ms * 1'000'000, .input = input, .output = output};
}

// The first token comes with the prompt's last chunk, each further one with one more iteration.
TEST(Scheduler, ChunksAndTokens) {
  SchedulerOptions rules = vllm_v1();
  rules.token_budget = 256;
  rules.max_sequences = 8;
  traffic::Trace trace;
  trace.requests = {request(0, 1000, 5), request(0, 20, 1)};
  const Outcome r = run(flat_kind(10'000, rules), trace);
  EXPECT_EQ(r.records[0].ttft, steps(4));
  EXPECT_EQ(r.records[0].e2e, steps(8));
  // The second fits into what the last chunk leaves of the budget, and not before.
  EXPECT_EQ(r.records[1].queue, steps(3));
  EXPECT_EQ(r.records[1].e2e, steps(4));
  EXPECT_EQ(r.result.tpot.count, 1);
  EXPECT_EQ(r.result.tpot.mean, steps(1));
  EXPECT_EQ(r.result.itl.count, 4);
}

// Whoever arrives during a run of decodes enters at the next boundary; nobody is overtaken.
TEST(Scheduler, ArrivalsEnterAtBoundaries) {
  traffic::Trace trace;
  trace.requests = {request(0, 10, 100), request(10, 10, 100)};
  trace.requests[1].arrival_ns += 500'000;
  const Outcome r = run(flat_kind(10'000, vllm_v1()), trace);
  EXPECT_NEAR(r.records[1].queue.raw(), 0.0005, 1e-9);
  EXPECT_NEAR(r.records[1].ttft.raw(), 0.0015, 1e-9);
  EXPECT_EQ(r.records[0].e2e, steps(100));
}

// Engines that launch ahead take a request in so many ends of iterations after it came, the one
// under way counted; who finds nobody running, or is left alone, waits for none.
TEST(Scheduler, IterationsLaunchedAheadAreWaitedFor) {
  traffic::Trace trace;
  trace.requests = {request(0, 10, 100), request(10, 10, 100)};
  trace.requests[1].arrival_ns += 500'000;
  SchedulerOptions rules = vllm_v1();
  for (const std::int64_t ahead : {1, 2, 4}) {
    rules.ahead_steps = ahead;
    const Outcome r = run(flat_kind(10'000, rules), trace);
    EXPECT_EQ(r.records[0].queue, Seconds(0.0)) << ahead;
    EXPECT_NEAR(r.records[1].queue.raw(), 1e-3 * static_cast<double>(ahead) - 0.0005, 1e-9);
    EXPECT_EQ(r.records[0].e2e, steps(100)) << ahead;
  }
  // After the 99th of the first one's tokens one iteration is left to run, not four.
  trace.requests[1].arrival_ns = 99'500'000;
  EXPECT_NEAR(run(flat_kind(10'000, rules), trace).records[1].queue.raw(), 0.0005, 1e-9);
}

// Law: who comes at random beside others waits for half an iteration less than run ahead.
TEST(Scheduler, ArrivalsAtRandomWaitForHalfAnIterationLess) {
  Chance chance(3);
  traffic::Trace trace;
  trace.requests = {request(0, 10, 60'000)};
  for (int i = 0; i < 4000; ++i) {
    traffic::Request r = request(1, 10, 1);
    r.arrival_ns += chance.in(0, 50'000'000'000);
    trace.requests.push_back(r);
  }
  std::sort(trace.requests.begin(), trace.requests.end(),
            [](const auto& a, const auto& b) { return a.arrival_ns < b.arrival_ns; });
  SchedulerOptions rules = vllm_v1();
  for (const std::int64_t ahead : {0, 1, 2, 3}) {
    rules.ahead_steps = ahead;
    const Outcome r = run(flat_kind(100'000, rules), trace);
    const double iterations = std::max(1.0, static_cast<double>(ahead)) - 0.5;
    EXPECT_NEAR(r.result.queue.mean.raw() * 4001 / 4000, 1e-3 * iterations, 2e-5) << ahead;
  }
}

// A client that sends when its answer ends does so as an iteration ends: that one counts no more.
TEST(Scheduler, ClosedLoopsWaitForWholeIterations) {
  traffic::Trace trace;
  trace.requests = {request(0, 10, 100), request(0, 10, 10), request(0, 10, 10)};
  SchedulerOptions rules = vllm_v1();
  rules.ahead_steps = 2;
  Fleet fleet;
  fleet.kinds.push_back(flat_kind(10'000, rules));
  Load load = open_load(trace);
  load.concurrency = 2;
  RunOptions options;
  std::vector<Seconds> queues(trace.size());
  options.on_finish = [&](const RequestRecord& r) {
    queues[static_cast<std::size_t>(r.serial)] = r.queue;
  };
  ASSERT_TRUE(simulate(fleet, load, options).has_value());
  EXPECT_EQ(queues[1], Seconds(0.0));
  EXPECT_EQ(queues[2], steps(2));
}

// Attention groups have a share of the token budget each and do not help each other: a prompt takes
// as many iterations as its group's share asks for, each as long as its own tokens and scores take
// there, and two that come together run beside each other.
TEST(Scheduler, GroupsComputeWholePrompts) {
  SchedulerOptions rules = vllm_v1();
  rules.token_budget = 200;
  rules.prefix_cache = false;
  ReplicaKind kind = flat_kind(10'000, rules);
  kind.times.groups = 2;
  const Ticks token = ticks_of(Seconds(1e-5)), score = ticks_of(Seconds(1e-7));
  for (int n = 0; n <= 100; ++n) kind.times.by_group.push_back({n * token, 0});
  traffic::Trace lone, two;
  lone.requests = {request(0, 150, 1)};
  two.requests = {request(0, 100, 1), request(0, 100, 1)};
  // Beyond even shares of 50 and of 25 tokens.
  EXPECT_EQ(run(kind, lone).records[0].ttft, steps(2) + seconds_of(75 * token));
  EXPECT_EQ(run(kind, two).records[1].ttft, steps(1));
  kind.times.prefill_score = {score, 0};  // of all groups, if they shared it
  const std::int64_t own = 150 * 151 / 2, beside = 100 * 101 / 2;
  EXPECT_EQ(run(kind, lone).records[0].ttft, steps(2) + seconds_of(75 * token + 2 * own * score));
  EXPECT_EQ(run(kind, two).records[1].ttft, steps(1) + seconds_of(2 * beside * score));
}

// When pages run out the last that entered is put back, and what it had is computed again.
TEST(Scheduler, PutsBackTheLast) {
  SchedulerOptions rules = vllm_v1();
  rules.prefix_cache = false;
  traffic::Trace trace;
  trace.requests = {request(0, 64, 100), request(0, 64, 100)};
  const Outcome r = run(flat_kind(15 * 16, rules), trace);
  EXPECT_EQ(r.result.preemptions, 1);
  EXPECT_EQ(r.records[0].e2e, steps(100));
  // 15 pages: both hold 7 after 112 tokens, one gets the last, the other waits for it to be done.
  EXPECT_EQ(r.result.prefill_tokens, 64 + 64 + 113);
  EXPECT_EQ(r.records[1].e2e, steps(100 + 51));
  EXPECT_EQ(r.result.itl.greatest, steps(52));
}

// With a prefix cache who was put back finds again what nobody took; swapped ones compute nothing.
TEST(Scheduler, PutBackFindsItsOwn) {
  traffic::Trace trace;
  trace.requests = {request(0, 64, 100), request(0, 64, 100)};
  const Outcome cached = run(flat_kind(15 * 16, vllm_v1()), trace);
  EXPECT_EQ(cached.result.preemptions, 1);
  EXPECT_LT(cached.result.prefill_tokens, 64 + 64 + 113);
  SchedulerOptions rules = vllm_v1();
  rules.preemption = Preemption::swap;
  const Outcome swapped = run(flat_kind(15 * 16, rules), trace);
  EXPECT_EQ(swapped.result.preemptions, 1);
  EXPECT_EQ(swapped.result.prefill_tokens, 64 + 64);
}

// Law: who reserves the whole output puts nobody back.
RC_GTEST_PROP(Scheduler, WholeOutputPutsNobodyBack, (std::uint64_t seed)) {
  Chance chance(seed);
  traffic::Trace trace;
  for (int i = 0; i < 30; ++i) {
    trace.requests.push_back(request(i, static_cast<std::int32_t>(chance.in(1, 100)),
                                     static_cast<std::int32_t>(chance.in(1, 100))));
  }
  SchedulerOptions rules = tensorrt_llm();
  rules.block_tokens = chance.in(1, 16);
  rules.prefix_cache = false;
  ReplicaKind kind = flat_kind(chance.in(250, 900), rules);
  Fleet fleet;
  fleet.kinds.push_back(kind);
  Load load = open_load(trace);
  load.content_tokens = rules.block_tokens;
  const auto result = simulate(fleet, load);
  RC_ASSERT(result.has_value());
  RC_ASSERT(result->preemptions == 0);
  RC_ASSERT(result->finished == 30);
}

/// Two prompts of equal content, the second after the first is done.
traffic::Trace twins(std::int32_t input, int block_tokens) {
  traffic::Trace trace;
  trace.block_tokens = block_tokens;
  for (int i = 0; i < 2; ++i) {
    traffic::Request r = request(i * 1000, input, 2);
    r.first_block = 0;
    r.block_count = static_cast<std::uint32_t>((input + block_tokens - 1) / block_tokens);
    trace.requests.push_back(r);
  }
  for (std::uint32_t b = 0; b < trace.requests[0].block_count; ++b) trace.blocks.push_back(b + 1);
  return trace;
}

// A prompt seen before is found again, in whole pages, but for its last token.
TEST(PrefixCache, FindsEqualPrompts) {
  for (const int block : {16, 64, 512}) {
    EXPECT_EQ(run(flat_kind(20'000, vllm_v1()), twins(1024, block)).records[1].hit_tokens, 1008);
    EXPECT_EQ(run(flat_kind(20'000, vllm_v1()), twins(1030, block)).records[1].hit_tokens, 1024);
  }
  // Pages of one token find all but the last token.
  EXPECT_EQ(run(flat_kind(20'000, sglang()), twins(1030, 64)).records[1].hit_tokens, 1029);
  SchedulerOptions rules = vllm_v1();
  rules.prefix_cache = false;
  EXPECT_EQ(run(flat_kind(20'000, rules), twins(1024, 64)).records[1].hit_tokens, 0);
}

// Content is forgotten when its pages are needed, a prompt's end before its start.
TEST(PrefixCache, ForgetsTheEndFirst) {
  traffic::Trace trace = twins(1024, 64);
  trace.requests[1].arrival_ns *= 2;
  traffic::Request other = request(1000, 500, 12);
  trace.requests.insert(trace.requests.begin() + 1, other);
  // 80 pages, 64 of them with content, 32 needed meanwhile: 16 pages of the end are lost.
  const Outcome r = run(flat_kind(80 * 16, vllm_v1()), trace);
  EXPECT_EQ(r.records[2].hit_tokens, (64 - 16) * 16);
}

// Guessed tokens that are accepted save iterations.
TEST(Speculation, AdvancesByTheMean) {
  SchedulerOptions rules = vllm_v1();
  rules.draft_tokens = 3;
  rules.accepted = 1.5;
  traffic::Trace trace;
  trace.requests = {request(0, 16, 251)};
  EXPECT_EQ(run(flat_kind(4000, rules), trace).records[0].e2e, steps(101));
  rules.accepted = 0.0;
  EXPECT_EQ(run(flat_kind(4000, rules), trace).records[0].e2e, steps(251));
}

// Prefills that go alone hold decodes up; mixed ones do not.
TEST(Scheduler, PrefillsAloneStallDecodes) {
  traffic::Trace trace;
  trace.requests = {request(0, 16, 50), request(10, 16, 1)};
  SchedulerOptions rules = sglang();
  EXPECT_EQ(run(flat_kind(4000, rules), trace).records[0].e2e, steps(51));
  rules.mixed = true;
  EXPECT_EQ(run(flat_kind(4000, rules), trace).records[0].e2e, steps(50));
}

}  // namespace
}  // namespace tightrope::serving
