// A step on the wires as text, JSON, a drawing and a timeline.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/network_study/simulate_step.h"

namespace tightrope::report {

/// Another scene of the same step, for comparison.
struct StepVariant {
  std::string name;
  std::string outcome;  ///< why it does not run; empty when it does
  double step = 0;      ///< seconds
};

/// What `simulate step` shows; the pointers outlive it.
struct StepView {
  const catalog::Catalog* catalog = nullptr;
  const step::Context* context = nullptr;
  const step::Estimate* estimate = nullptr;
  const network_study::StepSimulation* simulation = nullptr;
  std::string model;
  std::vector<StepVariant> variants;
};

[[nodiscard]] std::string step_text(const StepView& view);
/// Schema "tightrope.step/1"; keys carry their unit last.
[[nodiscard]] std::string step_json(const StepView& view, const std::string& version);
/// The unit with the busiest link, every link coloured by the share of the step in which it
/// carries bytes.
[[nodiscard]] std::string step_svg(const StepView& view);
/// Trace-event JSON for Perfetto: a process a stage, its pieces and transfers.
[[nodiscard]] std::string step_timeline(const StepView& view);

}  // namespace tightrope::report
