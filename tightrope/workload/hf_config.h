// Reads the config.json of a Hugging Face checkpoint into a workload::Model.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/core/result.h"
#include "tightrope/workload/model.h"

namespace tightrope::workload {

/// Parses a config text; `file` names it in errors. Recognises the family by `model_type` or
/// `architectures`. Errors: syntax (with line and column), type, range, unknown_key for a missing
/// required key, unsupported for a family or feature that is not modelled, each with a hint.
[[nodiscard]] Result<Model> read_hf_config(std::string_view text, const std::string& file);

}  // namespace tightrope::workload
