// Exact reduction of task graphs: tasks that cannot be told apart run once, for all of them.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/netsim/task_graph.h"

namespace tightrope::netsim {

/// A graph with one task for each class. Its run gives the times of every member of a class, and
/// the use of every resource of a class, bit for bit the same for all members.
struct GraphReduction {
  TaskGraph graph;                               ///< tasks are classes, resources are classes
  std::vector<std::uint32_t> class_of;           ///< of each task
  std::vector<std::uint32_t> size;               ///< tasks in each class
  std::vector<std::uint32_t> resource_class_of;  ///< of each resource
};

/// The coarsest equitable partition that tells apart kinds, durations, bytes, latencies, releases,
/// bounds, coefficients and capacities; streams turn into dependencies. The graph has no cycles
/// (else our bug, TR_CHECK). Near-linear in tasks, dependencies and entries of routes.
[[nodiscard]] GraphReduction reduce(const TaskGraph& graph);

}  // namespace tightrope::netsim
