// `tightrope calibrate training`: fits step::TuningTable to published training measurements.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct CalibrateTrainingOptions {
  std::vector<std::string> data;  ///< CSV files of measurements or mapping grids
  std::string more;               ///< one further file
  std::string out;                ///< file to write; empty: report only
  std::string priors;    ///< a file to start from; empty: the embedded priors for the rows that the
                         ///< embedded calibration was fitted to, that calibration for others
  std::string kernels;   ///< kernel calibration to use; empty: the embedded one
  std::string left_out;  ///< write the errors of rows left out here, when not empty
  bool quick = false;    ///< skip the fits that leave groups out (bands stay those it starts from)
};
int run_calibrate_training(const Session& session, const CalibrateTrainingOptions& options);

}  // namespace tightrope::cli
