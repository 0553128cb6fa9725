#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/serving_study/rows_forms.h"

namespace tightrope::serving_study {
namespace {

/// "TP=24" as its number; 0 when it says something else.
int tensor_ways(const std::string& parallelism) {
  const std::string text = catalog::folded(parallelism);
  if (!text.starts_with("tp=")) return 0;
  return std::atoi(text.c_str() + 3);
}

Result<ServingRow> neuron_row(const CsvTable& table, std::size_t at) {
  ServingRow row;
  row.id = fmt::format("neuron-{}", at + 1);
  row.source = "neuron";
  row.version = table.at(at, "sdk");
  row.model = model_of(table.at(at, "model"));
  name_neuron(row, table.at(at, "instance"), table.at(at, "dtype"));
  TR_TRY(row.input, table.number(at, "input_len", 0));
  TR_TRY(row.output, table.number(at, "output_len", 0));
  TR_TRY(row.concurrency, table.number(at, "batch", 0));
  TR_TRY(row.ttft_ms, table.number(at, "ttft_p50_ms", 0));
  TR_TRY(row.tpot_ms, table.number(at, "tpot_p50_ms", 0));
  TR_TRY(row.output_tokens_a_s, table.number(at, "throughput", 0));
  for (const double x : {row.input, row.output, row.concurrency, row.ttft_ms, row.tpot_ms}) {
    if (x < 0 || !std::isfinite(x)) {
      return fail(ErrorCode::range, "a length, a batch or a time is below zero", table.where(at));
    }
  }
  const int tp = tensor_ways(table.at(at, "parallelism"));
  if (tp > 0) row.deployment.tp = tp;
  if (tp == 0) row.unclear = "how the model lies on the cores is not said";
  if (!(row.input > 0 && row.output > 0)) row.unclear = "lengths are not said";
  return row;
}

}  // namespace

void name_neuron(ServingRow& row, const std::string& instance, const std::string& weights) {
  const std::string name = catalog::folded(instance), format = catalog::folded(weights);
  row.chip = name.starts_with("inf2")   ? "inferentia2"
             : name.starts_with("trn2") ? "trainium2"
             : name.starts_with("trn1") ? "trainium1"
                                        : name;
  row.engine = "neuron";
  row.stack = "neuron-2024";
  row.numerics = holds(format, "int8") ? "int8" : "bf16";
}

bool is_neuron_table(const CsvTable& table) {
  return table.has("kind") && table.has("instance") && table.has("parallelism") &&
         table.has("tpot_p50_ms");
}

Result<std::vector<ServingRow>> neuron_rows(const CsvTable& table) {
  TR_TRY_VOID(table.require({"kind", "model", "instance", "parallelism", "batch", "input_len",
                             "output_len", "dtype", "throughput", "ttft_p50_ms", "tpot_p50_ms"}));
  std::vector<ServingRow> rows;
  for (std::size_t at = 0; at < table.rows(); ++at) {
    if (!table.at(at, "kind").starts_with("infer-")) continue;
    TR_TRY(ServingRow row, neuron_row(table, at));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace tightrope::serving_study
