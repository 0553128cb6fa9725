// Collectives inside a node and expert exchanges: kernels/collectives.csv, expert_alltoall.csv.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/network_study/network_rows_internal.h"

namespace tightrope::network_study {
namespace {

struct Gpu {
  std::string_view table, system;
  int node;  ///< GPUs of a node: an exchange over "1 node" has as many ranks
};
constexpr std::array<Gpu, 7> gpus = {{{"a100_sxm", "dgx-a100", 8},
                                      {"h100_sxm", "dgx-h100", 8},
                                      {"h200_sxm", "dgx-h200", 8},
                                      {"b200_sxm", "dgx-b200", 8},
                                      {"b300_sxm", "dgx-b300", 8},
                                      {"gb200", "gb200-nvl72", 4},
                                      {"gb300", "gb300-nvl72", 4}}};

const Gpu* find_gpu(std::string_view name) {
  const auto it =
      std::find_if(gpus.begin(), gpus.end(), [&](const Gpu& g) { return g.table == name; });
  return it == gpus.end() ? nullptr : &*it;
}

/// Why a chip's rows have no formula; the catalog knows no scale-up link of them.
std::string no_links(const std::string& gpu) {
  return fmt::format("{}: over PCIe, and how the host wires it is not stated", gpu);
}

void set_algorithm(NetworkRow& row, const std::string& library, const std::string& impl) {
  if (impl == "NCCL") return;
  row.form = Form::direct;
  row.engine = library;
  row.eager = impl.find("eager") != std::string::npos;
}

/// Marks rows of a library's older versions on a chip.
void mark_newest(const CsvTable& table, std::vector<NetworkRow>& rows, std::size_t first) {
  std::map<std::string, std::string> newest;
  const auto key = [&](std::size_t at) {
    return table.at(at, "gpu") + "|" + table.at(at, "library");
  };
  for (std::size_t at = 0; at < table.rows(); ++at) {
    std::string& version = newest[key(at)];
    version = std::max(version, table.at(at, "version"));
  }
  for (std::size_t at = 0; at < table.rows(); ++at) {
    rows[first + at].newest = table.at(at, "version") == newest[key(at)];
  }
}

/// One line of an exchange table, as numbers.
struct ExchangeLine {
  double nodes, hidden, tokens, topk, experts, units;
};

Result<ExchangeLine> read_line(const CsvTable& table, std::size_t at) {
  ExchangeLine line{};
  TR_TRY(line.nodes, table.number(at, "nodes_or_ep", 0.0));
  TR_TRY(line.hidden, table.number(at, "hidden", 0.0));
  TR_TRY(line.tokens, table.number(at, "tokens_per_rank", 0.0));
  TR_TRY(line.topk, table.number(at, "topk", 0.0));
  TR_TRY(line.experts, table.number(at, "experts", 0.0));
  const std::string& units = table.at(at, "sms");  // "24/24": of dispatch and of combine
  line.units = units.empty() ? 0.0 : std::strtod(units.c_str(), nullptr);
  const bool whole = line.nodes >= 1 && line.hidden >= 1 && line.tokens >= 0 && line.topk >= 1 &&
                     line.experts >= line.topk;
  if (!whole) {
    return fail(ErrorCode::range,
                "expected nodes_or_ep, hidden and topk from 1, and at least topk experts",
                table.where(at), "an empty cell counts as 0");
  }
  return line;
}

/// Bytes of one value as it travels; what a number format adds for scales counts too.
double bytes_a_value(std::string_view format, std::string_view phase) {
  constexpr double bf16 = 2.0, fp8 = 1.0, fp4 = 0.5 + 1.0 / 16.0;  // a scale each 16 values
  if (phase == "combine_low_precision") return fp4;
  if (phase != "dispatch") return bf16;
  if (format.starts_with("fp8")) return fp8;
  return format.starts_with("nvfp4") ? fp4 : bf16;
}

/// "alltoall_combine:NVLinkTwoSided" into phase "combine" and mode "two_sided".
void split_kind(const std::string& kind, std::string& mode, std::string& phase) {
  const std::size_t colon = kind.find(':');
  constexpr std::string_view prefix = "alltoall_";
  if (colon == std::string::npos || !kind.starts_with(prefix)) return;
  phase = kind.substr(prefix.size(), colon - prefix.size());
  const std::string sides = kind.substr(colon + 1);
  if (sides == "NVLinkTwoSided") mode = "two_sided";
  if (sides == "NVLinkOneSided") mode = "one_sided";
}

void set_exchange(NetworkRow& row, const ExchangeLine& line, int ranks, const std::string& format) {
  const bool each_expert = row.mode == "deepep_low_latency";
  // DeepEP's low-latency dispatch sends fp8 with a scale each 128 values and a header.
  constexpr double scales = 1.0 + 4.0 / 128.0, header = 16.0;
  double copy = line.hidden * bytes_a_value(format, row.collective);
  if (each_expert && row.collective == "dispatch") copy = line.hidden * scales + header;
  // What a token is told beforehand: an expert's number and its weight, each of four bytes.
  if (row.collective == "prepare") copy = 8.0 * line.topk;
  row.exchange = {.tokens = line.tokens,
                  .experts_per_token = static_cast<int>(line.topk),
                  .experts = static_cast<int>(line.experts),
                  .ranks = ranks,
                  .copy = Bytes(copy),
                  .copy_an_expert = each_expert,
                  .compute_units = static_cast<int>(line.units),
                  .bandwidth = row.fabric.scaleup.bandwidth};
  row.size = formula::exchange(row.exchange, {}).traffic;
  row.bus = (ranks - 1.0) / ranks * row.size;
}

}  // namespace

std::string system_of_gpu(std::string_view gpu) {
  const Gpu* found = find_gpu(gpu);
  return found != nullptr ? std::string(found->system) : std::string();
}

Result<void> read_node_rows(const CsvTable& table, const NetworkFacts& facts,
                            std::vector<NetworkRow>& rows) {
  TR_TRY_VOID(table.require(
      {"gpu", "library", "version", "op", "impl", "n_gpus", "message_bytes", "latency_us"}));
  const std::size_t first = rows.size();
  for (std::size_t at = 0; at < table.rows(); ++at) {
    NetworkRow row = start_row(table, at);
    const std::string& gpu = table.at(at, "gpu");
    row.system = gpu;
    row.collective = table.at(at, "op");
    row.stack = fmt::format("{} {}", table.at(at, "library"), table.at(at, "version"));
    set_algorithm(row, table.at(at, "library"), table.at(at, "impl"));
    TR_TRY(const double ranks, table.number(at, "n_gpus", 0.0));
    TR_TRY(const double bytes, table.number(at, "message_bytes", 0.0));
    TR_TRY(const double us, table.number(at, "latency_us", 0.0));
    row.measured = Seconds(us * 1e-6);
    row.size = Bytes(bytes);
    const auto kind = collective_of(row.collective);
    const int n = static_cast<int>(ranks);
    if (!kind) row.refused = "not a collective that we model";
    if (kind && (n < 2 || !(bytes > 0.0) || !(us > 0.0)))
      row.refused = "ranks, size or time missing";
    if (row.refused.empty() && system_of_gpu(gpu).empty()) row.refused = no_links(gpu);
    if (row.refused.empty()) {
      place(row, system_of_gpu(gpu), {n, n}, facts);
      row.bus = bus_bytes(*kind, row.size, n);
      row.call.kind = *kind;
      row.call.size = row.size;
    }
    rows.push_back(std::move(row));
  }
  mark_newest(table, rows, first);
  return {};
}

Result<void> read_exchange_rows(const CsvTable& table, const NetworkFacts& facts,
                                std::vector<NetworkRow>& rows) {
  TR_TRY_VOID(table.require({"gpu", "library", "version", "kind", "nodes_or_ep", "hidden",
                             "tokens_per_rank", "topk", "experts", "dtype", "dispatch_us",
                             "combine_us", "sms"}));
  for (std::size_t at = 0; at < table.rows(); ++at) {
    TR_TRY(const ExchangeLine line, read_line(table, at));
    const std::string& gpu = table.at(at, "gpu");
    const std::string& kind = table.at(at, "kind");
    const bool deepep = kind.starts_with("deepep");
    for (const char* column : {"dispatch_us", "combine_us"}) {
      TR_TRY(const double us, table.number(at, column, 0.0));
      if (!(us > 0.0)) continue;
      NetworkRow row = start_row(table, at);
      row.form = Form::exchange;
      row.system = gpu;
      row.stack = fmt::format("{} {}", table.at(at, "library"), table.at(at, "version"));
      row.collective = column == std::string_view("dispatch_us") ? "dispatch" : "combine";
      row.mode = kind;
      split_kind(kind, row.mode, row.collective);
      row.id += ":" + row.collective;
      row.measured = Seconds(us * 1e-6);
      const Gpu* chip = find_gpu(gpu);
      if (chip == nullptr) row.refused = no_links(gpu);
      if (deepep && line.nodes > 1.0) row.refused = "over several nodes: none was fitted";
      if (row.refused.empty()) {
        const int ranks = deepep ? chip->node : static_cast<int>(line.nodes);
        place(row, std::string(chip->system), {ranks, ranks}, facts);
        if (row.refused.empty()) set_exchange(row, line, ranks, table.at(at, "dtype"));
      }
      rows.push_back(std::move(row));
    }
  }
  return {};
}

}  // namespace tightrope::network_study
