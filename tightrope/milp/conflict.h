// Why a model has no answer, in the terms of whoever stated it.
#pragma once

#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/milp/model.h"

namespace tightrope::milp {

/// Groups of rows that cannot hold together, none of which can be left out: dropping any one of
/// them makes the rest satisfiable. In the order in which the groups first appear. Empty when the
/// model has an answer; one entry, "" (the rows without a group), when those alone contradict.
[[nodiscard]] Result<std::vector<std::string>> smallest_conflict(const Model& model);

}  // namespace tightrope::milp
