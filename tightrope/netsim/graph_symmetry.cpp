#include "tightrope/netsim/graph_symmetry.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/netsim/refine.h"
#include "tightrope/netsim/symmetry.h"

namespace tightrope::netsim {
namespace {

/// Nodes are the tasks, then the routes, then the resources. A task sees what it depends on and its
/// route; a route sees its tasks and its resources; a resource sees the routes that cross it.
class GraphNodes {
 public:
  explicit GraphNodes(const TaskGraph& graph)
      : graph_(graph),
        tasks_(static_cast<std::uint32_t>(graph.tasks().size())),
        routes_(graph.routes().size()),
        resources_(static_cast<std::uint32_t>(graph.capacity().size())) {
    for (const TaskGraph::Dependency& d : graph.dependencies()) sights_.emplace_back(d.on, d.task);
    std::sort(sights_.begin(), sights_.end());
    sights_.erase(std::unique(sights_.begin(), sights_.end()), sights_.end());
  }

  [[nodiscard]] std::uint32_t route_node(std::uint32_t route) const { return tasks_ + route; }
  [[nodiscard]] std::uint32_t resource_node(std::uint32_t l) const { return tasks_ + routes_ + l; }
  [[nodiscard]] std::uint32_t tasks() const { return tasks_; }

  /// A class number for each node.
  std::vector<std::uint32_t> classes() const {
    std::vector<std::uint32_t> colour = first_colours();
    std::vector<std::uint32_t> begin(colour.size() + 1, 0);
    each_sight([&](std::uint32_t seen, std::uint32_t, std::uint32_t) { ++begin[seen + 1]; });
    for (std::size_t u = 1; u < begin.size(); ++u) begin[u] += begin[u - 1];
    std::vector<std::uint32_t> seer(begin.back());
    std::vector<std::uint32_t> label(begin.back());
    std::vector<std::uint32_t> at(begin.begin(), begin.end() - 1);
    each_sight([&](std::uint32_t seen, std::uint32_t by, std::uint32_t under) {
      seer[at[seen]] = by;
      label[at[seen]++] = under;
    });
    refine({begin, seer, label}, colour);
    return colour;
  }

 private:
  template <class Visit>
  void each_sight(Visit visit) const {
    const OwnedProblem& rows = graph_.routes().rows();
    std::vector<std::uint32_t> coefficient(rows.coefficient.size());
    number_values(rows.coefficient, coefficient);
    for (const auto& [seen, by] : sights_) visit(seen, by, 0);
    for (std::uint32_t t = 0; t < tasks_; ++t) {
      const TaskGraph::Task& task = graph_.tasks()[t];
      if (task.kind != TaskKind::transfer) continue;
      visit(t, route_node(task.place), 0);
      visit(route_node(task.place), t, 0);
    }
    for (std::uint32_t r = 0; r < routes_; ++r) {
      for (std::uint32_t e = rows.begin[r]; e < rows.begin[r + 1]; ++e) {
        visit(route_node(r), resource_node(rows.resource[e]), coefficient[e]);
        visit(resource_node(rows.resource[e]), route_node(r), coefficient[e]);
      }
    }
  }

  std::vector<std::uint32_t> first_colours() const {
    using Key = std::tuple<int, double, double, double>;
    std::vector<std::pair<Key, std::uint32_t>> keys;
    for (std::uint32_t t = 0; t < tasks_; ++t) {
      const TaskGraph::Task& task = graph_.tasks()[t];
      keys.emplace_back(
          Key(static_cast<int>(task.kind), task.time.raw(), task.bytes.raw(), task.release.raw()),
          t);
    }
    const OwnedProblem& rows = graph_.routes().rows();
    for (std::uint32_t r = 0; r < routes_; ++r)
      keys.emplace_back(Key(100, rows.bound[r], 0.0, 0.0), route_node(r));
    for (std::uint32_t l = 0; l < resources_; ++l)
      keys.emplace_back(Key(101, graph_.capacity()[l], 0.0, 0.0), resource_node(l));
    std::sort(keys.begin(), keys.end());
    std::vector<std::uint32_t> colour(keys.size());
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0 && keys[i].first != keys[i - 1].first) ++next;
      colour[keys[i].second] = next;
    }
    return colour;
  }

  const TaskGraph& graph_;
  std::uint32_t tasks_;
  std::uint32_t routes_;
  std::uint32_t resources_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sights_;  ///< dependencies, each once
};

