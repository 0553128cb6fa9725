// Our serving model against published points, with the figures that judge it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tightrope/serving_study/calibrate.h"
#include "tightrope/study/validate.h"

namespace tightrope::serving_study {

/// A prediction by a fit that never saw the row's group.
struct ServingLeftOut {
  std::string dimension;  ///< "model" or "gpu"
  double predicted = 0;
  double low50 = 0, high50 = 0, low90 = 0, high90 = 0;
};

/// One measured value of one row.
struct ServingOutcome {
  std::string id, source, stack, engine, chip, model, kind, mode;  ///< kind: "dense" or "moe"
  std::string metric;  ///< "ttft_ms", "tpot_ms", "output_tokens_per_s"
  std::string text;    ///< mapping, lengths and concurrency, for people
  std::string refused;
  std::string guessed;  ///< what of the recipe was; such rows make a slice of their own
  double measured = 0, predicted = 0, plain = 0;
  double simulated = 0;  ///< by the request-level simulator; 0: not run
  double low50 = 0, high50 = 0, low90 = 0, high90 = 0;
  std::size_t row = 0;  ///< of the table
  bool repeat = false;  ///< the same run stands in the table already
  std::vector<ServingLeftOut> left_out;
  /// What bands are kept for: "agg tpot_ms".
  [[nodiscard]] std::string band_key() const { return mode + "_" + metric; }
  /// The slice it is judged in: "agg", "disagg", or "disagg, recipe guessed".
  [[nodiscard]] std::string slice() const {
    return guessed.empty() ? mode : mode + ", recipe guessed";
  }
  /// Counts where errors are summed: expressed, and no repeat.
  [[nodiscard]] bool counts() const { return refused.empty() && !repeat; }
};

struct ServingFigures {
  int n = 0;
  double median_ape = 0, mape = 0, p90_ape = 0, bias = 0;  ///< percent; bias: median of p/m - 1
  double plain_median = 0;                                 ///< plain roofline, the same rows
  int banded = 0;
  double in50 = 0, in90 = 0;  ///< share of the banded inside their bands
};

struct ServingGroup {
  std::string mode, metric, dimension, value;  ///< dimension "all", "gpu", "engine", "model", ...
  ServingFigures figures;
};

struct ServingReport {
  std::string file, hash;
  int rows = 0, expressed = 0, repeats = 0;
  std::map<std::string, int> refused;
  std::map<std::string, int> guessed;  ///< of the expressed
  int fitted_numbers = 0;
  std::vector<ServingOutcome> outcomes;
  std::vector<ServingGroup> groups;
  /// Of rows that were run request by request; `plain_median` is the closed form's on the same
  /// rows. Empty unless add_simulated() ran.
  std::vector<ServingGroup> simulated;
  std::vector<ServingGroup> left_out;  ///< by dimension left out; empty unless add_left_out() ran
};

[[nodiscard]] ServingReport validate_serving(const ServingTable& table,
                                             const catalog::Catalog& catalog,
                                             const formula::Calibration& calibration,
                                             const infer::ServingTuning& tuning);

/// Runs aggregated rows request by request beside the closed form, so that both can be judged.
void add_simulated(const ServingTable& table, const catalog::Catalog& catalog,
                   const formula::Calibration& calibration, const infer::ServingTuning& tuning,
                   ServingReport& report);

/// Fits again without each model and each chip, and judges those rows; bands of each come from
/// the errors of the others.
void add_left_out(const ServingTable& table, const catalog::Catalog& catalog,
                  const formula::Calibration& calibration, const infer::ServingTuning& tuning,
                  ServingReport& report);

/// Bands from errors on rows left out, by mode and metric.
[[nodiscard]] std::vector<infer::ServingBand> bands_of(const ServingReport& report);

/// True for rows that repeat an earlier one: a run that stands in several dumps of a source.
[[nodiscard]] std::vector<bool> repeated_rows(const ServingTable& table);

[[nodiscard]] std::string to_text(const ServingReport& report);
[[nodiscard]] std::string to_json(const ServingReport& report);
/// id,metric,mode,gpu,engine,model,measured,predicted,lo50,hi50,lo90,hi90,plain_roofline,repeat,
/// refused,simulated,guessed
[[nodiscard]] std::string rows_csv(const ServingReport& report);
[[nodiscard]] std::string to_markdown(const ServingReport& report);

}  // namespace tightrope::serving_study
