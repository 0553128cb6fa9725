// Published training measurements as rows of text and numbers, before any model is made of them.
//
// Two forms are read and told apart by their columns: the table of measurements (one row a
// published figure: `source, model_key, hardware, n_accelerators, precision, gbs, ...`) and the
// grid of mappings (`gpus, global_batch, micro_batch, hidden, heads, layers, seq_len, tp, dp, pp,
// step_ms`). Cells that a source does not give are empty, here 0 or an empty text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"

namespace tightrope::study {

/// One published figure, as its source prints it.
struct TrainingRow {
  std::string id, source, release, model, model_key, architecture_note, task, hardware, system,
      precision, sharding, recompute, overlap, flops_convention, grade, config_key, notes;
  int accelerators = 0;
  std::int64_t global_batch = 0, seq_len = 0;
  double micro_batch = 0;  ///< sequences; fractions where a sequence spans devices; 0 = not given
  int tp = 1, pp = 1, cp = 1, vp = 0, ep = 1, etp = 1;  ///< vp 0 = not given
  int dp = 0;                                           ///< 0 = what the other degrees leave
  TokensPerSecond measured{};    ///< per accelerator; 0 when only FLOP/s are printed
  FlopsPerSecond model_flops{};  ///< per accelerator, by `flops_convention`; 0 = not given
  Seconds step{};                ///< 0 = not given
  Bytes peak_memory{};           ///< 0 = not given
  std::string config;            ///< a config.json text of the model, where the row states shapes
};

enum class TrainingForm { measurements, mapping_grid };

struct TrainingTable {
  TrainingForm form = TrainingForm::measurements;
  std::string file;
  std::string hash;  ///< FNV-1a 64 of the file's text, as 16 hex digits
  std::vector<TrainingRow> rows;
};

/// Reads a table of either form. Errors: not_found, io, syntax; unknown_key when required columns
/// are missing; type for a cell that is no number, with file and line.
[[nodiscard]] Result<TrainingTable> read_training_table(const std::string& path);
/// The same from a text; `file` stands for it in errors.
[[nodiscard]] Result<TrainingTable> parse_training_table(std::string_view text,
                                                         const std::string& file);

/// True for rows that count when a configuration measured in several releases counts once, by its
/// latest. Rows that are not `usable` never stand for others.
[[nodiscard]] std::vector<bool> latest_rows(const std::vector<TrainingRow>& rows,
                                            const std::vector<bool>& usable);

}  // namespace tightrope::study
