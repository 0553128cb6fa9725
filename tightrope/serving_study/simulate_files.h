// What to simulate, read from files: a fleet's description in TOML, a plan's JSON.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/serving_study/simulate.h"

namespace tightrope::serving_study {

/// Reads a fleet (docs/guide/simulate_serving.md has the keys). Errors: not_found; syntax, type,
/// range, unknown_key, conflict with file and line.
[[nodiscard]] Result<SimulateRequest> read_fleet(const std::string& path);
/// The same from a text; `name` stands for the file in errors.
[[nodiscard]] Result<SimulateRequest> parse_fleet(std::string_view text, const std::string& name);

/// One of the plans that `plan --serve --json` wrote, counted from 1, with the demand it was made
/// for as its load. Errors: not_found, syntax, unsupported (another file), range.
[[nodiscard]] Result<SimulateRequest> read_serve_plan(const std::string& path, int which);
[[nodiscard]] Result<SimulateRequest> parse_serve_plan(std::string_view text,
                                                       const std::string& name, int which);

/// By the name it prints as; the error names all. `what`: the option or key.
[[nodiscard]] Result<serving::Routing> routing_from(std::string_view text, std::string_view what);
[[nodiscard]] Result<serving::Preemption> preemption_from(std::string_view text,
                                                          std::string_view what);

}  // namespace tightrope::serving_study
