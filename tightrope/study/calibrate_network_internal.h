// Which wires each measured collective ran on.
#pragma once

#include <vector>

#include "tightrope/core/csv.h"
#include "tightrope/study/calibrate_tables.h"

namespace tightrope::study {

/// Adds the NCCL rows of kernels/collectives.csv, newest version of each chip, 1 KiB and more.
[[nodiscard]] Result<void> read_nccl_rows(const CsvTable& table, std::vector<CollectiveRow>& rows);

/// Adds the rows of catalog_network_measurements.csv whose system we know the wires of.
[[nodiscard]] Result<void> read_network_rows(const CsvTable& table,
                                             std::vector<CollectiveRow>& rows);

}  // namespace tightrope::study
