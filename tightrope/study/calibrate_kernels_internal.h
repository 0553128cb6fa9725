// The parts of calibrate_kernels: one fitter a kind of table, and the writer.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tightrope/core/csv.h"
#include "tightrope/formula/kernel_power.h"
#include "tightrope/study/calibrate_kernels.h"

namespace tightrope::study {

/// A chip's coefficients as they are being put together.
struct ChipDraft {
  formula::ChipCalibration chip;
  const catalog::Chip* facts = nullptr;
  std::string note;
  std::vector<FittedNumber> memory;  ///< hbm_read_share with its standard error
  std::vector<std::pair<std::string, KernelFit>> formats;  ///< in the file's order
  KernelFit forward;
};

/// A kind of link likewise.
struct LinkDraft {
  formula::LinkCalibration link;
  std::string note;
  KernelFit fit;  ///< no rows: a prior
};

/// The share of HBM's nameplate that products reach which do nothing but read weights: the median
/// over the table's memory-bound rows, with its standard error from the median deviation.
[[nodiscard]] FittedNumber hbm_read_share(const GemmTable& table, const catalog::Chip& facts);

/// Fits one format. `kernels` is the chip's rank with all that is already known (launch, HBM).
/// Formats that a kernel has to quantise its input for get that pass as nuisance.
[[nodiscard]] KernelFit fit_gemm(const GemmTable& table, const formula::RankKernels& kernels,
                                 const formula::GemmCoefficients& before, int folds);

[[nodiscard]] KernelFit fit_attention(const AttentionTable& table,
                                      const formula::RankKernels& kernels,
                                      const formula::AttentionCoefficients& before, int folds);

/// A fused expert layer as it was measured on one rank.
struct ExpertLayer {
  double tokens = 0, hidden = 0, inter = 0, topk = 0, experts = 0;
  double tp = 1, ep = 1;  ///< ways that an expert is cut, and that experts are spread
  friend auto operator<=>(const ExpertLayer&, const ExpertLayer&) = default;
};

/// Seconds of one chip's layers in one format and engine of the table whose tokens are spread
/// evenly, the quickest kernel of each; of all engines where none is named. Left out are layers
/// that did not run as the table says (calibrate_experts.cpp).
[[nodiscard]] std::map<ExpertLayer, double> balanced_layers(const CsvTable& table,
                                                            const std::string& chip,
                                                            const std::string& dtype,
                                                            const std::string& engine = {});

/// A rank with the draft's memory and launch and a whole chip's peaks.
[[nodiscard]] formula::RankKernels rank_of(const ChipDraft& draft);

/// One architecture's kernels of experts in one format, as fitted.
struct ExpertDraft {
  formula::ExpertCalibration experts;
  KernelFit fit;
};
/// Fits every format of every architecture that the table has enough rows of.
[[nodiscard]] std::vector<ExpertDraft> fit_experts(const CsvTable& table,
                                                   const std::vector<ChipDraft>& chips,
                                                   const formula::Calibration& before, int folds);

/// A check, not a fit: what the products' coefficients say of fused expert layers (two grouped
/// products, evenly spread tokens). Only the engine's set-up and its passes over routed tokens are
/// fitted, as nuisance. nullopt when the chip has too few rows.
[[nodiscard]] std::optional<KernelFit> check_experts(const CsvTable& table, const ChipName& name,
                                                     const formula::RankKernels& kernels);

/// Coefficients out of a fit's numbers.
[[nodiscard]] formula::GemmCoefficients gemm_of(const std::vector<FittedNumber>& numbers);
[[nodiscard]] formula::AttentionCoefficients attention_of(const std::vector<FittedNumber>& numbers);

/// All scale-up and scale-out links: fitted where rows exist, else borrowed with a note.
struct LinkDrafts {
  std::vector<LinkDraft> scaleup, scaleout;
};
[[nodiscard]] LinkDrafts fit_links(const std::vector<CollectiveRow>& rows,
                                   const formula::Calibration& before, int folds);

/// Coefficients of chips without kernel tables: from a measured achievable rate, or by kind.
[[nodiscard]] std::vector<ChipDraft> prior_chips(const std::vector<AchievableRate>& rates,
                                                 const std::vector<catalog::Chip>& chips,
                                                 const ChipDraft& kin);

/// Shares of the power limit that GPUs draw while they compute and while they wait. A row's product
/// computes as large a share of its time as its rate is of the table's best.
[[nodiscard]] KernelFit fit_power(const std::vector<PowerRow>& rows,
                                  const formula::PowerShares& before, int folds);

/// What GPUs draw by how a kernel uses them, as fitted to metered products.
struct KernelPowerDraft {
  formula::KernelPower power;
  KernelFit fit;
};
[[nodiscard]] KernelPowerDraft fit_kernel_power(const std::vector<PowerRow>& rows,
                                                const std::vector<catalog::Chip>& chips, int folds);

/// Both fits of power.
struct PowerDrafts {
  KernelFit shares;
  KernelPowerDraft kernels;
};

/// The file's text.
[[nodiscard]] std::string write_kernels_toml(const KernelTables& tables,
                                             std::span<const ChipDraft> chips,
                                             std::span<const ExpertDraft> experts,
                                             const LinkDrafts& links, const PowerDrafts& power);

}  // namespace tightrope::study
