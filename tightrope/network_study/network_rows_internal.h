// The three forms of tables, row by row.
#pragma once

#include <optional>
#include <string>

#include "tightrope/network_study/network_rows.h"

namespace tightrope::network_study {

/// A row with its id and where it stands; the rest is for its reader.
[[nodiscard]] NetworkRow start_row(const CsvTable& table, std::size_t at);

/// Sets system, links and group from the catalog: `ranks` in all, `per_domain` in each scale-up
/// domain. Refuses what the catalog does not know.
void place(NetworkRow& row, const std::string& system, topology::Group group,
           const NetworkFacts& facts);

[[nodiscard]] std::optional<formula::Collective> collective_of(std::string_view name);
/// Bytes that nccl-tests counts as moved over the bus for a buffer of `size`.
[[nodiscard]] Bytes bus_bytes(formula::Collective kind, Bytes size, int ranks);

[[nodiscard]] Result<void> read_cluster_rows(const CsvTable& table, const NetworkFacts& facts,
                                             std::vector<NetworkRow>& rows);
[[nodiscard]] Result<void> read_node_rows(const CsvTable& table, const NetworkFacts& facts,
                                          std::vector<NetworkRow>& rows);
[[nodiscard]] Result<void> read_exchange_rows(const CsvTable& table, const NetworkFacts& facts,
                                              std::vector<NetworkRow>& rows);

/// The catalog's reference system of a chip as kernel tables spell it ("h100_sxm").
[[nodiscard]] std::string system_of_gpu(std::string_view gpu);

}  // namespace tightrope::network_study
