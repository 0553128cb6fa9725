#include "tightrope/network_study/network_rows.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "tightrope/core/hash.h"
#include "tightrope/network_study/network_rows_internal.h"

namespace tightrope::network_study {
namespace {

std::string hex(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

/// A chip without its memory size: variants of one chip share its links.
std::string family(const std::string& chip) { return chip.substr(0, chip.find('-')); }

}  // namespace

std::string_view to_string(Form form) {
  switch (form) {
    case Form::library: return "library";
    case Form::direct: return "direct";
    case Form::exchange: return "exchange";
  }
  return "?";
}

std::string NetworkRow::band_key() const {
  return fmt::format("{}_{}", to_string(form), large() ? "bus" : "latency");
}

std::optional<formula::Collective> collective_of(std::string_view name) {
  using formula::Collective;
  if (name == "all_reduce") return Collective::all_reduce;
  if (name == "all_gather") return Collective::all_gather;
  if (name == "reduce_scatter") return Collective::reduce_scatter;
  if (name == "alltoall" || name == "all_to_all") return Collective::all_to_all;
  return std::nullopt;
}

Bytes bus_bytes(formula::Collective kind, Bytes size, int ranks) {
  const double n = std::max(1, ranks);
  const double turns = kind == formula::Collective::all_reduce ? 2.0 : 1.0;
  return turns * (n - 1.0) / n * size;
}

NetworkRow start_row(const CsvTable& table, std::size_t at) {
  const Where where = table.where(at);
  NetworkRow row;
  row.id = fmt::format("{}:{}", std::filesystem::path(where.file).filename().string(), where.line);
  return row;
}

void place(NetworkRow& row, const std::string& system, topology::Group group,
           const NetworkFacts& facts) {
  const catalog::System* found = facts.catalog.find_system(system);
  const catalog::Chip* chip = found != nullptr ? facts.catalog.find_chip(found->chip) : nullptr;
  if (chip == nullptr) {
    row.refused = fmt::format("the catalog has no system `{}`", system);
    return;
  }
  row.catalog = found->name;
  row.fabric = formula::fabric_model(*found, *chip, facts.calibration);
  row.call.group = group;
  using formula::Calibration;
  row.scaleup = Calibration::for_link(facts.calibration.scaleup_links(), chip->scaleup_link).name;
  row.group = family(chip->name);
  if (group.per_domain < group.ranks) {
    row.scaleout = Calibration::for_link(facts.calibration.scaleout_links(), found->nic).name;
    row.group = fmt::format("{} over {}", found->name, row.scaleout);
  }
  const formula::RankKernels kernels = formula::rank_kernels(*chip, facts.calibration);
  row.hbm = kernels.hbm_share * kernels.hbm_bandwidth;
}

Result<NetworkTable> parse_network_table(std::string_view text, const std::string& file,
                                         const NetworkFacts& facts) {
  TR_TRY(const CsvTable table, CsvTable::parse(text, file));
  NetworkTable out;
  out.file = file;
  out.hash = hex(fnv1a(text));
  out.lines = static_cast<int>(table.rows());
  if (table.has("dispatch_us")) {
    TR_TRY_VOID(read_exchange_rows(table, facts, out.rows));
  } else if (table.has("impl")) {
    TR_TRY_VOID(read_node_rows(table, facts, out.rows));
  } else if (table.has("busbw_GBps")) {
    TR_TRY_VOID(read_cluster_rows(table, facts, out.rows));
  } else {
    return fail(
        ErrorCode::unknown_key,
        "expected a table of measured collectives: columns system,ranks,collective,bytes,"
        "time_us,busbw_GBps,stack, or gpu,library,op,impl,n_gpus,message_bytes,latency_us, "
        "or gpu,kind,nodes_or_ep,hidden,tokens_per_rank,topk,experts,dispatch_us,combine_us",
        {file, 1, 0}, "docs/guide/network_validation.md shows one line of each");
  }
  return out;
}

Result<NetworkTable> read_network_tables(const std::vector<std::string>& paths,
                                         const NetworkFacts& facts) {
  NetworkTable all;
  std::string hashes;
  for (const std::string& path : paths) {
    TR_TRY(const std::string text, read_file(path));
    TR_TRY(NetworkTable table, parse_network_table(text, path, facts));
    const std::string name = std::filesystem::path(path).filename().string();
    all.file += (all.file.empty() ? "" : " + ") + name;
    hashes += table.hash;
    all.lines += table.lines;
    std::move(table.rows.begin(), table.rows.end(), std::back_inserter(all.rows));
  }
  all.hash = paths.size() == 1 ? hashes : hex(fnv1a(hashes));
  return all;
}

}  // namespace tightrope::network_study
