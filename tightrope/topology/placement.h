// Which chip does the work of which rank.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/topology/router.h"

namespace tightrope::topology {

/// The dimensions of a mapping. Expert parallel ranks are the innermost of dp.
enum class Axis : std::uint8_t { tp, cp, dp, pp };
inline constexpr int axes = 4;
[[nodiscard]] const char* to_string(Axis axis);

/// Ranks along each axis, indexed by Axis, each at least 1.
using AxisSizes = std::array<int, axes>;

/// Which axis changes fastest from one place to the next, innermost first.
using AxisOrder = std::array<Axis, axes>;
inline constexpr AxisOrder megatron_order = {Axis::tp, Axis::cp, Axis::dp, Axis::pp};

/// Reads "tp-cp-dp-pp" or any other permutation. Errors: syntax.
[[nodiscard]] Result<AxisOrder> read_order(std::string_view text);
[[nodiscard]] std::string to_string(const AxisOrder& order);

/// How a walk goes through the chips of a torus: row by row each from its start, or turning round
/// at the end of each row and plane, so that each chip is a neighbour of the one before. Where
/// extents are even, any aligned run of chips that fills rows or planes then closes to a ring of
/// neighbours. Other shapes know one walk only.
enum class Walk : std::uint8_t { rows, snake };

/// What is left out with a dead chip.
enum class Granule : std::uint8_t { chip, node, unit };

struct PlacementSpec {
  AxisSizes sizes{1, 1, 1, 1};
  AxisOrder order = megatron_order;
  Walk walk = Walk::rows;
  Granule granule = Granule::node;
  /// Chips to use of each unit, the rest being spares ("64 of 72"); units with fewer that are alive
  /// are left out. 0: as many as hold whole groups of the innermost axis.
  int chips_per_unit = 0;
};

/// A rank's number does not depend on the order: tp + TP * (cp + CP * (dp + DP * pp)).
[[nodiscard]] int rank_of(const AxisSizes& sizes, const std::array<int, axes>& at);
[[nodiscard]] std::array<int, axes> axes_of(const AxisSizes& sizes, int rank);

/// Ranks on chips: place s of the walk holds the rank whose digits, read in the order, spell s;
/// each chip holds ranks_per_chip places in a row.
struct Placement {
  bool feasible = false;
  std::string reason;             ///< why not
  std::vector<int> chip_of_rank;  ///< numbered through the machine; as many as the sizes' product
  std::vector<int> spares;        ///< chips that are alive and hold no rank, in walk order
};

/// Chips of one unit in the order of the walk, counted in the unit.
[[nodiscard]] std::vector<int> walk_of(const Unit& unit, Walk walk);

/// Places ranks on live chips. Infeasible, with a reason, when too few are left.
[[nodiscard]] Placement place(const Router& router, const PlacementSpec& spec);

/// What one rank sends to its next in each group, indexed by Axis; a ratio is enough.
using AxisTraffic = std::array<double, axes>;

/// Bytes times links, summed over all ranks: each sends to the next of its group, round the ring in
/// tp, cp and dp, to the next stage in pp. Pairs that cannot reach each other cost as much as
/// `unreachable_hops` links.
[[nodiscard]] double hop_cost(const Router& router, const PlacementSpec& spec,
                              const Placement& placement, const AxisTraffic& bytes);
inline constexpr double unreachable_hops = 1000.0;

/// A tried order and its cost; feasible placements only.
struct TriedOrder {
  AxisOrder order = megatron_order;
  Walk walk = Walk::rows;
  double cost = 0.0;
};

/// Tries every order of the axes longer than 1, and on a torus both walks; cheapest first, equal
/// ones in the order tried. Empty when no placement is feasible.
[[nodiscard]] std::vector<TriedOrder> search_orders(
    const Router& router, PlacementSpec spec,
    const std::function<double(const PlacementSpec&, const Placement&)>& cost);

}  // namespace tightrope::topology
