// A machine as a drawing: its unit, then its tiers of switches.
#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/topology_svg_internal.h"

namespace tightrope::report {
namespace topology_drawing {

std::string_view colour_of(topology::LinkKind kind) {
  using enum topology::LinkKind;
  switch (kind) {
    case torus_x:
    case mesh:
    case switch_up:
    case switch_down: return blue;
    case torus_y: return amber;
    case torus_z: return green;
    case host_up:
    case host_down: return sky;
    case nic_up:
    case nic_down: return pink;
    case leaf_up:
    case leaf_down:
    case pod_up:
    case pod_down:
    case site_up:
    case site_down: return grey;
  }
  return grey;
}

std::string counted(double count, std::string_view thing) {
  return fmt::format("{} {}{}", with_thousands(count), thing, count == 1.0 ? "" : "s");
}

}  // namespace topology_drawing

std::string topology_svg(const TopologyView& view) {
  using namespace topology_drawing;
  const topology::Machine& m = view.router->machine();
  Svg svg;
  svg.text({margin, 40}, view.system->title, {.size = 20, .colour = dark, .bold = true});
  std::string line =
      fmt::format("{} of {}: {}, {}", counted(m.units, "unit"), counted(m.unit.chips(), "chip"),
                  counted(m.chips(), "chip"), counted(m.nodes(), "node"));
  if (!m.network.empty()) line += "; network " + m.network;
  svg.text({margin, 62}, line, {.size = 13, .colour = "#666666"});
  double bottom = draw_unit(view, 84, svg);
  if (m.outer.tiers > 0) bottom = draw_clos(view, bottom + 30, svg);
  return svg.document({page_width, bottom + 24});
}

}  // namespace tightrope::report
