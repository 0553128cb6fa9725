#include "tightrope/cli/topology_command.h"

#include <charconv>
#include <ostream>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/report/topology_report.h"

namespace tightrope::cli {
namespace {

using topology::Machine;
using topology::Reach;

/// Pairs are tried one by one up to this many chips.
constexpr int most_paired = 512;

Result<const catalog::System*> find(const catalog::Catalog& catalog, const std::string& name) {
  const catalog::System* system = catalog.find_system(name);
  if (system != nullptr) return system;
  std::vector<std::string> known;
  for (const catalog::System& s : catalog.systems()) known.push_back(s.name);
  return fail(ErrorCode::not_found, fmt::format("unknown system \"{}\"", name), {},
              catalog::did_you_mean(catalog::near_names(name, known)));
}

Result<topology::MachineOptions> machine_options(const TopologyOptions& o) {
  topology::MachineOptions options;
  options.units = o.units;
  options.sites = o.sites;
  options.site_distance_km = o.site_distance_km;
  options.leaf_oversubscription = o.leaf_oversubscription;
  options.pod_oversubscription = o.pod_oversubscription;
  if (!o.site_bandwidth.empty()) {
    TR_TRY(options.site_bandwidth, parse_as<BytesPerSecond>(o.site_bandwidth));
  }
  return options;
}

Result<topology::AxisTraffic> read_traffic(const std::string& text) {
  topology::AxisTraffic traffic{};
  std::size_t start = 0;
  for (std::size_t axis = 0; axis < topology::axes; ++axis) {
    const std::size_t end = axis + 1 < topology::axes ? text.find(',', start) : text.size();
    const char* first = text.data() + std::min(start, text.size());
    const char* last = text.data() + std::min(end, text.size());
    const auto [at, code] = std::from_chars(first, last, traffic[axis]);
    if (end == std::string::npos || code != std::errc() || at != last || !(traffic[axis] >= 0)) {
      return fail(ErrorCode::syntax, fmt::format("cannot read the traffic \"{}\"", text), {},
                  "four numbers: what a rank sends along tp, cp, dp and pp, like 8,0,1,0.1");
    }
    start = end + 1;
  }
  return traffic;
}

report::PairCounts count_pairs(const topology::Router& router) {
  report::PairCounts pairs;
  std::vector<topology::Hop> hops;
  const int chips = router.machine().chips();
  for (int a = 0; a < chips; ++a) {
    for (int b = 0; b < chips; ++b) {
      if (a == b || !router.chip_alive(a) || !router.chip_alive(b)) continue;
      hops.clear();
      switch (router.route(a, b, hops)) {
        case Reach::direct: ++pairs.direct; break;
        case Reach::detour: ++pairs.detour; break;
        default: ++pairs.cut_off;
      }
    }
  }
  return pairs;
}

Result<void> place(const TopologyOptions& o, report::TopologyView& view) {
  if (o.tp == 0 && o.cp == 0 && o.dp == 0 && o.pp == 0) return {};
  const Machine& m = view.router->machine();
  topology::PlacementSpec spec;
  spec.sizes = {std::max(1, o.tp), std::max(1, o.cp), std::max(1, o.dp), std::max(1, o.pp)};
  TR_TRY(spec.order, topology::read_order(o.order));
  spec.walk = o.snake ? topology::Walk::snake : topology::Walk::rows;
  spec.chips_per_unit = o.chips_per_unit;
  if (o.chips_per_unit > m.unit.chips()) {
    return fail(ErrorCode::range,
                fmt::format("a unit has {} chips, not {}", m.unit.chips(), o.chips_per_unit));
  }
  if (!o.search.empty()) {
    TR_TRY(const topology::AxisTraffic traffic, read_traffic(o.search));
    view.tried = topology::search_orders(
        *view.router, spec, [&](const topology::PlacementSpec& s, const topology::Placement& p) {
          return topology::hop_cost(*view.router, s, p, traffic);
        });
    if (!view.tried.empty()) {
      spec.order = view.tried.front().order;
      spec.walk = view.tried.front().walk;
    }
  }
  view.spec = spec;
  view.placement = topology::place(*view.router, spec);
  return {};
}

Result<void> deliver(const Session& session, const TopologyOptions& o,
                     const report::TopologyView& view) {
  if (o.json != "-") session.out << report::topology_text(view);
  if (o.json == "-") session.out << report::topology_json(view);
  if (!o.json.empty() && o.json != "-") {
    TR_TRY_VOID(write_file(o.json, report::topology_json(view)));
    session.out << "written: " << o.json << '\n';
  }
  const auto write = [&](const std::string& path, const auto& text) -> Result<void> {
    if (path.empty()) return {};
    TR_TRY_VOID(write_file(path, text(view)));
    if (o.json != "-") session.out << "written: " << path << '\n';
    return {};
  };
  TR_TRY_VOID(write(o.csv, report::topology_csv));
  TR_TRY_VOID(write(o.svg, report::topology_svg));
  return {};
}

Result<int> show(const Session& session, const TopologyOptions& o) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(const catalog::System* system, find(catalog, o.system));
  TR_TRY(const topology::MachineOptions options, machine_options(o));
  TR_TRY(const Machine machine, topology::machine_of(catalog, *system, options));
  report::TopologyView view;
  for (const std::string& text : o.faults) {
    TR_TRY_VOID(topology::read_fault(machine, text, view.faults));
  }
  const topology::Router router(machine, view.faults);
  view.catalog = &catalog;
  view.system = system;
  view.router = &router;
  view.metrics = topology::measure(router);
  if (!view.faults.empty() && machine.chips() <= most_paired) view.pairs = count_pairs(router);
  TR_TRY_VOID(place(o, view));
  TR_TRY_VOID(deliver(session, o, view));
  return view.spec && !view.placement.feasible ? exit_infeasible : exit_ok;
}

}  // namespace

int run_topology_show(const Session& session, const TopologyOptions& options) {
  const auto code = show(session, options);
  return code ? *code : report_error(session, code.error());
}

}  // namespace tightrope::cli
