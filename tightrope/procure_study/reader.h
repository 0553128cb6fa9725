// Reads a scenario file by its field tables, and says every fault with file, line and column.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/procure_study/records.h"

namespace tightrope::procure_study {

/// Reads a file, faults in the order of the lines; with faults the file is not to be used. The
/// catalog tells which sources there are.
[[nodiscard]] File read_scenario(const std::string& path, const catalog::Catalog& catalog,
                                 std::vector<Error>& faults);

/// The same of a text; `name` stands for the file in messages.
[[nodiscard]] File parse_scenario(std::string_view text, const std::string& name,
                                  const catalog::Catalog& catalog, std::vector<Error>& faults);

/// What one table says of another, and of the catalog: names that are not there, words that do not
/// go together. Part of parse_scenario.
void check_file(const File& file, const catalog::Catalog& catalog, std::vector<Error>& faults);

}  // namespace tightrope::procure_study
