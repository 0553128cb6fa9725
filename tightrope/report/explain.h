// A plan taken apart: a tree in which every number says how it was made and from what.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/step/context.h"
#include "tightrope/study/plan.h"

namespace tightrope::report {

/// One number of a plan.
struct Node {
  std::string name;
  std::string value;    ///< with its unit
  std::string formula;  ///< how it follows from the numbers below or the inputs
  std::string place;    ///< file:line of the formula or of the fact
  std::string source;   ///< paper or table of the formula; source, date and grade of a fact
  std::string note;     ///< inputs and conflicts
  std::vector<Node> children;
};

/// The tree of one plan: step time down to each kernel and collective, memory by category, energy
/// and cost, and the catalog facts all of it rests on. The plan must be of this context.
[[nodiscard]] Node explain_plan(const study::PlanRequest& request, const step::Context& context,
                                const study::Plan& plan, const catalog::Catalog& catalog);

/// The tree as text, `depth` levels deep (0: only the root).
[[nodiscard]] std::string tree_text(const Node& root, int depth);
/// The tree as JSON, schema "tightrope.explain/1".
[[nodiscard]] std::string tree_json(const Node& root, int depth);

}  // namespace tightrope::report
