// Task graphs for tests: random ones, collectives on a ring of hosts, and the plain simulation.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include <rapidcheck.h>

#include "tightrope/netsim/fat_tree.h"
#include "tightrope/netsim/task_graph.h"
#include "tightrope/netsim/test_problems_internal.h"

namespace tightrope::netsim::test {

/// Every host sends to the next one over its own link; one step of a ring collective.
inline TaskGraph ring_step(std::uint32_t hosts, Bytes bytes) {
  TaskGraph g(
      std::vector<BytesPerSecond>(2 * static_cast<std::size_t>(hosts), BytesPerSecond(50e9)));
  for (std::uint32_t i = 0; i < hosts; ++i) {
    g.add_route(std::vector<std::uint32_t>{2 * i, 2 * ((i + 1) % hosts) + 1});
    g.add_transfer(i, bytes, Seconds(1e-6));
  }
  return g;
}

enum class Collective { ring, halving_doubling, all_to_all, binary_tree, hierarchical, torus };

/// Builds collectives on a fat tree, each host's steps after each other.
class CollectiveBuilder {
 public:
  CollectiveBuilder(const FatTree& tree, bool degraded)
      : tree_(tree), graph(capacities(tree, degraded)), last_(tree.hosts(), no_resource) {}

  /// One message of every host; a host sends its next one when its last one and the one it was sent
  /// are there.
  template <class To>
  void step(To to, double bytes) {
    std::vector<std::uint32_t> sent(tree_.hosts(), no_resource);
    std::vector<std::vector<std::uint32_t>> got(tree_.hosts());
    for (std::uint32_t i = 0; i < tree_.hosts(); ++i) {
      const std::uint32_t j = to(i);
      if (j == i || j >= tree_.hosts()) continue;
      sent[i] = graph.add_transfer(route(i, j), Bytes(bytes), Seconds(2e-6));
      if (last_[i] != no_resource) graph.add_dependency(sent[i], last_[i]);
      got[j].push_back(sent[i]);
    }
    for (std::uint32_t i = 0; i < tree_.hosts(); ++i) {
      if (sent[i] == no_resource && got[i].empty()) continue;
      const std::uint32_t reduced = graph.add_compute(i, Seconds(1e-6));
      if (sent[i] != no_resource) graph.add_dependency(reduced, sent[i]);
      for (const std::uint32_t message : got[i]) graph.add_dependency(reduced, message);
      last_[i] = reduced;
    }
  }

 private:
  static std::vector<BytesPerSecond> capacities(const FatTree& tree, bool degraded) {
    std::vector<BytesPerSecond> capacity(tree.links(), BytesPerSecond(50e9));
    if (degraded) capacity[tree.links() / 3] = BytesPerSecond(20e9);
    return capacity;
  }
  std::uint32_t route(std::uint32_t i, std::uint32_t j) {
    const auto [it, added] = routes_.try_emplace({i, j}, 0);
    if (added) it->second = graph.add_route(tree_.route(i, j));
    return it->second;
  }

  const FatTree& tree_;

 public:
  TaskGraph graph;

