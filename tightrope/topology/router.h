// Routes around what is broken.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/topology/machine.h"

namespace tightrope::topology {

/// What is broken in a machine. Chips, nodes and links are numbered through the machine.
struct Faults {
  struct Degraded {
    std::uint32_t link = 0;
    double factor = 1.0;  ///< of the nameplate capacity that is left, in (0, 1]
  };
  std::vector<int> dead_chips{};            ///< with every link that touches them
  std::vector<int> dead_nodes{};            ///< with their chips and interfaces
  std::vector<std::uint32_t> dead_links{};  ///< one direction each
  std::vector<Degraded> degraded{};         ///< named twice: the factors multiply

  [[nodiscard]] bool empty() const {
    return dead_chips.empty() && dead_nodes.empty() && dead_links.empty() && degraded.empty();
  }
};

/// How a message fares.
enum class Reach : std::uint8_t {
  direct,       ///< the route of a sound machine
  detour,       ///< another way, longer or narrower
  source_dead,  ///< no route: its sender is dead
  target_dead,
  cut_off,  ///< no route: no way around the dead links is left
};
[[nodiscard]] const char* to_string(Reach reach);
[[nodiscard]] inline bool reached(Reach r) { return r == Reach::direct || r == Reach::detour; }

/// Routes in a machine with faults. Without faults it is route() and stores nothing.
///
/// Around dead links, in this order. In a unit: a torus takes its shortest live ways over other
/// directions and orders of dimensions, evenly; a mesh goes through every chip that has both links
/// to it alive, evenly; then the shortest live way of any kind; then out by the NICs and back.
/// Between units: the pair of ports of the two nodes that costs the fewest links, evenly where
/// several do: a chip whose NIC or leaf is dead sends through its nearest neighbour in the node;
/// then the same over all ports of the two units.
class Router {
 public:
  /// Faults that name what the machine does not have are our caller's bug; see check_faults().
  explicit Router(const Machine& machine, const Faults& faults = {});

  [[nodiscard]] const Machine& machine() const { return *machine_; }

  /// Appends the route from chip a to chip b; nothing when there is none.
  Reach route(int a, int b, std::vector<Hop>& out) const;
  /// The same between ranks: ranks of one chip need no link.
  Reach route_ranks(int a, int b, std::vector<Hop>& out) const;

  [[nodiscard]] bool chip_alive(int chip) const {
    return dead_chips_.empty() || !dead_chips_[static_cast<std::size_t>(chip)];
  }
  [[nodiscard]] bool link_alive(std::uint32_t link) const {
    return dead_links_.empty() || !dead_links_[link];
  }
  /// What is left of a link's nameplate capacity, 0 when it is dead.
  [[nodiscard]] double factor(std::uint32_t link) const;
  [[nodiscard]] BytesPerSecond capacity(std::uint32_t link) const {
    return link_at(*machine_, link).capacity * factor(link);
  }

 private:
  struct Way;
  bool alive(const std::vector<Hop>& hops, std::size_t first) const;
  bool in_unit(int unit, int a, int b, std::vector<Hop>& out) const;
  bool torus_detour(int unit, int a, int b, std::vector<Hop>& out) const;
  bool mesh_detour(int unit, int a, int b, std::vector<Hop>& out) const;
  bool shortest(int unit, int a, int b, std::vector<Hop>& out) const;
  bool through_network(int a, int b, bool whole_unit, std::vector<Hop>& out) const;
  [[nodiscard]] std::vector<Way> ways(int chip, bool up, bool whole_unit) const;
  void kill_chip(int chip);
  void kill_node(int node);
  void kill_links_at(int unit, int chip);

  const Machine* machine_;
  std::vector<bool> dead_links_;  ///< empty: none is
  std::vector<bool> dead_chips_;
  std::vector<Faults::Degraded> degraded_;  ///< by link, each once
};

/// That faults name what the machine has: error range, with the highest number allowed.
[[nodiscard]] Result<void> check_faults(const Machine& machine, const Faults& faults);

/// Reads one fault: "chip:5", "node:2", "link:17", "link:17:0.5" (half its capacity is left),
/// "nic:5" (the interface of chip 5, both ways), "rack:3" or "unit:3" (all its nodes). Errors:
/// syntax, range.
[[nodiscard]] Result<void> read_fault(const Machine& machine, const std::string& text,
                                      Faults& faults);

}  // namespace tightrope::topology
