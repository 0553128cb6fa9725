#include "tightrope/study/bundled_tables.h"

#include <fmt/format.h>

#include "tightrope/core/check.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_validation();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::study {

const TrainingTable& bundled_training_table() {
  static const TrainingTable table = [] {
    const EmbeddedFile file = embedded_validation().front();
    auto read = parse_training_table(file.text, fmt::format("validation/{}", file.path));
    TR_CHECK(read.has_value(), to_string(read.error()));
    return std::move(read).value();
  }();
  return table;
}

}  // namespace tightrope::study
