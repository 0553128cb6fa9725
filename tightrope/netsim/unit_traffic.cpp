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
  for (const SlowLink& slow : place.slow) factor_[slow.link] = slow.factor;
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

UnitTraffic::Member UnitTraffic::member(int rank) const {
  const int chip = place_.seating->chip_of_rank[static_cast<std::size_t>(rank)];
  const int chips = m_.unit.chips();
  return {rank, chip / chips, chip % chips};
}

int UnitTraffic::process_of(int rank) const {
  const Digits d = layout_.digits(rank);
  const int island = classes_.class_of_island[static_cast<std::size_t>(d.dp / layout_.island_width())];
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
  if (capacity_.empty()) capacity_.resize(links_);
  for (std::size_t l = 0; l < links_; ++l) {
    const std::uint32_t id = base + static_cast<std::uint32_t>(l);
    capacity_[l] = topology::link_at(m_, id).capacity.raw();
    if (const auto slow = factor_.find(id); slow != factor_.end()) capacity_[l] *= slow->second;
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
  hops_.clear();
  m_.unit.route(from, to, hops_);
  for (const topology::Hop& hop : hops_) add(row, hop.link, hop.share * bytes);
  double& flow = flow_[static_cast<std::size_t>(row)];
  flow = std::max(flow, bytes);
}

void UnitTraffic::port(int row, int chip, double bytes, bool up) {
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
    layout_.group(rank, {t.over, t.count, t.stride}, group_);
    if (group_.size() < 2) continue;
    const int row =
        row_of({use.joint ? d.pp : process_of(rank), use.transfer, use.joint});
    if (is_ring(t.kind)) {
      ring(row, t, rank);
    } else {
      exchange(row, t, rank, chip);
    }
  }
  if (program_.stages < 2) return;
  message(rank, chip, true);
  message(rank, chip, false);
}

// A group's ring, once for the unit: by its first member in it.
void UnitTraffic::ring(int row, const Transfer& t, int rank) {
  inside_.clear();
  bool leaves = false;
  for (const int other : group_) {
    const Member m = member(other);
    if (m.unit == unit_) {
      inside_.push_back(m);
    } else {
      leaves = true;
    }
  }
  if (inside_.front().rank != rank) return;
  if (inside_.size() > 1) ring_inside(row, up_bytes(t));
  if (!leaves) return;
  const double bytes = out_bytes(t);
  // Where each member's part of the ring goes on: the member behind the unit's last one.
  const auto last = std::find(group_.begin(), group_.end(), inside_.back().rank);
  const Member next = member(last + 1 == group_.end() ? group_.front() : *(last + 1));
  for (const Member& m : inside_) {
    port(row, m.chip, bytes, true);
    port(row, m.chip, bytes, false);
    leave(row, m, next, bytes);
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

// Members that fill a box of a torus run along its lines, both ways round, every dimension with a
// part of the data by its bandwidth. False when they do not fill a box.
bool UnitTraffic::lines_of_torus(int row, double bytes) {
  std::array<int, 3> low{1 << 30, 1 << 30, 1 << 30}, high{-1, -1, -1};
  int chips = 0, before = -1;
  for (const Member& m : inside_) {
    const std::array<int, 3> at = m_.unit.position(m.chip);
    for (std::size_t d = 0; d < 3; ++d) {
      low[d] = std::min(low[d], at[d]);
      high[d] = std::max(high[d], at[d]);
    }
    chips += m.chip != before ? 1 : 0;
    before = m.chip;
  }
  const topology::UnitSpec& spec = m_.unit.spec();
  int volume = 1;
  double sum = 0.0;
  std::array<double, 3> width{};  // of the links along each dimension that the box closes
  for (std::size_t d = 0; d < 3; ++d) {
    const int extent = high[d] - low[d] + 1;
    volume *= extent;
    if (extent < 2) continue;
    // A line that does not close has one link between its ends' halves, not two.
    const bool closed = extent == spec.extents[d] && extent > 2;
    width[d] = spec.dimension_bandwidth[d].raw() * (closed || spec.extents[d] == 2 ? 1.0 : 0.5);
    sum += width[d];
  }
  if (volume != chips || !(sum > 0.0)) return false;
  const double per_chip = static_cast<double>(inside_.size()) / chips;
  std::array<int, 3> stride{1, spec.extents[0], spec.extents[0] * spec.extents[1]};
  before = -1;
  for (const Member& m : inside_) {
    if (m.chip == before) continue;
    before = m.chip;
    const std::array<int, 3> at = m_.unit.position(m.chip);
    for (std::size_t d = 0; d < 3; ++d) {
      if (!(width[d] > 0.0)) continue;
      const int extent = high[d] - low[d] + 1;
      const bool closed = extent == spec.extents[d] && extent > 2;
      const double part = bytes * per_chip * width[d] / sum * (closed ? 0.5 : 1.0);
      const bool at_end = at[d] == high[d];
      if (at_end && !closed) continue;
      const int step = at_end ? -(extent - 1) : 1;
      const int next = m.chip + step * stride[d];
      route(row, m.chip, next, part);
      route(row, next, m.chip, part);
    }
  }
  return true;
}

// Every member sends every other its piece.
void UnitTraffic::exchange(int row, const Transfer& t, int rank, int chip) {
  const Member self{rank, unit_, chip};
  std::size_t near = 0, far = 0;
  for (const int other : group_) (member(other).unit == unit_ ? near : far) += 1;
  const double up = near > 1 ? up_bytes(t) / static_cast<double>(near - 1) : 0.0;
  const double out = far > 0 ? out_bytes(t) / static_cast<double>(far) : 0.0;
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
      route(row, chip, m.chip, up_bytes(t));
    } else {
      port(row, chip, out_bytes(t), true);
      leave(row, self, m, out_bytes(t));
    }
  }
  if (wraps || (from >= 0 && from < stages)) {
    const Member m = member(layout_.at_stage(rank, (from + stages) % stages));
    if (m.unit != unit_) port(row_of({process_of(rank), transfer, false}), chip, out_bytes(t), false);
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
