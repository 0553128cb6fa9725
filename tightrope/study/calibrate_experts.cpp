#include <algorithm>

#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

/// The two grouped products of a gated expert layer on one rank.
double products(const ExpertLayer& layer, const formula::RankKernels& kernels) {
  const auto& [tokens, hidden, inter, topk, experts, tp, ep] = layer;
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

/// vLLM routes DeepSeek's 256 experts by groups, which its even logits do not spread: half of the
/// experts get all tokens, and with experts on several ranks the measured one gets them all (on 32
/// ranks it takes 0.84 to 0.87 of what it takes on 8, where others take 0.3 to 0.7).
bool routed_by_groups(const std::string& engine, const ExpertLayer& layer) {
  constexpr double deepseek = 256;
  return engine == "vllm" && layer.experts == deepseek;
}

/// More tokens cannot take less time. Where they do by more than a tenth, a kernel ran in the
/// configuration that it has untuned (CUTLASS in FlashInfer's fp8): all sizes of that layer go.
void drop_untuned(std::map<ExpertLayer, double>& layers) {
  constexpr double slack = 1.1;
  const auto shape = [](ExpertLayer layer) {
    layer.tokens = 0;
    return layer;
  };
  std::map<ExpertLayer, std::map<double, double>> shapes;
  for (const auto& [layer, seconds] : layers) shapes[shape(layer)][layer.tokens] = seconds;
  std::erase_if(layers, [&](const auto& entry) {
    double longest = 0;
    for (const auto& [tokens, seconds] : shapes[shape(entry.first)]) {
      if (longest > slack * seconds) return true;
      longest = std::max(longest, seconds);
    }
    return false;
  });
}

}  // namespace

std::map<ExpertLayer, double> balanced_layers(const CsvTable& table, const std::string& chip,
                                              const std::string& dtype, const std::string& engine) {
  std::map<ExpertLayer, double> best;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    if (table.at(i, "gpu") != chip || table.at(i, "dtype") != dtype ||
        table.at(i, "distribution") != "balanced") {
      continue;
    }
    if (!engine.empty() && table.at(i, "engine") != engine) continue;
    const auto number = [&](const char* name) { return table.number(i, name, 0.0).value_or(0.0); };
    const ExpertLayer layer{number("tokens"),  number("hidden"), number("inter"), number("topk"),
                            number("experts"), number("moe_tp"), number("moe_ep")};
    const double us = number("latency_us");
    if (routed_by_groups(table.at(i, "engine"), layer)) continue;
    if (!(us > 0.0) || !(layer.tp >= 1.0) || !(layer.ep >= 1.0)) continue;
    const auto [at, fresh] = best.try_emplace(layer, us * 1e-6);
    if (!fresh && us * 1e-6 < at->second) at->second = us * 1e-6;
  }
  drop_untuned(best);
  return best;
}

std::optional<KernelFit> check_experts(const CsvTable& table, const ChipName& name,
                                       const formula::RankKernels& kernels) {
  std::vector<ExpertLayer> layers;
  std::vector<FitRow> rows;
  constexpr double prefill_tokens = 256.0;
  for (const auto& [layer, seconds] : balanced_layers(table, name.table, "bfloat16")) {
    if (layer.tokens < prefill_tokens) continue;
    layers.push_back(layer);
    rows.push_back({seconds, 1.0});
  }
  constexpr std::size_t too_few = 20;
  if (rows.size() < too_few) return std::nullopt;
  const double rate = kernels.hbm_bandwidth.raw() * kernels.hbm_share;
  KernelFit out;
  out.subject = name.catalog + " experts bf16";
  out.after = fit(
      rows, {{"extra_us", 20.0, 0.0, 200.0}, {"passes", 2.0, 0.0, 20.0}},
      [&](std::size_t i, const std::vector<double>& x) {
        const ExpertLayer& layer = layers[i];
        const double routed = layer.tokens * layer.topk / layer.ep;
        const double bytes = routed * (layer.hidden + layer.inter / layer.tp) * 2.0;
        return products(layer, kernels) + x[0] * 1e-6 + x[1] * bytes / rate;
      },
      0);
  out.nuisance = std::move(out.after.numbers);
  out.after.numbers.clear();
  return out;
}

}  // namespace tightrope::study
