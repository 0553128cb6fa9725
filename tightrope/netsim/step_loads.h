// What each transfer of a step occupies of the network, after equal behaviour was merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tightrope::netsim {

/// A process is a pipeline stage of one class of islands; an island is the set of ranks that keep
/// step within a micro-batch (joined by tp, cp, ep and pp). Every island of a class behaves alike.
/// A row says what one transfer of one process occupies; rows of gradients and parameters
/// (`joint_row`) are shared by all islands of a stage.
struct StepLoads {
  int islands = 1;                   ///< classes
  std::vector<long> island_members;  ///< islands of each class
  int stages = 1, transfers = 0;
  std::uint32_t resources = 0;
  std::vector<int> row, joint_row;      ///< [(island *) stages + stage][transfer]; -1: none
  std::vector<std::uint32_t> begin{0};  ///< entries of each row, one more than there are rows
  std::vector<std::uint32_t> resource;
  /// Share of the resource's time that the row takes at a rate of one byte a second.
  std::vector<double> coefficient;
  std::vector<double> bytes;      ///< of each row: of its largest flow, what its rate counts
  std::vector<double> occupancy;  ///< of each row, seconds: alone, without latency

  [[nodiscard]] int process(int island, int stage) const { return island * stages + stage; }
  [[nodiscard]] int row_of(int process, int transfer) const {
    return row[static_cast<std::size_t>(process) * transfers + transfer];
  }
  [[nodiscard]] int joint_of(int stage, int transfer) const {
    return joint_row[static_cast<std::size_t>(stage) * transfers + transfer];
  }
  [[nodiscard]] std::span<const std::uint32_t> resources_of(int r) const {
    return std::span(resource).subspan(begin[r], begin[r + 1] - begin[r]);
  }
  [[nodiscard]] std::span<const double> coefficients_of(int r) const {
    return std::span(coefficient).subspan(begin[r], begin[r + 1] - begin[r]);
  }
  [[nodiscard]] std::size_t rows() const { return begin.size() - 1; }
};

}  // namespace tightrope::netsim
