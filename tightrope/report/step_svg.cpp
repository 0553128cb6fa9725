// Where a step's bytes go: the unit with the busiest link.
#include <algorithm>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/step_report.h"
#include "tightrope/report/topology_svg_internal.h"

namespace tightrope::report {
namespace {

using network_study::StepSimulation;

// The busiest scale-up link tells which unit to draw; without one, the first.
int unit_to_draw(const StepSimulation& s) {
  const std::size_t inside = s.machine.unit.links().size();
  double most = -1.0;
  int unit = 0;
  for (const network_study::LinkReport& l : s.links) {
    if (l.link < inside && l.busiest > most) {
      most = l.busiest;
      unit = l.unit;
    }
  }
  return unit;
}

// Both directions of a pair are one line: the busier one colours it.
std::vector<double> use_of(const StepSimulation& s, int unit) {
  const auto links = s.machine.unit.links();
  const auto cls =
      static_cast<std::size_t>(s.network.classes.class_of_unit[static_cast<std::size_t>(unit)]);
  std::vector<double> use(s.unit_use[cls].begin(),
                          s.unit_use[cls].begin() + static_cast<std::ptrdiff_t>(links.size()));
  const std::vector<double> own = use;
  for (std::size_t a = 0; a < links.size(); ++a) {
    for (std::size_t b = 0; b < links.size(); ++b) {
      if (links[a].from == links[b].to && links[a].to == links[b].from) {
        use[a] = std::max(use[a], own[b]);
      }
    }
  }
  return use;
}

}  // namespace

std::string step_svg(const StepView& view) {
  using namespace topology_drawing;
  const StepSimulation& s = *view.simulation;
  const topology::Router router(s.machine, s.faults);
  TopologyView drawn;
  drawn.catalog = view.catalog;
  drawn.system = &view.context->system;
  drawn.router = &router;
  drawn.faults = s.faults;
  drawn.metrics = topology::measure(router);
  drawn.unit = unit_to_draw(s);
  drawn.use = use_of(s, drawn.unit);
  Svg svg;
  svg.text({margin, 40}, fmt::format("{} on {}", view.model, view.context->system.title),
           {.size = 20, .colour = dark, .bold = true});
  svg.text({margin, 62},
           fmt::format("step {}; {} units; {}", to_text(Seconds(s.result.step)),
                       with_thousands(s.machine.units), step::to_text(view.estimate->mapping)),
           {.size = 13, .colour = "#666666"});
  double bottom = draw_unit(drawn, 84, svg);
  for (const network_study::LinkReport& l : s.links) {
    bottom += 20;
    svg.text({margin, bottom},
             fmt::format("{}: {} links, busy {:.1f} % on average, the busiest {:.1f} % (unit {})",
                         to_string(l.kind), with_thousands(l.links), 100 * l.mean, 100 * l.busiest,
                         l.unit),
             {.size = 12.5});
  }
  return svg.document({page_width, bottom + 24});
}

}  // namespace tightrope::report
