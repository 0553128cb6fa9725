// Fleets, times and seeded chance for this room's tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "tightrope/serving/simulate.h"

namespace tightrope::serving {

/// splitmix64: the tests' chance, the same everywhere.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t x = state_ += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  std::int64_t in(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }
  double exponential(double mean) { return -mean * std::log(uniform()); }

 private:
  std::uint64_t state_;
};

/// Times in microseconds: a step of up to `flat` tokens, what a token adds beyond, and so on.
struct TimesShape {
  double step = 10'000.0, token = 45.0, key = 0.014, score = 0.002, sequence = 2.0;
  std::int64_t flat = 256, most = 8192, window = 0;
};

inline formula::IterationTimes times_of(const TimesShape& shape) {
  const auto cost = [](double microseconds) {
    const Ticks t = ticks_of(Seconds(microseconds * 1e-6));
    return IterationCost{t, t / 4096 + 1};
  };
  formula::IterationTimes t;
  t.by_tokens.push_back({});
  for (std::int64_t i = 1; i <= shape.most; ++i) {
    const auto beyond = static_cast<double>(i > shape.flat ? i - shape.flat : 0);
    t.by_tokens.push_back(cost(shape.step + shape.token * beyond));
  }
  t.by_yields = {{}, cost(1.0)};
  t.decode = cost(shape.sequence);
  t.decode_key = cost(shape.key);
  t.prefill = cost(5.0);
  t.prefill_score = cost(shape.score);
  t.window = shape.window;
  if (shape.window > 0) t.decode_window_key = cost(shape.key);
  t.idle = Watts(500.0);
  return t;
}

inline ReplicaKind kind_of_shape(const TimesShape& shape, std::int64_t kv_tokens,
                                 const SchedulerOptions& scheduler) {
  ReplicaKind kind;
  kind.name = "test";
  kind.times = times_of(shape);
  kind.limits.kv_tokens = kv_tokens;
  kind.limits.kv_token = Bytes(1e5);
  kind.limits.transfer = BytesPerSecond(1e10);
  kind.limits.transfer_latency = Seconds(1e-4);
  kind.limits.swap = BytesPerSecond(2e10);
  kind.limits.rent = DollarsPerSecond(0.01);
  kind.scheduler = scheduler;
  return kind;
}

/// Attention groups, of which one's token takes as long as all groups' does.
inline void split(ReplicaKind& kind, std::int64_t groups) {
  kind.times.groups = groups;
  for (const IterationCost& c : kind.times.by_tokens) kind.times.by_group.push_back(c * groups);
}

inline Load open_load(const traffic::Trace& trace) {
  return {.source = trace_source(trace), .content_tokens = trace.block_tokens};
}

}  // namespace tightrope::serving
