// What a training calibration has seen, and how far it was off where it had not: the error bands.
//
// A prediction's error is log(predicted / measured) of a throughput. Its spread has a variance
// that every case has (`base`) and one more for each thing that no other row told of: its source,
// network, chip, generation, number format or stack; and for experts and fine-tuning, which are
// harder. What the fit never saw comes out too fast on average: `lean` is that shift, as a share
// of the spread that unseen things add.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/dtype.h"
#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/workload/model.h"

namespace tightrope::step {

/// What of a case decides how far its prediction may be off.
struct Traits {
  std::string source;        ///< who measured it; empty for a plan
  std::string shape;         ///< model_shape() of the network
  std::string chip;          ///< catalog id
  std::string architecture;  ///< its kin
  FlopsPerSecond peak{};     ///< of the chip in 16 bits: with the architecture, its generation
  std::string stack;
  DType format = DType::bf16;  ///< of the products; bf16 stands for both 16-bit formats
  bool routed = false;         ///< mixture of experts
  bool adapted = false;        ///< fine-tuning: all weights or adapters
};

struct Context;
/// Traits of a resolved case; no source.
[[nodiscard]] Traits traits_of(const Context& context);

/// A network by its widths, not its depth or name: "h8192 a64/8 f28672", experts as "e256/8".
[[nodiscard]] std::string model_shape(const workload::Model& model);

/// What of a case no measured row shares; and what kind of case it is.
struct Unseen {
  bool source = false, model = false, chip = false, generation = false, stack = false;
  bool format = false;  ///< on this chip; on its architecture where the chip is unseen
  bool routed = false, adapted = false;
};

/// Quantiles of log(predicted / measured) of a throughput: 5, 25, 75 and 95 %.
struct LogBand {
  double q05 = 0, q25 = 0, q75 = 0, q95 = 0;
};

/// The spread of errors by what is unseen; of natural logarithms. Defaults are judgement, for
/// tables that were never fitted.
struct Bands {
  double base = 0.08;
  double source = 0.1, model = 0.05, chip = 0.1, generation = 0.15, format = 0.15, stack = 0.1;
  double routed = 0.15, adapted = 0.05;
  double lean = 0;                                              ///< 0 to 0.5
  double q05 = -1.645, q25 = -0.674, q75 = 0.674, q95 = 1.645;  ///< of errors over their spread

  [[nodiscard]] double spread(const Unseen& unseen) const;
  [[nodiscard]] double shift(const Unseen& unseen) const;
  /// Holds 0: the prediction lies inside its bands.
  [[nodiscard]] LogBand band(const Unseen& unseen) const;
};

/// A chip that rows were measured on.
struct MeasuredChip {
  std::string name, architecture;
  FlopsPerSecond peak{};
  std::vector<DType> formats;
};

/// One fitted number's standard error, in the number's own unit: "habits.steal" +- 0.02.
struct StandardError {
  std::string name;
  double value = 0;
};

/// Sections [bands], [measured] and [standard_errors] of a training calibration.
struct Evidence {
  Bands bands;
  std::vector<std::string> tables;  ///< data files with their hashes
  std::vector<std::string> sources, stacks, shapes;
  std::vector<MeasuredChip> chips;
  std::vector<StandardError> standard_errors;

  /// What the rows of these traits show; lists are sorted.
  [[nodiscard]] static Evidence of(const std::vector<Traits>& rows);
  /// Adds what another calibration's rows show, and errors of numbers that this one lacks; bands
  /// stay.
  void merge(const Evidence& other);
  [[nodiscard]] Unseen unseen(const Traits& traits) const;
  [[nodiscard]] const MeasuredChip* find_chip(std::string_view name) const;
  [[nodiscard]] double standard_error(std::string_view name) const;  ///< 0 when not known

  /// Errors: syntax, type, unknown_key, range; with line and column. Absent sections are no error.
  [[nodiscard]] static Result<Evidence> parse(std::string_view text, const std::string& file);
  /// parse(to_toml()) gives an equal record.
  [[nodiscard]] std::string to_toml() const;
};

/// Two chips of one architecture are of one generation when their 16-bit peaks lie this close.
inline constexpr double generation_ratio = 1.25;

/// A number of Bands by its key, with its range.
struct BandField {
  std::string_view name;
  double Bands::* member;
  double low, high;
};
[[nodiscard]] const std::vector<BandField>& band_fields();

}  // namespace tightrope::step
