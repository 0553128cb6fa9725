// Our model against published measurements, row by row, with the figures that judge it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tightrope/study/coefficients.h"
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

/// Shares of rows whose measurement lies inside the 50 % and the 90 % band.
struct Coverage {
  int n = 0;
  double in50 = 0, in90 = 0;
};

/// A row as a fit without its group says it: without its tenth of the configurations, its source,
/// its model, or its hardware.
struct LeftOutPrediction {
  std::string dimension, group;
  double predicted = 0;
  double low50 = 0, high50 = 0, low90 = 0, high90 = 0;
};

/// One row's outcome.
struct RowOutcome {
  std::string architecture;                                 ///< of the chip; empty when refused
  std::string id, source, hardware, precision, kind, task;  ///< kind: "dense" or "moe"
  std::string pair_key;  ///< rows with one key differ only in how they were run
  std::string config_key;
  std::string text;                    ///< model and mapping, for people
  std::string refused;                 ///< empty when predicted
  double measured = 0, predicted = 0;  ///< tokens/s per accelerator; seconds for the grid
  double low50 = 0, high50 = 0, low90 = 0, high90 = 0;
  double baseline = 0;                      ///< constant MFU of the row's chip and precision
  double baseline_out = 0;                  ///< the same from other sources' rows only
  double roofline = 0;                      ///< the chip's peak
  double plain = 0;                         ///< plain_roofline()
  std::vector<LeftOutPrediction> left_out;  ///< one a dimension, once add_left_out() ran
  bool latest = true;  ///< false where a later release measured the same configuration again
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
  Coverage coverage{};
};

/// Figures over rows as predicted by fits that never saw them. Group "all" first.
struct LeftOutFigures {
  std::string left_out;  ///< "configuration", "source", "model" or "hardware"
  std::vector<GroupFigures> groups;
};

/// Peak memory against what sources print.
struct MemoryFigures {
  int n = 0;
  double mape = 0, median_ape = 0, bias = 0;  ///< percent, of allocated bytes
  double within_8 = 0;                        ///< share of rows within 8 %
  int called_too_large = 0;  ///< runs that were published but that the model calls out of memory
};
struct MemoryBySource {
  std::string source;
  MemoryFigures figures;
};

struct ValidationReport {
  TrainingForm form = TrainingForm::measurements;
  std::string file, hash;
  std::vector<RowOutcome> rows;
  int expressed = 0;
  std::map<std::string, int> refused;  ///< reason to count
  Figures overall;                     ///< each configuration once, by its latest measurement
  Figures every_row;                   ///< re-measurements counted again
  Figures baseline, baseline_out, roofline, plain;
  int fitted_numbers = 0;  ///< behind the training calibration, beside those of kernels and links
  Coverage coverage;       ///< of the bands, each configuration once
  std::vector<GroupFigures> by;
  std::vector<GroupFigures> baseline_by;  ///< constant MFU from other sources, by kind and task
  std::vector<GroupFigures> plain_by;     ///< plain roofline, by kind and task
  PairCount pairs;
  MemoryFigures memory;
  std::vector<MemoryBySource> memory_by;   ///< sources that print a peak
  std::vector<LeftOutFigures> left_out;    ///< empty unless add_left_out() ran
  std::vector<std::string> left_out_data;  ///< tables that those fits saw
  int left_out_numbers = 0;                ///< numbers fitted each time
};

/// Runs the model on every row of a table.
[[nodiscard]] ValidationReport validate_training(const TrainingTable& table,
                                                 const catalog::Catalog& catalog,
                                                 const formula::Calibration& calibration,
                                                 const step::TuningTable& tuning);

/// Fills `left_out` from the rows' own predictions.
void summarise_left_out(ValidationReport& report);

/// Parts of a predicted step, the large ones only, in percent: "forward 31 backward 60 dp 4".
[[nodiscard]] std::string where_time_goes(const RowOutcome& row);
/// Rows with a prediction, the furthest off first.
[[nodiscard]] std::vector<const RowOutcome*> worst_rows(const ValidationReport& report,
                                                        std::size_t most);

[[nodiscard]] PairCount count_pairs(const std::vector<RowOutcome>& rows);

/// The report for people.
[[nodiscard]] std::string to_text(const ValidationReport& report);
/// `{rows, expressed, refused, overall, by, pairs, ...}`; figures in percent.
[[nodiscard]] std::string to_json(const ValidationReport& report);
/// One line a row: id,measured,predicted,lo50,hi50,lo90,hi90,refused.
[[nodiscard]] std::string rows_csv(const ValidationReport& report);

}  // namespace tightrope::study
