#include "tightrope/netsim/step_network.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "tightrope/core/check.h"
#include "tightrope/core/mix.h"
#include "tightrope/netsim/unit_traffic.h"

namespace tightrope::netsim {
namespace {

// What the program's transfers join, each once. `joint`: gradients and parameters, in which all
// islands of a stage keep step whatever their groups.
std::vector<Layout::Part> parts_of(const StepProgram& program, bool joint) {
  std::vector<Layout::Part> parts;
  auto add = [&](int transfer) {
    if (transfer < 0) return;
    const Transfer& t = program.transfers[static_cast<std::size_t>(transfer)];
    const Layout::Part part{t.over, t.count, t.stride};
    if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
  };
  for (const StageWork& work : program.works) {
    if (joint) {
      for (const int t : work.reduce.transfers) add(t);
      for (const int t : work.gather.transfers) add(t);
    } else {
      for (const auto* piece : {&work.forward, &work.backward, &work.weight}) {
        for (const Segment& s : *piece) add(s.transfer);
      }
    }
  }
  return parts;
}

bool outer_matters(const StepPlace& place) {
  const topology::Outer& outer = place.machine->outer;
  if (outer.tiers == 0) return false;
  const std::uint32_t first =
      static_cast<std::uint32_t>(place.machine->units) * place.machine->unit_links();
  const auto outside = [&](std::uint32_t link) { return link >= first; };
  const bool slow =
      std::any_of(place.faults->dead_links.begin(), place.faults->dead_links.end(), outside) ||
      std::any_of(place.faults->degraded.begin(), place.faults->degraded.end(),
                  [&](const auto& d) { return outside(d.link); });
  return slow || outer.sites > 1 || outer.leaf_oversubscription > 1.0 ||
         outer.pod_oversubscription > 1.0;
}

// Units whose links differ from others'. A dead chip or node holds no rank, but its links are
// missing from the routes of its neighbours.
std::vector<std::uint64_t> marks_of(const StepPlace& place) {
  std::vector<std::uint64_t> marks;
  const topology::Faults& faults = *place.faults;
  if (faults.empty()) return marks;
  const topology::Machine& m = *place.machine;
  const std::uint32_t a_unit = m.unit_links();
  marks.assign(static_cast<std::size_t>(m.units), 0);
  auto mark = [&](std::size_t unit, std::uint64_t what, double factor) {
    if (unit >= marks.size()) return;
    marks[unit] += mix_bits((what << 32) ^ static_cast<std::uint64_t>(factor * 1e9) ^ 0x5bd1e995u);
  };
  for (const std::uint32_t link : faults.dead_links) mark(link / a_unit, link % a_unit, 0.0);
  for (const auto& d : faults.degraded) mark(d.link / a_unit, d.link % a_unit, d.factor);
  for (const int chip : faults.dead_chips) {
    mark(static_cast<std::size_t>(chip / m.unit.chips()), a_unit + chip % m.unit.chips(), 0.0);
  }
  for (const int node : faults.dead_nodes) {
    mark(static_cast<std::size_t>(node / m.nodes_per_unit),
         a_unit + m.unit.chips() + node % m.nodes_per_unit, 0.0);
  }
  return marks;
}

struct Entry {
  int row = 0;
  double seconds = 0;
};

class Layer {
 public:
  explicit Layer(const StepPlace& place) : place_(place), program_(*place.program) {}

  StepNetwork run() {
    outer_ = outer_matters(place_);
    const std::vector<Layout::Part> parts = parts_of(program_, false);
    const std::vector<Layout::Part> joint = parts_of(program_, true);
    const std::vector<std::uint64_t> marks = marks_of(place_);
    net_.classes = classify({.machine = place_.machine,
                             .layout = place_.layout,
                             .seating = place_.seating,
                             .parts = parts,
                             .joint = joint,
                             .marks = marks,
                             .outer_matters = outer_,
                             .merge = place_.merge});
    UnitTraffic traffic(place_, net_.classes);
    if (outer_) beyond_.resize(net_.classes.unit_of_class.size());
    for (std::size_t c = 0; c < net_.classes.unit_of_class.size(); ++c) {
      traffic.visit(net_.classes.unit_of_class[c]);
      add_unit(traffic, c);
    }
    net_.unreachable = traffic.unreachable();
    if (outer_) add_outer();
    return flatten();
  }

