#include "bench/netsim/astra.h"

#include <algorithm>
#include <utility>

#include "tightrope/netsim/graph_symmetry.h"
#include "tightrope/netsim/task_graph.h"

namespace tightrope::bench {
namespace {

using netsim::TaskGraph;

constexpr double gib = 1073741824.0;
constexpr double chunks = 4.0;
constexpr double chunk_bytes = gib / chunks;
// Set in the system file that the table was made with (examples/system/native_collectives of
// ASTRA-sim): a message waits 10 ns at its end, and reducing one moves it three times through 1600
// GB/s of memory.
constexpr double endpoint_delay = 10e-9;
constexpr double reduce_per_byte = 3.0 / 1600e9;

std::uint32_t devices_of(const AstraCase& c) {
  std::uint32_t n = 1;
  for (const Dimension& d : c.dimensions) n *= d.size;
  return n;
}

/// One message of every device: what is sent, to whom, and whether it is reduced there.
struct Step {
  double bytes = 0.0;
  bool reduced = false;
  std::uint32_t mask = 0;  ///< 0: to the next in the ring; else to `place ^ mask`
};

/// Time of one step in a dimension, by flows of all devices on all links.
double step_time(const Dimension& d, std::uint32_t devices, std::uint32_t stride, const Step& s) {
  const std::size_t links = d.wiring == Wiring::ring ? 1 : 2;
  TaskGraph graph(std::vector<BytesPerSecond>(devices * links, BytesPerSecond(d.gib_per_s * gib)));
  for (std::uint32_t i = 0; i < devices; ++i) {
    const std::uint32_t place = i / stride % d.size;
    const std::uint32_t other = s.mask == 0 ? (place + 1) % d.size : place ^ s.mask;
    const std::uint32_t to = i - place * stride + other * stride;
    const std::vector<std::uint32_t> way =
        d.wiring == Wiring::ring ? std::vector{i} : std::vector{2 * i, 2 * to + 1};
    const std::uint32_t sent =
        graph.add_transfer(graph.add_route(way), Bytes(s.bytes),
                           d.latency * static_cast<double>(links) + Seconds(endpoint_delay));
    if (s.reduced)
      graph.add_dependency(graph.add_compute(to, Seconds(s.bytes * reduce_per_byte)), sent);
  }
  return netsim::TaskRunner(netsim::reduce(graph).graph).run().end.raw();
}

/// The same in closed form: hops x latency + size / bandwidth.
double step_closed_form(const Dimension& d, const Step& s) {
  const double hops = d.wiring == Wiring::ring ? 1.0 : 2.0;
  return hops * d.latency.raw() + s.bytes / (d.gib_per_s * gib) + endpoint_delay +
         (s.reduced ? s.bytes * reduce_per_byte : 0.0);
}

/// Reduce-scatter or all-gather of `bytes` in a dimension: `time` of a step, summed.
template <class Time>
double phase_time(const Dimension& d, Algorithm algorithm, bool scatter, double bytes, Time time) {
  if (algorithm == Algorithm::ring) return (d.size - 1.0) * time(Step{bytes / d.size, scatter, 0});
  double total = 0.0;
  double part = bytes / 2.0;
  for (std::uint32_t mask = 1; mask < d.size; mask *= 2, part /= 2.0) {
    // It reduces log2(n) - 1 of the log2(n) messages (HalvingDoubling.cc), c/2 - c/n bytes in all.
    total += time(Step{part, scatter && mask > 1, mask});
  }
  return total;
}

/// Chunks go through the dimensions one after the other: scatter down, reduce in the last, gather
/// up. A dimension serves one chunk at a time, the one that was ready first.
template <class Phase>
Seconds pipeline(const AstraCase& c, Phase phase) {
  struct Stage {
    std::size_t dimension = 0;
    double time = 0.0;
  };
  std::vector<Stage> stages;
  std::vector<Stage> gathers;
  double bytes = chunk_bytes;
  for (std::uint32_t d = 0; d < c.dimensions.size(); ++d) {
    stages.push_back({d, phase(d, true, bytes)});
    gathers.push_back({d, phase(d, false, bytes)});
    bytes /= c.dimensions[d].size;
  }
  stages.insert(stages.end(), gathers.rbegin(), gathers.rend());
  std::vector<double> ready(static_cast<std::size_t>(chunks), 0.0);
  std::vector<std::size_t> next(ready.size(), 0);
  std::vector<double> free(c.dimensions.size(), 0.0);
  for (;;) {
    std::size_t first = ready.size();
    const auto starts = [&](std::size_t k) {
      return std::pair(std::max(ready[k], free[stages[next[k]].dimension]), ready[k]);
    };
    for (std::size_t k = 0; k < ready.size(); ++k) {
      if (next[k] == stages.size()) continue;
      if (first == ready.size() || starts(k) < starts(first)) first = k;
    }
    if (first == ready.size()) return Seconds(*std::max_element(ready.begin(), ready.end()));
    const Stage& stage = stages[next[first]++];
    ready[first] = free[stage.dimension] =
        std::max(ready[first], free[stage.dimension]) + stage.time;
  }
}

}  // namespace

std::vector<AstraCase> astra_cases() {
  const auto line = [](Wiring wiring, std::uint32_t n) {
    return std::vector<Dimension>{{wiring, n, 50.0, Seconds(500e-9)}};
  };
  const auto torus = [](std::vector<std::uint32_t> sizes) {
    std::vector<Dimension> all;
    for (const std::uint32_t n : sizes) all.push_back({Wiring::ring, n, 50.0, Seconds(500e-9)});
    return all;
  };
  const auto hierarchy = [](std::uint32_t n) {
    return std::vector<Dimension>{{Wiring::star, 8, 400.0, Seconds(936e-9)},
                                  {Wiring::star, n / 8, 50.0, Seconds(2e-6)}};
  };
  constexpr auto halving = Algorithm::halving_doubling;
  return {{"ring 64", line(Wiring::ring, 64), Algorithm::ring, 41.61, 0.06},
          {"ring 256", line(Wiring::ring, 256), Algorithm::ring, 42.89, 0.87},
          {"ring 1024", line(Wiring::ring, 1024), Algorithm::ring, 46.13, 18.7},
          {"switch, ring 64", line(Wiring::star, 64), Algorithm::ring, 41.87, 0.06},
          {"switch, ring 256", line(Wiring::star, 256), Algorithm::ring, 43.91, 1.07},
          {"torus 4x4x4", torus({4, 4, 4}), Algorithm::ring, 31.52, 0.03},
          {"torus 8x8x4", torus({8, 8, 4}), Algorithm::ring, 36.79, 0.14},
          {"torus 16x8x8", torus({16, 8, 8}), Algorithm::ring, 39.45, 0.92},
          {"torus 16x16x16", torus({16, 16, 16}), Algorithm::ring, 39.45, 12.8},
          {"hierarchy 64", hierarchy(64), Algorithm::ring, 6.38, 0.03},
          {"hierarchy 256", hierarchy(256), Algorithm::ring, 7.64, 0.21},
          {"hierarchy 1024", hierarchy(1024), Algorithm::ring, 10.84, 3.3},
          {"hierarchy 4096", hierarchy(4096), Algorithm::ring, 23.19, 141.0},
          {"switch, halving 64", line(Wiring::star, 64), halving, 40.40, 0.02},
          {"switch, halving 256", line(Wiring::star, 256), halving, 40.91, 0.13},
          {"switch, halving 1024", line(Wiring::star, 1024), halving, 41.05, 2.1},
          {"switch, halving 4096", line(Wiring::star, 4096), halving, 41.09, 27.5}};
}

Seconds all_reduce_time(const AstraCase& c) {
  const std::uint32_t devices = devices_of(c);
  return pipeline(c, [&](std::uint32_t d, bool scatter, double bytes) {
    std::uint32_t stride = 1;
    for (std::uint32_t inner = 0; inner < d; ++inner) stride *= c.dimensions[inner].size;
    return phase_time(c.dimensions[d], c.algorithm, scatter, bytes, [&](const Step& s) {
      return step_time(c.dimensions[d], devices, stride, s);
    });
  });
}

Seconds astra_closed_form(const AstraCase& c) {
  return pipeline(c, [&](std::uint32_t d, bool scatter, double bytes) {
    return phase_time(c.dimensions[d], c.algorithm, scatter, bytes,
                      [&](const Step& s) { return step_closed_form(c.dimensions[d], s); });
  });
}

Seconds all_to_all_time(std::uint32_t devices) {
  const std::size_t links = 2 * static_cast<std::size_t>(devices);
  TaskGraph graph(std::vector<BytesPerSecond>(links, BytesPerSecond(50.0 * gib)));
  for (std::uint32_t i = 0; i < devices; ++i) {
    for (std::uint32_t j = 0; j < devices; ++j) {
      if (i == j) continue;
      const std::uint32_t route = graph.add_route(std::vector{2 * i, 2 * j + 1});
      graph.add_transfer(route, Bytes(gib / devices), Seconds(1e-6));
    }
  }
  return netsim::TaskRunner(netsim::reduce(graph).graph).run().end;
}

}  // namespace tightrope::bench
