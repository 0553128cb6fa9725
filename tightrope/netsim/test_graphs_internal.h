// Task graphs for tests: random ones, collectives on a ring of hosts, and the plain simulation.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include <rapidcheck.h>

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

/// Small round numbers, so that many things happen at once.
inline TaskGraph random_graph() {
  const OwnedProblem p = random_problem(6, 8);
  std::vector<BytesPerSecond> capacity;
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
