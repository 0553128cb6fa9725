// What the files that make schedules share.
#pragma once

#include <span>
#include <vector>

#include "tightrope/netsim/collective_schedule.h"

namespace tightrope::netsim::schedule_internal {

/// Rings, or sets in which everyone sends to everyone, that all run at once; equally long.
struct Lines {
  std::vector<std::vector<int>> lines;
  bool exchange = false;
  [[nodiscard]] double length() const { return static_cast<double>(lines.front().size()); }
};

/// Dimensions in the order in which data is scattered; gathering goes back.
using Grid = std::vector<Lines>;

struct Call {
  const topology::Machine& machine;
  std::span<const int> chips;
  const ScheduleSpec& spec;
  UnitGroups groups;
  [[nodiscard]] int ranks() const { return static_cast<int>(chips.size()); }
  [[nodiscard]] int chip_in_unit(int member) const {
    return chips[static_cast<std::size_t>(member)] % machine.unit.chips();
  }
};

/// Members of one unit in the order of its walk: neighbours follow each other in a torus.
[[nodiscard]] std::vector<int> walked(const Call& call, const std::vector<int>& members);
/// Numbers of the channels' first places among `members`: one for each of its chips.
[[nodiscard]] std::vector<int> chip_starts(const Call& call, const std::vector<int>& members);

/// Reduce-scatter, all-gather or both of `bytes` over a grid.
[[nodiscard]] Lane over_grid(const Grid& grid, CollectiveKind kind, double bytes);

[[nodiscard]] Schedule tree(const Call& call);
[[nodiscard]] Schedule chain(const Call& call);
[[nodiscard]] Schedule in_network(const Call& call);

}  // namespace tightrope::netsim::schedule_internal
