#include "tightrope/study/calibrate_tables.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "tightrope/core/csv.h"
#include "tightrope/study/calibrate_network_internal.h"

namespace tightrope::study {
namespace {

std::uint64_t fnv1a(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

Result<CsvTable> read_table(const std::string& dir, const std::string& name,
                            const std::vector<std::string>& columns,
                            std::vector<TableFile>& files) {
  TR_TRY(const std::string text, read_file(dir + "/" + name));
  TR_TRY(CsvTable table, CsvTable::parse(text, dir + "/" + name));
  TR_TRY_VOID(table.require(columns));
  files.push_back({name, table.rows(), fnv1a(text)});
  return table;
}

std::string catalog_name(const std::string& table_name) {
  for (const ChipName& chip : measured_chips()) {
    if (chip.table == table_name) return chip.catalog;
  }
  return {};
}

std::string joined(const std::set<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

struct Format {
  const char *table, *name;
  DType dtype;
  formula::Scaling scaling;
};
constexpr std::array<Format, 4> formats = {{
    {"bfloat16", "bf16", DType::bf16, formula::Scaling::tensor},
    {"fp8", "fp8", DType::fp8, formula::Scaling::tensor},
    {"fp8_block", "fp8_block", DType::fp8, formula::Scaling::block},
    {"nvfp4", "fp4", DType::fp4, formula::Scaling::tensor},
}};

using Shape3 = std::array<double, 3>;

/// The quickest time of each (m, n, k), by chip and format.
struct BestTimes {
  std::map<Shape3, double> seconds;
  std::set<std::string> engines;
};

GemmTable gemm_table(const std::string& chip, const Format& format, const BestTimes& best) {
  constexpr double least_m = 128.0, memory_bound_m = 8.0, beyond_caches = 134217728.0;
  GemmTable out{.chip = chip,
                .format = format.name,
                .engines = joined(best.engines),
                .rows = {},
                .memory_bound = {},
                .least = Seconds(1.0)};
  for (const auto& [shape, seconds] : best.seconds) {
    GemmRow row;
    row.shape.m = shape[0];
    row.shape.n = shape[1];
    row.shape.k = shape[2];
    row.shape.dtype = format.dtype;
    row.shape.scaling = format.scaling;
    row.time = Seconds(seconds);
    out.least = min(out.least, row.time);
    const double weights = shape[1] * shape[2] * bytes_of(format.dtype);
    if (shape[0] >= least_m) out.rows.push_back(row);
    if (shape[0] <= memory_bound_m && weights >= beyond_caches) out.memory_bound.push_back(row);
  }
  return out;
}

Result<void> read_gemm(const std::string& dir, KernelTables& out) {
  TR_TRY(const CsvTable table,
         read_table(dir, "kernels/gemm.csv",
                    {"gpu", "engine", "engine_version", "dtype", "m", "n", "k", "latency_us"},
                    out.files));
  std::map<std::pair<std::string, std::string>, BestTimes> all;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const std::string chip = catalog_name(table.at(i, "gpu"));
    if (chip.empty()) continue;
    TR_TRY(const double m, table.number(i, "m", 0.0));
    TR_TRY(const double n, table.number(i, "n", 0.0));
    TR_TRY(const double k, table.number(i, "k", 0.0));
    TR_TRY(const double us, table.number(i, "latency_us", 0.0));
    if (!(us > 0.0)) continue;
    BestTimes& best = all[{chip, table.at(i, "dtype")}];
    const auto [at, fresh] = best.seconds.try_emplace({m, n, k}, us * 1e-6);
    if (!fresh && us * 1e-6 < at->second) at->second = us * 1e-6;
    best.engines.insert(table.at(i, "engine") + " " + table.at(i, "engine_version"));
  }
  for (const ChipName& chip : measured_chips()) {
    for (const Format& format : formats) {
      const auto it = all.find({chip.catalog, format.table});
      if (it != all.end()) out.gemm.push_back(gemm_table(chip.catalog, format, it->second));
    }
  }
  return {};
}

/// batch, tokens, heads, kv heads, qk_dim
using AttentionKey = std::tuple<double, double, double, double, double>;
struct BestAttention {
  std::map<AttentionKey, double> seconds;
  std::set<std::string> engines;
};

std::vector<AttentionRow> attention_rows(const BestAttention& best, double v_dim) {
  std::vector<AttentionRow> rows;
  for (const auto& [key, seconds] : best.seconds) {
    AttentionRow row;
    row.shape.batch = std::get<0>(key);
    row.shape.q_len = row.shape.kv_len = std::get<1>(key);
    row.shape.heads = std::get<2>(key);
    row.shape.kv_heads = std::get<3>(key);
    row.shape.qk_dim = std::get<4>(key);
    row.shape.v_dim = v_dim > 0.0 ? v_dim : row.shape.qk_dim;
    row.time = Seconds(seconds);
    rows.push_back(row);
  }
  return rows;
}

/// Where the two attention tables differ.
struct AttentionColumns {
  std::string file, dtype, prefix;
  bool latent = false;
};

Result<void> read_attention(const std::string& dir, const AttentionColumns& columns,
                            KernelTables& out, std::map<std::string, BestAttention>& all) {
  std::vector<std::string> needed = {"gpu",   "engine", "engine_version", "kv_dtype",
                                     "batch", "isl",    "n_heads",        "latency_us"};
  needed.insert(needed.end(), {columns.dtype, columns.prefix});
  TR_TRY(const CsvTable table, read_table(dir, columns.file, needed, out.files));
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const std::string chip = catalog_name(table.at(i, "gpu"));
    if (chip.empty() || table.at(i, columns.dtype) != "bfloat16" ||
        table.at(i, "kv_dtype") != "bfloat16") {
      continue;
    }
    if (columns.latent && table.at(i, "phase") != "context") continue;
    TR_TRY(const double batch, table.number(i, "batch", 1.0));
    TR_TRY(const double tokens, table.number(i, "isl", 0.0));
    TR_TRY(const double prefix, table.number(i, columns.prefix, 0.0));
    TR_TRY(const double window, table.number(i, "window", 0.0));
    TR_TRY(const double heads, table.number(i, "n_heads", 0.0));
    TR_TRY(const double kv_heads, table.number(i, "n_kv_heads", heads));
    TR_TRY(const double dim, table.number(i, "head_dim", 192.0));
    TR_TRY(const double us, table.number(i, "latency_us", 0.0));
    if (tokens < 512.0 || prefix > 0.0 || window > 0.0 || !(us > 0.0)) continue;
    BestAttention& best = all[chip];
    const AttentionKey key{batch, tokens, heads, kv_heads, dim};
    const auto [at, fresh] = best.seconds.try_emplace(key, us * 1e-6);
    if (!fresh && us * 1e-6 < at->second) at->second = us * 1e-6;
    best.engines.insert(table.at(i, "engine") + " " + table.at(i, "engine_version"));
  }
  return {};
}

Result<void> read_attention_tables(const std::string& dir, KernelTables& out) {
  std::map<std::string, BestAttention> grouped, latent;
  TR_TRY_VOID(read_attention(dir, {"kernels/attention_prefill.csv", "attn_dtype", "prefix", false},
                             out, grouped));
  TR_TRY_VOID(read_attention(dir, {"kernels/mla.csv", "mla_dtype", "step", true}, out, latent));
  constexpr double latent_v_dim = 128.0;
  for (const ChipName& chip : measured_chips()) {
    const auto it = grouped.find(chip.catalog);
    if (it == grouped.end()) continue;
    out.attention.push_back({chip.catalog, joined(it->second.engines),
                             attention_rows(it->second, 0.0),
                             attention_rows(latent[chip.catalog], latent_v_dim)});
  }
  return {};
}

Result<std::string> read_origin(const std::string& dir) {
  TR_TRY(const std::string text, read_file(dir + "/kernels/README.md"));
  const auto at = text.find("Source: ");
  if (at == std::string::npos) return std::string("not stated");
  const auto end = text.find(", files", at);
  return text.substr(at + 8, (end == std::string::npos ? text.find('\n', at) : end) - at - 8);
}

}  // namespace

const std::vector<ChipName>& measured_chips() {
  static const std::vector<ChipName> names = {
      {"b200_sxm", "b200"}, {"gb200", "gb200"},   {"b300_sxm", "b300"},     {"gb300", "gb300"},
      {"h100_sxm", "h100"}, {"h200_sxm", "h200"}, {"a100_sxm", "a100-80gb"}};
  return names;
}

Result<KernelTables> read_kernel_tables(const std::string& dir) {
  KernelTables out;
  TR_TRY(out.origin, read_origin(dir));
  TR_TRY_VOID(read_gemm(dir, out));
  TR_TRY_VOID(read_attention_tables(dir, out));
  TR_TRY(const CsvTable nccl,
         read_table(dir, "kernels/collectives.csv",
                    {"gpu", "library", "version", "op", "n_gpus", "message_bytes", "latency_us"},
                    out.files));
  TR_TRY_VOID(read_nccl_rows(nccl, out.collectives));
  TR_TRY(const CsvTable network,
         read_table(dir, "catalog_network_measurements.csv",
                    {"system", "ranks", "collective", "bytes", "time_us", "busbw_GBps", "stack"},
                    out.files));
  TR_TRY_VOID(read_network_rows(network, out.collectives));
  return out;
}

Result<CsvTable> read_expert_table(const std::string& dir, std::vector<TableFile>& files) {
  return read_table(dir, "kernels/moe.csv",
                    {"gpu", "engine", "dtype", "tokens", "hidden", "inter", "topk", "experts",
                     "moe_tp", "moe_ep", "distribution", "latency_us"},
                    files);
}

namespace {

/// How the row's product uses the chip.
Result<void> use_chip(const CsvTable& table, std::size_t i, PowerRow& row) {
  TR_TRY(const double m, table.number(i, "m", 1.0));
  TR_TRY(const double n, table.number(i, "n", 1.0));
  TR_TRY(const double k, table.number(i, "k", 1.0));
  TR_TRY(const double us, table.number(i, "latency_us", 1e-3));
  row.chip = catalog_name(table.at(i, "gpu"));
  double element = 2.0;
  for (const Format& format : formats) {
    if (table.at(i, "dtype") != format.table) continue;
    row.dtype = format.dtype;
    element = bytes_of(format.dtype);
  }
  const double seconds = us * 1e-6;
  row.math = FlopsPerSecond(2.0 * m * n * k / seconds);
  constexpr double out_element = 2.0;
  row.memory = BytesPerSecond(((m + n) * k * element + m * n * out_element) / seconds);
  return {};
}

}  // namespace

Result<std::vector<PowerRow>> read_power_rows(const std::string& dir,
                                              std::vector<TableFile>& files) {
  TR_TRY(const CsvTable table, read_table(dir, "kernels/gemm_power.csv",
                                          {"gpu", "engine", "dtype", "m", "n", "k", "latency_us",
                                           "tflops", "power_w", "power_limit_w"},
                                          files));
  std::vector<PowerRow> rows;
  std::map<std::string, double> best, count;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    TR_TRY(const double rate, table.number(i, "tflops", 0.0));
    TR_TRY(const double drawn, table.number(i, "power_w", 0.0));
    TR_TRY(const double limit, table.number(i, "power_limit_w", 0.0));
    if (!(rate > 0.0 && drawn > 0.0 && limit > 0.0)) continue;
    const std::string name =
        table.at(i, "gpu") + " " + table.at(i, "engine") + " " + table.at(i, "dtype");
    PowerRow row;
    row.table = name;
    row.rate = rate;
    row.share = drawn / limit;
    TR_TRY_VOID(use_chip(table, i, row));
    rows.push_back(std::move(row));
    best[name] = std::max(best[name], rate);
    ++count[name];
  }
  for (PowerRow& row : rows) {
    row.rate /= best[row.table];
    row.weight = 1.0 / count[row.table];
  }
  return rows;
}

Result<std::vector<AchievableRate>> read_achievable_rates(const std::string& dir,
                                                          std::vector<TableFile>& files) {
  TR_TRY(const CsvTable table,
         read_table(dir, "catalog_chips.csv",
                    {"chip", "measured_bf16_tflops_MAMF", "measured_fp8_tflops_MAMF"}, files));
  const std::map<std::string, std::string> names = {{"MI300X", "mi300x"},
                                                    {"MI325X", "mi325x"},
                                                    {"MI355X", "mi355x"},
                                                    {"Gaudi2", "gaudi2"},
                                                    {"Gaudi3", "gaudi3"}};
  std::vector<AchievableRate> rates;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const auto name = names.find(table.at(i, "chip"));
    if (name == names.end()) continue;
    TR_TRY(const double bf16, table.number(i, "measured_bf16_tflops_MAMF", 0.0));
    TR_TRY(const double fp8, table.number(i, "measured_fp8_tflops_MAMF", 0.0));
    rates.push_back({name->second, FlopsPerSecond(bf16 * 1e12), FlopsPerSecond(fp8 * 1e12)});
  }
  return rates;
}

}  // namespace tightrope::study
