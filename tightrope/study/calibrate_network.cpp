#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "tightrope/study/calibrate_network_internal.h"

namespace tightrope::study {
namespace {

using formula::Collective;

struct Wires {
  const char* link;
  double bytes_per_s;  ///< nameplate, per rank, one direction
};
constexpr Wires nvlink3{"nvlink3", 300e9}, nvlink4{"nvlink4", 450e9}, nvlink5{"nvlink5", 900e9};
constexpr Wires none{"", 0.0};
constexpr double nic_400 = 50e9;  ///< 400 Gbit/s for each rank

/// A system of catalog_network_measurements.csv.
struct MeasuredSystem {
  const char* name;
  Wires up, out;
  int per_domain;
};

constexpr std::array<MeasuredSystem, 26> systems = {{
    {"1x 8x A100 (NVLink3)", nvlink3, none, 8},
    {"Azure ND A100 v4 (1 node)", nvlink3, none, 8},
    {"1x p4d.24xlarge", nvlink3, none, 8},
    {"1x p5.48xlarge (H100)", nvlink4, none, 8},
    {"1x 8x H100-80GB HBM3 (DGXC sample)", nvlink4, none, 8},
    {"Azure ND H100 v5 (1 node)", nvlink4, none, 8},
    {"Azure ND H200 v5 (1 node)", nvlink4, none, 8},
    {"1x 8x H200 (NVLink4, NVLS)", nvlink4, none, 8},
    {"1x 8x H200", nvlink4, none, 8},
    {"1x H200 node, 4 GPUs", nvlink4, none, 4},
    {"1x H200 node, 6 GPUs", nvlink4, none, 6},
    {"1x H200 node, 8 GPUs", nvlink4, none, 8},
    {"1x p6-b200.48xlarge (B200, NVLink5)", nvlink5, none, 8},
    {"1x p6-b200.48xlarge, 4 GPUs", nvlink5, none, 4},
    {"1x p6-b200.48xlarge, 6 GPUs", nvlink5, none, 6},
    {"1x p6-b200.48xlarge, 8 GPUs", nvlink5, none, 8},
    {"GB200 NVL72 1 rack (MNNVL)", nvlink5, none, 72},
    {"2x p4de.24xlarge (A100-80GB, EFA 400G)", nvlink3, {"efa-v1", nic_400 / 8}, 8},
    {"2x p5.48xlarge (H100, EFAv2 3.2T)", nvlink4, {"efa-v2", nic_400}, 8},
    {"16x p5en.48xlarge (H200, EFAv3 3.2T)", nvlink4, {"efa-v3", nic_400}, 8},
    {"4x p5en.48xlarge (H200, EFAv3)", nvlink4, {"efa-v3", nic_400}, 8},
    {"4x p6-b200.48xlarge (B200, EFAv4 8x400G)", nvlink5, {"efa-v4", nic_400}, 8},
    {"2x p6-b200.48xlarge (EFAv4)", nvlink5, {"efa-v4", nic_400}, 8},
    {"CoreWeave H100 InfiniBand NDR (sample job)", nvlink4, {"infiniband", nic_400}, 8},
    {"GB200 NVL72 2 racks", nvlink5, {"infiniband", nic_400}, 64},
    {"GB200 NVL72 20 racks", nvlink5, {"infiniband", nic_400}, 72},
}};

std::optional<Collective> collective_of(const std::string& name) {
  if (name == "all_reduce") return Collective::all_reduce;
  if (name == "all_gather") return Collective::all_gather;
  if (name == "reduce_scatter") return Collective::reduce_scatter;
  if (name == "alltoall") return Collective::all_to_all;
  return std::nullopt;
}

/// Forced algorithms say nothing about what the library would have chosen.
bool forced(Collective kind, const std::string& stack) {
  if (kind != Collective::all_reduce) return false;
  return stack.find("forced") != std::string::npos || stack == "NCCL 2.27.7 Ring";
}

}  // namespace

Result<void> read_nccl_rows(const CsvTable& table, std::vector<CollectiveRow>& rows) {
  const std::map<std::string, Wires> wires = {
      {"a100_sxm", nvlink3}, {"h100_sxm", nvlink4}, {"h200_sxm", nvlink4}, {"b200_sxm", nvlink5},
      {"b300_sxm", nvlink5}, {"gb200", nvlink5},    {"gb300", nvlink5}};
  std::map<std::string, std::string> newest;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    if (table.at(i, "library") != "nccl") continue;
    std::string& version = newest[table.at(i, "gpu")];
    version = std::max(version, table.at(i, "version"));
  }
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const auto link = wires.find(table.at(i, "gpu"));
    const auto kind = collective_of(table.at(i, "op"));
    if (table.at(i, "library") != "nccl" || link == wires.end() || !kind) continue;
    if (table.at(i, "version") != newest[table.at(i, "gpu")]) continue;
    TR_TRY(const double ranks, table.number(i, "n_gpus", 0.0));
    TR_TRY(const double bytes, table.number(i, "message_bytes", 0.0));
    TR_TRY(const double us, table.number(i, "latency_us", 0.0));
    if (bytes < 1024.0 || !(us > 0.0)) continue;
    const int n = static_cast<int>(ranks);
    rows.push_back({.scaleup = link->second.link,
                    .scaleout = {},
                    .call = {.kind = *kind, .size = Bytes(bytes), .group = {n, n}},
                    .scaleup_bandwidth = BytesPerSecond(link->second.bytes_per_s),
                    .scaleout_bandwidth = {},
                    .time = Seconds(us * 1e-6)});
  }
  return {};
}

Result<void> read_network_rows(const CsvTable& table, std::vector<CollectiveRow>& rows) {
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const std::string& name = table.at(i, "system");
    const auto system = std::find_if(systems.begin(), systems.end(),
                                     [&](const MeasuredSystem& s) { return name == s.name; });
    const auto kind = collective_of(table.at(i, "collective"));
    if (system == systems.end() || !kind || forced(*kind, table.at(i, "stack"))) continue;
    TR_TRY(const double ranks, table.number(i, "ranks", 0.0));
    TR_TRY(const double bytes, table.number(i, "bytes", 0.0));
    TR_TRY(const double us, table.number(i, "time_us", 0.0));
    TR_TRY(const double busbw, table.number(i, "busbw_GBps", 0.0));
    if (bytes < 8.0 || ranks < 2.0) continue;
    // torch benchmarks count the launch from Python, which small messages do not hide.
    if (table.at(i, "stack").starts_with("torch") && bytes < 16777216.0) continue;
    const double turns = *kind == Collective::all_reduce ? 2.0 : 1.0;
    const double moved = turns * (ranks - 1.0) / ranks * bytes;
    // nccl-tests prints two decimals of busbw: too few below 1 GB/s.
    const double seconds = us > 0.0 ? us * 1e-6 : busbw >= 1.0 ? moved / (busbw * 1e9) : 0.0;
    if (!(seconds > 0.0)) continue;
    const int n = static_cast<int>(ranks);
    rows.push_back({.scaleup = system->up.link,
                    .scaleout = system->out.link,
                    .call = {.kind = *kind,
                             .size = Bytes(bytes),
                             .group = {n, std::min(n, system->per_domain)}},
                    .scaleup_bandwidth = BytesPerSecond(system->up.bytes_per_s),
                    .scaleout_bandwidth = BytesPerSecond(system->out.bytes_per_s),
                    .time = Seconds(seconds)});
  }
  return {};
}

}  // namespace tightrope::study
