#include <atomic>
#include <functional>
#include <map>

#include <gtest/gtest.h>

#include "tightrope/core/parallel.h"
#include "tightrope/serving/test_fleets_internal.h"

namespace tightrope::serving {
namespace {

Fleet fleet_of(std::int64_t count, const SchedulerOptions& rules = vllm_v1()) {
  Fleet fleet;
  fleet.kinds.push_back(kind_of_shape({}, 50'000, rules));
  fleet.kinds[0].count = count;
  return fleet;
}

/// Poisson arrivals of short requests.
class Poisson {
 public:
  Poisson(double rate, std::int64_t count) : rate_(rate), left_(count) {}
  bool operator()(Arrival& next) {
    if (left_-- <= 0) return false;
    now_ += chance_.exponential(1.0 / rate_);
    next.request = {.arrival_ns = static_cast<std::int64_t>(now_ * 1e9),
                    .input = static_cast<std::int32_t>(chance_.in(50, 500)),
                    .output = static_cast<std::int32_t>(chance_.in(1, 200)),
                    .session = static_cast<std::int32_t>(chance_.in(0, 40))};
    return true;
  }

 private:
  double rate_, now_ = 0.0;
  std::int64_t left_;
  Chance chance_{1};
};

ServingResult serve(const Fleet& fleet, double rate, std::int64_t count,
                    const RunOptions& options = {}, std::int64_t concurrency = 0) {
  Poisson poisson(rate, count);
  Load load;
  load.source = std::ref(poisson);  // small: nothing is allocated
  load.concurrency = concurrency;
  const auto result = simulate(fleet, load, options);
  EXPECT_TRUE(result.has_value());
  return *result;
}

ServingResult run(const Fleet& fleet, const Load& load, const RunOptions& options = {}) {
  const auto result = simulate(fleet, load, options);
  EXPECT_TRUE(result.has_value());
  return *result;
}

// Every request is done once, every token is counted once, no page is left behind.
TEST(Fleet, Conserves) {
  std::int64_t input = 0, output = 0;
  Poisson source(40.0, 5000);
  Load load;
  load.source = [&](Arrival& next) {
    if (!source(next)) return false;
    input += next.request.input;
    output += next.request.output;
    return true;
  };
  std::map<std::int64_t, int> seen;
  RunOptions options;
  options.on_finish = [&](const RequestRecord& r) { ++seen[r.serial]; };
  const ServingResult r = run(fleet_of(3), load, options);
  EXPECT_TRUE(r.is_complete);
  EXPECT_EQ(r.finished, 5000);
  EXPECT_EQ(seen.size(), 5000U);
  EXPECT_EQ(r.input_tokens, input);
  EXPECT_EQ(r.output_tokens, output);
  EXPECT_EQ(r.blocks_left, 0);
  EXPECT_EQ(r.itl.count, output - 5000);
}

// The stretches of work of a replica follow each other, and add up to its busy time.
TEST(Fleet, WorkAddsUp) {
  std::int64_t iterations = 0, prefill_tokens = 0;
  Seconds busy{}, before{};
  RunOptions options;
  options.on_work = [&](const WorkRecord& w) {
    EXPECT_LE(before, w.begin);
    EXPECT_LT(w.begin, w.end);
    before = w.end;
    busy += w.end - w.begin;
    iterations += w.iterations;
    prefill_tokens += w.prefill_tokens;
  };
  const ServingResult r = serve(fleet_of(1), 5.0, 500, options);
  EXPECT_EQ(r.iterations, iterations);
  EXPECT_EQ(r.prefill_tokens, prefill_tokens);
  EXPECT_NEAR(busy / r.busy, 1.0, 1e-9);
  ASSERT_EQ(r.kinds.size(), 1U);
  EXPECT_EQ(r.kinds[0].energy, r.energy);
}

// So many clients keep so many requests in flight, not more.
TEST(Fleet, ClosedLoop) {
  const ServingResult r = serve(fleet_of(2), 1.0, 2000, {}, 24);
  EXPECT_EQ(r.finished, 2000);
  EXPECT_EQ(r.greatest_in_flight, 24);
  // Little: concurrency is rate times time in the system, but for the end.
  const double rate = static_cast<double>(r.finished) / r.duration.raw();
  EXPECT_NEAR(rate * r.e2e.mean.raw() / 24.0, 1.0, 0.02);
  EXPECT_FALSE(r.saturation.is_saturated);
}

// Too many requests are called so, and their tails are open; fewer are not.
TEST(Fleet, SaysWhenItIsSaturated) {
  const ServingResult low = serve(fleet_of(1), 2.0, 4000);
  EXPECT_FALSE(low.saturation.is_saturated);
  EXPECT_NEAR(low.saturation.arrival_rate, low.saturation.completion_rate, 0.1);
  const ServingResult high = serve(fleet_of(1), 200.0, 4000);
  EXPECT_TRUE(high.saturation.is_saturated);
  EXPECT_GT(high.saturation.arrival_rate, 1.5 * high.saturation.completion_rate);
  EXPECT_TRUE(high.ttft.p50.high_is_open);
}

// Requests that nobody can hold are no load: they make no fleet saturated.
TEST(Fleet, RefusedRequestsDoNotSaturate) {
  Load load;
  load.source = [poisson = Poisson(8.0, 4000), turn = 0](Arrival& next) mutable {
    if (!poisson(next)) return false;
    if (++turn % 2 == 0) next.request.input = 60'000;
    return true;
  };
  const ServingResult r = run(fleet_of(1), load);
  EXPECT_EQ(r.rejected, 2000);
  EXPECT_NEAR(r.saturation.arrival_rate, r.saturation.completion_rate, 0.2);
  EXPECT_FALSE(r.saturation.is_saturated);
}

// In a fleet of two kinds a request that the picked replica cannot hold goes to one that can.
TEST(Fleet, LongRequestsGoWhereTheyFit) {
  Fleet fleet = fleet_of(2);
  fleet.routing = Routing::round_robin;
  fleet.kinds.push_back(fleet.kinds[0]);
  fleet.kinds[0].limits.kv_tokens = 1'000;
  traffic::Trace trace;
  for (int i = 0; i < 12; ++i) {
    trace.requests.push_back({.input = i % 3 == 0 ? 100 : 5'000, .output = 5});
  }
  std::int64_t small = 0;
  RunOptions options;
  options.on_finish = [&](const RequestRecord& r) {
    if (r.replica < 2) ++small;
    EXPECT_TRUE(r.replica >= 2 || r.input == 100);
  };
  const ServingResult r = run(fleet, open_load(trace), options);
  EXPECT_EQ(r.finished, 12);
  EXPECT_GT(small, 0);
}

// A cancelled run tells what it has.
TEST(Fleet, CancelLeavesAnAnswer) {
  std::atomic<bool> cancel{false};
  RunOptions options;
  std::int64_t done = 0;
  options.cancel = &cancel;
  options.on_finish = [&](const RequestRecord&) { cancel = ++done >= 100; };
  const ServingResult r = serve(fleet_of(1), 20.0, 100'000, options);
  EXPECT_FALSE(r.is_complete);
  EXPECT_GE(r.finished, 100);
  EXPECT_LT(r.finished, 100'000);
  EXPECT_EQ(r.arrived, r.finished + r.unfinished);
}

// The same seed, the same bytes: twice, and beside other runs on other threads.
TEST(Fleet, IsDeterministic) {
  std::vector<ServingResult> results(4);
  for_each_index(4, [&](std::size_t i) { results[i] = serve(fleet_of(4), 40.0, 3000); });
  for (const ServingResult& r : results) {
    EXPECT_EQ(r.finished, 3000);
    EXPECT_EQ(r.ttft.mean, results[0].ttft.mean);
    EXPECT_EQ(r.energy, results[0].energy);
    EXPECT_EQ(r.duration, results[0].duration);
  }
}

// Prefilled requests move over one link, one after the other, and decode elsewhere.
// Who tells of the first token decides to which latency the transfer counts, and nothing else.
TEST(Disaggregated, TransfersAreSerialised) {
  Fleet fleet = fleet_of(1);
  fleet.kinds.push_back(fleet.kinds[0]);
  fleet.kinds[0].role = Role::prefill;
  fleet.kinds[1].role = Role::decode;
  fleet.kinds[0].limits.transfer = BytesPerSecond(1e8);  // 0.1 s for a prompt of 100 tokens
  traffic::Trace trace;
  for (int i = 0; i < 3; ++i) trace.requests.push_back({.input = 100, .output = 2});
  std::vector<RequestRecord> records, early;
  RunOptions options;
  options.on_finish = [&](const RequestRecord& r) { records.push_back(r); };
  const ServingResult r = run(fleet, open_load(trace), options);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(r.transfers, 3);
  EXPECT_EQ(r.blocks_left, 0);
  fleet.kinds[1].scheduler.prefiller_tells = true;
  options.on_finish = [&](const RequestRecord& done) { early.push_back(done); };
  static_cast<void>(run(fleet, open_load(trace), options));
  ASSERT_EQ(early.size(), 3U);
  EXPECT_EQ(early[0].ttft, early[2].ttft);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(records[i].e2e, early[i].e2e);
    const double sent = 0.1 * static_cast<double>(i + 1);
    EXPECT_NEAR((records[i].ttft - early[i].ttft).raw(), sent, 0.012);
    EXPECT_NEAR((records[i].e2e - records[i].ttft).raw(), 0.010, 2e-3);
  }
  EXPECT_NEAR((records[1].e2e - records[0].e2e).raw(), 0.1, 1e-6);
  EXPECT_NEAR((records[2].e2e - records[1].e2e).raw(), 0.1, 1e-6);
  EXPECT_NEAR((early[0].e2e - early[0].ttft).raw(), 0.1 + 1e-4 + 0.010, 2e-3);
}

// What only decodes computes no prompt: its budget of tokens bounds none, even where prompts are
// not split.
TEST(Disaggregated, DecodersTakeLongPrompts) {
  Fleet fleet = fleet_of(1, nxd_inference());
  fleet.kinds.push_back(fleet.kinds[0]);
  fleet.kinds[0].role = Role::prefill;
  fleet.kinds[1].role = Role::decode;
  fleet.kinds[1].scheduler.token_budget = 8;
  traffic::Trace trace;
  trace.requests.push_back({.input = 4'000, .output = 20});
  EXPECT_EQ(run(fleet, open_load(trace)).finished, 1);
  trace.requests[0].input = 9'000;  // beyond the prefilling replica's budget of 8,192
  EXPECT_EQ(run(fleet, open_load(trace)).rejected, 1);
}

// Where decoding has no room, prompts keep theirs where they were prefilled, and new ones wait.
TEST(Disaggregated, FullTakersHoldSendersUp) {
  const auto last_ttft = [](std::int64_t decode_tokens) {
    Fleet fleet = fleet_of(1);
    fleet.kinds.push_back(fleet.kinds[0]);
    fleet.kinds[0].role = Role::prefill;
    fleet.kinds[1].role = Role::decode;
    fleet.kinds[0].limits.kv_tokens = 256;
    fleet.kinds[1].limits.kv_tokens = decode_tokens;
    traffic::Trace trace;
    for (int i = 0; i < 5; ++i) trace.requests.push_back({.input = 100, .output = 50});
    Seconds last{};
    RunOptions options;
    options.on_finish = [&](const RequestRecord& r) { last = max(last, r.ttft); };
    const ServingResult r = run(fleet, open_load(trace), options);
    EXPECT_EQ(r.finished, 5);
    EXPECT_EQ(r.blocks_left, 0);
    return last;
  };
  EXPECT_LT(last_ttft(2000).raw(), 0.1);
  EXPECT_GT(last_ttft(160).raw(), 0.5);  // one decodes at a time, 50 steps of 10 ms
}

// A failed replica's requests are served by others, and their time goes on.
TEST(Failures, RequestsAreSentAgain) {
  Fleet fleet = fleet_of(2);
  fleet.failures.listed.push_back({0, Seconds(5.0), Seconds(3.0)});
  const ServingResult r = serve(fleet, 10.0, 500);
  const ServingResult calm = serve(fleet_of(2), 10.0, 500);
  EXPECT_EQ(r.finished, 500);
  EXPECT_GT(r.retries, 0);
  EXPECT_GT(r.e2e.mean, calm.e2e.mean);
  fleet.failures.most_retries = 0;
  const ServingResult strict = serve(fleet, 10.0, 500);
  EXPECT_EQ(strict.given_up, r.retries);
  fleet.failures.listed.clear();
  fleet.failures.mean_time_between = Seconds(20.0);
  fleet.failures.repair = Seconds(1.0);
  fleet.failures.most_retries = 100;
  EXPECT_EQ(serve(fleet, 10.0, 2000).finished, 2000);
}

// Replicas come when load comes, after warming up, and go when it goes; only those are paid for.
TEST(Autoscaling, FollowsTheLoad) {
  Fleet fleet = fleet_of(1);
  fleet.kinds[0].autoscaling = {true, Seconds(5.0), 8.0, 1, 8, Seconds(10.0), Seconds(20.0)};
  const ServingResult r = serve(fleet, 20.0, 4000);
  std::int64_t most = 0;
  for (const SeriesPoint& p : r.series) most = std::max(most, p.replicas);
  EXPECT_EQ(r.finished, 4000);
  EXPECT_GT(most, 2);
  EXPECT_GT(r.provisioned, 1.5 * r.duration);
  EXPECT_LT(r.provisioned, 8.0 * r.duration);
  const double rent = fleet.kinds[0].limits.rent.raw();
  EXPECT_NEAR(r.cost.raw(), rent * r.provisioned.raw(), 1e-9 * r.cost.raw());
}

// Pools scale each by what it holds: long answers make the decoding pool grow, not the other.
TEST(Autoscaling, IsEachPoolsOwn) {
  Fleet fleet = fleet_of(1);
  fleet.kinds[0].role = Role::prefill;
  fleet.kinds.push_back(fleet.kinds[0]);
  fleet.kinds[1].role = Role::decode;
  for (ReplicaKind& kind : fleet.kinds) {
    kind.autoscaling = {true, Seconds(5.0), 8.0, 1, 8, Seconds(10.0), Seconds(20.0)};
  }
  const ServingResult r = serve(fleet, 20.0, 4000);
  EXPECT_EQ(r.finished, 4000);
  EXPECT_GT(r.kinds[1].provisioned, 1.5 * r.duration);
  EXPECT_LT(r.kinds[0].provisioned, r.kinds[1].provisioned);
  fleet.kinds[1].autoscaling.is_on = false;
  const ServingResult fixed = serve(fleet, 20.0, 4000);
  EXPECT_NEAR(fixed.kinds[1].provisioned / fixed.duration, 1.0, 1e-3);
  EXPECT_GT(fixed.e2e.mean, r.e2e.mean) << "who grows serves sooner";
}

/// Conversations of eight turns; each turn's prompt begins with the last one's.
traffic::Trace conversations(int count) {
  traffic::Trace trace;
  trace.block_tokens = 64;
  for (int turn = 0; turn < 8; ++turn) {
    for (int c = 0; c < count; ++c) {
      traffic::Request r;
      r.arrival_ns = (std::int64_t{turn} * count + c) * 50'000'000;
      r.input = 64 * (4 + 2 * turn);
      r.output = 32;
      r.session = c;
      r.first_block = static_cast<std::uint32_t>(trace.blocks.size());
      r.block_count = static_cast<std::uint32_t>(4 + 2 * turn);
      for (std::uint32_t b = 0; b < r.block_count; ++b) {
        trace.blocks.push_back(static_cast<std::uint32_t>(c) * 1000 + b);
      }
      trace.requests.push_back(r);
    }
  }
  return trace;
}

// Requests that go where their prefix is find more of it.
TEST(Routing, PrefixAndSessionFindMore) {
  const traffic::Trace trace = conversations(37);
  const auto hits = [&](Routing routing) {
    Fleet fleet = fleet_of(4);
    fleet.routing = routing;
    return run(fleet, open_load(trace)).hit_rate;
  };
  const double turns = hits(Routing::round_robin);
  EXPECT_GT(hits(Routing::prefix_aware), turns + 0.1);
  EXPECT_GT(hits(Routing::session), turns + 0.1);
}

// Least load waits less than turns when requests are unequal.
TEST(Routing, LeastLoadBeatsTurns) {
  const auto queue = [&](Routing routing) {
    SchedulerOptions rules = vllm_v1();
    rules.max_sequences = 8;
    Fleet fleet = fleet_of(4, rules);
    fleet.routing = routing;
    return serve(fleet, 20.0, 4000).queue.mean;
  };
  EXPECT_LT(queue(Routing::least_load), queue(Routing::round_robin));
}

// A fleet that cannot work is refused in words.
TEST(Fleet, RefusesNonsense) {
  Poisson poisson(1.0, 1);
  Load load;
  load.source = std::ref(poisson);
  Fleet fleet = fleet_of(1);
  fleet.kinds[0].role = Role::decode;
  EXPECT_FALSE(simulate(fleet, load).has_value());
  fleet = fleet_of(1);
  fleet.kinds[0].scheduler.accepted = 2.0;
  EXPECT_FALSE(simulate(fleet, load).has_value());
  fleet = fleet_of(1);
  fleet.kinds[0].scheduler.ahead_steps = -1;
  EXPECT_EQ(simulate(fleet, load).error().what,
            "replica 'test': iterations launched ahead must not be below 0");
  fleet = fleet_of(1);
  fleet.kinds[0].times.groups = 2;
  EXPECT_EQ(simulate(fleet, load).error().what,
            "replica 'test': groups start at 1; several need times, and tokens each");
  fleet = fleet_of(1);
  fleet.kinds[0].times.by_tokens[1].time = 0;
  EXPECT_FALSE(simulate(fleet, load).has_value());
  EXPECT_FALSE(simulate(Fleet{}, load).has_value());
  // A request that no replica can hold is rejected, not served by half.
  Load large{.source = [left = 1](Arrival& next) mutable {
    next.request = {.input = 60'000, .output = 10};
    return left-- > 0;
  }};
  const ServingResult r = run(fleet_of(1), large);
  EXPECT_EQ(r.rejected, 1);
  EXPECT_TRUE(r.is_complete);
}

}  // namespace
}  // namespace tightrope::serving