 private:
  std::vector<std::uint32_t> last_;  ///< task after which each host goes on
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> routes_;
};

/// A power of two of hosts; `degraded`: one link at 40 %.
inline TaskGraph collective_graph(Collective collective, const FatTree& tree, bool degraded) {
  CollectiveBuilder b(tree, degraded);
  const std::uint32_t n = tree.hosts();
  const double bytes = 1e9;
  const auto ring = [&](std::uint32_t size, std::uint32_t stride, double part) {
    for (std::uint32_t s = 0; s + 1 < size; ++s) {
      b.step(
          [=](std::uint32_t i) {
            const std::uint32_t place = i / stride % size;
            return i - place * stride + (place + 1) % size * stride;
          },
          part / size);
    }
  };
  switch (collective) {
    case Collective::ring: ring(n, 1, bytes); break;
    case Collective::halving_doubling:
      for (std::uint32_t d = n / 2; d > 0; d /= 2)
        b.step([=](std::uint32_t i) { return i ^ d; }, bytes * d / n);
      break;
    case Collective::all_to_all:
      for (std::uint32_t i = 0; i < n; ++i) {
        for (std::uint32_t j = 0; j < n; ++j) {
          if (i != j)
            b.graph.add_transfer(b.graph.add_route(tree.route(i, j)), Bytes(bytes / n),
                                 Seconds(2e-6));
        }
      }
      break;
    case Collective::binary_tree:
      for (std::uint32_t d = 1; d < n; d *= 2)
        b.step([=](std::uint32_t i) { return i % (2 * d) == d ? i - d : i; }, bytes);
      break;
    case Collective::hierarchical:
      ring(8, 1, bytes);
      if (n > 8) ring(n / 8, 8, bytes / 8);
      break;
    case Collective::torus:
      ring(4, 1, bytes);
      ring(n / 4, 4, bytes / 4);
      break;
  }
  return std::move(b.graph);
}

/// `copies` of a graph side by side, mixed up.
inline TaskGraph copies_of(const TaskGraph& g, std::uint32_t copies) {
  std::vector<BytesPerSecond> capacity;
  for (const double c : g.capacity()) capacity.insert(capacity.end(), copies, BytesPerSecond(c));
  TaskGraph many(capacity);
  const OwnedProblem& rows = g.routes().rows();
  for (std::uint32_t r = 0; r < g.routes().size(); ++r) {
    for (std::uint32_t k = 0; k < copies; ++k) {
      std::vector<std::uint32_t> resource;
      std::vector<double> coefficient;
      for (std::uint32_t e = rows.begin[r]; e < rows.begin[r + 1]; ++e) {
        resource.push_back(rows.resource[e] * copies + k);
        coefficient.push_back(rows.coefficient[e]);
      }
      many.add_route(resource, coefficient, BytesPerSecond(rows.bound[r]));
    }
  }
  for (std::uint32_t t = 0; t < g.tasks().size(); ++t) {
    const TaskGraph::Task& task = g.tasks()[t];
    for (std::uint32_t k = 0; k < copies; ++k) {
      if (task.kind == TaskKind::delay) many.add_delay(task.time);
      if (task.kind == TaskKind::compute) many.add_compute(task.place * copies + k, task.time);
      if (task.kind == TaskKind::transfer)
        many.add_transfer(task.place * copies + k, task.bytes, task.time);
      many.set_release(t * copies + k, task.release);
    }
  }
  for (const TaskGraph::Dependency& d : g.dependencies()) {
    for (std::uint32_t k = 0; k < copies; ++k)
      many.add_dependency(d.task * copies + k, d.on * copies + k);
  }
  return many;
}

/// Small round numbers, so that many things happen at once.
inline TaskGraph random_graph() {
  const OwnedProblem p = random_problem(6, 8);
  std::vector<BytesPerSecond> capacity;
  capacity.reserve(p.capacity.size());
  for (const double c : p.capacity) capacity.emplace_back(c);
  TaskGraph g(capacity);
  for (std::size_t v = 0; v < p.view().variables(); ++v) {
    const std::span<const std::uint32_t> row(p.resource.data() + p.begin[v],
                                             p.begin[v + 1] - p.begin[v]);
    const std::span<const double> coefficient(p.coefficient.data() + p.begin[v], row.size());
    g.add_route(row, coefficient, BytesPerSecond(p.bound[v] > 0.0 ? p.bound[v] : 1.0));
  }
  const auto tasks = *rc::gen::inRange<std::uint32_t>(0, 20);
  for (std::uint32_t t = 0; t < tasks; ++t) {
    const int kind = *rc::gen::inRange(0, 6);
    const Seconds time(*rc::gen::inRange(0, 8) / 4.0);
    if (kind == 0) {
      g.add_delay(time);
    } else if (kind == 1 || g.routes().size() == 0) {
      g.add_compute(*rc::gen::inRange(0u, 2u), time);
    } else {
      g.add_transfer(*rc::gen::inRange(0u, g.routes().size()),
                     Bytes(*rc::gen::inRange(0, 20) / 2.0), time);
    }
    for (int d = *rc::gen::inRange(0, 3); t > 0 && d > 0; --d)
      g.add_dependency(t, *rc::gen::inRange(0u, t));
    if (*rc::gen::inRange(0, 4) == 0) g.set_release(t, Seconds(*rc::gen::inRange(0, 30) / 4.0));
  }
  return g;
}

inline std::vector<CapacityChange> random_changes(const TaskGraph& g) {
  std::vector<CapacityChange> changes;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    changes.push_back({Seconds(*rc::gen::inRange(0, 40) / 4.0),
                       *rc::gen::inRange(0u, static_cast<std::uint32_t>(g.capacity().size())),
                       BytesPerSecond(*rc::gen::inRange(0, 4))});
  }
  return changes;
}

