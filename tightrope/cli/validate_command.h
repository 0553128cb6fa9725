// `tightrope validate training`: our model against published measurements.
#pragma once

#include <string>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct ValidateTrainingOptions {
  std::string data;        ///< CSV of measurements or of a mapping grid; empty: the bundled table
  std::string json;        ///< write the JSON report here; "-" prints it instead of the text
  std::string rows;        ///< write one line a row here, when not empty
  bool leave_out = false;  ///< also fit without each group and judge by the rows left out
  std::string with;        ///< a further table that those fits see; empty: none
  std::string html, markdown;  ///< write pages here, when not empty
  std::string calibration;     ///< what `calibrate` wrote; empty: the embedded one
};
int run_validate_training(const Session& session, const ValidateTrainingOptions& options);

}  // namespace tightrope::cli
