#include "tightrope/network_study/simulate_trace.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>

#include <fmt/format.h>

#include "tightrope/chakra/trace_file.h"
#include "tightrope/formula/calibration.h"
#include "tightrope/netsim/graph_symmetry.h"
#include "tightrope/network_study/simulate_collective.h"

namespace tightrope::network_study {
namespace {

using chakra::NodeKind;

constexpr std::size_t most_shown = 20;

std::string kind_of(const chakra::Node& node) {
  if (node.kind == NodeKind::collective) return to_string(node.collective);
  return to_string(node.kind);
}

/// Times of tasks, whether or not classes ran for them.
struct Times {
  const netsim::TaskRun& run;
  const netsim::GraphReduction* reduced = nullptr;
  [[nodiscard]] std::size_t at(std::uint32_t task) const {
    return reduced == nullptr ? task : reduced->class_of[task];
  }
  [[nodiscard]] double start(std::uint32_t task) const { return run.start[at(task)].raw(); }
  [[nodiscard]] double finish(std::uint32_t task) const { return run.finish[at(task)].raw(); }
};

/// Where one rank's time went.
class RankWalk {
 public:
  RankWalk(const chakra::Trace& trace, std::span<const TraceNode> nodes, const Times& times)
      : trace_(trace), nodes_(nodes), times_(times) {
    std::vector<std::pair<double, std::uint32_t>> kernels;
    for (std::uint32_t i = 0; i < nodes.size(); ++i) {
      place_[trace.nodes[i].id] = i;
      if (trace.nodes[i].kind == NodeKind::compute && std::isfinite(finish(i)))
        kernels.emplace_back(begin_of(i), i);
    }
    std::sort(kernels.begin(), kernels.end());
    double busy = 0.0;
    before_.assign(nodes.size(), none);
    for (std::size_t k = 0; k < kernels.size(); ++k) {
      const std::uint32_t i = kernels[k].second;
      starts_.push_back(kernels[k].first);
      ends_.push_back(finish(i));
      sums_.push_back(busy);
      busy += finish(i) - kernels[k].first;
      if (k > 0) before_[i] = kernels[k - 1].second;
    }
    time_.compute = busy;
  }

  RankTime run() {
    std::uint32_t at = none;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      if (!std::isfinite(finish(i))) continue;
      if (at == none || finish(i) > finish(at)) at = i;
    }
    if (at == none) return time_;
    time_.end = finish(at);
    while (at != none) at = step_back(at);
    return std::move(time_);
  }

 private:
  static constexpr std::uint32_t none = netsim::no_resource;
  [[nodiscard]] double finish(std::uint32_t i) const { return times_.finish(nodes_[i].exit); }
  [[nodiscard]] double begin_of(std::uint32_t i) const { return times_.start(nodes_[i].moves); }

  [[nodiscard]] double idle(double from, double to) const {
    return to > from ? (to - from) - (busy_until(to) - busy_until(from)) : 0.0;
  }
  [[nodiscard]] double busy_until(double t) const {
    const auto k = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), t) -
                                            starts_.begin());
    return k == 0 ? 0.0 : sums_[k - 1] + std::min(t, ends_[k - 1]) - starts_[k - 1];
  }

  /// Accounts for an operation; what it waited for last.
  std::uint32_t step_back(std::uint32_t at) {
    const chakra::Node& node = trace_.nodes[at];
    std::uint32_t last = before_[at];
    for (const auto* deps : {&node.deps, &node.control_deps}) {
      for (const std::uint64_t id : *deps) {
        const std::uint32_t on = place_.at(id);
        if (last == none || finish(on) > finish(last)) last = on;
      }
    }
    const double ready = last == none ? 0.0 : finish(last);
    if (node.kind == NodeKind::compute) return last;
    const double begin = std::clamp(begin_of(at), ready, std::max(ready, finish(at)));
    time_.exposed[kind_of(node)] += idle(begin, finish(at));
    time_.waiting += idle(ready, begin);
    return last;
  }

  const chakra::Trace& trace_;
  std::span<const TraceNode> nodes_;
  const Times& times_;
  std::map<std::uint64_t, std::uint32_t> place_;
  std::vector<std::uint32_t> before_;         ///< the kernel before a kernel
  std::vector<double> starts_, ends_, sums_;  ///< of kernels, by start; what was busy before each
  RankTime time_;
};

