#include "tightrope/topology/router.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "tightrope/core/check.h"

namespace tightrope::topology {
namespace {

constexpr std::string_view reach_words[] = {"direct", "detour", "source_dead", "target_dead",
                                            "cut_off"};

/// Appends `hops` with their shares times `share`, links already there from `first` on added up.
void merge(const std::vector<Hop>& hops, double share, std::size_t first, std::vector<Hop>& out) {
  for (const Hop& hop : hops) {
    std::size_t at = first;
    while (at < out.size() && out[at].link != hop.link) ++at;
    if (at == out.size()) out.push_back({hop.link, 0.0});
    out[at].share += hop.share * share;
  }
}

double length(const std::vector<Hop>& hops) {
  double sum = 0.0;
  for (const Hop& hop : hops) sum += hop.share;
  return sum;
}

/// Routes of equal cost, the cheapest kept.
class Cheapest {
 public:
  void offer(const std::vector<Hop>& hops) {
    const double cost = length(hops);
    if (!kept_.empty() && cost > cost_ + 1e-9) return;
    if (kept_.empty() || cost < cost_ - 1e-9) {
      kept_.clear();
      cost_ = cost;
    }
    kept_.push_back(hops);
  }
  /// Appends them all with even shares; false when there is none.
  bool spread(std::vector<Hop>& out) const {
    const std::size_t first = out.size();
    const double share = kept_.empty() ? 0.0 : 1.0 / static_cast<double>(kept_.size());
    for (const std::vector<Hop>& hops : kept_) merge(hops, share, first, out);
    return !kept_.empty();
  }

