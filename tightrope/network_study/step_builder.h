// A planned step as a program for the network simulator.
#pragma once

#include <functional>

#include "tightrope/netsim/communicators.h"
#include "tightrope/netsim/step_program.h"
#include "tightrope/netsim/unit_classes.h"
#include "tightrope/step/estimate.h"
#include "tightrope/topology/placement.h"

namespace tightrope::network_study {

[[nodiscard]] netsim::Layout::Sizes layout_of(const step::Mapping& mapping);
/// Where the closed form assumes the ranks: tensor parallel innermost, then context, data and
/// pipeline parallel; dimensions forced onto the NICs outermost.
[[nodiscard]] topology::AxisOrder order_of(const step::Mapping& mapping);

struct BuiltStep {
  netsim::StepProgram program;
  formula::PipelineTime pipeline;  ///< what the closed form says of the pipeline alone
};

/// What: kernels and transfers of every stage as `step` counts them. A transfer's own time is
///   formula::collective on a fabric whose scale-up domain is one switch, for a group as it really
///   lies on the units; the topology's own limits are the network's part.
/// The mapping must be feasible but for memory (TR_CHECK).
[[nodiscard]] BuiltStep build_step(const step::Context& context, const step::Estimate& estimate,
                                   const topology::Machine& machine, const netsim::Layout& layout,
                                   const netsim::Seating& seating);

}  // namespace tightrope::network_study