 private:
  int row_of(const RowKey& key) {
    const auto id = std::tuple(key.joint, key.process, key.transfer);
    const auto [it, fresh] = ids_.emplace(id, static_cast<int>(keys_.size()));
    if (fresh) {
      keys_.push_back(key);
      bytes_.push_back(0.0);
    }
    return it->second;
  }

  void add_unit(const UnitTraffic& traffic, std::size_t unit_class) {
    const std::size_t rows = traffic.rows().size();
    std::vector<int> row(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      row[i] = row_of(traffic.rows()[i]);
      double& bytes = bytes_[static_cast<std::size_t>(row[i])];
      bytes = std::max(bytes, traffic.flow(i));
    }
    for (const std::size_t link : binding_links(traffic)) {
      std::vector<Entry> resource;
      for (std::size_t i = 0; i < rows; ++i) {
        if (const double s = traffic.seconds(i, link); s > 0.0) resource.push_back({row[i], s});
      }
      add_resource(std::move(resource));
    }
    if (!outer_) return;
    for (PortTraffic p : traffic.beyond()) {
      p.row = row[static_cast<std::size_t>(p.row)];
      beyond_[unit_class].push_back(p);
    }
  }

  // Links that no other link of the unit dominates. What takes no more of a link than of another,
  // transfer for transfer, cannot fill the one before the other.
  std::vector<std::size_t> binding_links(const UnitTraffic& traffic) {
    const std::size_t rows = traffic.rows().size();
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t link = 0; link < traffic.links(); ++link) {
      double sum = 0.0;
      for (std::size_t i = 0; i < rows; ++i) sum += traffic.seconds(i, link);
      if (sum > 0.0) order.emplace_back(-sum, link);
    }
    net_.links_before += static_cast<std::uint32_t>(order.size());
    std::sort(order.begin(), order.end());
    std::vector<std::size_t> kept;
    for (const auto& [sum, link] : order) {
      const bool dominated = std::any_of(kept.begin(), kept.end(), [&](std::size_t k) {
        for (std::size_t i = 0; i < rows; ++i) {
          if (traffic.seconds(i, link) > traffic.seconds(i, k)) return false;
        }
        return true;
      });
      if (!dominated) kept.push_back(link);
    }
    return kept;
  }

  // The same demand on links of different units is one resource.
  void add_resource(std::vector<Entry> resource) {
    if (resource.empty()) return;
    std::sort(resource.begin(), resource.end(),
              [](const Entry& a, const Entry& b) { return a.row < b.row; });
    std::vector<std::pair<int, double>> key;
    for (const Entry& e : resource) key.emplace_back(e.row, e.seconds);
    if (!known_.emplace(std::move(key), 0).second) return;
    resources_.push_back(std::move(resource));
  }

  void add_outer() {
    const topology::Machine& m = *place_.machine;
    const int chips = m.unit.chips();
    auto rate = [&](std::uint32_t link) { return place_.router->capacity(link).raw(); };
    std::vector<std::map<int, double>> leaf(static_cast<std::size_t>(m.outer.leaves()));
    std::vector<std::map<int, double>> pod(static_cast<std::size_t>(m.outer.pods()));
    std::vector<std::map<int, double>> site(static_cast<std::size_t>(m.outer.sites));
    for (int u = 0; u < m.units; ++u) {
      const int c = net_.classes.class_of_unit[static_cast<std::size_t>(u)];
      for (const PortTraffic& p : beyond_[static_cast<std::size_t>(c)]) {
        leaf[static_cast<std::size_t>(topology::leaf_of(m, u, p.port % chips))][p.row] +=
            p.beyond_leaf;
        if (p.beyond_pod > 0) {
          pod[static_cast<std::size_t>(topology::pod_of(m, u, p.port))][p.row] += p.beyond_pod;
        }
        if (p.beyond_site > 0) {
          site[static_cast<std::size_t>(topology::site_of(m, u, p.port))][p.row] += p.beyond_site;
        }
      }
    }
    auto add_all = [&](const std::vector<std::map<int, double>>& group, auto link) {
      for (std::size_t g = 0; g < group.size(); ++g) {
        std::vector<Entry> resource;
        for (const auto& [row, bytes] : group[g]) {
          if (bytes > 0) resource.push_back({row, bytes / rate(link(static_cast<int>(g)))});
        }
        add_resource(std::move(resource));
      }
    };
    add_all(leaf, [&](int g) { return topology::leaf_link(m, g, true); });
    if (m.outer.tiers > 2) add_all(pod, [&](int g) { return topology::pod_link(m, g, true); });
    if (m.outer.sites > 1) add_all(site, [&](int g) { return topology::site_link(m, g, true); });
  }

