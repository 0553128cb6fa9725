// Random max-min problems and the slow, plain solution they are checked against. Tests only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <rapidcheck.h>

#include "tightrope/netsim/maxmin.h"

namespace tightrope::netsim {

/// Adds the row of one variable.
inline void add_row(OwnedProblem& p, const std::vector<std::pair<std::uint32_t, double>>& row,
                    double limit = std::numeric_limits<double>::infinity()) {
  for (const auto& [l, a] : row) p.add_entry(l, a);
  p.end_row(limit);
}

/// Small numbers, so that ties, empty rows, zero and infinite capacities all come up.
inline OwnedProblem random_problem(std::uint32_t max_resources = 10, int max_variables = 20) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  OwnedProblem p;
  const auto resources = *rc::gen::inRange<std::uint32_t>(1, max_resources + 1);
  for (std::uint32_t l = 0; l < resources; ++l) {
    const int kind = *rc::gen::inRange(0, 20);
    p.capacity.push_back(kind == 0   ? 0.0
                         : kind == 1 ? infinity
                         : kind < 11 ? *rc::gen::inRange(1, 6)
                                     : *rc::gen::inRange(1, 100000) / 997.0);
  }
  const int variables = *rc::gen::inRange(0, max_variables + 1);
  for (int v = 0; v < variables; ++v) {
    std::vector<std::pair<std::uint32_t, double>> row;
    const int entries = *rc::gen::inRange(0, 5);
    for (int e = 0; e < entries; ++e) {
      const double a = *rc::gen::element(1.0, 1.0, 0.5, 0.25, 2.0, 1.0 / 3.0, 0.7);
      row.emplace_back(*rc::gen::inRange<std::uint32_t>(0, resources), a);
    }
    const int kind = *rc::gen::inRange(0, 10);
    add_row(p, row,
            kind < 7   ? infinity
            : kind < 9 ? *rc::gen::inRange(0, 4) / 2.0
                       : *rc::gen::inRange(0, 1000) / 99.0);
  }
  return p;
}

/// Progressive filling as it is defined, recomputing every share from all rows in every round.
inline std::vector<double> reference_rates(const MaxMinProblem& p) {
  constexpr long double infinity = std::numeric_limits<long double>::infinity();
  std::vector<double> rate(p.variables(), 0.0);
  std::vector<char> frozen(p.variables(), 0);
  const auto share = [&](std::uint32_t l) {
    long double left = p.capacity[l];
    long double load = 0.0L;
    for (std::size_t v = 0; v < p.variables(); ++v) {
      for (std::uint32_t e = p.begin[v]; e < p.begin[v + 1]; ++e) {
        if (p.resource[e] != l) continue;
        if (frozen[v] == 0) load += p.coefficient_of(e);
        if (frozen[v] != 0 && std::isfinite(p.capacity[l])) left -= p.coefficient_of(e) * rate[v];
      }
    }
    return load > 0.0L ? std::max(left, 0.0L) / load : infinity;
  };
  for (;;) {
    std::vector<long double> shares;
    long double level = infinity;
    for (std::uint32_t l = 0; l < p.resources(); ++l) {
      shares.push_back(share(l));
      level = std::min(level, shares.back());
    }
    bool rising = false;
    for (std::size_t v = 0; v < p.variables(); ++v) {
      if (frozen[v] != 0) continue;
      rising = true;
      level = std::min<long double>(level, p.bound_of(v));
    }
    if (!rising) return rate;
    std::vector<std::size_t> stopped;
    for (std::size_t v = 0; v < p.variables(); ++v) {
      bool full = p.bound_of(v) <= level * (1.0L + 1e-14L);
      for (std::uint32_t e = p.begin[v]; e < p.begin[v + 1]; ++e)
        full = full || shares[p.resource[e]] <= level * (1.0L + 1e-14L);
      if (frozen[v] == 0 && (full || level == infinity)) stopped.push_back(v);
    }
    for (const std::size_t v : stopped) {
      frozen[v] = 1;
      rate[v] = static_cast<double>(level);
    }
  }
}

/// Equal to a relative 1e-9, or both infinite.
inline bool same_rate(double a, double b, double tolerance = 1e-9) {
  return a == b || std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
}

}  // namespace tightrope::netsim
