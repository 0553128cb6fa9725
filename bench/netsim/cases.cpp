#include "bench/netsim/cases.h"

#include <map>
#include <memory>
#include <utility>

namespace tightrope::bench {
namespace {

using netsim::TaskGraph;

std::vector<BytesPerSecond> capacities(const netsim::FatTree& tree) {
  return std::vector<BytesPerSecond>(tree.links(), BytesPerSecond(link_bytes_per_s));
}

}  // namespace

netsim::FatTree tree_of_1024() { return netsim::FatTree({{32, 32}, {1, 32}}); }

TaskGraph all_pairs(const netsim::FatTree& tree, std::uint32_t hosts, Bytes bytes,
                    Seconds link_latency, Sharing sharing) {
  TaskGraph graph(capacities(tree));
  for (std::uint32_t i = 0; i < hosts; ++i) {
    for (std::uint32_t j = 0; j < hosts; ++j) {
      if (i == j) continue;
      const std::vector<std::uint32_t> links = tree.route(i, j);
      const auto hops = static_cast<double>(links.size());
      const double weight = sharing == Sharing::equal ? 1.0 : 1.0 / hops;
      const std::vector<double> coefficients(links.size(), weight);
      graph.add_transfer(graph.add_route(links, coefficients), bytes / weight, link_latency * hops);
    }
  }
  return graph;
}

TaskGraph shifted(const netsim::FatTree& tree, std::uint32_t hosts, std::uint32_t distance,
                  Bytes bytes, Seconds link_latency) {
  TaskGraph graph(capacities(tree));
  for (std::uint32_t i = 0; i < hosts; ++i) {
    const std::vector<std::uint32_t> links = tree.route(i, (i + distance) % hosts);
    graph.add_transfer(graph.add_route(links), bytes,
                       link_latency * static_cast<double>(links.size()));
  }
  return graph;
}

std::vector<double> run_steps(const netsim::FatTree& tree, std::uint32_t hosts,
                              const std::vector<std::uint32_t>& distances, Bytes bytes,
                              Seconds link_latency) {
  struct Step {
    explicit Step(TaskGraph g) : graph(std::move(g)), runner(graph) {}
    TaskGraph graph;
    netsim::TaskRunner runner;
  };
  std::unique_ptr<Step> step;
  std::uint32_t built_for = 0;
  std::vector<double> times;
  double now = 0.0;
  for (const std::uint32_t distance : distances) {
    if (!step || built_for != distance)
      step = std::make_unique<Step>(shifted(tree, hosts, distance, bytes, link_latency));
    built_for = distance;
    now += step->runner.run().end.raw();
    times.push_back(now);
  }
  return times;
}

}  // namespace tightrope::bench
