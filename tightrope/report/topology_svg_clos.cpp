// The tiers of a scale-out network, from the nodes up.
#include <algorithm>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/topology_svg_internal.h"

namespace tightrope::report::topology_drawing {
namespace {

using topology::Machine;
using topology::Outer;

constexpr double left = margin + 12;
constexpr double right = page_width - margin - 352;
constexpr double row_height = 92;

/// One row of boxes: the first few of `count`, a gap, and the last.
struct Tier {
  std::string name, words, link;  ///< link: how it hangs on the tier above
  int count = 0;
  int drawn = 0;
  double y = 0.0, width = 0.0, height = 30.0;
  std::string_view fill;
  int stripes = 0;  ///< rails of a box

  [[nodiscard]] bool cut() const { return drawn < count; }
  [[nodiscard]] double x(int i) const {
    const double pitch = (right - left) / drawn;
    return left + pitch * (i + 0.5);
  }
  /// The number that the i-th box has.
  [[nodiscard]] int number(int i) const { return cut() && i == drawn - 1 ? count - 1 : i; }
};

void draw_boxes(const Tier& tier, Svg& svg) {
  for (int i = 0; i < tier.drawn; ++i) {
    const double x = tier.x(i);
    if (tier.cut() && i == tier.drawn - 2) {
      svg.text({x, tier.y + 18}, "...", {.size = 18, .anchor = Svg::Anchor::middle});
      continue;
    }
    svg.box({x - tier.width / 2, tier.y}, {tier.width, tier.height}, 5, tier.fill, {dark, 1.1});
    for (int s = 1; s < tier.stripes; ++s) {
      const double at = x - tier.width / 2 + tier.width * s / tier.stripes;
      svg.line({at, tier.y}, {at, tier.y + tier.height}, {grey, 0.8});
    }
    if (tier.stripes > 1) continue;
    svg.text({x, tier.y + tier.height / 2 + 4}, fmt::format("{}", tier.number(i)),
             {.size = 11, .anchor = Svg::Anchor::middle});
  }
  svg.text({right + 26, tier.y + 13}, tier.name, {.size = 13, .bold = true});
  svg.text({right + 26, tier.y + 29}, tier.words, {.size = 12, .colour = "#666666"});
}

// Each box hangs on the box above that holds it, by one line for each rail.
void draw_cables(const Tier& low, const Tier& high, Svg& svg) {
  for (int i = 0; i < low.drawn; ++i) {
    if (low.cut() && i == low.drawn - 2) continue;
    const auto above = static_cast<int>(static_cast<std::int64_t>(low.number(i)) * high.count /
                                        std::max(1, low.count));
    int j = std::min(above, high.drawn - 1);
    if (high.cut()) j = above == high.count - 1 ? high.drawn - 1 : std::min(above, high.drawn - 2);
    const int lines = std::clamp(std::max(low.stripes, high.stripes), 1, 8);
    for (int s = 0; s < lines; ++s) {
      const double at = (s + 0.5) / lines - 0.5;
      const double below = at * low.width * (low.stripes > 1 ? 1.0 : 0.6);
      const double above_it = at * high.width * (high.stripes > 1 ? 1.0 : 0.6);
      svg.line({low.x(i) + below, low.y}, {high.x(j) + above_it, high.y + high.height},
               {lines == 1 ? grey : pink, lines == 1 ? 2.2 : 0.9, 0.75, {}});
    }
  }
  svg.text({right + 26, low.y - 22}, low.link, {.size = 12, .colour = pink});
}

std::string nodes_text(const Machine& m) {
  return m.nodes_per_unit == 1
             ? fmt::format("{} of {} chips", counted(m.units, "node"), m.chips_per_node)
             : fmt::format("{} of {} nodes of {} chips", counted(m.units, "unit"), m.nodes_per_unit,
                           m.chips_per_node);
}

std::vector<Tier> tiers_of(const TopologyView& view) {
  const Machine& m = view.router->machine();
  const Outer& o = m.outer;
  const auto& x = view.metrics;
  const int groups = std::max(1, x.leaves / o.rails);
  std::vector<Tier> tiers;
  const auto add = [&tiers](Tier tier, int most) {
    tier.drawn = std::min(tier.count, most);
    const double pitch = (right - left) / tier.drawn;
    tier.width = std::min({pitch * 0.78, 130.0});
    tiers.push_back(std::move(tier));
  };
  add({m.nodes_per_unit == 1 ? "nodes" : "units", nodes_text(m),
       fmt::format("{} a node, {} each", counted(m.ports_per_node, "port"),
                   to_text(m.port_bandwidth)),
       m.units, 0, 0, 0, 30, "#cfe3f3", 0},
      12);
  add({o.rail_aligned ? "leaf groups" : "leaves",
       o.rail_aligned ? fmt::format("{} of {} rail leaves, {} nodes each", counted(groups, "group"),
                                    o.rails, o.nodes_per_leaf)
                      : fmt::format("{}, {} nodes each", with_thousands(groups), o.nodes_per_leaf),
       fmt::format("{} up a leaf, {:g} to 1", to_text(o.leaf_bandwidth), o.leaf_oversubscription),
       groups, 0, 0, 0, 30, pale, o.rail_aligned ? o.rails : 0},
      8);
  if (x.leaves > 1) {
    add({o.tiers == 2 ? "spine" : "pods",
         o.tiers == 2 ? fmt::format("{}", x.pods)
                      : fmt::format("{}, {} nodes each", x.pods, with_thousands(o.nodes_per_pod)),
         fmt::format("{} up a pod, {:g} to 1", to_text(o.pod_bandwidth), o.pod_oversubscription),
         x.pods, 0, 0, 0, 30, "#fbe3c8", 0},
        6);
  }
  if (x.pods > 1) {
    add({x.sites > 1 ? "sites" : "core", fmt::format("{}", x.sites),
         fmt::format("{} a site, {} one way", to_text(o.site_bandwidth), to_text(o.site_latency)),
         x.sites, 0, 0, 0, 30, "#cdeade", 0},
        6);
  }
  if (x.sites > 1) add({"long distance", "between sites", "", 1, 0, 0, 0, 30, "#f3dbe8", 0}, 1);
  return tiers;
}

}  // namespace

double draw_clos(const TopologyView& view, double top, Svg& svg) {
  std::vector<Tier> tiers = tiers_of(view);
  svg.line({margin, top}, {page_width - margin, top}, {"#dddddd", 1.0});
  svg.text({margin, top + 28}, "Between units", {.size = 15, .colour = dark, .bold = true});
  const double first = top + 48;
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    tiers[i].y = first + row_height * static_cast<double>(tiers.size() - 1 - i);
  }
  for (std::size_t i = 0; i + 1 < tiers.size(); ++i) draw_cables(tiers[i], tiers[i + 1], svg);
  for (const Tier& tier : tiers) draw_boxes(tier, svg);
  return tiers.front().y + tiers.front().height;
}

}  // namespace tightrope::report::topology_drawing
