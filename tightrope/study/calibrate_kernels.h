// Rebuilds the coefficients of kernels and links from measured tables: calibration/kernels.toml.
#pragma once

#include <string>
#include <vector>

#include "tightrope/catalog/records.h"
#include "tightrope/core/result.h"
#include "tightrope/formula/calibration.h"
#include "tightrope/study/calibrate_fit.h"
#include "tightrope/study/calibrate_tables.h"

namespace tightrope::study {

/// One fitted set of coefficients: a chip's format, a chip's attention, a kind of link.
struct KernelFit {
  std::string subject;  ///< "h100 gemm fp8_block", "nvlink5"
  std::string engines;  ///< software that was measured
  FitQuality before;    ///< of the calibration that the fit started from; 0 rows when it had none
  FitResult after;
  std::vector<FittedNumber> nuisance;  ///< fitted beside, belongs to the measuring, not the kernel
  FitQuality unseen;  ///< on rows of another kind that were not fitted; 0 rows when none
};

/// What the command writes and reports.
struct KernelCalibration {
  std::string toml;
  std::vector<KernelFit> fits;
  std::vector<KernelFit> checks;  ///< expert layers, with the coefficients of single products
  int coefficients = 0;           ///< fitted numbers in all, nuisance not counted
  int rows = 0;                   ///< measured rows in all
};

struct CalibrateKernelsInput {
  std::string data_dir;              ///< holds kernels/*.csv and catalog_*.csv
  std::vector<catalog::Chip> chips;  ///< nameplates that shares refer to
  int folds = 5;                     ///< of the jackknife; 0 leaves standard errors out
};

/// Fits everything and writes the file's text. Same input, same bytes. Errors: those of reading
/// the tables; not_found when a measured chip is not in `chips`.
[[nodiscard]] Result<KernelCalibration> calibrate_kernels(const CalibrateKernelsInput& input,
                                                          const formula::Calibration& before);

}  // namespace tightrope::study
