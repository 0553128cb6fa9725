// `tightrope calibrate`: rebuilds fitted coefficients from measured tables.
#pragma once

#include <string>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct CalibrateKernelsOptions {
  std::string data;  ///< folder with kernels/*.csv and catalog_*.csv
  std::string out;   ///< file to write; empty: report only
};

struct CalibrateOptions {
  std::string data;  ///< a folder as ../shared/data, or a CSV of training measurements
  std::string out;   ///< folder (or file, for a CSV) to write; empty: report only
};

/// A folder: kernels and links, then training steps with them, into kernels.toml and training.toml.
/// A CSV: training steps only. Returns an ExitCode.
int run_calibrate(const Session& session, const CalibrateOptions& options);

/// Fits the coefficients of kernels and links, prints a table of errors before (the calibration in
/// the binary) and after, and writes the file. Returns an ExitCode.
int run_calibrate_kernels(const Session& session, const CalibrateKernelsOptions& options);

}  // namespace tightrope::cli
