// `tightrope validate serving` and `tightrope calibrate serving`: published serving points.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct ValidateServingOptions {
  std::vector<std::string> data;  ///< CSVs of measured points
  std::string calibration;        ///< a serving calibration; empty: the one in the program
  std::string json, rows, markdown;
  bool leave_out = false;
  bool simulate = false;
};

struct CalibrateServingOptions {
  std::vector<std::string> data;  ///< CSVs of measured points
  std::string out;
  std::string start;   ///< a serving calibration with engines and what is not fitted; empty: ours
  bool quick = false;  ///< without the fits that judge: bands stay as `start` has them
};

/// Prints how far predictions are off. Errors: those of reading the files.
int run_validate_serving(const Session& session, const ValidateServingOptions& options);
/// Fits, judges by rows left out, writes bands with the numbers.
int run_calibrate_serving(const Session& session, const CalibrateServingOptions& options);

}  // namespace tightrope::cli
