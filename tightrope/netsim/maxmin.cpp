#include "tightrope/netsim/maxmin.h"

#include <algorithm>

#include "tightrope/core/check.h"

namespace tightrope::netsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

bool above(double a_level, std::uint32_t a, double b_level, std::uint32_t b) {
  return a_level != b_level ? a_level > b_level : a > b;
}

void check_sizes(const MaxMinProblem& problem, std::span<const double> rate,
                 std::span<const std::uint32_t> bottleneck) {
  const std::size_t variables = problem.variables();
  TR_CHECK(rate.size() == variables, rate.size(), variables);
  TR_CHECK(bottleneck.empty() || bottleneck.size() == variables, bottleneck.size(), variables);
  TR_CHECK(problem.bound.empty() || problem.bound.size() == variables, problem.bound.size());
  TR_CHECK(problem.coefficient.empty() || problem.coefficient.size() == problem.resource.size(),
           problem.coefficient.size(), problem.resource.size());
  if (problem.begin.empty()) return;
  TR_CHECK(problem.begin.front() == 0 && problem.begin.back() == problem.resource.size(),
           problem.begin.back(), problem.resource.size());
}

}  // namespace

double MaxMin::share_of(const Resource& r) const {
  return std::max(r.left.value(), 0.0) / r.load.value();
}

void MaxMin::push(Share share) {
  heap_.push_back(share);
  std::push_heap(heap_.begin(), heap_.end(), [](const Share& a, const Share& b) {
    return above(a.level, a.resource, b.level, b.resource);
  });
}

MaxMin::Share MaxMin::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), [](const Share& a, const Share& b) {
    return above(a.level, a.resource, b.level, b.resource);
  });
  const Share least = heap_.back();
  heap_.pop_back();
  return least;
}

// Loads and columns of the finite resources. A variable that touches none of them is decided here.
void MaxMin::begin_columns(const MaxMinProblem& problem, std::span<double> rate) {
  const std::size_t variables = problem.variables();
  resources_.assign(problem.resources(), Resource{});
  column_begin_.resize(problem.resources() + 1);
  frozen_.assign(variables, 0);
  rising_ = variables;
  for (std::size_t v = 0; v < variables; ++v) {
    bool finite = false;
    for (std::uint32_t e = problem.begin[v]; e < problem.begin[v + 1]; ++e) {
      const std::uint32_t l = problem.resource[e];
      const double a = problem.coefficient_of(e);
      TR_CHECK(l < resources_.size() && a > 0.0 && a < infinity, l, a);
      Resource& r = resources_[l];
      ++r.rising;
      r.load.add(a);
      finite = finite || problem.capacity[l] < infinity;
    }
    if (finite) continue;
    rate[v] = problem.bound_of(v);
    frozen_[v] = 1;
    --rising_;
  }
  std::uint32_t at = 0;
  heap_.clear();
  for (std::uint32_t l = 0; l < resources_.size(); ++l) {
    TR_CHECK(problem.capacity[l] >= 0.0, l, problem.capacity[l]);
    Resource& r = resources_[l];
    column_begin_[l] = at;
    r.entries = at;
    if (problem.capacity[l] == infinity) r.rising = 0;
    at += r.rising;
    r.left.high = problem.capacity[l];
    if (r.rising > 0) heap_.push_back({share_of(r), l});
  }
  column_begin_[resources_.size()] = at;
  column_.resize(at);
  for (std::uint32_t v = 0; v < variables; ++v) {
    if (frozen_[v] != 0) continue;
    for (std::uint32_t e = problem.begin[v]; e < problem.begin[v + 1]; ++e) {
      Resource& r = resources_[problem.resource[e]];
      if (r.rising > 0) column_[r.entries++] = v;
    }
  }
  std::make_heap(heap_.begin(), heap_.end(), [](const Share& a, const Share& b) {
    return above(a.level, a.resource, b.level, b.resource);
  });
}

void MaxMin::sort_bounds(const MaxMinProblem& problem, std::span<const double> rate) {
  by_bound_.clear();
  if (problem.bound.empty()) return;
  for (std::uint32_t v = 0; v < rate.size(); ++v) {
    TR_CHECK(problem.bound[v] >= 0.0, v, problem.bound[v]);
    if (frozen_[v] == 0 && problem.bound[v] < infinity) by_bound_.push_back(v);
  }
  std::sort(by_bound_.begin(), by_bound_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return problem.bound[a] != problem.bound[b] ? problem.bound[a] < problem.bound[b] : a < b;
  });
}

void MaxMin::freeze(const MaxMinProblem& problem, std::uint32_t variable, double level) {
  frozen_[variable] = 1;
  --rising_;
  for (std::uint32_t e = problem.begin[variable]; e < problem.begin[variable + 1]; ++e) {
    Resource& r = resources_[problem.resource[e]];
    if (r.rising == 0) continue;
    const double a = problem.coefficient_of(e);
    --r.rising;
    r.left.add(-a * level);
    r.load.add(-a);
  }
}

void MaxMin::saturate(const MaxMinProblem& problem, std::uint32_t resource, double level,
                      std::span<double> rate, std::span<std::uint32_t> bottleneck) {
  resources_[resource].rising = 0;  // full: its own sums are of no more use
  for (std::uint32_t i = column_begin_[resource]; i < column_begin_[resource + 1]; ++i) {
    const std::uint32_t v = column_[i];
    if (frozen_[v] != 0) continue;
    rate[v] = level;
    if (!bottleneck.empty()) bottleneck[v] = resource;
    freeze(problem, v, level);
  }
}

void MaxMin::solve(const MaxMinProblem& problem, std::span<double> rate,
                   std::span<std::uint32_t> bottleneck) {
  check_sizes(problem, rate, bottleneck);
  std::fill(bottleneck.begin(), bottleneck.end(), no_resource);
  begin_columns(problem, rate);
  sort_bounds(problem, rate);
  double level = 0.0;
  std::size_t next_bound = 0;
  while (rising_ > 0) {
    while (next_bound < by_bound_.size() && frozen_[by_bound_[next_bound]] != 0) ++next_bound;
    const double bound =
        next_bound < by_bound_.size() ? problem.bound[by_bound_[next_bound]] : infinity;
    if (heap_.empty() || bound <= heap_.front().level) {
      // The heap holds lower bounds of the shares, so no resource fills before this bound is met.
      TR_CHECK(bound < infinity, rising_);
      const std::uint32_t v = by_bound_[next_bound++];
      rate[v] = bound;
      level = std::max(level, bound);
      freeze(problem, v, bound);
      continue;
    }
    const Share least = pop();
    const Resource& r = resources_[least.resource];
    if (r.rising == 0) continue;
    double share = share_of(r);
    if (share <= level * (1.0 + equal_level)) share = level;
    const double rival = heap_.empty() ? infinity : heap_.front().level;
    if (share > least.level && share > level && share > std::min(rival, bound)) {
      push({share, least.resource});
      continue;
    }
    level = share;
    saturate(problem, least.resource, std::min(level, bound), rate, bottleneck);
  }
}

void maxmin_solve(const MaxMinProblem& problem, std::span<double> rate) {
  MaxMin solver;
  solver.solve(problem, rate);
}

}  // namespace tightrope::netsim
