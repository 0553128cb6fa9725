#include <algorithm>
#include <array>
#include <map>

#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

/// tokens, hidden, inter, topk, experts, moe_tp, moe_ep
using Key = std::array<double, 7>;

/// Rows of one chip whose tokens are spread evenly, the quickest engine of each.
std::map<Key, double> balanced_rows(const CsvTable& table, const std::string& chip) {
  constexpr const char* names[] = {"tokens",  "hidden", "inter", "topk",
                                   "experts", "moe_tp", "moe_ep"};
  std::map<Key, double> best;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    if (table.at(i, "gpu") != chip || table.at(i, "dtype") != "bfloat16" ||
        table.at(i, "distribution") != "balanced") {
      continue;
    }
    Key key{};
    for (std::size_t n = 0; n < key.size(); ++n) {
      key[n] = table.number(i, names[n], 0.0).value_or(0.0);
    }
    const double us = table.number(i, "latency_us", 0.0).value_or(0.0);
    if (key[0] < 256.0 || !(us > 0.0)) continue;
    const auto [at, fresh] = best.try_emplace(key, us * 1e-6);
    if (!fresh && us * 1e-6 < at->second) at->second = us * 1e-6;
  }
  return best;
}

/// The two grouped products of a gated expert layer on one rank.
double products(const Key& key, const formula::RankKernels& kernels) {
  const auto& [tokens, hidden, inter, topk, experts, tp, ep] = key;
  formula::GemmShape up;
  up.groups = experts / ep;
  up.m = tokens * topk / experts;
  if (up.m < 1.0) {  // fewer tokens than experts: some stay idle
    up.groups = std::min(up.groups, std::max(1.0, tokens * topk / ep));
    up.m = 1.0;
  }
  up.n = 2.0 * inter / tp;
  up.k = hidden;
  formula::GemmShape down = up;
  down.n = hidden;
  down.k = inter / tp;
  return gemm(up, kernels).time.raw() + gemm(down, kernels).time.raw();
}

}  // namespace

std::optional<KernelFit> check_experts(const CsvTable& table, const ChipName& name,
                                       const formula::RankKernels& kernels) {
  const std::map<Key, double> best = balanced_rows(table, name.table);
  constexpr std::size_t too_few = 20;
  if (best.size() < too_few) return std::nullopt;
  std::vector<Key> keys;
  std::vector<FitRow> rows;
  for (const auto& [key, seconds] : best) {
    keys.push_back(key);
    rows.push_back({seconds, 1.0});
  }
  const double rate = kernels.hbm_bandwidth.raw() * kernels.hbm_share;
  KernelFit out;
  out.subject = name.catalog + " experts bf16";
  out.after = fit(
      rows, {{"extra_us", 20.0, 0.0, 200.0}, {"passes", 2.0, 0.0, 20.0}},
      [&](std::size_t i, const std::vector<double>& x) {
        const Key& key = keys[i];
        const double routed = key[0] * key[3] / key[6];
        const double bytes = routed * (key[1] + key[2] / key[5]) * 2.0;
        return products(key, kernels) + x[0] * 1e-6 + x[1] * bytes / rate;
      },
      0);
  out.nuisance = std::move(out.after.numbers);
  out.after.numbers.clear();
  return out;
}

}  // namespace tightrope::study
