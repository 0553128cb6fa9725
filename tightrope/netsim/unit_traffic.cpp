#include "tightrope/netsim/unit_traffic.h"

#include <algorithm>
#include <array>

#include "tightrope/core/check.h"

namespace tightrope::netsim {
namespace {

using formula::Collective;

bool is_ring(Collective kind) {
  return kind == Collective::all_reduce || kind == Collective::all_gather ||
         kind == Collective::reduce_scatter;
}

// Bytes that a rank's scale-up ports carry in a second, all of them together.
double scaleup_rate(const topology::Unit& unit) {
  const topology::UnitSpec& s = unit.spec();
  if (s.shape != topology::UnitShape::torus) return s.chip_bandwidth.raw();
  double sum = 0.0;
  for (std::size_t d = 0; d < 3; ++d) {
    if (s.extents[d] > 1) sum += s.dimension_bandwidth[d].raw();
  }
  return sum;
}

}  // namespace

UnitTraffic::UnitTraffic(const StepPlace& place, const UnitClasses& classes)
    : place_(place),
      m_(*place.machine),
      layout_(*place.layout),
      program_(*place.program),
      classes_(classes),
      links_(m_.unit_links()) {
  up_rate_ = scaleup_rate(m_.unit) / m_.ranks_per_chip;
  const double node_ranks = static_cast<double>(m_.chips_per_node) * m_.ranks_per_chip;
  out_rate_ = m_.port_bandwidth.raw() * m_.ports_per_node / node_ranks;
  mark_faults();
  for (const StageWork& work : program_.works) {
    std::vector<Use> uses;
    auto use = [&](int transfer, bool joint) {
      if (transfer < 0) return;
      const bool known = std::any_of(uses.begin(), uses.end(), [&](const Use& u) {
        return u.transfer == transfer && u.joint == joint;
      });
      if (!known) uses.push_back({transfer, joint});
    };
    for (const auto* piece : {&work.forward, &work.backward, &work.weight}) {
      for (const Segment& s : *piece) use(s.transfer, false);
    }
    for (const int t : work.reduce.transfers) use(t, true);
    for (const int t : work.gather.transfers) use(t, true);
    uses_.push_back(std::move(uses));
  }
}

void UnitTraffic::mark_faults() {
  const topology::Faults& faults = *place_.faults;
  if (faults.empty()) return;
  faulty_.assign(static_cast<std::size_t>(m_.units), false);
  auto mark = [&](std::size_t unit) {
    if (unit < faulty_.size()) faulty_[unit] = true;
  };
  for (const std::uint32_t link : faults.dead_links) mark(link / m_.unit_links());
  for (const auto& d : faults.degraded) mark(d.link / m_.unit_links());
  for (const int chip : faults.dead_chips) mark(static_cast<std::size_t>(chip / m_.unit.chips()));
  for (const int node : faults.dead_nodes) mark(static_cast<std::size_t>(node / m_.nodes_per_unit));
}

UnitTraffic::Member UnitTraffic::member(int rank) const {
  const int chip = place_.seating->chip_of_rank[static_cast<std::size_t>(rank)];
  const int chips = m_.unit.chips();
  return {rank, chip / chips, chip % chips};
}

int UnitTraffic::process_of(int rank) const {
  const Digits d = layout_.digits(rank);
  const int island =
      classes_.class_of_island[static_cast<std::size_t>(d.dp / layout_.island_width())];
  return island * program_.stages + d.pp;
}

void UnitTraffic::visit(int unit) {
  unit_ = unit;
  rows_.clear();
  row_ids_.clear();
  seconds_.clear();
  flow_.clear();
  beyond_.clear();
  const std::uint32_t base = static_cast<std::uint32_t>(unit) * m_.unit_links();
  broken_ = !faulty_.empty() && faulty_[static_cast<std::size_t>(unit)];
  capacity_.resize(links_);
  for (std::size_t l = 0; l < links_; ++l) {
    const std::uint32_t id = base + static_cast<std::uint32_t>(l);
    capacity_[l] =
        (broken_ ? place_.router->capacity(id) : topology::link_at(m_, id).capacity).raw();
  }
  const Seating& seats = *place_.seating;
  const int chips = m_.unit.chips();
  for (int chip = 0; chip < chips; ++chip) {
    const std::size_t c = static_cast<std::size_t>(unit) * chips + chip;
    for (int i = seats.first_rank[c]; i < seats.first_rank[c + 1]; ++i) {
      rank_uses(seats.ranks[static_cast<std::size_t>(i)], chip);
    }
  }
}

int UnitTraffic::row_of(const RowKey& key) {
  const std::uint64_t id = (static_cast<std::uint64_t>(key.process) << 32) |
                           (static_cast<std::uint64_t>(key.transfer) << 1) | (key.joint ? 1u : 0u);
  const auto [it, fresh] = row_ids_.emplace(id, static_cast<int>(rows_.size()));
  if (fresh) {
    rows_.push_back(key);
    flow_.push_back(0.0);
    seconds_.resize(rows_.size() * links_, 0.0);
  }
  return it->second;
}

void UnitTraffic::add(int row, std::uint32_t link, double bytes) {
  const double capacity = capacity_[link];
  TR_CHECK(capacity > 0.0, link);
  seconds_[static_cast<std::size_t>(row) * links_ + link] += bytes / capacity;
}

void UnitTraffic::route(int row, int from, int to, double bytes) {
  if (from == to) return;
  if (broken_) {
    const int first = unit_ * m_.unit.chips();
    detour(row, first + from, first + to, bytes);
    return;
  }
  hops_.clear();
  m_.unit.route(from, to, hops_);
  for (const topology::Hop& hop : hops_) add(row, hop.link, hop.share * bytes);
  double& flow = flow_[static_cast<std::size_t>(row)];
  flow = std::max(flow, bytes);
}

// The links of this unit on a way round what is broken.
void UnitTraffic::detour(int row, int from, int to, double bytes) {
  hops_.clear();
  const topology::Reach reach = place_.router->route(from, to, hops_);
  const std::uint32_t base = static_cast<std::uint32_t>(unit_) * m_.unit_links();
  unreachable_ = unreachable_ || !topology::reached(reach);
  for (const topology::Hop& hop : hops_) {
    if (hop.link >= base && hop.link - base < links_) add(row, hop.link - base, hop.share * bytes);
  }
  double& flow = flow_[static_cast<std::size_t>(row)];
  flow = std::max(flow, bytes);
}

void UnitTraffic::port(int row, int chip, double bytes, bool up) {
  if (broken_ && m_.units > 1) {
    // To or from the same chip of another unit: the way out of this one is the same for all.
    const int chips = m_.unit.chips();
    const int here = unit_ * chips + chip, there = (unit_ + 1) % m_.units * chips + chip;
    detour(row, up ? here : there, up ? there : here, bytes);
    return;
  }
  const std::uint32_t base = static_cast<std::uint32_t>(unit_) * m_.unit_links();
  if (m_.host_links) add(row, topology::host_link(m_, unit_, chip, up) - base, bytes);
  const int in_unit = chip / m_.chips_per_node * m_.ports_per_node + topology::port_of(m_, chip);
  add(row, topology::nic_link(m_, unit_, in_unit, up) - base, bytes);
  double& flow = flow_[static_cast<std::size_t>(row)];
  flow = std::max(flow, bytes);
}

void UnitTraffic::rank_uses(int rank, int chip) {
  const Digits d = layout_.digits(rank);
  const int work = program_.work_of_stage[static_cast<std::size_t>(d.pp)];
  for (const Use& use : uses_[static_cast<std::size_t>(work)]) {
    const Transfer& t = program_.transfers[static_cast<std::size_t>(use.transfer)];
    const Layout::Part part{t.over, t.count, t.stride};
    const Layout::Ring members = layout_.ring(rank, part);
    if (members.count < 2) continue;
    // A ring is counted once a unit, by the first of its members there.
    const bool rings = is_ring(t.kind);
    if (rings && members.index > 0 &&
        member(layout_.member(members, members.index - 1)).unit == unit_) {
      continue;
    }
    const int row = row_of({use.joint ? d.pp : process_of(rank), use.transfer, use.joint});
    if (rings) {
      ring(row, t, members);
    } else {
      layout_.group(rank, part, group_);
      exchange(row, t, rank, chip);
    }
  }
  if (program_.stages < 2) return;
  message(rank, chip, true);
  message(rank, chip, false);
}

// The stretch of a ring that lies in this unit, from its first member there on. (A ring that comes
// back to a unit is counted stretch by stretch.)
void UnitTraffic::ring(int row, const Transfer& t, const Layout::Ring& members) {
  inside_.clear();
  int next = members.index;
  for (; next < members.count; ++next) {
    const Member m = member(layout_.member(members, next));
    if (m.unit != unit_) break;
    inside_.push_back(m);
  }
  if (inside_.size() > 1) ring_inside(row, scaleup_of(t));
  if (static_cast<int>(inside_.size()) == members.count) return;
  const double bytes = scaleout_of(t);
  const Member after = member(layout_.member(members, next % members.count));
  for (const Member& m : inside_) {
    port(row, m.chip, bytes, true);
    port(row, m.chip, bytes, false);
    leave(row, m, after, bytes);
  }
}

void UnitTraffic::ring_inside(int row, double bytes) {
  const auto n = inside_.size();
  const topology::UnitShape shape = m_.unit.spec().shape;
  if (shape == topology::UnitShape::torus && lines_of_torus(row, bytes)) return;
  if (shape == topology::UnitShape::mesh) {
    for (const Member& a : inside_) {
      for (const Member& b : inside_) {
        if (a.chip != b.chip) route(row, a.chip, b.chip, bytes / static_cast<double>(n - 1));
      }
    }
    return;
  }
  for (std::size_t i = 0; i < n; ++i) route(row, inside_[i].chip, inside_[(i + 1) % n].chip, bytes);
}

namespace {

// The coordinates that a group's members have along one dimension of a torus.
struct Line {
  std::vector<int> at;  ///< ascending
  bool closed = false;  ///< evenly spaced all the way round: a ring of more than two
  double width = 0;     ///< bandwidth along it: of a chip, both neighbours, by the hops of an edge
};

Line line_of(std::vector<int> at, int extent, double bandwidth) {
  Line line;
  std::sort(at.begin(), at.end());
  at.erase(std::unique(at.begin(), at.end()), at.end());
  line.at = std::move(at);
  const int n = static_cast<int>(line.at.size());
  if (n < 2) return line;
  int longest = extent - line.at.back() + line.at.front(), gap = 0;
  bool even = extent % n == 0;
  for (int i = 0; i + 1 < n; ++i) {
    const int step =
        line.at[static_cast<std::size_t>(i) + 1] - line.at[static_cast<std::size_t>(i)];
    gap = std::max(gap, step);
    even = even && step * n == extent;
  }
  line.closed = n > 2 && even && longest == gap;
  // Two chips of a longer ring have one of their two links between them, or both halves of it.
  const bool both = line.closed || extent == 2 || (n == 2 && 2 * gap == extent);
  line.width = bandwidth * (both ? 1.0 : 0.5) / gap;
  return line;
}

}  // namespace

// Members that are a product of coordinates run along lines of the torus, both ways round, every
// dimension with a part of the data by its bandwidth. False when they are no product.
bool UnitTraffic::lines_of_torus(int row, double bytes) {
  const topology::UnitSpec& spec = m_.unit.spec();
  std::array<std::vector<int>, 3> at;
  std::vector<int> chips;
  for (const Member& m : inside_) {
    if (!chips.empty() && chips.back() == m.chip) continue;
    chips.push_back(m.chip);
    const std::array<int, 3> position = m_.unit.position(m.chip);
    for (std::size_t d = 0; d < 3; ++d) at[d].push_back(position[d]);
  }
  std::array<Line, 3> lines;
  std::size_t volume = 1;
  double sum = 0.0;
  for (std::size_t d = 0; d < 3; ++d) {
    lines[d] = line_of(std::move(at[d]), spec.extents[d], spec.dimension_bandwidth[d].raw());
    volume *= lines[d].at.size();
    sum += lines[d].width;
  }
  if (volume != chips.size() || !(sum > 0.0)) return false;
  const double per_chip = static_cast<double>(inside_.size()) / static_cast<double>(chips.size());
  const std::array<int, 3> stride{1, spec.extents[0], spec.extents[0] * spec.extents[1]};
  for (const int chip : chips) {
    const std::array<int, 3> position = m_.unit.position(chip);
    for (std::size_t d = 0; d < 3; ++d) {
      const Line& line = lines[d];
      if (!(line.width > 0.0)) continue;
      const auto i = std::find(line.at.begin(), line.at.end(), position[d]) - line.at.begin();
      const auto n = static_cast<std::ptrdiff_t>(line.at.size());
      if (i + 1 == n && !line.closed) continue;
      const int step = line.at[static_cast<std::size_t>((i + 1) % n)] - position[d];
      const double part = bytes * per_chip * line.width / sum * (line.closed ? 0.5 : 1.0);
      route(row, chip, chip + step * stride[d], part);
      route(row, chip + step * stride[d], chip, part);
    }
  }
  return true;
}

// Every member sends every other its piece.
void UnitTraffic::exchange(int row, const Transfer& t, int rank, int chip) {
  const Member self{rank, unit_, chip};
  std::size_t near = 0, far = 0;
  for (const int other : group_) (member(other).unit == unit_ ? near : far) += 1;
  const double up = near > 1 ? scaleup_of(t) / static_cast<double>(near - 1) : 0.0;
  const double out = far > 0 ? scaleout_of(t) / static_cast<double>(far) : 0.0;
  for (const int other : group_) {
    if (other == rank) continue;
    const Member m = member(other);
    if (m.unit == unit_) {
      route(row, chip, m.chip, up);
    } else {
      port(row, chip, out, true);
      port(row, chip, out, false);
      leave(row, self, m, out);
    }
  }
}

// Activations to the next stage, gradients to the one before; both ends of what this rank sends
// and receives.
void UnitTraffic::message(int rank, int chip, bool forward) {
  const int stages = program_.stages;
  const int transfer = forward ? program_.send_forward : program_.send_backward;
  const Transfer& t = program_.transfers[static_cast<std::size_t>(transfer)];
  const int stage = layout_.stage(rank);
  const int to = forward ? stage + 1 : stage - 1, from = forward ? stage - 1 : stage + 1;
  const bool wraps = program_.chunks > 1;
  const Member self{rank, unit_, chip};
  if (wraps || (to >= 0 && to < stages)) {
    const int target = (to + stages) % stages;
    const Member m = member(layout_.at_stage(rank, target));
    const int island = process_of(rank) / stages;
    const int row = row_of({island * stages + target, transfer, false});
    if (m.unit == unit_) {
      route(row, chip, m.chip, scaleup_of(t));
    } else {
      port(row, chip, scaleout_of(t), true);
      leave(row, self, m, scaleout_of(t));
    }
  }
  if (wraps || (from >= 0 && from < stages)) {
    const Member m = member(layout_.at_stage(rank, (from + stages) % stages));
    if (m.unit != unit_)
      port(row_of({process_of(rank), transfer, false}), chip, scaleout_of(t), false);
  }
}

void UnitTraffic::leave(int row, const Member& from, const Member& to, double bytes) {
  if (m_.outer.tiers == 0) return;
  const int la = topology::leaf_of(m_, from.unit, from.chip);
  const int lb = topology::leaf_of(m_, to.unit, to.chip);
  if (la == lb) return;
  PortTraffic p;
  p.row = row;
  p.port = from.chip;
  p.beyond_leaf = bytes;
  if (topology::pod_of(m_, from.unit, from.chip) != topology::pod_of(m_, to.unit, to.chip)) {
    p.beyond_pod = bytes;
  }
  if (topology::site_of(m_, from.unit, from.chip) != topology::site_of(m_, to.unit, to.chip)) {
    p.beyond_site = bytes;
  }
  beyond_.push_back(p);
}

}  // namespace tightrope::netsim
