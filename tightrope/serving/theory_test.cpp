#include <gtest/gtest.h>

#include "tightrope/serving/test_fleets_internal.h"

namespace tightrope::serving {
namespace {

/// An iteration takes so long for each of its tokens, or once if `is_flat`.
ReplicaKind queue_kind(Ticks service, bool is_flat) {
  SchedulerOptions rules;
  rules.max_sequences = is_flat ? 1 : 4096;
  rules.prefix_cache = false;
  ReplicaKind kind = kind_of_shape({.most = 2}, 1 << 30, rules);
  kind.times = {};
  const Ticks second = is_flat ? service : 2 * service;
  kind.times.by_tokens = {{}, {service, 0}, {second, 0}};
  kind.times.by_yields = {{}, {}};
  return kind;
}

template <class Output>
ServingResult serve(const ReplicaKind& kind, double rate, std::int64_t count, Output output) {
  Fleet fleet;
  fleet.kinds.push_back(kind);
  Chance chance(20261124);
  double now = 0.0;
  Load load;
  load.source = [&](Arrival& next) {
    if (count-- <= 0) return false;
    now += chance.exponential(1.0 / rate);
    next.request = {.arrival_ns = static_cast<std::int64_t>(now * 1e9),
                    .input = 1,
                    .output = static_cast<std::int32_t>(output(chance))};
    return true;
  };
  const auto result = simulate(fleet, load);
  EXPECT_TRUE(result.has_value());
  return *result;
}

// Theory: one server, constant service D, Poisson arrivals: the mean wait is rho D / (2 (1 - rho)),
// Pollaczek and Khinchine.
TEST(Theory, WaitOfMD1) {
  const Ticks service = ticks_of(Seconds(0.01));
  for (const double rho : {0.3, 0.6}) {
    const ServingResult r =
        serve(queue_kind(service, true), rho / 0.01, 3'000'000, [](Chance&) { return 1; });
    const double expected = rho * 0.01 / (2.0 * (1.0 - rho));
    EXPECT_NEAR(r.queue.mean.raw() / expected, 1.0, 0.01) << rho;
    EXPECT_NEAR(r.busy / r.duration, rho, 0.01 * rho);
    EXPECT_FALSE(r.saturation.is_saturated);
  }
}

// Theory: all in work share the server equally: the mean sojourn is E[S] / (1 - rho), whatever the
// distribution of service. Iterations are its limit when they are short beside the service.
TEST(Theory, ProcessorSharing) {
  const Ticks token = ticks_of(Seconds(1e-5));
  const double mean = 2000.0, rho = 0.5;
  const auto expected = mean * 1e-5 / (1.0 - rho);
  const auto constant = [](Chance&) { return 2000; };
  const auto exponential = [](Chance& c) { return 1 + static_cast<int>(c.exponential(1999.5)); };
  const double rate = rho / (mean * 1e-5);
  const ServingResult a = serve(queue_kind(token, false), rate, 400'000, constant);
  const ServingResult b = serve(queue_kind(token, false), rate, 800'000, exponential);
  EXPECT_NEAR(a.e2e.mean.raw() / expected, 1.0, 0.01);
  EXPECT_NEAR(b.e2e.mean.raw() / expected, 1.0, 0.01);
}

// Little: the mean number waiting is the rate times the mean wait.
TEST(Theory, Little) {
  const ServingResult r =
      serve(queue_kind(ticks_of(Seconds(0.01)), true), 60.0, 200'000, [](Chance&) { return 1; });
  const double rate = static_cast<double>(r.finished) / r.duration.raw();
  EXPECT_NEAR(r.mean_waiting / (rate * r.queue.mean.raw()), 1.0, 0.001);
}

traffic::Trace burst(int count, std::int32_t input, std::int32_t output) {
  traffic::Trace trace;
  for (int i = 0; i < count; ++i) trace.requests.push_back({.input = input, .output = output});
  return trace;
}

Seconds duration_of(const ReplicaKind& kind, const traffic::Trace& trace) {
  Fleet fleet;
  fleet.kinds.push_back(kind);
  const auto result = simulate(fleet, open_load(trace));
  EXPECT_TRUE(result.has_value());
  return result->duration;
}

// More memory never slows a burst of equal requests: it only lets more of them in at once.
TEST(Theory, MoreMemoryIsNeverSlower) {
  const traffic::Trace trace = burst(64, 100, 60);
  Seconds before{1e9};
  for (const std::int64_t kv : {400, 800, 1600, 3200, 12'800}) {
    const Seconds now = duration_of(kind_of_shape({.most = 600}, kv, tensorrt_llm()), trace);
    EXPECT_LE(now, before) << kv;
    before = now;
  }
}

// A machine twice as fast serves a burst in half the time, exactly.
TEST(Theory, TwiceAsFast) {
  const traffic::Trace trace = burst(40, 120, 77);
  const ReplicaKind fast = kind_of_shape({.most = 600}, 2000, vllm_v1());
  ReplicaKind slow = fast;
  const auto twice = [](IterationCost& c) { c = c * 2; };
  for (auto& c : slow.times.by_tokens) twice(c);
  for (auto& c : slow.times.by_yields) twice(c);
  for (auto* c : {&slow.times.decode, &slow.times.decode_key, &slow.times.prefill,
                  &slow.times.prefill_score}) {
    twice(*c);
  }
  EXPECT_EQ(duration_of(slow, trace), 2.0 * duration_of(fast, trace));
}

}  // namespace
}  // namespace tightrope::serving
