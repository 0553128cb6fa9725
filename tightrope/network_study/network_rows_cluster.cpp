// Collectives of named clusters: catalog_network_measurements.csv.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tightrope/network_study/network_rows_internal.h"

namespace tightrope::network_study {
namespace {

/// A source's name for a system, and ours. `domain` is the number of its ranks in one scale-up
/// domain: of a rack the table may say fewer than the rack holds.
struct NamedSystem {
  std::string_view begins, catalog;
  int domain;
};
/// The first that begins the name is taken.
constexpr std::array<NamedSystem, 28> names = {{
    {"1x 8x A100", "dgx-a100", 8},
    {"Azure ND A100 v4", "dgx-a100", 8},
    {"1x p4d.24xlarge", "p4d.24xlarge", 8},
    {"2x p4d.24xlarge", "p4d.24xlarge", 8},
    {"4x p4d.24xlarge", "p4d.24xlarge", 8},
    {"2x p4de.24xlarge", "p4de.24xlarge", 8},
    {"1x p5.48xlarge", "p5.48xlarge", 8},
    {"2x p5.48xlarge", "p5.48xlarge", 8},
    {"1x 8x H100", "dgx-h100", 8},
    {"Azure ND H100 v5", "dgx-h100", 8},
    {"CoreWeave H100 InfiniBand NDR", "dgx-h100", 8},
    {"Azure ND H200 v5", "dgx-h200", 8},
    {"1x 8x H200", "dgx-h200", 8},
    {"1x H200 node", "dgx-h200", 8},
    {"1x H200 pair", "dgx-h200", 8},
    {"2x p5en.48xlarge", "p5en.48xlarge", 8},
    {"4x p5en.48xlarge", "p5en.48xlarge", 8},
    {"16x p5en.48xlarge", "p5en.48xlarge", 8},
    {"1x 8x B200 HGX", "dgx-b200", 8},
    {"1x p6-b200.48xlarge", "p6-b200.48xlarge", 8},
    {"2x p6-b200.48xlarge", "p6-b200.48xlarge", 8},
    {"4x p6-b200.48xlarge", "p6-b200.48xlarge", 8},
    {"2x p6-b300.48xlarge", "p6-b300.48xlarge", 8},
    {"GB200 NVL72 2 racks", "gb200-nvl72", 64},
    {"GB200 NVL72", "gb200-nvl72", 72},
    {"1x GB200 compute tray", "gb200-nvl72", 72},
    {"1x 8x MI300X", "mi300x-8", 8},
    {"EFA SRD single adapter", "p5en.48xlarge", 8},
}};

/// What the table itself says against a row; empty when nothing.
std::string doubted(const std::string& note, double bytes, const std::string& name) {
  if (name.starts_with("Neuron instance")) return "the Neuron instance is not stated";
  if (name.find("ranks not stated") != std::string::npos) return "ranks are not stated";
  if (name.find("unnamed") != std::string::npos) return "the cluster is not named";
  if (note.find("first-iteration") != std::string::npos && bytes <= 8.0) {
    return "the time of a first iteration";
  }
  if (note.starts_with("<")) return "an upper bound, not a time";
  if (note.find("not a wire speed") != std::string::npos)
    return "its author calls it no wire speed";
  return {};
}

/// What a row's own cells leave unsaid.
std::string unsaid(const CsvTable& table, std::size_t at, double ranks, double bytes,
                   double seconds) {
  if (!collective_of(table.at(at, "collective"))) return "between two only: not a collective";
  if (ranks < 2.0) return "ranks are not stated";
  if (!(bytes > 0.0)) return "the size is not stated";
  if (!(seconds > 0.0)) return "no time, and a bus bandwidth of too few digits";
  return {};
}

/// The table's algorithm where someone forced it: one that we choose ourselves otherwise.
void set_forced(NetworkRow& row) {
  const bool ring = row.stack.find("Ring forced") != std::string::npos ||
                    row.stack.ends_with("Ring") ||
                    row.stack.find("ring forced") != std::string::npos;
  if (ring) row.fabric.scaleup.in_network_reduction = false;
}

Result<Seconds> time_of(const CsvTable& table, std::size_t at, Bytes bus) {
  TR_TRY(const double us, table.number(at, "time_us", 0.0));
  TR_TRY(const double busbw, table.number(at, "busbw_GBps", 0.0));
  // Bandwidths are printed with two decimals: below this they say too little.
  constexpr double readable = 0.2;
  constexpr double giga = 1e9;
  if (us > 0.0) return Seconds(us * 1e-6);
  return busbw >= readable ? bus / BytesPerSecond(busbw * giga) : Seconds(0.0);
}

}  // namespace

Result<void> read_cluster_rows(const CsvTable& table, const NetworkFacts& facts,
                               std::vector<NetworkRow>& rows) {
  TR_TRY_VOID(table.require(
      {"system", "ranks", "collective", "bytes", "time_us", "busbw_GBps", "stack", "note"}));
  for (std::size_t at = 0; at < table.rows(); ++at) {
    NetworkRow row = start_row(table, at);
    row.system = table.at(at, "system");
    row.collective = table.at(at, "collective");
    row.stack = table.at(at, "stack");
    TR_TRY(const double ranks, table.number(at, "ranks", 0.0));
    TR_TRY(const double bytes, table.number(at, "bytes", 0.0));
    const int n = static_cast<int>(ranks);
    const auto kind = collective_of(row.collective);
    row.size = Bytes(bytes);
    if (kind) row.bus = bus_bytes(*kind, row.size, n);
    TR_TRY(row.measured, time_of(table, at, row.bus));
    row.refused = doubted(table.at(at, "note"), bytes, row.system);
    if (row.refused.empty()) row.refused = unsaid(table, at, ranks, bytes, row.measured.raw());
    const auto name = std::find_if(names.begin(), names.end(), [&](const NamedSystem& s) {
      return row.system.starts_with(s.begins);
    });
    if (row.refused.empty() && name == names.end()) {
      row.refused = "the catalog has no such system";
    }
    if (row.refused.empty()) {
      const int p = std::min(n, name->domain);
      place(row, std::string(name->catalog), {n, n % p == 0 ? p : n}, facts);
      row.call.kind = *kind;
      row.call.size = row.size;
      row.eager = row.stack.starts_with("torch") || row.stack.starts_with("all_reduce_bench");
      if (row.eager) row.engine = "torch";
      set_forced(row);
    }
    rows.push_back(std::move(row));
  }
  return {};
}

}  // namespace tightrope::network_study
