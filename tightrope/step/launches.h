// Host work of what a step launches, in kernels.
#pragma once

namespace tightrope::step {

// Host work of one more product in a grouped call, against a kernel of its own: frameworks prepare
// and issue a product an expert, most of it in compiled loops.
inline constexpr double grouped_launch = 0.7;
// Host work of a collective out of place against a kernel's: buffers, streams and their events.
inline constexpr double collective_launches = 3;
// Small kernels of routing beside those in the pass list: sorting, masks, counts, splits.
inline constexpr double routing_launches = 30;

}  // namespace tightrope::step
