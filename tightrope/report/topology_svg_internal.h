// What the parts of a topology's drawing share.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/report/svg.h"
#include "tightrope/report/topology_report.h"

namespace tightrope::report::topology_drawing {

// Colours that people with any colour vision tell apart (Okabe and Ito 2008).
inline constexpr std::string_view blue = "#0072B2", orange = "#D55E00", green = "#009E73",
                                  pink = "#CC79A7", amber = "#E69F00", sky = "#56B4E9",
                                  grey = "#8a8f98", dark = "#333333", pale = "#e9edf2",
                                  red = "#c1121f";

inline constexpr double page_width = 1120.0;
inline constexpr double margin = 32.0;

[[nodiscard]] std::string_view colour_of(topology::LinkKind kind);

/// "1 node", "1,024 nodes".
[[nodiscard]] std::string counted(double count, std::string_view thing);

/// The first unit between `top` and what is returned.
double draw_unit(const TopologyView& view, double top, Svg& svg);
/// The tiers of the network below `top`, down to what is returned.
double draw_clos(const TopologyView& view, double top, Svg& svg);

}  // namespace tightrope::report::topology_drawing
