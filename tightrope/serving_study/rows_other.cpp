#include <cmath>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/serving_study/rows_forms.h"
#include "tightrope/serving_study/unsaid.h"

namespace tightrope::serving_study {
namespace {

/// The number a text starts with; 0 when it starts with none.
double leading_number(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

/// The number after `key`; 0 when it is not there.
double number_after(const std::string& text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? 0.0 : std::strtod(text.c_str() + at + key.size(), nullptr);
}

/// What stands between `key` and the next semicolon; empty when `key` is not there.
std::string text_after(const std::string& text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return {};
  const std::size_t from = at + key.size();
  return text.substr(from, text.find(';', from) - from);
}

class MetricReader {
 public:
  explicit MetricReader(const CsvTable& table) : table_(table) {}

  /// Lines that differ in metric and value only are one run. MLPerf's scenarios are runs of their
  /// own: a line each.
  std::string run_key(std::size_t at) const {
    std::string key;
    for (const char* column :
         {"source", "source_path", "model", "hardware", "tp", "pp", "ep", "dp", "precision",
          "engine_version", "input_len", "output_len", "concurrency_or_batch"}) {
      key += cell(at, column) + '\n';
    }
    return key;
  }

  Result<ServingRow> run(std::size_t at) const {
    ServingRow row;
    row.id = cell(at, "id");
    row.date = cell(at, "date").starts_with("20") ? cell(at, "date").substr(0, 10) : "";
    row.model = model_of(cell(at, "model"));
    row.version = cell(at, "engine_version");
    row.chip = chip_of(cell(at, "hardware"));
    row.numerics = numerics_of(format_of(cell(at, "precision")), "", row.model);
    TR_TRY(row.deployment.tp, ways(at, "tp"));
    TR_TRY(row.deployment.pp, ways(at, "pp"));
    TR_TRY(row.deployment.ep, ways(at, "ep"));
    TR_TRY(row.deployment.dp, ways(at, "dp"));
    row.input = leading_number(cell(at, "input_len"));
    row.output = leading_number(cell(at, "output_len"));
    row.concurrency = leading_number(cell(at, "concurrency_or_batch"));
    const std::string& source = cell(at, "source");
    if (holds(source, "TensorRT-LLM")) {
      row.source = row.engine = "tensorrt-llm";
      row.queued = true;
      row.requests = unsaid_requests(row);
      row.numerics = published_numerics(row);
      row.experts_unsaid = holds(cell(at, "notes"), "ep not stated") && row.deployment.tp > 1;
    } else if (holds(source, "MLPerf")) {
      mlperf(row, at);
    } else if (holds(source, "neuron")) {
      row.source = "neuron";
      name_neuron(row, cell(at, "hardware"), cell(at, "precision"));
    } else {
      row.source = catalog::folded(source.substr(0, source.find(' ')));
      row.engine = catalog::folded(cell(at, "engine"));
    }
    if (row.stack.empty()) row.stack = fmt::format("{}-{}", row.engine, unsaid_release(row));
    judge(row);
    return row;
  }

  /// Puts the line's value where it belongs; values a row has no place for (percentiles) are left.
  Result<void> measure(ServingRow& row, std::size_t at) const {
    TR_TRY(const double value, table_.number(at, "value", 0));
    if (!(value > 0) || !std::isfinite(value)) {
      return fail(ErrorCode::range, "a measured value must be above zero", table_.where(at));
    }
    const std::string& metric = cell(at, "metric");
    TR_TRY(const double accelerators, number_of_chips(at));
    if (metric == "ttft_p50" || metric == "ttft_mean") row.ttft_ms = value;
    if (metric == "tpot_p50" || metric == "tpot_mean") row.tpot_ms = value;
    if (metric == "output_throughput_total") row.output_tokens_a_s = value;
    if (metric == "output_throughput_per_gpu") row.output_tokens_a_s = value * accelerators;
    if (metric.starts_with("tokens_per_s_")) row.output_tokens_a_s = value;
    return {};
  }

 private:
  const std::string& cell(std::size_t at, std::string_view column) const {
    return table_.at(at, column);
  }

  Result<int> ways(std::size_t at, std::string_view column) const {
    const std::string& text = cell(at, column);
    if (text.empty() || text == "off") return 1;
    if (text == "on") return ways(at, "dp");
    TR_TRY(const double value, table_.number(at, column, 1));
    if (!(value >= 1 && value <= 1e6)) {
      return fail(ErrorCode::range, fmt::format("{} must be at least 1", column), table_.where(at));
    }
    return static_cast<int>(std::lround(value));
  }

  Result<double> number_of_chips(std::size_t at) const {
    const double count = leading_number(cell(at, "n_accelerators"));
    if (!(count >= 1)) {
      return fail(ErrorCode::range, "n_accelerators must start with a number", table_.where(at));
    }
    return count;
  }

  static std::string format_of(const std::string& precision) {
    return catalog::folded(precision.substr(0, precision.find(' ')));
  }

  /// "NVIDIA B200-SXM-180GB", "Virtualized NVIDIA H200-SXM-141GB", "NVIDIA GB200 192GB (NVL72)".
  static std::string chip_of(const std::string& hardware) {
    if (holds(hardware, "), AMD")) return hardware;
    const std::string name = catalog::folded(hardware);
    if (holds(name, "-nvl-")) return "h200-nvl";
    for (const char* chip :
         {"gb300", "gb200", "b300", "b200", "h200", "h100", "mi300x", "mi325x", "mi355x"}) {
      if (holds(name, chip)) return chip;
    }
    return hardware;
  }

  /// The document's options keep DeepSeek's cache in 8 bits, and GPT-OSS's but on Hopper; its other
  /// checkpoints are NVIDIA's own, with one scale a tensor.
  static std::string published_numerics(const ServingRow& row) {
    const bool hopper = row.chip.starts_with("h");
    if (holds(row.model, "deepseek")) return row.numerics + "+kv8";
    if (holds(row.model, "gpt-oss")) return row.numerics + (hopper ? "" : "+kv8");
    return row.numerics == "fp8-block" ? "fp8" : row.numerics;
  }

  void mlperf(ServingRow& row, std::size_t at) const {
    row.source = "mlperf";
    const std::string& engine = cell(at, "engine");
    row.engine = engine.starts_with("TensorRT") ? "tensorrt-llm" : "vllm";
    row.chips = static_cast<int>(leading_number(cell(at, "n_accelerators")));
    const std::string scenario = catalog::folded(cell(at, "concurrency_or_batch"));
    row.scenario = scenario;
    row.submitter = text_after(cell(at, "notes"), "submitter ");
    const UnsaidSchedule told = unsaid_schedule(row);
    row.token_budget = told.token_budget;
    row.most_sequences = told.most_sequences;
    row.evicts = told.evicts;
    row.stops_decodes = told.stops_decodes;
    row.in_process = told.in_process;
    row.tuned_products = told.tuned_products;
    row.poll_steps = told.poll_steps;
    row.host_steps = told.host_steps;
    row.graph_sequences = told.graph_sequences;
    row.requests = told.requests;
    row.balance_steps = told.balance_steps;
    if (!told.cache.empty()) row.numerics += "+" + told.cache;
    row.mapping_unsaid = !told.mapped;
    if (told.mapped) row.deployment = told.mapping;
    const std::string workload = cell(at, "model").substr(0, cell(at, "model").rfind("-99"));
    const UnsaidWorkload known = unsaid_workload(workload, scenario);
    row.input = known.input;
    row.output = known.output;
    row.input_variation = known.input_variation;
    row.output_variation = known.output_variation;
    row.longest = known.longest;
    row.first_bound = known.first_bound;
    row.token_bound = known.token_bound;
    row.queued = true;
    // Submissions print what their runs wrote on average.
    const double written = number_after(cell(at, "notes"), "TOKENS_PER_SAMPLE: ");
    if (written > 0) row.output = written;
  }

  static void judge(ServingRow& row) {
    const bool lengths = row.input > 0 && row.output > 0;
    if (!lengths || !(row.concurrency > 0 || row.queued)) {
      row.unclear = "lengths or concurrency are not said";
    }
  }

  const CsvTable& table_;
};

}  // namespace

bool is_metric_table(const CsvTable& table) {
  return table.has("metric") && table.has("value") && table.has("hardware");
}

Result<std::vector<ServingRow>> metric_rows(const CsvTable& table) {
  TR_TRY_VOID(table.require({"id", "source", "model", "hardware", "n_accelerators", "tp",
                             "precision", "engine", "input_len", "output_len",
                             "concurrency_or_batch", "metric", "value"}));
  const MetricReader reader(table);
  std::vector<ServingRow> rows;
  std::map<std::string, std::size_t> runs;
  for (std::size_t at = 0; at < table.rows(); ++at) {
    const auto [run, fresh] = runs.emplace(reader.run_key(at), rows.size());
    if (fresh) {
      TR_TRY(ServingRow row, reader.run(at));
      rows.push_back(std::move(row));
    }
    TR_TRY_VOID(reader.measure(rows[run->second], at));
  }
  return rows;
}

}  // namespace tightrope::serving_study
