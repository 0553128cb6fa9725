// Routed experts' kernels, from tables of fused expert layers.
#include <algorithm>
#include <map>

#include "tightrope/formula/expert_product.h"
#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

struct Format {
  const char* table;
  formula::ExpertFormat format;
  DType product;
  double weight_bytes;  // scales included
};
constexpr Format formats[] = {
    {"bfloat16", formula::ExpertFormat::bf16, DType::bf16, 2.0},
    {"fp8", formula::ExpertFormat::fp8, DType::fp8, 1.0},
    {"fp8_block", formula::ExpertFormat::fp8_block, DType::fp8, 1.0 + 4.0 / 16384},
    {"nvfp4", formula::ExpertFormat::fp4, DType::fp4, 0.5 + 1.0 / 16},
    {"w4a16_mxfp4", formula::ExpertFormat::mxfp4, DType::bf16, 0.5 + 1.0 / 32},
    {"int4_wo", formula::ExpertFormat::int4, DType::bf16, 0.5 + 2.0 / 128},
};

struct Engine {
  const char* table;
  const char* name;
};
constexpr Engine engines[] = {{"trtllm", "tensorrt-llm"}, {"vllm", "vllm"}};

formula::ExpertCoefficients of(const std::vector<double>& x) {
  return {.peak_share = x[0],
          .row_padding = x[1],
          .read_share = x[2],
          .overlap_loss = x[3],
          .launch = Seconds(x[4] * 1e-6),
          .held = Seconds(x[5] * 1e-6),
          .token_passes = x[6],
          .routed_passes = x[7]};
}

std::vector<double> numbers_of(const formula::ExpertCoefficients& c) {
  return {c.peak_share,   c.row_padding,        c.read_share,
          c.overlap_loss, c.launch.raw() * 1e6, c.held.raw() * 1e6,
          c.token_passes, c.routed_passes,      0.0};
}

/// One measured layer on its chip.
struct Layer {
  ExpertLayer shape;
  formula::RankKernels kernels;
};

/// Both products and the passes over routed tokens: sorted in, gated between, added up.
double layer_time(Layer& layer, const Format& format, const formula::ExpertCoefficients& c) {
  const ExpertLayer& s = layer.shape;
  layer.kernels.experts[format.format] = c;
  formula::ExpertProduct up;
  up.experts = s.experts / s.ep;
  up.rows = s.tokens * s.topk / s.experts;
  if (up.rows < 1.0) {  // fewer tokens than experts: some stay idle
    up.experts = std::min(up.experts, std::max(1.0, s.tokens * s.topk / s.ep));
    up.rows = 1.0;
  }
  up.held = s.experts / s.ep;
  up.n = 2.0 * s.inter / s.tp;
  up.k = s.hidden;
  up.dtype = format.product;
  up.format = format.format;
  up.weight_bytes = format.weight_bytes;
  formula::ExpertProduct down = up;
  down.n = s.hidden;
  down.k = s.inter / s.tp;
  constexpr double half_precision = 2.0;
  const double routed = s.tokens * s.topk / s.ep;
  const double elements = routed * (c.routed_passes * s.hidden + 3.0 * s.inter / s.tp) +
                          c.token_passes * s.tokens * s.hidden;
  const Seconds passes =
      formula::stream(Bytes(elements * half_precision), layer.kernels).time - layer.kernels.launch;
  return (formula::expert_product(up, layer.kernels).time +
          formula::expert_product(down, layer.kernels).time + passes)
      .raw();
}

std::optional<ExpertDraft> fit_format(const CsvTable& table, const std::string& architecture,
                                      const Format& format, const Engine& engine,
                                      const std::vector<ChipDraft>& chips,
                                      const formula::Calibration& before, int folds) {
  std::vector<Layer> layers;
  std::vector<FitRow> rows;
  for (const ChipName& name : measured_chips()) {
    for (const ChipDraft& chip : chips) {
      if (chip.chip.name != name.catalog || chip.chip.architecture != architecture) continue;
      for (const auto& [shape, seconds] :
           balanced_layers(table, name.table, format.table, engine.table)) {
        layers.push_back({shape, rank_of(chip)});
        rows.push_back({seconds, 1.0});
      }
    }
  }
  constexpr std::size_t too_few = 40;
  if (rows.size() < too_few) return std::nullopt;
  const Predictor predict = [&](std::size_t i, const std::vector<double>& x) {
    Layer layer = layers[i];
    const double spread = layer.shape.ep > 1.0 ? x.back() * 1e-6 : 0.0;
    return layer_time(layer, format, of(x)) + spread;
  };
  ExpertDraft out;
  out.experts.architecture = architecture;
  out.experts.format = format.format;
  out.experts.engine = engine.name;
  out.fit.subject =
      architecture + " experts " + std::string(to_string(format.format)) + " " + engine.name;
  for (const formula::ExpertCalibration& e : before.experts()) {
    if (e.architecture != architecture || e.format != format.format || e.engine != engine.name)
      continue;
    out.fit.before = judge(rows, predict, numbers_of(e.coefficients));
  }
  out.fit.after = fit(rows,
                      {{"peak_share", 0.5, 0.02, 1.0},
                       {"row_padding", 20.0, 0.0, 256.0},
                       {"read_share", 0.9, 0.2, 1.0},
                       {"overlap_loss", 0.6, 0.0, 1.0},
                       {"launch_us", 12.0, 0.0, 200.0},
                       {"held_us", 0.05, 0.0, 2.0},
                       {"token_passes", 3.0, 0.0, 100.0},
                       {"routed_passes", 4.0, 0.0, 40.0},
                       {"spread_us", 3.0, 0.0, 100.0}},
                      predict, folds);
  out.experts.coefficients = of(out.fit.after.values());
  // What the kernels do apart where experts are spread over ranks: read, not used.
  out.fit.nuisance = {out.fit.after.numbers.back()};
  out.fit.after.numbers.pop_back();
  return out;
}

}  // namespace

std::vector<ExpertDraft> fit_experts(const CsvTable& table, const std::vector<ChipDraft>& chips,
                                     const formula::Calibration& before, int folds) {
  std::vector<std::string> architectures;
  for (const ChipDraft& chip : chips) {
    const std::string& name = chip.chip.architecture;
    const bool known =
        std::find(architectures.begin(), architectures.end(), name) != architectures.end();
    if (!name.empty() && !known) architectures.push_back(name);
  }
  std::vector<ExpertDraft> out;
  for (const std::string& architecture : architectures) {
    for (const Format& format : formats) {
      for (const Engine& engine : engines) {
        auto draft = fit_format(table, architecture, format, engine, chips, before, folds);
        if (draft) out.push_back(std::move(*draft));
      }
    }
  }
  return out;
}

}  // namespace tightrope::study
