// Trees, chains and reductions in the switch.
#include <algorithm>
#include <bit>

#include "tightrope/netsim/collective_schedule_internal.h"

namespace tightrope::netsim::schedule_internal {
namespace {

Schedule no(std::string reason) { return {std::move(reason), {}}; }

/// Parent of each of n nodes in NCCL's binary tree: leaves at odd numbers, the root at 0; -1: root.
int parent_of(int n, int node) {
  if (node == 0) return -1;
  const int bit = node & -node;
  const int up = (node ^ bit) | (bit << 1);
  return up >= n ? node ^ bit : up;
}

/// The complementary tree: the first one mirrored (even n) or shifted, so that its leaves are the
/// first one's inner nodes.
int other_parent_of(int n, int node) {
  const auto turn = [n](int v) { return n % 2 == 0 ? n - 1 - v : (v + n - 1) % n; };
  const auto back = [n](int v) { return n % 2 == 0 ? n - 1 - v : (v + 1) % n; };
  const int up = parent_of(n, turn(node));
  return up < 0 ? -1 : back(up);
}

/// Parents of all members in one tree over units with a chain inside each: the chain's first
/// member is the unit's place in the tree.
std::vector<int> parents_of(const Call& call, int start, bool second) {
  const UnitGroups& g = call.groups;
  std::vector<int> parent(static_cast<std::size_t>(call.ranks()), -1);
  const int nodes = g.units() > 1 ? g.units() : call.ranks();
  for (int node = 0; node < nodes; ++node) {
    const int up = second ? other_parent_of(nodes, node) : parent_of(nodes, node);
    if (g.units() == 1) {
      parent[static_cast<std::size_t>(g.members[0][static_cast<std::size_t>(node)])] =
          up < 0 ? -1 : g.members[0][static_cast<std::size_t>(up)];
      continue;
    }
    const auto chain_of = [&](int unit) {
      std::vector<int> chain = walked(call, g.members[static_cast<std::size_t>(unit)]);
      std::rotate(chain.begin(), chain.begin() + start % static_cast<int>(chain.size()),
                  chain.end());
      return chain;
    };
    const std::vector<int> chain = chain_of(node);
    parent[static_cast<std::size_t>(chain[0])] = up < 0 ? -1 : chain_of(up)[0];
    for (std::size_t i = 1; i < chain.size(); ++i)
      parent[static_cast<std::size_t>(chain[i])] = chain[i - 1];
  }
  return parent;
}

/// Up the tree, down it, or both, in pieces: a member passes a piece on in the round after the one
/// in which it had it whole.
Phase tree_phase(const std::vector<int>& parent, double bytes, int pieces, CollectiveKind kind) {
  const auto n = static_cast<int>(parent.size());
  std::vector<int> depth(parent.size(), 0), height(parent.size(), 0);
  for (int v = 0; v < n; ++v) {
    int steps = 0;
    for (int u = v; parent[static_cast<std::size_t>(u)] >= 0;
         u = parent[static_cast<std::size_t>(u)]) {
      ++steps;
      int& h = height[static_cast<std::size_t>(parent[static_cast<std::size_t>(u)])];
      h = std::max(h, steps);
    }
    depth[static_cast<std::size_t>(v)] = steps;
  }
  const int deepest = *std::max_element(depth.begin(), depth.end());
  const bool up = kind == CollectiveKind::all_reduce;
  Phase phase;
  phase.hops = up ? 2.0 * deepest : deepest;
  for (int v = 0; v < n; ++v) {
    const int p = parent[static_cast<std::size_t>(v)];
    if (p < 0) continue;
    if (up)
      phase.messages.push_back({v, p, bytes / pieces, height[static_cast<std::size_t>(v)], pieces});
    const int first = (up ? deepest : 0) + depth[static_cast<std::size_t>(p)];
    phase.messages.push_back({p, v, bytes / pieces, first, pieces});
  }
  return phase;
}

/// Parents with the tree's root put at member 0, from where a broadcast starts.
std::vector<int> rooted_at_first(std::vector<int> parent) {
  int v = 0, above = -1;
  while (v >= 0) {
    const int next = parent[static_cast<std::size_t>(v)];
    parent[static_cast<std::size_t>(v)] = above;
    above = v;
    v = next;
  }
  return parent;
}

}  // namespace

Schedule tree(const Call& call) {
  const CollectiveKind kind = call.spec.kind;
  if (kind != CollectiveKind::all_reduce && kind != CollectiveKind::broadcast)
    return no("for all_reduce and broadcast only");
  if (!call.groups.even) return no("needs as many ranks in every unit");
  std::vector<int> starts{0};
  if (call.groups.units() > 1) starts = chip_starts(call, walked(call, call.groups.members[0]));
  if (call.spec.channels > 0 && static_cast<int>(starts.size()) > call.spec.channels)
    starts.resize(static_cast<std::size_t>(call.spec.channels));
  Schedule s;
  const double part = call.spec.size.raw() / (2.0 * static_cast<double>(starts.size()));
  for (const int start : starts) {
    for (const bool second : {false, true}) {
      std::vector<int> parent = parents_of(call, start, second);
      if (kind == CollectiveKind::broadcast) parent = rooted_at_first(std::move(parent));
      s.lanes.push_back({{tree_phase(parent, part, call.spec.pieces, kind)}});
    }
  }
  return s;
}

Schedule chain(const Call& call) {
  std::vector<int> order;
  for (const auto& unit : call.groups.members) {
    const std::vector<int> there = walked(call, unit);
    order.insert(order.end(), there.begin(), there.end());
  }
  std::rotate(order.begin(), std::find(order.begin(), order.end(), 0), order.end());
  std::vector<int> parent(order.size(), -1);
  for (std::size_t i = 1; i < order.size(); ++i)
    parent[static_cast<std::size_t>(order[i])] = order[i - 1];
  return {{},
          {Lane{{tree_phase(parent, call.spec.size.raw(), call.spec.pieces,
                            CollectiveKind::broadcast)}}}};
}

// A member's share is added up in the switch and read by it alone (size up, a share down), reduced
// over the rails, and written to all by the switch (a share up, size down): piece by piece, all at
// once.
Schedule in_network(const Call& call) {
  const UnitGroups& g = call.groups;
  const CollectiveKind kind = call.spec.kind;
  if (call.machine.unit.spec().shape != topology::UnitShape::switched)
    return no("units have no switch");
  if (!g.even || g.per_unit() < 2) return no("needs as many ranks in every unit, at least two");
  if (kind == CollectiveKind::all_to_all || kind == CollectiveKind::send_recv ||
      kind == CollectiveKind::broadcast)
    return no("for reductions and gathers only");
  const double share = call.spec.size.raw() / g.per_unit();
  const double whole = call.spec.size.raw();
  const bool reduces = kind != CollectiveKind::all_gather;
  const bool gathers = kind != CollectiveKind::reduce_scatter;
  const double up = (reduces ? whole : 0.0) + (gathers ? share : 0.0);
  const double down = (reduces ? share : 0.0) + (gathers ? whole : 0.0);
  const int rounds = (g.units() - 1) * (reduces && gathers ? 2 : 1);
  Phase phase;
  phase.joined = true;
  phase.hops = std::max(1, rounds);
  for (int i = 0; i < call.ranks(); ++i) {
    phase.messages.push_back({i, switch_end, up, 0, 1});
    phase.messages.push_back({switch_end, i, down, 0, 1});
  }
  for (int i = 0; rounds > 0 && i < g.per_unit(); ++i) {
    for (int u = 0; u < g.units(); ++u) {
      const auto at = [&](int unit) {
        return g.members[static_cast<std::size_t>(unit % g.units())][static_cast<std::size_t>(i)];
      };
      phase.messages.push_back({at(u), at(u + 1), share / g.units(), 0, rounds});
    }
  }
  return {{}, {Lane{{std::move(phase)}}}};
}

}  // namespace tightrope::netsim::schedule_internal