std::vector<TraceLink> links_of(const topology::Router& router, const Times& times, double end) {
  std::array<TraceLink, topology::link_kinds> by_kind{};
  for (std::uint32_t l = 0; end > 0.0 && l < router.machine().links(); ++l) {
    const std::size_t at = times.reduced == nullptr ? l : times.reduced->resource_class_of[l];
    const double bytes = times.run.carried[at].raw();
    if (!(bytes > 0.0)) continue;
    const topology::LinkKind kind = topology::link_at(router.machine(), l).kind;
    TraceLink& t = by_kind[static_cast<std::size_t>(kind)];
    const double use = bytes / (router.capacity(l).raw() * end);
    t.kind = kind;
    t.mean += use;
    ++t.links;
    if (use > t.busiest * (1.0 + 1e-9)) {
      t.busiest = use;
      t.link = l;
    }
  }
  std::vector<TraceLink> links;
  for (TraceLink& t : by_kind) {
    if (t.links == 0) continue;
    t.mean /= t.links;
    links.push_back(t);
  }
  std::stable_sort(links.begin(), links.end(),
                   [](const TraceLink& a, const TraceLink& b) { return a.busiest > b.busiest; });
  return links;
}

/// Ranks on live chips: the jobs one behind the other on the walk, or each from its first chip on.
Result<void> place_jobs(const topology::Router& router, const TraceScene& scene,
                        std::vector<TraceJob>& jobs) {
  const topology::Machine& m = router.machine();
  int all = 0;
  for (const TraceJob& job : jobs) all += static_cast<int>(job.ranks.size());
  topology::PlacementSpec walk;
  walk.walk = scene.walk;
  walk.sizes = {scene.first_chips.empty() ? all : m.ranks(), 1, 1, 1};
  walk.granule = topology::Granule::chip;
  const topology::Placement places = topology::place(router, walk);
  if (!places.feasible) {
    return fail(ErrorCode::unsupported, places.reason, {}, "ask for more --units");
  }
  std::size_t next = 0;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const std::size_t ranks = jobs[j].ranks.size();
    if (!scene.first_chips.empty())
      next = static_cast<std::size_t>(scene.first_chips[j]) * m.ranks_per_chip;
    if (next + ranks > places.chip_of_rank.size()) {
      return fail(ErrorCode::range,
                  fmt::format("{} does not fit behind chip {}", jobs[j].name, next), {},
                  fmt::format("there are {} chips", m.chips()));
    }
    jobs[j].chips.assign(ranks, 0);
    for (std::size_t s = 0; s < ranks; ++s) {
      std::size_t rank = s;
      if (scene.order) {
        std::array<int, topology::axes> at{};
        int left = static_cast<int>(s);
        for (const topology::Axis axis : *scene.order) {
          const int size = scene.sizes[static_cast<std::size_t>(axis)];
          at[static_cast<std::size_t>(axis)] = left % size;
          left /= size;
        }
        rank = static_cast<std::size_t>(topology::rank_of(scene.sizes, at));
      }
      jobs[j].chips[rank] = places.chip_of_rank[next + s];
    }
    next += ranks;
  }
  return {};
}

Result<std::vector<TraceJob>> read_jobs(const TraceScene& scene) {
  std::vector<TraceJob> jobs;
  const int product = scene.sizes[0] * scene.sizes[1] * scene.sizes[2] * scene.sizes[3];
  for (const std::string& prefix : scene.prefixes) {
    TR_TRY(std::vector<chakra::Trace> ranks, read_job(prefix));
    if (scene.order && product != static_cast<int>(ranks.size())) {
      return fail(ErrorCode::conflict,
                  fmt::format("{} has {} ranks, the sizes make {}", prefix, ranks.size(), product));
    }
    std::string name = std::filesystem::path(prefix).filename().string();
    if (scene.prefixes.size() > 1) name += fmt::format(" (job {})", jobs.size() + 1);
    jobs.push_back({std::move(name), std::move(ranks), {}});
  }
  if (!scene.first_chips.empty() && scene.first_chips.size() != jobs.size()) {
    return fail(ErrorCode::conflict,
                fmt::format("{} first chips for {} jobs", scene.first_chips.size(), jobs.size()));
  }
  return jobs;
}