 private:
  double cost_ = 0.0;
  std::vector<std::vector<Hop>> kept_;
};

}  // namespace

const char* to_string(Reach reach) { return reach_words[static_cast<std::size_t>(reach)].data(); }

/// One port, and the links between a chip and it.
struct Router::Way {
  int port = 0;  ///< in the unit
  std::vector<Hop> hops;
};

Router::Router(const Machine& machine, const Faults& faults) : machine_(&machine) {
  TR_CHECK(check_faults(machine, faults).has_value());
  if (!faults.dead_chips.empty() || !faults.dead_nodes.empty() || !faults.dead_links.empty()) {
    dead_links_.assign(machine.links(), false);
    dead_chips_.assign(static_cast<std::size_t>(machine.chips()), false);
  }
  for (const std::uint32_t link : faults.dead_links) dead_links_[link] = true;
  for (const int chip : faults.dead_chips) kill_chip(chip);
  for (const int node : faults.dead_nodes) kill_node(node);
  std::vector<Faults::Degraded> sorted = faults.degraded;
  std::ranges::stable_sort(sorted, {}, &Faults::Degraded::link);
  for (const Faults::Degraded& d : sorted) {
    if (!degraded_.empty() && degraded_.back().link == d.link) {
      degraded_.back().factor *= d.factor;
    } else {
      degraded_.push_back(d);
    }
  }
}

void Router::kill_links_at(int unit, int chip) {
  const Machine& m = *machine_;
  const auto base = static_cast<std::uint32_t>(unit) * m.unit_links();
  const auto links = m.unit.links();
  for (std::uint32_t i = 0; i < links.size(); ++i) {
    const auto vertex = static_cast<std::uint32_t>(chip);
    if (links[i].from == vertex || links[i].to == vertex) dead_links_[base + i] = true;
  }
}

void Router::kill_chip(int chip) {
  const Machine& m = *machine_;
  const int unit = chip / m.unit.chips();
  const int local = chip % m.unit.chips();
  dead_chips_[static_cast<std::size_t>(chip)] = true;
  kill_links_at(unit, local);
  if (m.ports_per_node == 0) return;
  const int port = local / m.chips_per_node * m.ports_per_node + port_of(m, local);
  for (const bool up : {true, false}) {
    if (m.host_links) dead_links_[host_link(m, unit, local, up)] = true;
    if (!m.host_links) dead_links_[nic_link(m, unit, port, up)] = true;
  }
}

void Router::kill_node(int node) {
  const Machine& m = *machine_;
  for (int i = 0; i < m.chips_per_node; ++i) kill_chip(node * m.chips_per_node + i);
  const int unit = node / m.nodes_per_unit;
  for (int p = 0; p < m.ports_per_node; ++p) {
    const int port = node % m.nodes_per_unit * m.ports_per_node + p;
    for (const bool up : {true, false}) dead_links_[nic_link(m, unit, port, up)] = true;
  }
}

double Router::factor(std::uint32_t link) const {
  if (!link_alive(link)) return 0.0;
  const auto at = std::ranges::lower_bound(degraded_, link, {}, &Faults::Degraded::link);
  return at != degraded_.end() && at->link == link ? at->factor : 1.0;
}

bool Router::alive(const std::vector<Hop>& hops, std::size_t first) const {
  for (std::size_t i = first; i < hops.size(); ++i) {
    if (dead_links_[hops[i].link]) return false;
  }
  return true;
}

Reach Router::route(int a, int b, std::vector<Hop>& out) const {
  if (!chip_alive(a)) return Reach::source_dead;
  if (!chip_alive(b)) return Reach::target_dead;
  const Machine& m = *machine_;
  const std::size_t first = out.size();
  topology::route(m, a, b, out);
  if (dead_links_.empty() || alive(out, first)) return Reach::direct;
  out.resize(first);
  const int n = m.unit.chips();
  const bool same = a / n == b / n;
  if (same && in_unit(a / n, a % n, b % n, out)) return Reach::detour;
  if (m.outer.tiers > 0) {
    for (const bool whole_unit : {false, true}) {
      if (through_network(a, b, whole_unit, out)) return Reach::detour;
    }
  }
  return Reach::cut_off;
}

Reach Router::route_ranks(int a, int b, std::vector<Hop>& out) const {
  return route(a / machine_->ranks_per_chip, b / machine_->ranks_per_chip, out);
}

bool Router::in_unit(int unit, int a, int b, std::vector<Hop>& out) const {
  if (a == b) return true;
  const int chip0 = unit * machine_->unit.chips();
  const std::size_t first = out.size();
  topology::route(*machine_, chip0 + a, chip0 + b, out);
  if (alive(out, first)) return true;
  out.resize(first);
  switch (machine_->unit.spec().shape) {
    case UnitShape::torus:
      if (torus_detour(unit, a, b, out)) return true;
      break;
    case UnitShape::mesh:
      if (mesh_detour(unit, a, b, out)) return true;
      break;
    case UnitShape::single:
    case UnitShape::switched: return false;
  }
  return shortest(unit, a, b, out);
}

bool Router::torus_detour(int unit, int a, int b, std::vector<Hop>& out) const {
  constexpr std::array<std::array<int, 3>, 6> orders = {
      {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};
  const auto base = static_cast<std::uint32_t>(unit) * machine_->unit_links();
  Cheapest cheapest;
  std::vector<Hop> hops;
  for (const auto& order : orders) {
    for (int mask = 0; mask < 8; ++mask) {
      const std::array<int, 3> ways = {(mask & 1) != 0 ? 1 : -1, (mask & 2) != 0 ? 1 : -1,
                                       (mask & 4) != 0 ? 1 : -1};
      hops.clear();
      machine_->unit.route_along(a, b, order, ways, hops);
      for (Hop& hop : hops) hop.link += base;
      if (alive(hops, 0)) cheapest.offer(hops);
    }
  }
  return cheapest.spread(out);
}

bool Router::mesh_detour(int unit, int a, int b, std::vector<Hop>& out) const {
  const auto base = static_cast<std::uint32_t>(unit) * machine_->unit_links();
  Cheapest cheapest;
  std::vector<Hop> hops;
  for (int c = 0; c < machine_->unit.chips(); ++c) {
    if (c == a || c == b) continue;
    hops.clear();
    machine_->unit.route(a, c, hops);
    machine_->unit.route(c, b, hops);
    for (Hop& hop : hops) hop.link += base;
    if (alive(hops, 0)) cheapest.offer(hops);
  }
  return cheapest.spread(out);
}

bool Router::shortest(int unit, int a, int b, std::vector<Hop>& out) const {
  const Unit& u = machine_->unit;
  const auto base = static_cast<std::uint32_t>(unit) * machine_->unit_links();
  const auto links = u.links();
  constexpr std::uint32_t none = ~0u;
  std::vector<std::vector<std::uint32_t>> leaving(static_cast<std::size_t>(u.vertices()));
  for (std::uint32_t i = 0; i < links.size(); ++i) {
    if (link_alive(base + i)) leaving[links[i].from].push_back(i);
  }
  std::vector<std::uint32_t> entered(leaving.size(), none);
  std::vector<std::uint32_t> queue{static_cast<std::uint32_t>(a)};
  const auto target = static_cast<std::uint32_t>(b);
  for (std::size_t head = 0; head < queue.size() && entered[target] == none; ++head) {
    for (const std::uint32_t i : leaving[queue[head]]) {
      const std::uint32_t to = links[i].to;
      if (to == static_cast<std::uint32_t>(a) || entered[to] != none) continue;
      entered[to] = i;
      queue.push_back(to);
    }
  }
  if (entered[target] == none) return false;
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  for (std::uint32_t at = target; at != static_cast<std::uint32_t>(a);) {
    out.push_back({base + entered[at], 1.0});
    at = links[entered[at]].from;
  }
  std::reverse(out.begin() + first, out.end());
  return true;
}

std::vector<Router::Way> Router::ways(int chip, bool up, bool whole_unit) const {
  const Machine& m = *machine_;
  const int unit = chip / m.unit.chips();
  const int local = chip % m.unit.chips();
  const int node = local / m.chips_per_node;
  const int first = whole_unit ? 0 : node * m.chips_per_node;
  const int last = whole_unit ? m.unit.chips() : first + m.chips_per_node;
  std::vector<Way> found;
  for (int other = first; other < last; ++other) {
    if (!chip_alive(unit * m.unit.chips() + other)) continue;
    Way way{other / m.chips_per_node * m.ports_per_node + port_of(m, other), {}};
    if (!link_alive(nic_link(m, unit, way.port, up))) continue;
    const int from = up ? local : other;
    const int to = up ? other : local;
    const std::uint32_t host = m.host_links ? host_link(m, unit, other, up) : 0;
    if (m.host_links && !link_alive(host)) continue;
    if (m.host_links && !up) way.hops.push_back({host, 1.0});
    if (!in_unit(unit, from, to, way.hops)) continue;
    if (m.host_links && up) way.hops.push_back({host, 1.0});
    found.push_back(std::move(way));
  }
  return found;
}

bool Router::through_network(int a, int b, bool whole_unit, std::vector<Hop>& out) const {
  const int n = machine_->unit.chips();
  const std::vector<Way> from = ways(a, true, whole_unit);
  const std::vector<Way> to = ways(b, false, whole_unit);
  Cheapest cheapest;
  std::vector<Hop> hops;
  for (const Way& x : from) {
    for (const Way& y : to) {
      // Within a unit a message does not leave by the port that it comes back to.
      if (a / n == b / n && x.port == y.port) continue;
      hops = x.hops;
      outer_route(*machine_, {a / n, x.port, b / n, y.port}, 1.0, hops);
      hops.insert(hops.end(), y.hops.begin(), y.hops.end());
      if (alive(hops, 0)) cheapest.offer(hops);
    }
  }
  return cheapest.spread(out);
}

}  // namespace tightrope::topology
