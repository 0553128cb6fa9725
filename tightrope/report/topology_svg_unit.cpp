// One scale-up domain: a torus in layers, or chips in a ring around their switch.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/topology_svg_internal.h"

namespace tightrope::report::topology_drawing {
namespace {

using topology::Link;
using topology::LinkKind;
using topology::Machine;
using topology::UnitShape;

constexpr std::array<std::string_view, 6> tints = {"#cfe3f3", "#fbe3c8", "#cdeade",
                                                   "#f3dbe8", "#fff3bf", "#dfe3e8"};

/// Where each chip stands.
struct Layout {
  std::vector<Point> chips;
  double radius = 9.0;
  Point centre;  ///< of a ring of chips
  double bottom = 0.0;
  bool ring = false;
  double across = 0.0;  ///< a torus: right edge
};

Layout ring_layout(int n, double top) {
  Layout layout;
  layout.ring = true;
  const double radius = std::clamp(26.0 * n / (2 * std::numbers::pi), 110.0, 250.0);
  layout.radius = std::clamp(2.4 * radius / n, 3.5, 13.0);
  layout.centre = {margin + 300, top + radius + 40};
  for (int i = 0; i < n; ++i) {
    const double angle = 2 * std::numbers::pi * i / n - std::numbers::pi / 2;
    layout.chips.push_back(
        {layout.centre.x + radius * std::cos(angle), layout.centre.y + radius * std::sin(angle)});
  }
  layout.bottom = layout.centre.y + radius + 40;
  return layout;
}

// Layers lie above each other, each a slanted grid; a flat torus is not slanted.
Layout torus_layout(const Machine& m, double top) {
  Layout layout;
  const auto& e = m.unit.spec().extents;
  const bool layered = e[2] > 1;
  const double step_x = std::clamp(560.0 / std::max(e[0], 2), 22.0, 104.0);
  const double slant = layered ? step_x * 0.42 : 0.0;
  const double step_y = layered ? std::clamp(90.0 / std::max(e[1], 2), 13.0, 24.0) : step_x;
  const double layer = step_y * (e[1] - 1) + 62.0;
  layout.radius = std::clamp(step_x * 0.16, 4.0, 10.0);
  if (layered) layout.radius = std::min(layout.radius, step_y * 0.42);
  const double width = (e[0] - 1) * step_x + (e[1] - 1) * slant;
  const double left = std::max(margin + 44, 340.0 - width / 2);
  const double foot = top + 34 + (layered ? layer * e[2] - 62.0 : step_y * (e[1] - 1));
  for (int chip = 0; chip < m.unit.chips(); ++chip) {
    const auto at = m.unit.position(chip);
    layout.chips.push_back({left + at[0] * step_x + at[1] * slant,
                            foot - at[1] * step_y - (layered ? at[2] * layer : 0.0)});
  }
  layout.across = left + width;
  layout.bottom = foot + 44;
  return layout;
}

// From idle to full, readable in grey too.
constexpr std::array<std::string_view, 6> heat = {"#d9dee5", "#fbe09a", "#f7b14b",
                                                  "#e8702a", "#bf3a1d", "#6f1414"};
std::size_t heat_level(double use) {
  return std::min(heat.size() - 1, static_cast<std::size_t>(use * heat.size()));
}

/// What is left of a link of the drawn unit.
double factor_of(const TopologyView& view, std::uint32_t id) {
  const auto unit = static_cast<std::uint32_t>(view.unit);
  return view.router->factor(unit * view.router->machine().unit_links() + id);
}

/// How a link of the drawn unit is drawn.
Stroke stroke_of(const TopologyView& view, std::uint32_t id, const Link& link) {
  const double factor = factor_of(view, id);
  if (factor == 0.0) return {red, 2.4, 1.0, "3 3"};
  if (!view.use.empty()) return {heat[heat_level(view.use[id])], factor < 1.0 ? 3.4 : 2.6, 1.0, {}};
  Stroke stroke{colour_of(link.kind), 1.6, 0.85, {}};
  if (factor < 1.0) stroke = {orange, 2.4, 1.0, "7 3"};
  return stroke;
}

// Both directions are one line; a wrap-around is an arc beside its row, column or stack. Those at
// fault are drawn after the sound ones, on white.
void draw_torus_links(const TopologyView& view, const Layout& layout, bool at_fault, Svg& svg) {
  const Machine& m = view.router->machine();
  const auto links = m.unit.links();
  const auto& e = m.unit.spec().extents;
  for (std::uint32_t id = 0; id < links.size(); ++id) {
    const Link& link = links[id];
    const auto d = static_cast<std::size_t>(link.kind);
    const auto from = m.unit.position(static_cast<int>(link.from));
    const auto to = m.unit.position(static_cast<int>(link.to));
    const bool bad = factor_of(view, id) < 1.0;
    if (bad != at_fault) continue;
    // The way back is drawn with the way there, unless it alone is at fault.
    const bool back = to[d] == (from[d] + e[d] - 1) % e[d] && e[d] > 2;
    if (back && !bad) continue;
    if (e[d] == 2 && from[d] == 1 && !bad) continue;
    const Point a = layout.chips[link.from];
    const Point b = layout.chips[link.to];
    Stroke stroke = stroke_of(view, id, link);
    if (std::abs(from[d] - to[d]) == 1) {
      if (bad) svg.line(a, b, {"#ffffff", 3.0});
      svg.line(a, b, stroke);
      continue;
    }
    if (!bad && view.use.empty()) stroke.opacity = 0.5;
    const Point middle = {(a.x + b.x) / 2, (a.y + b.y) / 2};
    if (d == 0) {
      svg.curve(a, {middle.x, middle.y + std::max(14.0, layout.radius * 2.6)}, b, stroke);
    } else if (d == 1) {
      svg.curve(a, {middle.x - std::max(16.0, layout.radius * 3.0), middle.y}, b, stroke);
    } else if (bad || from[0] == e[0] - 1) {
      svg.curve(a, {layout.across + 70 + 10.0 * from[1], middle.y}, b, stroke);
    }
  }
}

void draw_ring_links(const TopologyView& view, const Layout& layout, bool at_fault, Svg& svg) {
  const Machine& m = view.router->machine();
  const auto links = m.unit.links();
  const bool mesh = m.unit.spec().shape == UnitShape::mesh;
  for (std::uint32_t id = 0; id < links.size(); ++id) {
    const Link& link = links[id];
    const bool bad = factor_of(view, id) < 1.0;
    if (bad != at_fault) continue;
    if (!bad && (mesh ? link.from > link.to : link.kind == LinkKind::switch_down)) continue;
    const auto chips = static_cast<std::uint32_t>(m.unit.chips());
    const Point a = link.from < chips ? layout.chips[link.from] : layout.centre;
    const Point b = link.to < chips ? layout.chips[link.to] : layout.centre;
    Stroke stroke = stroke_of(view, id, link);
    if (!bad && view.use.empty()) stroke.opacity = 0.55;
    if (!bad && m.unit.chips() > 32) stroke.width = 1.0;
    if (bad) svg.line(a, b, {"#ffffff", 3.0});
    svg.line(a, b, stroke);
  }
}

void draw_switch(const TopologyView& view, const Layout& layout, Svg& svg) {
  const Machine& m = view.router->machine();
  const double radius = 46;
  svg.circle(layout.centre, radius, "#ffffff", {blue, 2.0});
  svg.text({layout.centre.x, layout.centre.y - 1}, "switch",
           {.size = 13, .colour = dark, .anchor = Svg::Anchor::middle, .bold = true});
  const int planes = m.unit.spec().planes;
  svg.text({layout.centre.x, layout.centre.y + 16},
           planes > 1 ? fmt::format("{} planes", planes) : std::string("no plane blocks"),
           {.size = 10, .colour = "#666666", .anchor = Svg::Anchor::middle});
}

/// Pipeline stage of each chip of the first unit, -1 without a rank, -2 where nothing is placed.
std::vector<int> stages(const TopologyView& view) {
  const int chips = view.router->machine().unit.chips();
  std::vector<int> stage(static_cast<std::size_t>(chips), view.placement.feasible ? -1 : -2);
  for (std::size_t rank = 0; rank < view.placement.chip_of_rank.size(); ++rank) {
    const int chip = view.placement.chip_of_rank[rank];
    if (chip >= chips) continue;
    stage[static_cast<std::size_t>(chip)] =
        topology::axes_of(view.spec->sizes, static_cast<int>(rank))[3];
  }
  return stage;
}

void draw_chips(const TopologyView& view, const Layout& layout, Svg& svg) {
  const Machine& m = view.router->machine();
  const std::vector<int> stage = stages(view);
  for (int chip = 0; chip < m.unit.chips(); ++chip) {
    const auto at = static_cast<std::size_t>(chip);
    const Point p = layout.chips[at];
    const double r = layout.radius;
    const int tint = stage[at] >= 0 ? stage[at] : chip / m.chips_per_node;
    const bool spare = stage[at] == -1;
    const bool alive = view.router->chip_alive(view.unit * m.unit.chips() + chip);
    svg.circle(p, r,
               spare || !alive ? "#ffffff" : tints[static_cast<std::size_t>(tint) % tints.size()],
               {alive ? dark : red, 1.1, 1.0, spare && alive ? "2 2" : ""});
    if (!alive) {
      const double k = r * 0.7;
      svg.line({p.x - k, p.y - k}, {p.x + k, p.y + k}, {red, 1.8});
      svg.line({p.x - k, p.y + k}, {p.x + k, p.y - k}, {red, 1.8});
    } else if (r >= 7.0) {
      svg.text({p.x, p.y + r * 0.33}, fmt::format("{}", chip),
               {.size = std::min(10.0, r * 0.95), .colour = dark, .anchor = Svg::Anchor::middle});
    }
  }
}

struct Entry {
  std::string_view colour, dashes;
  std::string words;
};

// What the colours of a heat map mean; returns the foot of it.
double draw_heat_scale(Point at, Svg& svg) {
  constexpr double step = 44;
  for (std::size_t i = 0; i < heat.size(); ++i) {
    const double x = at.x + step * static_cast<double>(i);
    svg.box({x, at.y}, {step, 12}, 0, heat[i], {"#ffffff", 1.0});
    svg.text({x, at.y + 26}, fmt::format("{:.0f}", 100.0 * static_cast<double>(i) / heat.size()),
             {.size = 10.5, .colour = "#666666", .anchor = Svg::Anchor::middle});
  }
  svg.text({at.x + step * heat.size(), at.y + 26}, "100 %",
           {.size = 10.5, .colour = "#666666", .anchor = Svg::Anchor::middle});
  svg.text({at.x, at.y + 46}, "of the step in which a link carries bytes", {.size = 12.5});
  return at.y + 50;
}

void draw_legend(const TopologyView& view, double top, Svg& svg) {
  const Machine& m = view.router->machine();
  std::vector<Entry> entries;
  for (const topology::LinkFact& fact : m.facts) {
    if (fact.kind > LinkKind::switch_down) continue;
    entries.push_back(
        {colour_of(fact.kind), "",
         fmt::format("{}: {} a link, one direction", to_string(fact.kind), to_text(fact.value))});
  }
  const topology::Faults& faults = view.faults;
  if (view.metrics.live_chips < view.metrics.chips || !faults.dead_links.empty()) {
    entries.push_back({red, "3 3", "dead"});
  }
  if (!faults.degraded.empty()) entries.push_back({orange, "7 3", "degraded"});
  double y = top + 30;
  const double x = page_width - margin - 340;
  svg.text({x, y}, view.use.empty() ? std::string("One unit") : fmt::format("Unit {}", view.unit),
           {.size = 15, .colour = dark, .bold = true});
  if (!view.use.empty()) {
    y = draw_heat_scale({x, y + 14}, svg);
    entries.clear();
  }
  for (const Entry& entry : entries) {
    y += 24;
    svg.line({x, y - 4}, {x + 34, y - 4}, {entry.colour, 2.4, 1.0, entry.dashes});
    svg.text({x + 44, y}, entry.words, {.size = 12.5});
  }
  std::vector<std::string> notes;
  const auto& metrics = view.metrics;
  if (m.unit.chips() > 1) {
    notes.push_back(fmt::format("scale-up of a chip {}", to_text(metrics.chip_scaleup)));
    notes.push_back(fmt::format("bisection {}, diameter {} links", to_text(metrics.unit_bisection),
                                metrics.unit_diameter));
  }
  if (m.unit.spec().extents[2] > 2) {
    notes.emplace_back("arcs close rings; those of z are drawn at the right only");
  } else if (m.unit.spec().shape == UnitShape::torus) {
    notes.emplace_back("arcs close rings");
  }
  notes.emplace_back(view.placement.feasible ? "colours: pipeline stages; dashed: spare"
                                             : "colours: nodes");
  y += 12;
  for (const std::string& note : notes) {
    y += 19;
    svg.text({x, y}, note, {.size = 12.5, .colour = "#666666"});
  }
}

}  // namespace

double draw_unit(const TopologyView& view, double top, Svg& svg) {
  const Machine& m = view.router->machine();
  const int chips = m.unit.chips();
  draw_legend(view, top, svg);
  double bottom = top + 210;
  if (chips > 1024) {
    svg.text({margin, top + 30}, "too many chips to draw one by one", {.colour = "#666666"});
    return bottom;
  }
  const bool torus = m.unit.spec().shape == UnitShape::torus;
  const bool ring = !torus || (m.unit.spec().extents[1] == 1 && m.unit.spec().extents[2] == 1);
  const Layout layout = ring ? ring_layout(chips, top) : torus_layout(m, top);
  if (torus && ring) {
    for (int i = 0; i < chips; ++i) {
      const Link& link = m.unit.links()[static_cast<std::size_t>(i) * (chips > 2 ? 2 : 1)];
      svg.line(layout.chips[link.from], layout.chips[link.to], {blue, 1.6, 0.85, {}});
    }
  } else if (torus) {
    for (const bool at_fault : {false, true}) draw_torus_links(view, layout, at_fault, svg);
  } else if (chips > 1) {
    for (const bool at_fault : {false, true}) draw_ring_links(view, layout, at_fault, svg);
    if (m.unit.spec().shape == UnitShape::switched) draw_switch(view, layout, svg);
  }
  draw_chips(view, layout, svg);
  return std::max(bottom, layout.bottom);
}

}  // namespace tightrope::report::topology_drawing
