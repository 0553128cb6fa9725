// Times the request simulator on the two questions: the Azure conversation trace on one
// 8-GPU replica, and ten million generated requests on a thousand replicas. Times are printed only
// after skipping and stepping gave the same answers on a prefix of each.
//
// bench_serving [TRACE.csv [REQUESTS]]; without a trace, one of the same shape is generated. Where
// BLIS, VIDUR or SPLITWISE in the environment name a checkout, that simulator runs beside us on the
// trace's beginning.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <sys/resource.h>

#include "bench/serving/peer.h"
#include "tightrope/serving/simulate.h"

namespace tightrope::bench {
namespace {

using serving::IterationCost;
using serving::ServingResult;
using serving::Ticks;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

IterationCost cost(double microseconds) {
  const Ticks t = serving::ticks_of(Seconds(microseconds * 1e-6));
  return {t, static_cast<std::int64_t>(static_cast<double>(t) * 5600.0 * formula::ticks_per_joule /
                                       formula::ticks_per_second)};
}

/// About Llama-3.1-70B in bf16 on 8 H100: weights read in 6 ms, host and links beside them.
serving::ReplicaKind replica_kind() {
  serving::ReplicaKind kind;
  kind.name = "8 H100";
  kind.times.by_tokens.push_back({});
  for (int i = 1; i <= 8192; ++i)
    kind.times.by_tokens.push_back(cost(14'000 + 45.0 * std::max(0, i - 256)));
  kind.times.by_yields = {{}, cost(8.0)};
  kind.times.decode = cost(2.0);
  kind.times.decode_key = cost(0.014);
  kind.times.prefill = cost(20.0);
  kind.times.prefill_score = cost(0.0002);
  kind.times.idle = Watts(1000.0);
  kind.limits.kv_tokens = 1'400'000;
  kind.limits.chips = 8;
  kind.limits.rent = DollarsPerSecond(98.32 / 3600.0);
  kind.scheduler = serving::vllm_v1();
  return kind;
}

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  double uniform() {
    std::uint64_t x = state_ += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return (static_cast<double>((x ^ (x >> 31)) >> 11) + 0.5) * 0x1p-53;
  }
  double normal() {
    return std::sqrt(-2.0 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
  }
  double exponential(double mean) { return -mean * std::log(uniform()); }

 private:
  std::uint64_t state_;
};

/// Poisson arrivals with the Azure conversation trace's mean lengths (1155 in, 211 out).
serving::Source generated(std::int64_t count, double rate, std::uint64_t seed) {
  return [=, chance = Chance(seed), now = 0.0, left = count](serving::Arrival& next) mutable {
    if (left-- <= 0) return false;
    now += chance.exponential(1.0 / rate);
    const double input = std::exp(6.6 + 0.95 * chance.normal());
    const double output = std::exp(5.0 + 0.84 * chance.normal());
    next.request = {};
    next.request.arrival_ns = static_cast<std::int64_t>(now * 1e9);
    next.request.input = static_cast<std::int32_t>(std::clamp(input, 2.0, 14'000.0));
    next.request.output = static_cast<std::int32_t>(std::clamp(output, 1.0, 2'000.0));
    return true;
  };
}

/// TIMESTAMP,ContextTokens,GeneratedTokens; arrivals within one day.
traffic::Trace azure_trace(const std::string& path) {
  traffic::Trace trace;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  double first = -1.0;
  while (std::getline(file, line)) {
    int hour = 0, minute = 0, input = 0, output = 0;
    double second = 0.0;
    if (std::sscanf(line.c_str(), "%*d-%*d-%*d %d:%d:%lf,%d,%d", &hour, &minute, &second, &input,
                    &output) != 5) {
      continue;
    }
    const double at = 3600.0 * hour + 60.0 * minute + second;
    if (first < 0.0) first = at;
    traffic::Request r;
    r.arrival_ns = std::llround((at - first) * 1e9);
    r.input = input;
    r.output = output;
    trace.requests.push_back(r);
  }
  return trace;
}

ServingResult run(const serving::Fleet& fleet, serving::Source source, bool stepping = false) {
  serving::RunOptions options;
  options.stepping = stepping;
  const auto result = serving::simulate(fleet, {.source = std::move(source)}, options);
  if (!result) {
    fmt::print(stderr, "{}\n", to_string(result.error()));
    std::exit(1);
  }
  return *result;
}

std::string answer(const ServingResult& r) {
  return fmt::format("{} {} {:a} {:a} {:a} {:a} {:a} {:a} {}", r.finished, r.iterations,
                     r.duration.raw(), r.energy.raw(), r.ttft.mean.raw(), r.ttft.p99.value.raw(),
                     r.tpot.mean.raw(), r.itl.p99.value.raw(), r.preemptions);
}

serving::Source first_of(serving::Source source, std::int64_t count) {
  return [source = std::move(source), count](serving::Arrival& next) mutable {
    return count-- > 0 && source(next);
  };
}

template <class MakeSource>
void time_case(const char* name, const serving::Fleet& fleet, std::int64_t prefix,
               MakeSource make_source) {
  const std::string skipped = answer(run(fleet, first_of(make_source(), prefix)));
  const std::string stepped = answer(run(fleet, first_of(make_source(), prefix), true));
  if (skipped != stepped) {
    fmt::print(stderr, "{}: skipping differs from stepping\n{}\n{}\n", name, skipped, stepped);
    std::exit(1);
  }
  const double begin = cpu_seconds();
  const ServingResult r = run(fleet, make_source());
  const double spent = cpu_seconds() - begin;
  fmt::print("{}: {} requests, {} iterations, {:.0f} s simulated\n", name, r.finished, r.iterations,
             r.duration.raw());
  fmt::print("  same as stepping on the first {} requests\n", prefix);
  fmt::print("  ttft p50 {:.1f} ms, p99 {:.1f} ms; tpot p50 {:.2f} ms; {:.0f} tokens/s; {}\n",
             1e3 * r.ttft.p50.value.raw(), 1e3 * r.ttft.p99.value.raw(),
             1e3 * r.tpot.p50.value.raw(), r.output_rate.raw(),
             r.saturation.is_saturated ? "saturated" : "not saturated");
  fmt::print("  {:.3f} CPU s, {:.0f} requests per CPU second, {:.0f} MB at most so far\n", spent,
             static_cast<double>(r.finished) / spent, peak_megabytes());
}

}  // namespace
}  // namespace tightrope::bench

int main(int argc, char** argv) {
  using namespace tightrope;
  using namespace tightrope::bench;
  serving::Fleet fleet;
  fleet.kinds.push_back(replica_kind());
  const traffic::Trace trace = argc > 1 ? azure_trace(argv[1]) : traffic::Trace{};
  if (trace.requests.empty()) {
    time_case("Azure conversation shape, 1 replica", fleet, 2000,
              [] { return generated(19'366, 5.5, 7); });
  } else {
    time_case("Azure conversation trace, 1 replica", fleet, 2000,
              [&] { return serving::trace_source(trace); });
    if (const auto beside = run_beside_peers(trace); !beside) {
      fmt::print(stderr, "{}\n", to_string(beside.error()));
      return 1;
    }
  }
  const std::int64_t requests = argc > 2 ? std::atoll(argv[2]) : 10'000'000;
  fleet.kinds[0].count = 1000;
  time_case("generated, 1000 replicas", fleet, 20'000,
            [=] { return generated(requests, 5500.0, 11); });
  return 0;
}
