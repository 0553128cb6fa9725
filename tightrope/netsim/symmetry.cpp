#include "tightrope/netsim/symmetry.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "tightrope/core/check.h"
#include "tightrope/netsim/refine.h"

namespace tightrope::netsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Bipartite, both ways: variables are nodes 0 .. variables - 1, the resources that can bind
/// follow.
struct Graph {
  std::vector<std::uint32_t> begin;
  std::vector<std::uint32_t> seer;
  std::vector<std::uint32_t> label;
};

Graph graph_of(const MaxMinProblem& problem, std::span<const char> dropped) {
  const auto variables = static_cast<std::uint32_t>(problem.variables());
  std::vector<std::uint32_t> label(problem.resource.size(), 0);
  if (!problem.coefficient.empty()) number_values(problem.coefficient, label);
  Graph g;
  g.begin.assign(variables + problem.resources() + 1, 0);
  for (std::uint32_t v = 0; v < variables; ++v) {
    for (std::uint32_t e = problem.begin[v]; e < problem.begin[v + 1]; ++e) {
      if (dropped[problem.resource[e]] != 0) continue;
      ++g.begin[v + 1];
      ++g.begin[variables + problem.resource[e] + 1];
    }
  }
  for (std::size_t u = 1; u < g.begin.size(); ++u) g.begin[u] += g.begin[u - 1];
  g.seer.resize(g.begin.back());
  g.label.resize(g.begin.back());
  std::vector<std::uint32_t> at(g.begin.begin(), g.begin.end() - 1);
  for (std::uint32_t v = 0; v < variables; ++v) {
    for (std::uint32_t e = problem.begin[v]; e < problem.begin[v + 1]; ++e) {
      if (dropped[problem.resource[e]] != 0) continue;
      const std::uint32_t l = variables + problem.resource[e];
      g.seer[at[v]] = l;
      g.label[at[v]++] = label[e];
      g.seer[at[l]] = v;
      g.label[at[l]++] = label[e];
    }
  }
  return g;
}

/// First colours: variables by (colour, bound), resources by capacity, apart from all variables.
std::vector<std::uint32_t> first_colours(const MaxMinProblem& problem,
                                         std::span<const std::uint32_t> colour,
                                         std::span<const char> dropped) {
  const std::size_t variables = problem.variables();
  std::vector<std::uint32_t> bound(variables, 0);
  if (!problem.bound.empty()) number_values(problem.bound, bound);
  std::vector<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> keys;
  keys.reserve(variables);
  for (std::uint32_t v = 0; v < variables; ++v)
    keys.emplace_back(colour.empty() ? 0 : colour[v], bound[v], v);
  std::sort(keys.begin(), keys.end());
  std::vector<std::uint32_t> first(variables + problem.resources());
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i > 0 && (std::get<0>(keys[i]) != std::get<0>(keys[i - 1]) ||
                  std::get<1>(keys[i]) != std::get<1>(keys[i - 1])))
      ++next;
    first[std::get<2>(keys[i])] = next;
  }
  const auto resources = std::span(first).subspan(variables);
  const std::uint32_t capacities = number_values(problem.capacity, resources);
  for (std::size_t l = 0; l < resources.size(); ++l)
    resources[l] = next + 1 + (dropped[l] != 0 ? capacities : resources[l]);
  return first;
}

/// The rows of the quotient. By counting entries from both sides, a resource of class L is loaded
/// by a whole class C through (size of C) * (entries of one member into L) / (size of L) entries.
void build_quotient(const MaxMinProblem& problem, std::span<const std::uint32_t> resource_size,
                    Reduction& r) {
  struct Entry {
    std::uint32_t resource = 0;
    double coefficient = 0.0;
    std::uint64_t count = 0;
  };
  std::vector<Entry> row;
  for (std::size_t c = 0; c < r.member.size(); ++c) {
    const std::uint32_t v = r.member[c];
    row.clear();
    for (std::uint32_t e = problem.begin[v]; e < problem.begin[v + 1]; ++e) {
      const std::uint32_t l = r.resource_class_of[problem.resource[e]];
      if (l != no_resource) row.push_back({l, problem.coefficient_of(e), 1});
    }
    std::sort(row.begin(), row.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.resource, a.coefficient) < std::tie(b.resource, b.coefficient);
    });
    for (std::size_t i = 0; i < row.size();) {
      const std::uint32_t l = row[i].resource;
      double sum = 0.0;
      while (i < row.size() && row[i].resource == l) {
        const double a = row[i].coefficient;
        std::uint64_t count = 0;
        for (; i < row.size() && row[i].resource == l && row[i].coefficient == a; ++i) ++count;
        const std::uint64_t met = count * r.size[c];
        TR_CHECK(met % resource_size[l] == 0, met, resource_size[l]);
        const std::uint64_t each = met / resource_size[l];
        sum += a * static_cast<double>(each);
      }
      r.problem.add_entry(l, sum);
    }
    r.problem.end_row(problem.bound_of(v));
  }
}

}  // namespace

