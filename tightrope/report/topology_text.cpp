// `topology show` for people.
#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/text_table.h"
#include "tightrope/report/topology_svg_internal.h"

namespace tightrope::report {
namespace {

using topology::LinkKind;
using topology::Machine;
using topology::UnitShape;
using topology_drawing::counted;

std::string shape_text(const Machine& m) {
  const topology::UnitSpec& spec = m.unit.spec();
  switch (spec.shape) {
    case UnitShape::single: return "one chip";
    case UnitShape::mesh: return "every chip joined to every other";
    case UnitShape::switched:
      return spec.planes > 1 ? fmt::format("a switch of {} planes", spec.planes) : "a switch";
    case UnitShape::torus: break;
  }
  const auto& e = spec.extents;
  if (e[1] == 1 && e[2] == 1) return fmt::format("a ring of {}", e[0]);
  if (e[2] == 1) return fmt::format("a {} x {} torus", e[0], e[1]);
  return fmt::format("a {} x {} x {} torus", e[0], e[1], e[2]);
}

std::string count(double value) { return with_thousands(value); }

std::string head(const TopologyView& view) {
  const Machine& m = view.router->machine();
  std::string out =
      fmt::format("{} ({}), {}\n", view.system->title, m.system, counted(m.units, "unit"));
  out += fmt::format("{}, {}, {}; a unit is {} in {}: {}\n", counted(m.chips(), "chip"),
                     counted(m.ranks(), "rank"), counted(m.nodes(), "node"),
                     counted(m.unit.chips(), "chip"), counted(m.nodes_per_unit, "node"),
                     shape_text(m));
  const topology::Outer& o = m.outer;
  if (o.tiers == 0) return out + "no scale-out network is known\n";
  const std::string name = m.network.empty() ? "no named network" : "network " + m.network;
  out += fmt::format(
      "{}: {} tiers, {}; {} nodes a leaf{}", name, o.tiers,
      o.rail_aligned ? fmt::format("{} rails", o.rails) : std::string("many paths from one leaf"),
      o.nodes_per_leaf, o.rail_aligned ? " of each rail" : "");
  out += o.pods() > 1 ? fmt::format(", {} a pod", count(o.nodes_per_pod)) : std::string();
  out += o.sites > 1 ? fmt::format(", {} sites", o.sites) : std::string();
  return out + "\n";
}

const topology::LinkFact* fact_of(const Machine& m, LinkKind kind) {
  for (const topology::LinkFact& fact : m.facts) {
    if (fact.kind == kind) return &fact;
  }
  return nullptr;
}

Seconds latency_of(const Machine& m, LinkKind kind) {
  switch (kind) {
    case LinkKind::nic_up: return m.nic_latency;
    case LinkKind::leaf_up:
    case LinkKind::pod_up: return m.outer.switch_latency;
    case LinkKind::site_up: return m.outer.site_latency / 2.0;
    default: return m.unit.spec().latency;
  }
}

std::string evidence(const topology::LinkFact& fact) {
  std::string out = fact.how;
  if (fact.from.source.empty()) return fmt::format("{}; {}, estimate", out, fact.from.note);
  return fmt::format("{}; {}, {}", out, fact.from.source, catalog::to_string(fact.from.grade));
}

// One row a kind and its opposite direction.
std::string links(const TopologyView& view) {
  const Machine& m = view.router->machine();
  TextTable table({{"links, one direction"},
                   {"number", Align::right},
                   {"each", Align::right},
                   {"alive together", Align::right},
                   {"latency", Align::right},
                   {"from"}});
  for (int k = 0; k < topology::link_kinds; ++k) {
    const auto kind = static_cast<LinkKind>(k);
    const topology::LinkCount& counted = view.metrics.by_kind[static_cast<std::size_t>(k)];
    const topology::LinkFact* fact = fact_of(m, kind);
    if (fact == nullptr || counted.links == 0) continue;
    const Seconds latency = latency_of(m, kind);
    table.add({to_string(kind), count(static_cast<double>(counted.links)), to_text(fact->value),
               to_text(counted.capacity), latency.raw() > 0 ? to_text(latency) : "-",
               evidence(*fact)});
  }
  if (table.empty()) return {};
  return "\n" + table.text() + "`_up` links have as many of the same width down.\n";
}

std::string sums(const TopologyView& view) {
  const topology::Metrics& x = view.metrics;
  const Machine& m = view.router->machine();
  TextTable table({{"one direction"}, {"", Align::right}, {""}});
  if (m.unit.chips() > 1) {
    table.add({"scale-up of a chip", to_text(x.chip_scaleup)});
    table.add({"bisection of a unit", to_text(x.unit_bisection),
               fmt::format("diameter {} links", x.unit_diameter)});
  }
  if (m.ports_per_node > 0) {
    table.add({"injection of a chip", to_text(x.chip_injection),
               counted(m.ports_per_node, "port") + " a node"});
  }
  if (m.units > 1) {
    table.add({"bisection of the cluster", to_text(x.cluster_bisection),
               fmt::format("diameter {} links", x.diameter)});
  }
  std::string out = "\n" + table.text();
  if (m.outer.tiers > 0) {
    out += fmt::format("switch groups: {} {}, {}, {}\n", count(x.leaves),
                       x.leaves == 1 ? "leaf" : "leaves", counted(x.pods, "pod"),
                       counted(x.sites, "site"));
  }
  if (m.outer.max_chips > 0) {
    const catalog::Provenance& from = view.system->max_chips.from;
    out +=
        fmt::format("limit: {} chips ({}, {}){}\n", count(m.outer.max_chips), from.source,
                    catalog::to_string(from.grade), x.over_limit ? "; this is more than that" : "");
  }
  return out;
}

std::string faults(const TopologyView& view) {
  if (view.faults.empty()) return {};
  const topology::Metrics& x = view.metrics;
  std::string out = fmt::format("\nfaults: {} of {} alive; {} dead by themselves, {} degraded\n",
                                count(x.live_chips), counted(x.chips, "chip"),
                                counted(static_cast<double>(view.faults.dead_links.size()), "link"),
                                view.faults.degraded.size());
  if (view.pairs) {
    const auto n = [](std::int64_t v) { return count(static_cast<double>(v)); };
    out += fmt::format("pairs of live chips: {} direct, {} by detours, {} cut off\n",
                       n(view.pairs->direct), n(view.pairs->detour), n(view.pairs->cut_off));
  }
  return out;
}

std::string placement(const TopologyView& view) {
  if (!view.spec) return {};
  const topology::PlacementSpec& spec = *view.spec;
  const auto& s = spec.sizes;
  std::string out =
      fmt::format("\nplacement {} of tp {}, cp {}, dp {}, pp {}{}: ", to_string(spec.order), s[0],
                  s[1], s[2], s[3], spec.walk == topology::Walk::snake ? ", snake" : "");
  if (!view.placement.feasible) return out + view.placement.reason + "\n";
  out += fmt::format("{} ranks, {} chips spare\n",
                     count(static_cast<double>(view.placement.chip_of_rank.size())),
                     count(static_cast<double>(view.placement.spares.size())));
  if (view.tried.empty()) return out;
  TextTable table({{"order tried"}, {"walk"}, {"bytes x links", Align::right}});
  for (const topology::TriedOrder& t : view.tried) {
    table.add({to_string(t.order), t.walk == topology::Walk::snake ? "snake" : "rows",
               fmt::format("{:.4g}", t.cost)});
  }
  return out + table.text();
}

}  // namespace

std::string topology_text(const TopologyView& view) {
  return head(view) + links(view) + sums(view) + faults(view) + placement(view);
}

}  // namespace tightrope::report
