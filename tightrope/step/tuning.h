// What kernel tables cannot tell: how training frameworks run kernels one after another. Few
// numbers with physical meaning, shared by all rows of a stack or an architecture; fitted from
// published training measurements (calibration/training.toml).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/step/evidence.h"

namespace tightrope::step {

/// A software stack as it was in some year.
struct Stack {
  std::string name;
  bool flash_attention = true;  ///< attention in one kernel; else scores go through HBM
  bool dropout = false;
  bool dedup_dispatch = false;  ///< a token goes once to a rank, however many experts it has there
  bool graphs = false;          ///< whole-step device graphs: no host time between kernels
  bool sharded_all_reduce = false;  ///< ZeRO-1 reduces gradients whole on every rank
  bool old_attention = false;       ///< its attention kernel was written for Ampere
  bool keeps_wide_inputs = false;   ///< of products below 16 bits it keeps the 16-bit inputs
  bool keeps_outputs = false;  ///< a pipeline's last stage holds the logits of all micro-batches
  bool placeholder_gradients = false;  ///< weights hand empty gradients on, one a shape, cached
  bool frees_gradients = false;        ///< a chunk's whole gradients go once they are reduced
  bool figure_reserved = false;        ///< its printed peak counts what its allocator holds
  bool figure_device = false;          ///< its printed peak is the device's, runtime included
  bool host_waits = false;             ///< each kernel waits for the one before (launch blocking)
  // tidy-allow(raw-unit): a number of calibration/training.toml, read and fitted by its key
  double gradient_bytes = 0.0;         ///< a gradient in a reduction takes; 0: what the recipe says
  double bucket_mparams = 40.0;        ///< parameters, in millions, of one gradient message; 0: all
  double bucket_mparams_a_rank = 0.0;  ///< the same at least, a data-parallel rank
  double gather_mparams = 0.0;  ///< parameters, in millions, of one message back; 0: as gradients
  // tidy-allow(raw-unit): a number of calibration/training.toml, read by its key
  double gradient_kept_bytes = 0.0;  ///< a gradient in its buffer takes; 0: what the recipe says
  // tidy-allow(raw-unit): a number of calibration/training.toml, read by its key
  double optimizer_kept_bytes = 0.0;  ///< master copy and moments of a parameter; 0: the same
  // tidy-allow(raw-unit): a number of calibration/training.toml, read by its key
  double logit_bytes = 8.0;  ///< a logit takes at the loss's peak: its copies and its gradient
  // tidy-allow(raw-unit): a number of calibration/training.toml, read by its key
  double split_logit_bytes = 0.0;  ///< the same with the vocabulary split; 0: the same number
  double checkpoint_copies = 1.0;  ///< times a recomputed layer's input is kept
  double reserve_share = 0.0;      ///< what the allocator holds beyond its peak, relative
  double pass_share = 1.0;  ///< HBM traffic of elementwise passes, relative to perfect fusion
  double cast_share = 1.0;  ///< share of the casts to narrow formats that cost a pass
  // tidy-allow(raw-unit): a number of calibration/training.toml, read and fitted by its key
  double host_per_kernel_us = 0.0;  ///< host time to issue one kernel, as written in the file
  double compute_share = 1.0;       ///< speed of compute relative to the warm kernel tables
  double attention_share = 1.0;     ///< the same of its fused attention: generation of that kernel
  // tidy-allow(raw-unit): a number of calibration/training.toml, read and fitted by its key
  double reserve_gib = -1.0;  ///< of the runtime on a device; below 0: that of the habits
  [[nodiscard]] Seconds host_per_kernel() const { return Seconds(host_per_kernel_us * 1e-6); }
};

/// Speed of matrix kernels in long runs against the warm kernel tables: clocks under load, and what
/// the power limit lets through (formula::sustained_rate).
struct Sustained {
  std::string architecture;    ///< or the id of one chip, which then goes before its architecture
  double wide = 1.0;           ///< products in 16 bits and more
  double narrow = 1.0;         ///< products in 8 bits
  double narrowest = 1.0;      ///< products in 4 bits
  double wide_per_watt = 0.0;  ///< TFLOP/s a watt of the chip's limit, 16 bits; 0: no limit known
  double chip = 1.0;           ///< one chip against its architecture, at every width
};

/// How well traffic hides and what a step costs beside it; the same for every chip and stack.
struct Habits {
  double tp_hidden = 0.5;    ///< share of a product that ring-overlapped TP traffic may hide behind
  double bulk_hidden = 0.8;  ///< the same for independent neighbours (regathers, CP, prefetch)
  double dp_hidden = 0.8;    ///< the same for gradients and parameters
  double ep_hidden = 0.6;    ///< the same for expert traffic under ep_overlap
  double old_attention_share = 0.55;  ///< speed of Ampere's attention kernels on later GPUs
  double scan_share = 0.4;            ///< of HBM's speed that kernels of state-space scans reach
  double steal = 0.1;                 ///< compute lost per second of hidden traffic
  double expert_skew = 1.1;           ///< busiest expert rank against the mean
  double straggler = 0.01;            ///< share of the step lost a doubling of the number of nodes
  // tidy-allow(raw-unit): a number of calibration/training.toml, read and fitted by its key
  double step_fixed_ms = 10.0;  ///< host work once a step: data, logging, loss reduction
  // tidy-allow(raw-unit): a number of calibration/training.toml, read and fitted by its key
  double reserve_gib = 3.0;  ///< framework, communicators, allocator slack
};

/// A number of a record with its range; one table a record drives reading, writing and fitting.
template <class Record>
struct NumberField {
  std::string_view name;
  double Record::* member;
  double low, high;
};
[[nodiscard]] const std::vector<NumberField<Stack>>& stack_fields();
[[nodiscard]] const std::vector<NumberField<Sustained>>& sustained_fields();
[[nodiscard]] const std::vector<NumberField<Habits>>& habit_fields();

/// Everything fitted that is not a kernel's or a link's, for one architecture and stack.
struct Tuning {
  Stack stack;
  Sustained sustained;
  Habits habits;
  std::shared_ptr<const Evidence> evidence = std::make_shared<const Evidence>();
  [[nodiscard]] Seconds step_fixed() const { return Seconds(habits.step_fixed_ms * 1e-3); }
  /// What the runtime takes of a device: context, communicators, libraries.
  [[nodiscard]] Bytes runtime() const {
    const double own = stack.reserve_gib;
    return Bytes((own < 0 ? habits.reserve_gib : own) * 1073741824.0);
  }
  /// What the allocator holds beyond its peak. It gives back before a device overflows, so that
  /// slack alone never does.
  [[nodiscard]] Bytes slack(Bytes allocated, Bytes device) const {
    constexpr double full = 1 - 1e-9;  // rounding must not overflow it either
    const Bytes room = full * (device - runtime() - allocated);
    return max(Bytes(0.0), min(stack.reserve_share * allocated, room));
  }
  /// What a logit takes at the loss's peak.
  [[nodiscard]] Bytes logit(bool split) const {
    const double own = stack.split_logit_bytes;
    return Bytes(split && own > 0 ? own : stack.logit_bytes);
  }
};

/// The whole of calibration/training.toml.
struct TuningTable {
  std::string file;
  Habits habits;
  std::vector<Sustained> sustained;  ///< the first entry stands in for unknown architectures
  std::vector<Stack> stacks;
  /// What was measured and how far off predictions were: never null.
  std::shared_ptr<const Evidence> evidence = std::make_shared<const Evidence>();

  /// Errors: not_found, syntax, type, unknown_key, range; with line and column.
  [[nodiscard]] static Result<TuningTable> read(const std::string& path);
  [[nodiscard]] static Result<TuningTable> parse(std::string_view text, const std::string& file);
  /// The one inside the binary.
  [[nodiscard]] static const TuningTable& embedded();
  /// Where its fit starts from and is drawn back to: calibration/training_priors.toml.
  [[nodiscard]] static const TuningTable& embedded_priors();
  /// The file's text again, with a comment in front; parse(to_toml()) gives an equal table.
  [[nodiscard]] std::string to_toml(std::string_view comment) const;

  /// Errors: unknown_key for a stack the table does not name, with the names it has.
  [[nodiscard]] Result<Tuning> tuning(std::string_view architecture, std::string_view stack,
                                      std::string_view chip = {}) const;
};

}  // namespace tightrope::step