std::uint32_t number_values(std::span<const double> value, std::span<std::uint32_t> number) {
  TR_CHECK(value.size() == number.size(), value.size(), number.size());
  std::vector<double> values;
  for (const double x : value) {  // few different values, most often in runs
    if (values.empty() || values.back() != x) values.push_back(x);
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  for (std::size_t i = 0; i < value.size(); ++i) {
    number[i] =
        i > 0 && value[i] == value[i - 1]
            ? number[i - 1]
            : static_cast<std::uint32_t>(std::lower_bound(values.begin(), values.end(), value[i]) -
                                         values.begin());
  }
  return static_cast<std::uint32_t>(values.size());
}

std::vector<char> never_binding(const MaxMinProblem& problem) {
  // A resource leans only on those of smaller (capacity, first place in a row): an order without
  // cycles, so what is dropped follows from what stays. It does not depend on how things are
  // numbered.
  std::vector<std::uint32_t> place(problem.resources(), no_resource);
  for (std::size_t v = 0; v < problem.variables(); ++v) {
    for (std::uint32_t e = problem.begin[v]; e < problem.begin[v + 1]; ++e)
      place[problem.resource[e]] = std::min(place[problem.resource[e]], e - problem.begin[v]);
  }
  const auto key = [&](std::uint32_t e) {
    return std::pair(problem.capacity[problem.resource[e]], place[problem.resource[e]]);
  };
  std::vector<double> reach(problem.resources(), 0.0);
  std::vector<std::uint32_t> row;
  for (std::size_t v = 0; v < problem.variables(); ++v) {
    row.clear();
    for (std::uint32_t e = problem.begin[v]; e < problem.begin[v + 1]; ++e) row.push_back(e);
    std::sort(row.begin(), row.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(key(a), a) < std::pair(key(b), b);
    });
    double most = problem.bound_of(v);
    for (std::size_t i = 0; i < row.size();) {
      double next = most;
      const auto level = key(row[i]);
      for (; i < row.size() && key(row[i]) == level; ++i) {
        const double a = problem.coefficient_of(row[i]);
        if (most > 0.0) reach[problem.resource[row[i]]] += a * most;
        next = std::min(next, level.first / a);
      }
      most = next;
    }
  }
  std::vector<char> dropped(problem.resources(), 0);
  for (std::size_t l = 0; l < dropped.size(); ++l) {
    const double c = problem.capacity[l];
    dropped[l] = static_cast<char>(c == infinity || reach[l] <= c * (1.0 + equal_level));
  }
  return dropped;
}

void Reduction::expand(std::span<const double> class_rate, std::span<double> rate) const {
  TR_CHECK(class_rate.size() == size.size() && rate.size() == class_of.size(), rate.size());
  for (std::size_t v = 0; v < rate.size(); ++v) rate[v] = class_rate[class_of[v]];
}

Reduction reduce(const MaxMinProblem& problem, std::span<const std::uint32_t> colour) {
  const std::size_t variables = problem.variables();
  TR_CHECK(colour.empty() || colour.size() == variables, colour.size(), variables);
  const std::vector<char> dropped = never_binding(problem);
  const Graph graph = graph_of(problem, dropped);
  std::vector<std::uint32_t> colours = first_colours(problem, colour, dropped);
  refine({graph.begin, graph.seer, graph.label}, colours);

  // Variables come first among the nodes, so theirs are the first class numbers.
  Reduction r;
  r.class_of.assign(colours.begin(), colours.begin() + static_cast<std::ptrdiff_t>(variables));
  for (std::uint32_t v = 0; v < variables; ++v) {
    if (r.class_of[v] == r.size.size()) {
      r.size.push_back(0);
      r.member.push_back(v);
    }
    ++r.size[r.class_of[v]];
  }
  std::vector<std::uint32_t> name(problem.resources() + r.size.size(), no_resource);
  std::vector<std::uint32_t> resource_size;
  r.resource_class_of.assign(problem.resources(), no_resource);
  for (std::size_t l = 0; l < problem.resources(); ++l) {
    if (dropped[l] != 0) continue;
    std::uint32_t& n = name[colours[variables + l]];
    if (n == no_resource) {
      n = static_cast<std::uint32_t>(resource_size.size());
      resource_size.push_back(0);
      r.problem.capacity.push_back(problem.capacity[l]);
    }
    r.resource_class_of[l] = n;
    ++resource_size[n];
  }
  build_quotient(problem, resource_size, r);
  return r;
}

}  // namespace tightrope::netsim
