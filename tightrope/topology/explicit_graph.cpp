#include "tightrope/topology/explicit_graph.h"

#include <string_view>

#include "tightrope/core/check.h"

namespace tightrope::topology {
namespace {

constexpr std::string_view vertex_words[] = {"chip", "domain_switch", "interface",    "leaf",
                                             "pod",  "core",          "long_distance"};

}  // namespace

const char* to_string(VertexKind kind) {
  return vertex_words[static_cast<std::size_t>(kind)].data();
}

VertexKind vertex_kind(const Machine& machine, std::uint32_t vertex) {
  TR_CHECK(vertex < machine.vertices(), vertex, machine.vertices());
  const std::uint32_t inner = static_cast<std::uint32_t>(machine.units) * machine.unit_vertices();
  if (vertex < inner) {
    const int at = static_cast<int>(vertex % machine.unit_vertices());
    if (at < machine.unit.chips()) return VertexKind::chip;
    return at < machine.unit.vertices() ? VertexKind::domain_switch : VertexKind::interface;
  }
  int at = static_cast<int>(vertex - inner);
  if (at < machine.outer.leaves()) return VertexKind::leaf;
  at -= machine.outer.leaves();
  if (at < machine.outer.pods()) return VertexKind::pod;
  at -= machine.outer.pods();
  return at < machine.outer.sites ? VertexKind::core : VertexKind::long_distance;
}

ExplicitGraph explicit_graph(const Router& router) {
  const Machine& m = router.machine();
  ExplicitGraph graph;
  graph.vertices.reserve(m.vertices());
  for (std::uint32_t v = 0; v < m.vertices(); ++v) graph.vertices.push_back(vertex_kind(m, v));
  graph.links.reserve(m.links());
  for (std::uint32_t id = 0; id < m.links(); ++id) {
    Link link = link_at(m, id);
    link.capacity = link.capacity * router.factor(id);
    graph.links.push_back(link);
  }
  return graph;
}

}  // namespace tightrope::topology
