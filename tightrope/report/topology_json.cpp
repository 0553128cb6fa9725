// `topology show --json` and `--csv`.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/report/topology_report.h"
#include "tightrope/topology/explicit_graph.h"

namespace tightrope::report {
namespace {

using Json = nlohmann::ordered_json;
using topology::LinkKind;
using topology::Machine;

Json links_json(const TopologyView& view) {
  const Machine& m = view.router->machine();
  Json out = Json::array();
  for (int k = 0; k < topology::link_kinds; ++k) {
    const topology::LinkCount& counted = view.metrics.by_kind[static_cast<std::size_t>(k)];
    if (counted.links == 0) continue;
    Json row = {{"kind", to_string(static_cast<LinkKind>(k))},
                {"links", counted.links},
                {"bytes_per_s", counted.capacity.raw()}};
    for (const topology::LinkFact& fact : m.facts) {
      if (fact.kind != static_cast<LinkKind>(k)) continue;
      row["link_bytes_per_s"] = fact.value.raw();
      row["how"] = fact.how;
      row["source"] = fact.from.source;
      row["as_of"] = fact.from.as_of;
      row["grade"] = catalog::to_string(fact.from.grade);
      row["note"] = fact.from.note;
    }
    out.push_back(std::move(row));
  }
  return out;
}

Json outer_json(const TopologyView& view) {
  const topology::Outer& o = view.router->machine().outer;
  return {{"network", view.router->machine().network},
          {"tiers", o.tiers},
          {"rail_aligned", o.rail_aligned},
          {"rails", o.rails},
          {"nodes_per_leaf", o.nodes_per_leaf},
          {"nodes_per_pod", o.nodes_per_pod},
          {"leaf_oversubscription", o.leaf_oversubscription},
          {"pod_oversubscription", o.pod_oversubscription},
          {"leaves", view.metrics.leaves},
          {"pods", view.metrics.pods},
          {"sites", view.metrics.sites},
          {"nic_latency_s", view.router->machine().nic_latency.raw()},
          {"switch_latency_s", o.switch_latency.raw()},
          {"site_latency_s", o.site_latency.raw()},
          {"max_chips", o.max_chips},
          {"over_limit", view.metrics.over_limit}};
}

Json placement_json(const TopologyView& view) {
  const topology::PlacementSpec& spec = *view.spec;
  Json out = {{"order", to_string(spec.order)},
              {"walk", spec.walk == topology::Walk::snake ? "snake" : "rows"},
              {"tp", spec.sizes[0]},
              {"cp", spec.sizes[1]},
              {"dp", spec.sizes[2]},
              {"pp", spec.sizes[3]},
              {"feasible", view.placement.feasible}};
  if (!view.placement.feasible) out["reason"] = view.placement.reason;
  out["chip_of_rank"] = view.placement.chip_of_rank;
  out["spares"] = view.placement.spares;
  for (const topology::TriedOrder& t : view.tried) {
    out["tried"].push_back({{"order", to_string(t.order)},
                            {"walk", t.walk == topology::Walk::snake ? "snake" : "rows"},
                            {"bytes_links", t.cost}});
  }
  return out;
}

}  // namespace

std::string topology_json(const TopologyView& view) {
  const Machine& m = view.router->machine();
  const topology::Metrics& x = view.metrics;
  const auto& spec = m.unit.spec();
  Json out = {{"system", m.system},         {"units", m.units}, {"chips", x.chips},
              {"live_chips", x.live_chips}, {"ranks", x.ranks}, {"nodes", x.nodes}};
  out["unit"] = {{"shape", to_string(spec.shape)},
                 {"chips", spec.chips},
                 {"nodes", m.nodes_per_unit},
                 {"torus", spec.extents},
                 {"planes", spec.planes},
                 {"diameter_links", x.unit_diameter},
                 {"bisection_bytes_per_s", x.unit_bisection.raw()},
                 {"chip_scaleup_bytes_per_s", x.chip_scaleup.raw()}};
  out["outer"] = outer_json(view);
  out["chip_injection_bytes_per_s"] = x.chip_injection.raw();
  out["bisection_bytes_per_s"] = x.cluster_bisection.raw();
  out["diameter_links"] = x.diameter;
  out["links"] = links_json(view);
  if (view.pairs) {
    out["pairs"] = {{"direct", view.pairs->direct},
                    {"detour", view.pairs->detour},
                    {"cut_off", view.pairs->cut_off}};
  }
  if (view.spec) out["placement"] = placement_json(view);
  out["catalog"] = view.catalog->hash();
  return out.dump(2) + "\n";
}

std::string topology_csv(const TopologyView& view) {
  const topology::ExplicitGraph graph = topology::explicit_graph(*view.router);
  std::string out = "link,kind,from,from_kind,to,to_kind,bytes_per_s,latency_s\n";
  for (std::size_t id = 0; id < graph.links.size(); ++id) {
    const topology::Link& link = graph.links[id];
    out += fmt::format("{},{},{},{},{},{},{:.17g},{:.9g}\n", id, to_string(link.kind), link.from,
                       to_string(graph.vertices[link.from]), link.to,
                       to_string(graph.vertices[link.to]), link.capacity.raw(), link.latency.raw());
  }
  return out;
}

}  // namespace tightrope::report
