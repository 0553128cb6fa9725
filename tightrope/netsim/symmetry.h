// Exact reduction of max-min problems: resources that can never bind are dropped, variables and
// resources that cannot be told apart are solved once. Why both are exact:
// docs/netsim_mathematics.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tightrope/netsim/maxmin.h"

namespace tightrope::netsim {

/// For each resource 1 when its constraint follows from others, so that it can be left out without
/// changing any rate: what its variables could reach under their bounds and the smaller (or, in
/// their rows, earlier) resources does not exceed its capacity. Holds for every subset of the
/// variables too; not for other capacities. O(entries log row).
[[nodiscard]] std::vector<char> never_binding(const MaxMinProblem& problem);

/// A problem with one variable for each class of equal ones. Every class has one rate.
struct Reduction {
  std::vector<std::uint32_t> class_of;           ///< of each variable
  std::vector<std::uint32_t> resource_class_of;  ///< of each resource; no_resource: never binds
  std::vector<std::uint32_t> size;               ///< variables in each class
  std::vector<std::uint32_t> member;             ///< one variable of each class, the first
  OwnedProblem problem;                          ///< of the classes

  /// Rates of all variables from those of the classes.
  void expand(std::span<const double> class_rate, std::span<double> rate) const;
};

/// The coarsest equitable partition of variables and resources that tells apart different bounds,
/// capacities, coefficients, and variables of different `colour` (empty: all alike), with its
/// quotient. Give flows of different size or release different colours when classes must also
/// start and finish together. O(entries log(variables + resources)).
[[nodiscard]] Reduction reduce(const MaxMinProblem& problem,
                               std::span<const std::uint32_t> colour = {});

/// Small numbers for equal values: `number[i]` is the same for bitwise equal `value[i]`. Returns
/// how many different ones there are.
std::uint32_t number_values(std::span<const double> value, std::span<std::uint32_t> number);

}  // namespace tightrope::netsim