  StepNetwork flatten() {
    StepLoads& out = net_.loads;
    const int islands = static_cast<int>(net_.classes.islands.size());
    out.islands = islands;
    out.island_members = net_.classes.islands;
    out.stages = program_.stages;
    out.transfers = static_cast<int>(program_.transfers.size());
    out.resources = static_cast<std::uint32_t>(resources_.size());
    const auto cells = static_cast<std::size_t>(out.stages) * out.transfers;
    out.row.assign(cells * islands, -1);
    out.joint_row.assign(cells, -1);
    std::vector<std::vector<std::pair<std::uint32_t, double>>> entries(keys_.size());
    for (std::size_t r = 0; r < resources_.size(); ++r) {
      for (const Entry& e : resources_[r]) {
        entries[static_cast<std::size_t>(e.row)].emplace_back(r, e.seconds);
      }
    }
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (entries[i].empty()) continue;  // stays inside chips
      const RowKey& key = keys_[i];
      auto& table = key.joint ? out.joint_row : out.row;
      table[static_cast<std::size_t>(key.process) * out.transfers + key.transfer] =
          static_cast<int>(out.rows());
      double most = 0.0;
      for (const auto& [resource, seconds] : entries[i]) {
        out.resource.push_back(resource);
        out.coefficient.push_back(seconds / bytes_[i]);
        most = std::max(most, seconds);
      }
      out.bytes.push_back(bytes_[i]);
      out.occupancy.push_back(most);
      out.begin.push_back(static_cast<std::uint32_t>(out.resource.size()));
    }
    return std::move(net_);
  }

  const StepPlace& place_;
  const StepProgram& program_;
  StepNetwork net_;
  bool outer_ = false;
  std::map<std::tuple<bool, int, int>, int> ids_;
  std::vector<RowKey> keys_;
  std::vector<double> bytes_;
  std::vector<std::vector<Entry>> resources_;
  std::map<std::vector<std::pair<int, double>>, int> known_;
  std::vector<std::vector<PortTraffic>> beyond_;  ///< by unit class
};

}  // namespace

StepNetwork lay_out(const StepPlace& place) {
  TR_CHECK(place.machine != nullptr && place.layout != nullptr && place.seating != nullptr);
  TR_CHECK(place.program != nullptr && place.router != nullptr && place.faults != nullptr);
  TR_CHECK(place.layout->ranks() == static_cast<int>(place.seating->chip_of_rank.size()));
  return Layer(place).run();
}

UnitLoads unit_loads(const StepPlace& place, const StepNetwork& network, int unit) {
  UnitTraffic traffic(place, network.classes);
  traffic.visit(unit);
  UnitLoads out;
  for (std::size_t i = 0; i < traffic.rows().size(); ++i) {
    const RowKey& key = traffic.rows()[i];
    const int row = key.joint ? network.loads.joint_of(key.process, key.transfer)
                              : network.loads.row_of(key.process, key.transfer);
    out.rows.push_back(row);
    for (std::size_t l = 0; l < traffic.links(); ++l) out.seconds.push_back(traffic.seconds(i, l));
  }
  return out;
}

}  // namespace tightrope::netsim
