// The further forms in which serving measurements are published, and the names they use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/csv.h"
#include "tightrope/serving_study/rows.h"

namespace tightrope::serving_study {

[[nodiscard]] bool holds(std::string_view text, std::string_view piece);

/// The catalog's name of a published checkpoint's network, or the text in lower case.
[[nodiscard]] std::string model_of(const std::string& path);

/// The formats (infer::find_numerics) a table's words mean. `experts` may be empty.
[[nodiscard]] std::string numerics_of(const std::string& gemm, const std::string& experts,
                                      const std::string& model);

/// One metric a line: source, hardware, n_accelerators, metric, value, ...
[[nodiscard]] bool is_metric_table(const CsvTable& table);
/// Lines of one run as one row, in the order of their first lines. Errors: type, range.
[[nodiscard]] Result<std::vector<ServingRow>> metric_rows(const CsvTable& table);

/// Neuron's own table: kind, instance, parallelism, tpot_p50_ms, ...; its infer-* rows.
[[nodiscard]] bool is_neuron_table(const CsvTable& table);
/// Errors: type, range.
[[nodiscard]] Result<std::vector<ServingRow>> neuron_rows(const CsvTable& table);

/// What a chip of Neuron's rows is called by its instance, and the engine that ran them.
void name_neuron(ServingRow& row, const std::string& instance, const std::string& weights);

}  // namespace tightrope::serving_study
