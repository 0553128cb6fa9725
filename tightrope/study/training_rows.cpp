#include "tightrope/study/training_rows.h"

#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "tightrope/core/csv.h"

namespace tightrope::study {
namespace {

constexpr double gib = 1073741824.0;
constexpr double tera = 1e12;

std::string fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return fmt::format("{:016x}", hash);
}

// Reads cells of one row, keeping the first error.
class RowReader {
 public:
  RowReader(const CsvTable& table, std::size_t row) : table_(table), row_(row) {}

  std::string text(std::string_view column) const { return table_.at(row_, column); }

  double number(std::string_view column, double absent) {
    auto value = table_.number(row_, column, absent);
    if (value) return *value;
    if (!error_) error_ = value.error();
    return absent;
  }

  int whole(std::string_view column, int absent) {
    return static_cast<int>(std::lround(number(column, absent)));
  }

  /// A degree of parallelism: at least 1, or `absent` when the cell is empty.
  int degree(std::string_view column, int absent) {
    const int value = whole(column, absent);
    if (value < 0 && !error_) {
      error_ = Error{ErrorCode::range,
                     fmt::format("\"{}\" is {}, below zero", column, value),
                     table_.where(row_),
                     {}};
    }
    return value;
  }

  [[nodiscard]] Result<void> verdict() const {
    if (error_) return Failure(*error_);
    return {};
  }

 private:
  const CsvTable& table_;
  std::size_t row_;
  std::optional<Error> error_;
};

Result<TrainingRow> measurement(const CsvTable& table, std::size_t index) {
  RowReader r(table, index);
  TrainingRow row;
  row.id = r.text("id");
  row.source = r.text("source");
  row.release = r.text("release_or_date");
  row.model = r.text("model");
  row.model_key = r.text("model_key");
  row.architecture_note = r.text("hf_or_arch_note");
  row.task = r.text("task");
  row.hardware = r.text("hardware");
  row.system = r.text("system");
  row.precision = r.text("precision");
  row.sharding = r.text("dp_or_fsdp");
  row.recompute = r.text("recompute");
  row.overlap = r.text("overlap_notes");
  row.flops_convention = r.text("flops_convention");
  row.grade = r.text("grade");
  row.config_key = r.text("config_key");
  row.notes = r.text("notes");
  row.accelerators = r.degree("n_accelerators", 0);
  row.global_batch = std::llround(r.number("gbs", 0));
  row.micro_batch = r.number("mbs", 0);
  row.seq_len = std::llround(r.number("seq_len", 0));
  row.tp = std::max(1, r.degree("tp", 1));
  row.pp = std::max(1, r.degree("pp", 1));
  row.cp = std::max(1, r.degree("cp", 1));
  row.vp = r.degree("vp", 0);
  row.ep = std::max(1, r.degree("ep", 1));
  row.etp = std::max(1, r.degree("etp", 1));
  row.dp = r.degree("dp", 0);
  row.step = Seconds(r.number("step_s", 0));
  row.peak_memory = Bytes(r.number("peak_mem_gib", 0) * gib);
  row.model_flops = FlopsPerSecond(r.number("tflops_gpu", 0) * tera);
  row.measured = TokensPerSecond(r.number("derived_tokens_s_gpu", 0));
  if (!(row.measured.raw() > 0)) row.measured = TokensPerSecond(r.number("tokens_s_gpu", 0));
  if (!(row.measured.raw() > 0) && row.step.raw() > 0 && row.accelerators > 0) {
    row.measured = TokensPerSecond(static_cast<double>(row.global_batch * row.seq_len) /
                                   row.step.raw() / row.accelerators);
  }
  TR_TRY_VOID(r.verdict());
  return row;
}

// The grid states shapes, not names; vocabulary, recompute and sharding are assumptions that its
// README names (51,200 words, all layers recomputed, plain data parallelism).
Result<TrainingRow> grid_point(const CsvTable& table, std::size_t index) {
  RowReader r(table, index);
  TrainingRow row;
  row.id = r.text("id");
  row.source = fmt::format("A100 mapping grid, {} node", r.text("nodes_kind"));
  row.release = "2023";
  row.task = "pretrain";
  row.hardware = "A100-80GB";
  row.system = "8-GPU nodes, 800 Gbit/s";
  row.precision = "FP16";
  row.sharding = "DDP";
  row.recompute = "full";
  row.notes = "Megatron-DeepSpeed";
  row.accelerators = r.degree("gpus", 0);
  row.global_batch = std::llround(r.number("global_batch", 0));
  row.micro_batch = r.number("micro_batch", 1);
  row.seq_len = std::llround(r.number("seq_len", 0));
  row.tp = r.degree("tp", 1);
  row.pp = r.degree("pp", 1);
  row.dp = r.degree("dp", 1);
  row.vp = 1;
  row.step = Seconds(r.number("step_ms", 0) * 1e-3);
  const int hidden = r.degree("hidden", 0), layers = r.degree("layers", 0);
  const int heads = r.degree("heads", 0);
  row.model = fmt::format("GPT {} layers of {}", layers, hidden);
  row.model_key = fmt::format("gpt-l{}-h{}-a{}", layers, hidden, heads);
  row.config = fmt::format(
      R"({{"model_type":"tightrope_decoder","hidden_size":{},"num_hidden_layers":{},)"
      R"("num_attention_heads":{},"intermediate_size":{},"vocab_size":51200,"gated_mlp":false,)"
      R"("norm_bias":true,"attention_bias":true,"mlp_bias":true,"tie_word_embeddings":true,)"
      R"("position_embedding":"learned","max_position_embeddings":{}}})",
      hidden, layers, heads, 4 * hidden, row.seq_len);
  TR_TRY_VOID(r.verdict());
  return row;
}

}  // namespace

Result<TrainingTable> parse_training_table(std::string_view text, const std::string& file) {
  TR_TRY(const CsvTable csv, CsvTable::parse(text, file));
  TrainingTable table;
  table.file = file;
  table.hash = fnv1a(text);
  const bool grid = csv.has("step_ms") && csv.has("micro_batch");
  table.form = grid ? TrainingForm::mapping_grid : TrainingForm::measurements;
  if (grid) {
    TR_TRY_VOID(csv.require({"id", "gpus", "global_batch", "micro_batch", "hidden", "heads",
                             "layers", "seq_len", "tp", "dp", "pp", "step_ms"}));
  } else {
    TR_TRY_VOID(csv.require({"id", "source", "model_key", "hardware", "n_accelerators", "precision",
                             "gbs", "seq_len", "tp", "pp"}));
  }
  for (std::size_t i = 0; i < csv.rows(); ++i) {
    TR_TRY(TrainingRow row, grid ? grid_point(csv, i) : measurement(csv, i));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Result<TrainingTable> read_training_table(const std::string& path) {
  TR_TRY(const std::string text, read_file(path));
  return parse_training_table(text, path);
}

}  // namespace tightrope::study
