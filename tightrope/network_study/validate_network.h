// Our collective model against measured collectives, with the figures that judge it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tightrope/network_study/network_fit.h"

namespace tightrope::network_study {

/// A row and what we say of it. Times in seconds.
struct NetworkOutcome {
  NetworkRow row;
  double predicted = 0;
  double plain = 0;  ///< bus bytes over the nameplate of the slower tier, nothing else
  double low90 = 0, high90 = 0;
  double left_out = 0;  ///< by a fit without the row's group; 0: none, or no other system has it
  double left_low90 = 0, left_high90 = 0;

  /// "busbw_gbytes_per_s" from 1 MiB, "latency_us" below.
  [[nodiscard]] std::string metric() const;
  /// A time as the metric says it.
  [[nodiscard]] double as_metric(double seconds) const;
};

/// Errors in percent of the metric, with r = predicted / measured: APE = |r - 1|, bias = median of
/// r - 1.
struct NetworkFigures {
  int n = 0;
  double median_ape = 0, p90_ape = 0, bias = 0;
  double plain_median = 0;  ///< of the nameplate baseline, the same rows
  int banded = 0;
  double in90 = 0;  ///< percent of the banded inside their 90 % band
};

struct NetworkGroup {
  std::string metric;      ///< as NetworkOutcome::metric()
  std::string form;        ///< "all", or as to_string(Form)
  std::string system;      ///< group of systems; empty: all
  std::string collective;  ///< empty: all
  NetworkFigures figures;
};

struct NetworkReport {
  std::string file, hash;
  int lines = 0;  ///< of the files
  int rows = 0;   ///< measured times; an exchange's line may hold two
  int expressed = 0;
  std::map<std::string, int> refused;  ///< reason to count
  int fitted_numbers = 0;              ///< of calibration/network.toml and of the links in use
  std::vector<NetworkOutcome> outcomes;
  std::vector<NetworkGroup> groups;
  bool leave_out = false;
  std::vector<NetworkGroup> left_out;
  int alone = 0;  ///< rows that no other system measured, so that none can say them unseen
};

/// What a report is made with.
struct NetworkCoefficients {
  const formula::Calibration& links;
  const formula::NetworkCalibration& network;
};

[[nodiscard]] NetworkReport validate_network(const NetworkTable& table,
                                             const NetworkCoefficients& coefficients);

/// Fits again without each group of systems and judges its rows; their bands come from the errors
/// of the other groups.
void add_left_out(const NetworkTable& table, const NetworkCoefficients& coefficients,
                  NetworkReport& report);

/// 90 % bands from errors on rows left out, by form and metric.
[[nodiscard]] std::vector<formula::NetworkBand> bands_of(const NetworkReport& report);

[[nodiscard]] std::string to_text(const NetworkReport& report);
[[nodiscard]] std::string to_json(const NetworkReport& report);
/// id,metric,system,group,form,collective,ranks,bytes,measured,predicted,lo90,hi90,...
[[nodiscard]] std::string rows_csv(const NetworkReport& report);
[[nodiscard]] std::string to_markdown(const NetworkReport& report);

}  // namespace tightrope::network_study
