// Fitted coefficients of what runs over links beside the library's collectives:
// calibration/network.toml.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/formula/direct_reduce.h"
#include "tightrope/formula/exchange.h"

namespace tightrope::formula {

/// One engine's all-reduce over one kind of link ("nvlink4", as LinkCalibration names it).
struct DirectReduceEntry {
  std::string link, engine;
  DirectReduceCoefficients fitted;
  int rows = 0;
};

/// One phase of one kind of expert exchange over one kind of link.
struct ExchangeEntry {
  std::string link;
  std::string mode;   ///< "deepep_normal", "deepep_low_latency", "two_sided", "one_sided"
  std::string phase;  ///< "prepare", "dispatch", "combine", "combine_low_precision"
  ExchangeCoefficients fitted;
  int rows = 0;
};

/// The least time between calls that a host in Python leaves: what eager measurements show.
struct HostEntry {
  std::string engine;
  Seconds launch{};
  int rows = 0;
};

/// Errors on rows left out: quantiles of log(predicted / measured).
struct NetworkBand {
  std::string what;  ///< "library_bus", "exchange_latency", ...
  double q05 = 0.0, q95 = 0.0;
};

struct NetworkCalibration {
  std::vector<DirectReduceEntry> direct;
  std::vector<ExchangeEntry> exchange;
  std::vector<HostEntry> hosts;
  std::vector<NetworkBand> bands;

  /// Reads a file or a text. Errors: not_found, syntax, type, unknown_key, range, with line.
  [[nodiscard]] static Result<NetworkCalibration> read(const std::string& path);
  [[nodiscard]] static Result<NetworkCalibration> parse(std::string_view text,
                                                        const std::string& file);
  /// The one inside the binary.
  [[nodiscard]] static const NetworkCalibration& embedded();

  /// The entry, or nullptr where nothing was measured.
  [[nodiscard]] const DirectReduceEntry* find_direct(std::string_view link,
                                                     std::string_view engine) const;
  [[nodiscard]] const ExchangeEntry* find_exchange(std::string_view link, std::string_view mode,
                                                   std::string_view phase) const;
  [[nodiscard]] const HostEntry* find_host(std::string_view engine) const;
  [[nodiscard]] const NetworkBand* find_band(std::string_view what) const;
};

/// The file's text below its head; `parse` reads it back.
[[nodiscard]] std::string write_network_calibration(const NetworkCalibration& calibration);

}  // namespace tightrope::formula
