#include <algorithm>

#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

using catalog::Grade;
using formula::AttentionCoefficients;
using formula::GemmCoefficients;

/// A kind of chip that nobody has published kernel tables of.
struct KindPrior {
  const char* kind;
  double bf16_share, fp8_share;
  double tile_m, tile_n, wave_share;
  double attention_share, hbm_share;
  const char* note;
};

constexpr KindPrior kind_priors[] = {
    {"trainium", 0.80, 0.72, 128, 512, 0.0, 0.45, 0.85,
     "systolic array 128 x 128, moving operand to 512 columns; shares assumed, no kernel table is "
     "published"},
    {"tpu", 0.85, 0.80, 128, 128, 0.0, 0.50, 0.88,
     "XLA on one core: no waves of tiles; shares assumed, no kernel table is published"},
    {"gaudi", 0.75, 0.70, 256, 256, 0.0, 0.50, 0.85, "shares assumed"},
    {"cpu", 0.60, 0.60, 32, 32, 0.5, 0.30, 0.75, "shares assumed"},
};

GemmCoefficients gemm_prior(double share, const KindPrior& prior) {
  GemmCoefficients c;
  c.peak_share = share;
  c.tile_m = prior.tile_m;
  c.tile_n = prior.tile_n;
  c.small_tile_share = 0.9;
  c.k_half = 128.0;
  c.wave_share = prior.wave_share;
  c.split_share = prior.wave_share;
  c.overlap_loss = 0.2;
  return c;
}

ChipDraft of_kind(const KindPrior& prior) {
  ChipDraft draft;
  formula::ChipCalibration& c = draft.chip;
  c.kind = prior.kind;
  c.grade = Grade::estimate;
  c.launch = Seconds(5e-6);
  c.hbm_share = prior.hbm_share;
  c.hbm_read_share = std::min(1.0, prior.hbm_share * 1.03);
  c.hbm_half = Bytes(1e6);
  c.gemm[DType::bf16] = gemm_prior(prior.bf16_share, prior);
  c.gemm[DType::fp8] = gemm_prior(prior.fp8_share, prior);
  c.attention_forward = {
      .peak_share = prior.attention_share, .q_half = 512.0, .softmax = Flops(64.0)};
  draft.note = prior.note;
  return draft;
}

/// From a measured best rate of any shape: what a large product reaches, kin's shape for the rest.
ChipDraft of_rate(const AchievableRate& rate, const catalog::Chip& facts, const ChipDraft& kin) {
  ChipDraft draft;
  draft.chip = kin.chip;
  draft.facts = &facts;
  formula::ChipCalibration& c = draft.chip;
  c.name = facts.name;
  c.architecture = facts.architecture;
  c.kind = facts.kind;
  c.grade = Grade::derived;
  const double bf16 = rate.bf16.raw() / facts.peak[DType::bf16].value.raw();
  GemmCoefficients shape = *kin.chip.gemm[DType::bf16];
  shape.peak_share = std::min(1.0, bf16);
  c.gemm = {};
  c.gemm_block = {};
  c.gemm[DType::bf16] = shape;
  const FlopsPerSecond fp8 = facts.peak[DType::fp8].value;
  if (facts.peak[DType::fp8].known && fp8.raw() > 0.0) {
    const double measured = rate.fp8.raw() / fp8.raw();
    shape.peak_share = std::min(1.0, measured > 0.0 ? measured : 0.9 * bf16);
    c.gemm[DType::fp8] = shape;
  }
  const double scale = bf16 / kin.chip.gemm[DType::bf16]->peak_share;
  c.attention_forward.peak_share = std::min(1.0, 0.9 * scale * c.attention_forward.peak_share);
  draft.note =
      "peak_share from the best rate of any shape (stas00/ml-engineering MAMF); the rest "
      "borrows from " +
      kin.chip.name;
  return draft;
}

}  // namespace

std::vector<ChipDraft> prior_chips(const std::vector<AchievableRate>& rates,
                                   const std::vector<catalog::Chip>& chips, const ChipDraft& kin) {
  std::vector<ChipDraft> out;
  for (const AchievableRate& rate : rates) {
    const auto facts = std::find_if(chips.begin(), chips.end(),
                                    [&](const catalog::Chip& c) { return c.name == rate.chip; });
    if (facts == chips.end() || !(rate.bf16.raw() > 0.0)) continue;
    out.push_back(of_rate(rate, *facts, kin));
  }
  for (const KindPrior& prior : kind_priors) out.push_back(of_kind(prior));
  return out;
}

}  // namespace tightrope::study
