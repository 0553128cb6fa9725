// The measured tables that kernels and links are fitted to, read and thinned to what training uses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/core/csv.h"
#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/formula/collectives.h"
#include "tightrope/formula/kernels.h"

namespace tightrope::study {

/// A file that coefficients come from.
struct TableFile {
  std::string name;  ///< relative to the data folder
  std::size_t rows = 0;
  std::uint64_t hash = 0;  ///< FNV-1a 64 of its bytes
};

/// A table's name for a chip, and the catalog's.
struct ChipName {
  std::string table, catalog;
};
/// In the order in which the calibration file lists them: kin borrow from the first that fits.
[[nodiscard]] const std::vector<ChipName>& measured_chips();

/// One matrix product, the quickest of the engines that were measured.
struct GemmRow {
  formula::GemmShape shape;
  Seconds time{};
};

/// All products of one chip in one number format.
struct GemmTable {
  std::string chip;    ///< catalog id
  std::string format;  ///< "bf16", "fp8", "fp8_block", "fp4"
  std::string engines;
  std::vector<GemmRow> rows;
  std::vector<GemmRow> memory_bound;  ///< m <= 8, weights of 128 MiB and more
  Seconds least{};  ///< the quickest row of all: a kernel that does next to nothing
};

struct AttentionRow {
  formula::AttentionShape shape;
  Seconds time{};
};

/// Causal prefill of one chip, bf16, no prefix, 512 tokens and more.
struct AttentionTable {
  std::string chip, engines;
  std::vector<AttentionRow> rows;  ///< grouped queries, head_dim 64 and 128
  std::vector<AttentionRow> mla;   ///< latent attention, 192/128
};

/// One collective as measured. `link` names the wires it was measured on.
struct CollectiveRow {
  std::string scaleup, scaleout;  ///< "nvlink4", "efa-v2"; scaleout empty inside one domain
  formula::CollectiveCall call;
  BytesPerSecond scaleup_bandwidth{}, scaleout_bandwidth{};  ///< nameplate, per rank
  Seconds time{};
};

/// Everything in the data folder that the fit reads.
struct KernelTables {
  std::vector<TableFile> files;
  std::string origin;  ///< first line of kernels/README.md: repository and commit
  std::vector<GemmTable> gemm;
  std::vector<AttentionTable> attention;
  std::vector<CollectiveRow> collectives;
};

/// A measured "maximum achievable" rate of a chip without kernel tables (catalog_chips.csv).
struct AchievableRate {
  std::string chip;  ///< catalog id
  FlopsPerSecond bf16{}, fp8{};
};

/// What a chip drew while it ran one product over and over.
struct PowerRow {
  std::string table;  ///< chip, engine and format: rows of one table compare with each other
  std::string chip;   ///< catalog id; empty when the catalog's chips are not measured ones
  DType dtype = DType::bf16;
  FlopsPerSecond math{};    ///< reached
  BytesPerSecond memory{};  ///< least traffic over the time
  double rate = 0.0;        ///< of the quickest product of its table, 0..1
  double share = 0.0;       ///< of the chip's power limit
  double weight = 1.0;      ///< every table counts alike
};

/// Reads DIR/kernels/gemm_power.csv. Errors: as read_kernel_tables.
[[nodiscard]] Result<std::vector<PowerRow>> read_power_rows(const std::string& dir,
                                                            std::vector<TableFile>& files);

/// Reads DIR/kernels/*.csv and DIR/catalog_network_measurements.csv. Errors: not_found, syntax,
/// type, unknown_key for a missing column.
[[nodiscard]] Result<KernelTables> read_kernel_tables(const std::string& dir);

/// Reads DIR/kernels/moe.csv: fused expert layers. Errors: as above.
[[nodiscard]] Result<CsvTable> read_expert_table(const std::string& dir,
                                                 std::vector<TableFile>& files);

/// Reads DIR/catalog_chips.csv. Errors: as above.
[[nodiscard]] Result<std::vector<AchievableRate>> read_achievable_rates(
    const std::string& dir, std::vector<TableFile>& files);

}  // namespace tightrope::study
