// Our model against published measurements, row by row, with the figures that judge it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tightrope/study/training_rows_case.h"

namespace tightrope::study {

/// How far predictions are from measurements, in percent. With r = predicted / measured:
/// mape = mean |r - 1|, median_ape = median |r - 1|, macro_mape = mean over sources of their mape,
/// bias = mean (r - 1).
struct Figures {
  int n = 0;
  double mape = 0, median_ape = 0, macro_mape = 0, bias = 0;
};

/// One comparison, as the figures need it.
struct Compared {
  std::string source;
  double measured = 0, predicted = 0;  ///< both > 0
};
[[nodiscard]] Figures figures_of(const std::vector<Compared>& rows);

/// One row's outcome.
struct RowOutcome {
  std::string id, source, hardware, precision, kind, task;  ///< kind: "dense" or "moe"
  std::string pair_key;  ///< rows with one key differ only in how they were run
  std::string config_key;
  std::string text;                    ///< model and mapping, for people
  std::string refused;                 ///< empty when predicted
  double measured = 0, predicted = 0;  ///< tokens/s per accelerator; seconds for the grid
  double low50 = 0, high50 = 0, low90 = 0, high90 = 0;
  double baseline = 0;      ///< constant MFU of the row's chip and precision
  double baseline_out = 0;  ///< the same from other sources' rows only
  double roofline = 0;      ///< the chip's peak
  bool latest = true;       ///< false where a later release measured the same configuration again
  Seconds step{};
  step::TimeParts parts;
  step::Memory memory;
  Bytes measured_peak{}, device_memory{};  ///< 0 = not published
  Bytes printed_peak{};                    ///< ours, as the row's stack counts it
};

/// Share of pairs that differ in mapping (same model, task, hardware, accelerators and batch) whose
/// order the model gets right. Re-measurements of one configuration make no pair.
struct PairCount {
  int n = 0, ordered = 0;
  int apart = 0, apart_ordered = 0;  ///< of those measured more than 5 % apart
};

struct GroupFigures {
  std::string dimension, value;
  Figures figures;
};

/// Peak memory against what sources print.
struct MemoryFigures {
  int n = 0;
  double mape = 0, median_ape = 0, bias = 0;  ///< percent, of allocated bytes
  double within_8 = 0;                        ///< share of rows within 8 %
  int called_too_large = 0;  ///< runs that were published but that the model calls out of memory
};

struct ValidationReport {
  TrainingForm form = TrainingForm::measurements;
  std::string file, hash;
  std::vector<RowOutcome> rows;
  int expressed = 0;
  std::map<std::string, int> refused;  ///< reason to count
  Figures overall;                     ///< each configuration once, by its latest measurement
  Figures every_row;                   ///< re-measurements counted again
  Figures baseline, baseline_out, roofline;
  std::vector<GroupFigures> by;
  std::vector<GroupFigures> baseline_by;  ///< constant MFU from other sources, by kind and task
  PairCount pairs;
  MemoryFigures memory;
};

/// Runs the model on every row of a table.
[[nodiscard]] ValidationReport validate_training(const TrainingTable& table,
                                                 const catalog::Catalog& catalog,
                                                 const formula::Calibration& calibration,
                                                 const step::TuningTable& tuning);

[[nodiscard]] PairCount count_pairs(const std::vector<RowOutcome>& rows);

/// The report for people.
[[nodiscard]] std::string to_text(const ValidationReport& report);
/// `{rows, expressed, refused, overall, by, pairs, ...}`; figures in percent.
[[nodiscard]] std::string to_json(const ValidationReport& report);
/// One line a row: id,measured,predicted,lo50,hi50,lo90,hi90,refused.
[[nodiscard]] std::string rows_csv(const ValidationReport& report);

}  // namespace tightrope::study
