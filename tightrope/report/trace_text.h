// A trace's summary as text and JSON.
#pragma once

#include <string>

#include "tightrope/traffic/summary.h"

namespace tightrope::report {

[[nodiscard]] std::string trace_text(const traffic::Summary& summary);
[[nodiscard]] std::string trace_json(const traffic::Summary& summary);

}  // namespace tightrope::report
