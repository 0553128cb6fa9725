// The branches of an explained plan, one a file.
#pragma once

#include "tightrope/report/explain.h"
#include "tightrope/step/basis.h"

namespace tightrope::report {

/// What the step was put together from, made again for explaining.
struct Workings {
  step::BlockCosts costs;
  std::vector<step::StageLayers> layout;
  step::Basis basis;
  step::SyncCost sync;
  std::size_t busiest = 0;  ///< run of stages with the most work
};
[[nodiscard]] Workings workings_of(const step::Context& context, const step::Mapping& mapping,
                                   int micro_batches);

/// A node whose formula is the comment of a declared function.
[[nodiscard]] Node card_node(std::string name, std::string value, std::string_view function);

[[nodiscard]] Node time_node(const step::Context& context, const study::Plan& plan,
                             const Workings& workings);
[[nodiscard]] Node memory_node(const step::Context& context, const study::Plan& plan,
                               const Workings& workings);
[[nodiscard]] Node cost_node(const step::Context& context, const study::Plan& plan);
[[nodiscard]] Node facts_node(const step::Context& context, const study::Plan& plan,
                              const catalog::Catalog& catalog);

}  // namespace tightrope::report
