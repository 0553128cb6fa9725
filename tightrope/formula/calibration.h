// Fitted coefficients and how a chip or system gets its own, or borrows them from its kin.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/formula/bill.h"
#include "tightrope/formula/collectives.h"
#include "tightrope/formula/expert_kernels.h"
#include "tightrope/formula/kernels.h"

namespace tightrope::formula {

/// What one chip's kernels were fitted to, with how well. Formats that a chip lacks here are
/// borrowed from its nearest format.
struct ChipCalibration {
  std::string name;          ///< chip id; empty for a prior of a whole architecture or kind
  std::string architecture;  ///< kin
  std::string kind;          ///< wider kin
  catalog::Grade grade = catalog::Grade::estimate;
  Seconds launch{};
  double hbm_share = 0.85;
  Bytes hbm_half{};
  double hbm_read_share = 0.9;
  double compute_units = 0;  ///< where the catalog does not say; 0: not known here either
  PerDType<std::optional<GemmCoefficients>> gemm{}, gemm_block{};
  AttentionCoefficients attention_forward{}, attention_backward{};
};

/// Coefficients of one kind of link. `match` are lower-case letters and digits that the catalog's
/// name of the link (`Chip::scaleup_link`, `System::nic`) holds once stripped of all else.
struct LinkCalibration {
  std::string name;
  std::vector<std::string> match;
  catalog::Grade grade = catalog::Grade::estimate;
  LinkModel model;  ///< bandwidth is left 0: the catalog's
};

/// All fitted coefficients, as read from calibration/*.toml.
class Calibration {
 public:
  /// Reads a file. Errors: not_found, syntax, type, unknown_key, range, with line and column.
  [[nodiscard]] static Result<Calibration> read(const std::string& path);
  /// Reads a text; `file` stands for it in errors.
  [[nodiscard]] static Result<Calibration> parse(std::string_view text, const std::string& file);

  [[nodiscard]] const std::vector<ChipCalibration>& chips() const { return chips_; }
  /// Of measured architectures; empty where a file has none.
  [[nodiscard]] const std::vector<ExpertCalibration>& experts() const { return experts_; }
  [[nodiscard]] const PowerShares& power() const { return power_; }
  [[nodiscard]] const std::vector<LinkCalibration>& scaleup_links() const { return scaleup_; }
  [[nodiscard]] const std::vector<LinkCalibration>& scaleout_links() const { return scaleout_; }

  /// The chip's own entry, else the first of its architecture, of its kind, of all.
  [[nodiscard]] const ChipCalibration& for_chip(const catalog::Chip& chip) const;
  /// The first entry of `links` whose match the name holds; the last entry when none does.
  [[nodiscard]] static const LinkCalibration& for_link(const std::vector<LinkCalibration>& links,
                                                       std::string_view name);

 private:
  std::vector<ChipCalibration> chips_;
  std::vector<ExpertCalibration> experts_;
  std::vector<LinkCalibration> scaleup_, scaleout_;
  PowerShares power_;
};

/// The calibration inside the binary.
[[nodiscard]] const Calibration& embedded_calibration();

/// A rank's kernels: the chip's own coefficients, else those of its architecture, else of its kind.
/// `borrowed_from` (may be null) receives whose they are when not its own, empty otherwise.
/// Sources: calibration/kernels.toml for the coefficients, the catalog for the nameplate.
[[nodiscard]] RankKernels rank_kernels(const catalog::Chip& chip, const Calibration& calibration,
                                       std::string* borrowed_from = nullptr);

/// A system's links, likewise.
[[nodiscard]] FabricModel fabric_model(const catalog::System& system, const catalog::Chip& chip,
                                       const Calibration& calibration);

}  // namespace tightrope::formula
