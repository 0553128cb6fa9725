// Everything that shapes blocks, listed for one number of ranks: the outer loops of the search.
#pragma once

#include <vector>

#include "tightrope/search/tables_internal.h"

namespace tightrope::search::search_internal {

/// Mappings that share their blocks' costs and their stages' number.
struct Listed {
  Seconds time{};     ///< no pipeline of it takes less
  Seconds busy{};     ///< the busiest stage computes no less
  double bubble = 1;  ///< guess of what filling and draining multiply the step by
  step::Mapping mapping;
  const Block* block = nullptr;
};

/// All of a space on so many ranks, in the order of its options.
[[nodiscard]] std::vector<Listed> list_blocks(const step::Context& context, const Space& space,
                                              Tables& tables, int ranks);

}  // namespace tightrope::search::search_internal
