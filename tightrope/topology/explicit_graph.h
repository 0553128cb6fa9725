// The whole machine as one list of vertices and links: for drawings, laws, and simulation without
// reduction.
#pragma once

#include <vector>

#include "tightrope/topology/router.h"

namespace tightrope::topology {

enum class VertexKind : std::uint8_t {
  chip,
  domain_switch,  ///< all planes of a scale-up domain
  interface,      ///< network interface, where host links are kept apart
  leaf,
  pod,
  core,
  long_distance,  ///< where the sites meet
};
[[nodiscard]] const char* to_string(VertexKind kind);

/// What a vertex of a machine is; `vertex` in 0 .. machine.vertices()-1.
[[nodiscard]] VertexKind vertex_kind(const Machine& machine, std::uint32_t vertex);

/// Vertices and links by their numbers in the machine; a dead link has capacity 0, a degraded one
/// what is left. Routes: router.route(), whose link numbers are the places in `links`. Memory: 40
/// bytes a link, 0.3 MB for a thousand Trainium2.
struct ExplicitGraph {
  std::vector<VertexKind> vertices;
  std::vector<Link> links;
};
[[nodiscard]] ExplicitGraph explicit_graph(const Router& router);

}  // namespace tightrope::topology