void fill(TraceStudy& study, const std::vector<TraceJob>& jobs, const TraceWorld& world,
          const Times& times) {
  std::size_t rank = 0;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    study.jobs.push_back(jobs[j].name);
    study.job_ranks.push_back(static_cast<int>(jobs[j].ranks.size()));
    study.job_end.push_back(0.0);
    study.job_nodes.push_back(0);
    study.ranks.emplace_back();
    for (const chakra::Trace& trace : jobs[j].ranks) {
      const std::size_t first = world.first[rank], last = world.first[rank + 1];
      ++rank;
      const std::span nodes(world.nodes.data() + first, last - first);
      study.job_nodes.back() += nodes.size();
      study.ranks.back().push_back(RankWalk(trace, nodes, times).run());
      study.job_end.back() = std::max(study.job_end.back(), study.ranks.back().back().end);
      for (const TraceNode& n : nodes) {
        const chakra::Node& node = trace.nodes[n.node];
        const double end = times.finish(n.exit);
        if (!std::isfinite(end)) {
          ++study.never;
        } else if (study.spans.size() < most_trace_spans && end > times.start(n.moves)) {
          study.spans.push_back({node.name, n.job, n.rank, node.kind == NodeKind::compute,
                                 times.start(n.moves), end});
        }
      }
    }
    study.end = std::max(study.end, study.job_end.back());
  }
}

}  // namespace

Result<std::vector<chakra::Trace>> read_job(const std::string& prefix) {
  std::vector<chakra::Trace> ranks;
  for (int rank = 0;; ++rank) {
    const std::string path = chakra::trace_name(prefix, rank);
    if (rank > 0 && !std::filesystem::exists(path)) return ranks;
    TR_TRY(chakra::Trace trace, chakra::read_trace(path));
    ranks.push_back(std::move(trace));
  }
}

Result<TraceStudy> simulate_trace(const catalog::Catalog& catalog, const catalog::System& system,
                                  const TraceScene& scene) {
  TraceStudy study;
  study.ideal = scene.ideal;
  TR_TRY(std::vector<TraceJob> jobs, read_jobs(scene));
  topology::MachineOptions options = scene.machine;
  if (options.units == 0) {
    topology::MachineOptions one = options;
    one.units = 1;
    TR_TRY(const topology::Machine unit, topology::machine_of(catalog, system, one));
    int ranks = 0;
    for (const TraceJob& job : jobs) ranks += static_cast<int>(job.ranks.size());
    for (const int chip : scene.first_chips)
      ranks = std::max(ranks, chip * unit.ranks_per_chip + static_cast<int>(jobs[0].ranks.size()));
    options.units = std::max(1, (ranks + unit.ranks() - 1) / unit.ranks());
  }
  TR_TRY(study.machine, topology::machine_of(catalog, system, options));
  for (const std::string& text : scene.faults) {
    TR_TRY_VOID(topology::read_fault(study.machine, text, study.faults));
  }
  const topology::Router router(study.machine, study.faults);
  TR_TRY_VOID(place_jobs(router, scene, jobs));
  const formula::FabricModel model = formula::fabric_model(system, *catalog.find_chip(system.chip),
                                                           formula::embedded_calibration());
  TraceWires wires = scene.wires;
  wires.question.library = netsim::library_of(catalog.find_chip(system.chip)->kind);
  if (!scene.ideal) wires.question.model = &model;
  TR_TRY(const TraceWorld world, trace_world(router, jobs, wires));
  std::optional<netsim::GraphReduction> reduced;
  if (wires.question.reduce) reduced = netsim::reduce(world.wires.graph);
  const netsim::TaskRun run =
      netsim::TaskRunner(reduced ? reduced->graph : world.wires.graph).run();
  const Times times{run, reduced ? &*reduced : nullptr};
  study.tasks = world.wires.graph.tasks().size();
  study.classes = reduced ? reduced->size.size() : study.tasks;
  fill(study, jobs, world, times);
  study.links = links_of(router, times, study.end);
  study.choices = world.choices;
  study.stalled = world.lonely;
  if (world.wires.cut_off() > 0) {
    study.stalled.push_back(
        fmt::format("{} pairs of chips have no way to each other", world.wires.cut_off()));
  }
  if (study.stalled.size() > most_shown) study.stalled.resize(most_shown);
  return study;
}

}  // namespace tightrope::network_study
