// What rows say the coefficients are, and what coefficients say of rows.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tightrope/formula/network_calibration.h"
#include "tightrope/network_study/network_rows.h"

namespace tightrope::network_study {

/// Our time of a row. The library's collectives come from `fabric`, the rest from `network`; 0
/// where `network` has nothing for the row's kind of link and kernel.
[[nodiscard]] Seconds predict(const NetworkRow& row, const formula::FabricModel& fabric,
                              const formula::NetworkCalibration& network);

/// Direct all-reduces, exchanges and hosts, from all rows but those of one group (empty: none left
/// out). Bands are not fitted here.
[[nodiscard]] formula::NetworkCalibration fit_network(const std::vector<NetworkRow>& rows,
                                                      const std::string& without);

/// Links as fits say that never saw a group.
struct RefitLinks {
  std::map<std::string, formula::LinkModel> scaleup, scaleout;
  /// The row's fabric over these links; kinds that are not here stay the row's own.
  [[nodiscard]] formula::FabricModel fabric_of(const NetworkRow& row) const;
};

/// Fits the kinds of links that a group's rows run on without that group. A kind that no other
/// system has borrows: NVLink from its neighbour generation, EFA from all other generations.
[[nodiscard]] RefitLinks refit_links(const std::vector<NetworkRow>& rows,
                                     const std::string& without,
                                     const formula::Calibration& calibration);

/// The file's text: head, provenance, coefficients, bands.
[[nodiscard]] std::string network_toml(const formula::NetworkCalibration& fitted,
                                       const NetworkTable& table);

}  // namespace tightrope::network_study
