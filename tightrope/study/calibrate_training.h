// Fits what kernel tables cannot tell (step::TuningTable) to published training measurements.
#pragma once

#include <string>
#include <vector>

#include "tightrope/step/evidence.h"
#include "tightrope/study/training_rows_case.h"

namespace tightrope::study {

/// One fitted number and how tightly its prior holds it. Numbers live on a scale where the prior is
/// 0 and one standard deviation of it is 1.
struct Knob {
  enum class Kind { habit, sustained, chip, kin, stack };
  std::string name;  ///< "habits.steal", "sustained.hopper.wide", "stack.maxtext.pass_share"
  Kind kind = Kind::habit;
  std::string owner;            ///< architecture, chip, stack, beginning of the stacks' names (kin)
  std::size_t index = 0;        ///< of the record in the table
  std::size_t field = 0;        ///< of the number in the record's field table
  std::size_t parent = 0;       ///< chip: index of its architecture's record
  double prior = 0, sigma = 1;  ///< sigma is relative when `relative`
  bool relative = true;         ///< value = prior exp(sigma z), else prior + sigma z
  double low = 0, high = 0;     ///< range of the value
};

/// The numbers to fit: those of the priors that the rows can tell something of. Chips that rows
/// name get a record of their own, drawn to their architecture's.
struct KnobSet {
  step::TuningTable table;  ///< the priors, with records for chips
  std::vector<Knob> knobs;
};
[[nodiscard]] KnobSet make_knobs(const step::TuningTable& priors, const std::vector<RowCase>& rows);
/// The table at a point of the fit.
[[nodiscard]] step::TuningTable table_at(const KnobSet& set, const std::vector<double>& z);

/// A set of rows left out of the fit and predicted by what the others say.
struct LeftOut {
  std::string dimension, group;
  std::vector<std::size_t> rows;     ///< indices into CalibrationReport::ids
  std::vector<double> log_errors;    ///< log(predicted / measured) of those rows
  std::vector<step::Unseen> unseen;  ///< by the rows that were not left out
  std::vector<step::LogBand> bands;  ///< of those rows, from the errors of other groups alone
};

/// A number before and after the fit.
struct FittedValue {
  std::string name;
  double before = 0, after = 0, standard_error = 0;
};

struct CalibrationReport {
  step::TuningTable table;
  int rows = 0, numbers = 0;
  std::vector<std::string> ids, sources, kinds;  ///< of the rows fitted
  std::vector<bool> latest;  ///< false where a later release measured the same configuration
  std::vector<step::Traits> traits;     ///< of the same rows
  std::vector<double> before, after;    ///< log(predicted / measured)
  std::vector<LeftOut> left_out;        ///< by configuration, source, model and hardware
  std::vector<FittedValue> values;      ///< the numbers, those that moved most first
  bool refined = false;                 ///< from a fitted table, not from priors
  std::vector<std::string> provenance;  ///< data files with their hashes
};

struct CalibrateTrainingInput {
  std::vector<TrainingTable> data;
  step::TuningTable priors;
  /// `priors` is a fitted table that these rows refine: its bands and what it has seen stay.
  bool refine = false;
  bool leave_out = true;  ///< also fit without each source, model and hardware, for the bands
};

/// True when most rows come from sources that `table` was fitted to: a rebuild, not new data.
[[nodiscard]] bool repeats(const std::vector<TrainingTable>& data, const step::TuningTable& table);

/// Deterministic at any thread count. Errors: range when no row can be expressed.
[[nodiscard]] Result<CalibrationReport> calibrate_training(const CalibrateTrainingInput& input,
                                                           const catalog::Catalog& catalog,
                                                           const formula::Calibration& kernels);

/// Before, after and left out, for people; and the comment that goes before the written table.
[[nodiscard]] std::string to_text(const CalibrationReport& report);
[[nodiscard]] std::string comment_of(const CalibrationReport& report);
/// One line for each row and way of leaving it out: what it was, and its error.
[[nodiscard]] std::string left_out_csv(const CalibrationReport& report);

}  // namespace tightrope::study
