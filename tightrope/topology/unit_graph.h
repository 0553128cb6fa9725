// One scale-up domain as an explicit directed graph, with the routes inside it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "tightrope/core/units.h"

namespace tightrope::topology {

/// What a link is part of. `_up` leaves the chips' side, `_down` comes back to it.
enum class LinkKind : std::uint8_t {
  torus_x,      ///< chip to neighbour chip along the first dimension of a torus or ring
  torus_y,      ///< along the second
  torus_z,      ///< along the third
  mesh,         ///< chip to chip, every pair has its own
  switch_up,    ///< chip to the domain's switch, all planes together
  switch_down,  ///< switch to chip
  host_up,      ///< chip to network interface over PCIe or C2C
  host_down,
  nic_up,  ///< network interface to its leaf switch
  nic_down,
  leaf_up,  ///< leaf to pod (to the spine where there are two tiers), all cables together
  leaf_down,
  pod_up,  ///< pod to the site's core
  pod_down,
  site_up,  ///< site to the long-distance links that join sites
  site_down,
};
inline constexpr int link_kinds = 16;
[[nodiscard]] const char* to_string(LinkKind kind);  ///< "torus_x", ...

/// A one-way link between two vertices of the graph that lists it.
struct Link {
  std::uint32_t from = 0, to = 0;
  LinkKind kind = LinkKind::mesh;
  BytesPerSecond capacity{};  ///< nameplate, of this direction
  Seconds latency{};          ///< of the wire and what it enters; 0: not known
};

/// One link of a route and the share of the message that takes it, in (0, 1].
struct Hop {
  std::uint32_t link = 0;
  double share = 1.0;
};

enum class UnitShape : std::uint8_t {
  single,    ///< one chip, no link
  switched,  ///< every chip has a link up to one non-blocking switch and one down from it
  torus,     ///< 1 to 3 dimensions, each a ring (two chips: one link each way)
  mesh,      ///< one link each way between every pair of chips
};
[[nodiscard]] const char* to_string(UnitShape shape);

/// What a unit is made of.
struct UnitSpec {
  UnitShape shape = UnitShape::single;
  int chips = 1;                        ///< of a torus: the product of the extents
  std::array<int, 3> extents{1, 1, 1};  ///< chips along each dimension of a torus, else 1
  /// Of one chip along one dimension of a torus, one direction, its two neighbours together.
  std::array<BytesPerSecond, 3> dimension_bandwidth{};
  BytesPerSecond chip_bandwidth{};  ///< of one chip, one direction: switched and mesh
  Seconds latency{};                ///< of one link; 0: not known
  int planes = 1;                   ///< switches that share the traffic evenly; data, not vertices
};

/// A scale-up domain. Vertices: chips 0 .. chips-1, then the switch where there is one. A switch of
/// several planes is one vertex with every chip's links together, which is exact as long as each
/// message is spread evenly over the planes and no plane blocks.
///
/// Torus: chip = x + X * (y + Y * z). Each ring link of a dimension with more than two chips has
/// half of dimension_bandwidth.
class Unit {
 public:
  Unit() = default;  ///< a single chip
  explicit Unit(const UnitSpec& spec);

  [[nodiscard]] const UnitSpec& spec() const { return spec_; }
  [[nodiscard]] int chips() const { return spec_.chips; }
  [[nodiscard]] int switches() const { return spec_.shape == UnitShape::switched ? 1 : 0; }
  [[nodiscard]] int vertices() const { return chips() + switches(); }
  [[nodiscard]] std::span<const Link> links() const { return links_; }

  /// Appends the links that a message from chip a to chip b takes; nothing when a == b. Switch: up
  /// and down. Mesh: the direct link. Torus: x, then y, then z, each the short way round its ring;
  /// at equal length half goes each way. Allocates only when `out` must grow.
  void route(int a, int b, std::vector<Hop>& out) const;

  /// As route(), but in a torus along dimensions `order`, and round the ring of dimension d the
  /// way that ways[d] says: +1 or -1, 0 as route() does. Other shapes ignore both.
  void route_along(int a, int b, const std::array<int, 3>& order, const std::array<int, 3>& ways,
                   std::vector<Hop>& out) const;

  /// Links of the longest of all shortest routes.
  [[nodiscard]] int diameter() const;
  /// Position of a chip along each dimension of a torus; {chip, 0, 0} otherwise.
  [[nodiscard]] std::array<int, 3> position(int chip) const;

 private:
  void add_torus_links();
  int ring(int at, int target, int dimension, int way, std::vector<Hop>& out) const;
  int walk(int at, int dimension, int way, int steps, double share, std::vector<Hop>& out) const;

  UnitSpec spec_;
  std::array<int, 3> stride_{1, 1, 1};
  std::array<std::array<int, 2>, 3> slot_{};  ///< place of a dimension's + and - among a chip's
  int degree_ = 0;                            ///< links that leave a chip of a torus
  std::vector<Link> links_;
};

}  // namespace tightrope::topology