/// Rates of the running transfers, each one variable.
inline std::vector<double> running_rates(const TaskGraph& g, const std::vector<double>& capacity,
                                         const std::vector<std::uint32_t>& running) {
  const OwnedProblem& rows = g.routes().rows();
  OwnedProblem p;
  p.capacity = capacity;
  for (const std::uint32_t t : running) {
    const std::uint32_t r = g.tasks()[t].place;
    for (std::uint32_t e = rows.begin[r]; e < rows.begin[r + 1]; ++e)
      p.add_entry(rows.resource[e], rows.coefficient[e]);
    p.end_row(rows.bound[r]);
  }
  return reference_rates(p.view());
}

/// Finish of every task by the definition: from event to event, every rate anew.
inline std::vector<double> reference_finish(const TaskGraph& g,
                                            const std::vector<CapacityChange>& changes) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::size_t n = g.tasks().size();
  std::vector<double> finish(n, infinity);
  std::vector<double> flows_from(n, infinity);  // ready and latency or duration over
  std::vector<double> left(n);
  for (std::size_t t = 0; t < n; ++t) left[t] = g.tasks()[t].bytes.raw();
  std::vector<double> capacity(g.capacity().begin(), g.capacity().end());
  std::vector<char> applied(changes.size(), 0);
  double now = 0.0;
  for (;;) {
    const double soon = now * (1.0 + 1e-12) + 1e-12;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (applied[i] != 0 || changes[i].time.raw() > soon) continue;
      capacity[changes[i].resource] = changes[i].capacity.raw();
      applied[i] = 1;
    }
    bool changed = false;
    std::vector<std::uint32_t> running;
    for (std::uint32_t t = 0; t < n; ++t) {
      const TaskGraph::Task& task = g.tasks()[t];
      double ready = task.release.raw();
      for (const TaskGraph::Dependency& d : g.dependencies()) {
        if (d.task == t) ready = std::max(ready, finish[d.on]);
      }
      if (ready <= soon && flows_from[t] == infinity) flows_from[t] = ready + task.time.raw();
      if (flows_from[t] > soon || finish[t] < infinity) continue;
      if (left[t] <= 1e-9) {
        finish[t] = now;
        changed = true;
      } else {
        running.push_back(t);
      }
    }
    if (changed) continue;
    const std::vector<double> rate = running_rates(g, capacity, running);
    double next = infinity;
    for (std::size_t i = 0; i < running.size(); ++i)
      next = std::min(next, now + (rate[i] > 0.0 ? left[running[i]] / rate[i] : infinity));
    for (std::size_t t = 0; t < n; ++t) {
      if (flows_from[t] > soon && flows_from[t] < infinity) next = std::min(next, flows_from[t]);
      if (g.tasks()[t].release.raw() > soon) next = std::min(next, g.tasks()[t].release.raw());
    }
    for (std::size_t i = 0; i < changes.size(); ++i)
      next = applied[i] == 0 ? std::min(next, changes[i].time.raw()) : next;
    if (next == infinity) return finish;
    for (std::size_t i = 0; i < running.size(); ++i)
      left[running[i]] = rate[i] == infinity ? 0.0 : left[running[i]] - rate[i] * (next - now);
    now = next;
  }
}

}  // namespace tightrope::netsim::test
