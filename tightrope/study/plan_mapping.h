// Mappings as people write them: "tp8 pp16 dp64 mbs1 zero1 sp recompute=full".
#pragma once

#include <string_view>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/step/mapping.h"

namespace tightrope::study {

/// Reads what step::to_text(Mapping) writes; what is not said is as in a default Mapping. Errors:
/// syntax for a word that is none of a mapping's, with the words there are.
[[nodiscard]] Result<step::Mapping> mapping_from_text(std::string_view text);

/// Number and switch members of a mapping by name, for JSON and the like.
struct MappingNumber {
  std::string_view name;
  int step::Mapping::* member;
};
struct MappingSwitch {
  std::string_view name;
  bool step::Mapping::* member;
};
[[nodiscard]] const std::vector<MappingNumber>& mapping_numbers();
[[nodiscard]] const std::vector<MappingSwitch>& mapping_switches();

/// "none", "full" or modules joined by '+', as recompute_text writes. Errors: syntax.
[[nodiscard]] Result<workload::ModuleSet> recompute_from_text(std::string_view text);

}  // namespace tightrope::study
