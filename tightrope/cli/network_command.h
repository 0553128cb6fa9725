// `tightrope validate network` and `tightrope calibrate network`: measured collectives.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct ValidateNetworkOptions {
  std::vector<std::string> data;  ///< CSVs of measured collectives
  std::string calibration;        ///< what `calibrate network` wrote; empty: the one in the program
  std::string kernels;            ///< what `calibrate kernels` wrote; empty: the one in the program
  std::string json, rows, markdown;
  bool leave_out = false;
};

struct CalibrateNetworkOptions {
  std::vector<std::string> data;  ///< CSVs of measured collectives
  std::string out;
};

/// Prints how far predictions are off. Errors: those of reading the files.
int run_validate_network(const Session& session, const ValidateNetworkOptions& options);
/// Fits direct all-reduces and exchanges, judges by systems left out, writes bands with them.
int run_calibrate_network(const Session& session, const CalibrateNetworkOptions& options);

}  // namespace tightrope::cli
