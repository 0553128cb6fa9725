// A generator's spec as TOML.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/core/result.h"
#include "tightrope/traffic/spec.h"

namespace tightrope::traffic {

/// Reads a spec. Errors: not_found; syntax, type, range, unknown_key, conflict with file and line.
[[nodiscard]] Result<GeneratorSpec> read_spec(const std::string& path);
/// The same from a text; `name` stands for the file in errors.
[[nodiscard]] Result<GeneratorSpec> parse_spec(std::string_view text, const std::string& name);

/// A text that parse_spec reads back as the same spec, to nine digits.
[[nodiscard]] std::string spec_text(const GeneratorSpec& spec);

}  // namespace tightrope::traffic