/// Numbers the classes of some nodes 0, 1, ... by first appearance.
std::vector<std::uint32_t> numbers_of(std::span<const std::uint32_t> colour, std::size_t all,
                                      std::vector<std::uint32_t>& size) {
  std::vector<std::uint32_t> name(all, no_resource);
  std::vector<std::uint32_t> number;
  number.reserve(colour.size());
  for (const std::uint32_t c : colour) {
    if (name[c] == no_resource) {
      name[c] = static_cast<std::uint32_t>(size.size());
      size.push_back(0);
    }
    number.push_back(name[c]);
    ++size[name[c]];
  }
  return number;
}

/// Builds the rows of the quotient; classes of tasks with the same row share one.
class QuotientRoutes {
 public:
  QuotientRoutes(const TaskGraph& graph, GraphReduction& reduction,
                 std::span<const std::uint32_t> resource_size)
      : rows_(graph.routes().rows()), reduction_(reduction), resource_size_(resource_size) {}

  /// The route for a class of `size` tasks whose member takes `route`, of class `route_class`.
  std::uint32_t of(std::uint32_t route, std::uint32_t route_class, std::uint32_t size) {
    const auto [it, added] = known_.try_emplace({route_class, size}, 0);
    if (!added) return it->second;
    // By counting from both sides, each resource of a class meets size * entries / (its class's
    // size) of these entries.
    std::map<std::pair<std::uint32_t, double>, std::uint64_t> entries;
    for (std::uint32_t e = rows_.begin[route]; e < rows_.begin[route + 1]; ++e)
      ++entries[{reduction_.resource_class_of[rows_.resource[e]], rows_.coefficient[e]}];
    std::vector<std::uint32_t> resource;
    std::vector<double> coefficient;
    for (const auto& [key, count] : entries) {
      const std::uint64_t met = count * size;
      TR_CHECK(met % resource_size_[key.first] == 0, met, resource_size_[key.first]);
      const std::uint64_t each = met / resource_size_[key.first];
      const double a = key.second * static_cast<double>(each);
      if (!resource.empty() && resource.back() == key.first) {
        coefficient.back() += a;
      } else {
        resource.push_back(key.first);
        coefficient.push_back(a);
      }
    }
    return it->second = reduction_.graph.add_route(resource, coefficient,
                                                   BytesPerSecond(rows_.bound[route]));
  }

 private:
  const OwnedProblem& rows_;
  GraphReduction& reduction_;
  std::span<const std::uint32_t> resource_size_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> known_;
};

void add_dependencies(const TaskGraph& graph, std::span<const std::uint32_t> member,
                      GraphReduction& r) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (const TaskGraph::Dependency& d : graph.dependencies()) {
    if (member[r.class_of[d.task]] == d.task)
      pairs.emplace_back(r.class_of[d.task], r.class_of[d.on]);
  }
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  for (const auto& [task, on] : pairs) r.graph.add_dependency(task, on);
}

}  // namespace

GraphReduction reduce(const TaskGraph& graph) {
  const GraphNodes nodes(graph);
  const std::vector<std::uint32_t> colour = nodes.classes();
  GraphReduction r{TaskGraph({}), {}, {}, {}};
  const std::span<const std::uint32_t> all(colour);
  r.class_of = numbers_of(all.first(nodes.tasks()), colour.size(), r.size);
  std::vector<std::uint32_t> resource_size;
  r.resource_class_of =
      numbers_of(all.subspan(nodes.resource_node(0)), colour.size(), resource_size);
  std::vector<BytesPerSecond> capacity(resource_size.size());
  for (std::size_t l = 0; l < graph.capacity().size(); ++l)
    capacity[r.resource_class_of[l]] = BytesPerSecond(graph.capacity()[l]);
  r.graph = TaskGraph(capacity);
  QuotientRoutes routes(graph, r, resource_size);
  std::vector<std::uint32_t> member;  // the first task of each class
  for (std::uint32_t t = 0; t < nodes.tasks(); ++t) {
    if (r.class_of[t] != member.size()) continue;
    const std::uint32_t c = r.class_of[t];
    member.push_back(t);
    const TaskGraph::Task& task = graph.tasks()[t];
    if (task.kind == TaskKind::transfer) {
      const std::uint32_t route =
          routes.of(task.place, all[nodes.route_node(task.place)], r.size[c]);
      r.graph.add_transfer(route, task.bytes, task.time);
    } else {
      r.graph.add_delay(task.time);
    }
    r.graph.set_release(c, task.release);
  }
  add_dependencies(graph, member, r);
  return r;
}

}  // namespace tightrope::netsim
