// `simulate collective` for people and programs.
#pragma once

#include <string>

#include "tightrope/catalog/records.h"
#include "tightrope/network_study/simulate_collective.h"

namespace tightrope::report {

[[nodiscard]] std::string collective_text(const catalog::System& system,
                                          const network_study::CollectiveStudy& study);
[[nodiscard]] std::string collective_json(const catalog::System& system,
                                          const network_study::CollectiveStudy& study);

}  // namespace tightrope::report
