#include "tightrope/topology/unit_graph.h"

#include <algorithm>
#include <string_view>

#include "tightrope/core/check.h"

namespace tightrope::topology {
namespace {

constexpr std::string_view kind_words[link_kinds] = {
    "torus_x", "torus_y",   "torus_z", "mesh",     "switch_up", "switch_down",
    "host_up", "host_down", "nic_up",  "nic_down", "leaf_up",   "leaf_down",
    "pod_up",  "pod_down",  "site_up", "site_down"};
constexpr std::string_view shape_words[] = {"single", "switched", "torus", "mesh"};

constexpr LinkKind torus_kinds[] = {LinkKind::torus_x, LinkKind::torus_y, LinkKind::torus_z};

}  // namespace

const char* to_string(LinkKind kind) { return kind_words[static_cast<std::size_t>(kind)].data(); }
const char* to_string(UnitShape shape) {
  return shape_words[static_cast<std::size_t>(shape)].data();
}

Unit::Unit(const UnitSpec& spec) : spec_(spec) {
  const int n = spec_.chips;
  TR_CHECK(n >= 1, n);
  const auto u = [](int v) { return static_cast<std::uint32_t>(v); };
  switch (spec_.shape) {
    case UnitShape::single: TR_CHECK(n == 1, n); break;
    case UnitShape::switched:
      for (int c = 0; c < n; ++c) {
        links_.push_back({u(c), u(n), LinkKind::switch_up, spec_.chip_bandwidth, spec_.latency});
        links_.push_back({u(n), u(c), LinkKind::switch_down, spec_.chip_bandwidth, spec_.latency});
      }
      break;
    case UnitShape::mesh:
      for (int a = 0; a < n; ++a) {
        for (int b = 0; b < n; ++b) {
          if (a == b) continue;
          links_.push_back(
              {u(a), u(b), LinkKind::mesh, spec_.chip_bandwidth / (n - 1), spec_.latency});
        }
      }
      break;
    case UnitShape::torus: add_torus_links(); break;
  }
}

void Unit::add_torus_links() {
  const auto& e = spec_.extents;
  TR_CHECK(e[0] * e[1] * e[2] == spec_.chips, e[0], e[1], e[2], spec_.chips);
  stride_ = {1, e[0], e[0] * e[1]};
  for (std::size_t d = 0; d < 3; ++d) {
    slot_[d] = {degree_, degree_ + 1};
    degree_ += std::min(e[d] - 1, 2);
  }
  for (int chip = 0; chip < spec_.chips; ++chip) {
    for (std::size_t d = 0; d < 3; ++d) {
      const int ways = std::min(e[d] - 1, 2);
      const int at = (chip / stride_[d]) % e[d];
      for (int way = 0; way < ways; ++way) {
        const int next = (at + (way == 0 ? 1 : e[d] - 1)) % e[d];
        const int to = chip + (next - at) * stride_[d];
        links_.push_back({static_cast<std::uint32_t>(chip), static_cast<std::uint32_t>(to),
                          torus_kinds[d], spec_.dimension_bandwidth[d] / ways, spec_.latency});
      }
    }
  }
}

int Unit::walk(int at, int dimension, int way, int steps, double share,
               std::vector<Hop>& out) const {
  const auto d = static_cast<std::size_t>(dimension);
  const int extent = spec_.extents[d];
  const int slot = slot_[d][way > 0 || extent == 2 ? 0 : 1];
  int position = (at / stride_[d]) % extent;
  for (int i = 0; i < steps; ++i) {
    out.push_back({static_cast<std::uint32_t>(at * degree_ + slot), share});
    const int next = position + way == extent ? 0
                     : position + way < 0     ? extent - 1
                                              : position + way;
    at += (next - position) * stride_[d];
    position = next;
  }
  return at;
}

int Unit::ring(int at, int target, int dimension, int way, std::vector<Hop>& out) const {
  const auto d = static_cast<std::size_t>(dimension);
  const int extent = spec_.extents[d];
  const int from = (at / stride_[d]) % extent;
  const int to = (target / stride_[d]) % extent;
  const int ahead = to >= from ? to - from : to - from + extent;
  if (ahead == 0) return at;
  if (extent == 2) return walk(at, dimension, 1, 1, 1.0, out);
  if (way == 0 && 2 * ahead == extent) {
    walk(at, dimension, 1, ahead, 0.5, out);
    return walk(at, dimension, -1, ahead, 0.5, out);
  }
  const bool forward = way == 0 ? 2 * ahead < extent : way > 0;
  return walk(at, dimension, forward ? 1 : -1, forward ? ahead : extent - ahead, 1.0, out);
}

void Unit::route(int a, int b, std::vector<Hop>& out) const {
  route_along(a, b, {0, 1, 2}, {0, 0, 0}, out);
}

void Unit::route_along(int a, int b, const std::array<int, 3>& order,
                       const std::array<int, 3>& ways, std::vector<Hop>& out) const {
  if (a == b) return;
  switch (spec_.shape) {
    case UnitShape::single: return;
    case UnitShape::switched:
      out.push_back({static_cast<std::uint32_t>(2 * a), 1.0});
      out.push_back({static_cast<std::uint32_t>(2 * b + 1), 1.0});
      return;
    case UnitShape::mesh:
      out.push_back({static_cast<std::uint32_t>(a * (spec_.chips - 1) + (b < a ? b : b - 1)), 1.0});
      return;
    case UnitShape::torus: break;
  }
  for (const int dimension : order) {
    a = ring(a, b, dimension, ways[static_cast<std::size_t>(dimension)], out);
  }
}

int Unit::diameter() const {
  switch (spec_.shape) {
    case UnitShape::single: return 0;
    case UnitShape::switched: return spec_.chips > 1 ? 2 : 0;
    case UnitShape::mesh: return spec_.chips > 1 ? 1 : 0;
    case UnitShape::torus: break;
  }
  int hops = 0;
  for (const int extent : spec_.extents) hops += extent / 2;
  return hops;
}

std::array<int, 3> Unit::position(int chip) const {
  if (spec_.shape != UnitShape::torus) return {chip, 0, 0};
  std::array<int, 3> at{};
  for (std::size_t d = 0; d < 3; ++d) at[d] = (chip / stride_[d]) % spec_.extents[d];
  return at;
}

}  // namespace tightrope::topology
