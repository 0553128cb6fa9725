// `tightrope calibrate`: rebuilds fitted coefficients from measured tables.
#pragma once

#include <string>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct CalibrateKernelsOptions {
  std::string data;  ///< folder with kernels/*.csv and catalog_*.csv
  std::string out;   ///< file to write; empty: report only
};

/// Fits the coefficients of kernels and links, prints a table of errors before (the calibration in
/// the binary) and after, and writes the file. Returns an ExitCode.
int run_calibrate_kernels(const Session& session, const CalibrateKernelsOptions& options);

}  // namespace tightrope::cli
