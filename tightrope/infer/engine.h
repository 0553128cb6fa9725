// What a serving engine adds to its kernels, and how it schedules: fitted, or read in its docs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/catalog/fact.h"
#include "tightrope/core/result.h"

namespace tightrope::infer {

/// An engine's own numbers (calibration/serving.toml).
struct Engine {
  double rows = 0;   ///< measured points behind its numbers
  std::string name;  ///< with its year: "vllm-2026", "sglang-2025", "tensorrt-llm-2026"
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double step_us = 0;  ///< host work an iteration that the device waits for
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double sequence_us = 0;  ///< the same, for each sequence that yields a token (sampling, output)
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double request_ms = 0;  ///< from arrival to first schedule, nothing else running, a request
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double prompt_us = 0;     ///< and for each token of its prompt (text to tokens, checks, copies)
  double kernel_share = 1;  ///< of the kernels' fixed times that remain under graphs and fusion
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double prefill_kernel_us = 30;  ///< host work a kernel of an iteration that prefills (no graph)
  /// Time of dense products where arithmetic bounds them, against the kernel tables.
  double dense_math = 1;
  double cast_share = 1;    ///< of quantising passes before products with dynamic scales that stay
  double expert_share = 1;  ///< time of routed experts' products against the kernel tables
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double reserve_gib = 2;      ///< device memory beside weights, cache and activations
  double memory_share = 0.9;   ///< of the device's memory that the engine may fill
  double token_budget = 8192;  ///< tokens of one iteration, at most
  double poll_steps = 1;       ///< decoding steps between two looks at the queue, when told so
  /// Iterations that start before one that takes in a request that comes as one ends: engines
  /// launch an iteration before they read what the last one yielded.
  double ahead_steps = 0;
  /// Iterations of a worker that only prefills, between a prompt's coming and its schedule: its
  /// decoding worker must have said first where the cache goes.
  double handshake_steps = 0;
  /// Decoding steps for which prompts wait until every attention group has one, when told so.
  double balance_steps = 0;
  double graph_sequences = 0;       ///< sizes of decoding graphs, a group, when told so; 0: any
  double most_sequences = 1e6;      ///< under way at once, a data-parallel group
  bool mixes_prefill = true;        ///< prefill chunks and decodes share an iteration
  bool shares_free_memory = false;  ///< memory_share is of what weights and activations leave
  bool reserves_output = false;     ///< a sequence starts when its whole length fits in the cache
  /// Requests run in batches that start and end together (compiled graphs of one batch size).
  bool static_batches = false;
  bool buckets_cache = false;  ///< attention reads the cache up to the next power of two
  /// Heads that do not divide by tp are padded, and each query head reads keys of its own.
  bool copies_heads = false;

  /// From a request's arrival to its first schedule, nothing else running; `prompt`: its tokens.
  [[nodiscard]] Seconds front(double prompt) const noexcept {
    return Seconds(request_ms * 1e-3 + prompt_us * 1e-6 * prompt);
  }
};

/// A chip family's numbers that only serving shows.
struct ChipHabits {
  double rows = 0;                  ///< measured points behind its numbers
  std::string architecture;         ///< kin; empty: all others
  double decode_read_share = 0.85;  ///< of HBM bandwidth that decoding attention reaches
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double decode_head_ns = 8;  ///< a sequence and kv head of decoding attention, a kernel
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double decode_kernel_us = 6;      ///< one decoding attention, whatever its size
  double latent_read_share = 0.75;  ///< of HBM bandwidth, MLA's latent attention
  /// Time of a host that issues a kernel, against the engine's: such chips' servers differ.
  double issue_share = 1;
  double reduce_stretch = 1;  ///< time of an all-reduce's bytes inside a node against NCCL's
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double reduce_us = 5;  ///< an all-reduce inside a node, whatever its size
  // tidy-allow(raw-unit): a number of calibration/serving.toml, read and fitted by its key
  double peer_us = 10;  ///< an all-to-all of experts, whatever its size
};

/// Quantiles of log(predicted / measured) on rows left out; `name`: mode and metric.
struct ServingBand {
  std::string name;
  double q05 = 0, q25 = 0, q75 = 0, q95 = 0;
};

struct ServingTuning {
  std::vector<Engine> engines;
  std::vector<ChipHabits> chips;
  std::vector<ServingBand> bands;
  double draft_acceptance = 0.7;  ///< of a draft, those before it having held
  double expert_skew = 1.2;       ///< power of the load's fall from the busiest expert on; 0: even

  [[nodiscard]] static Result<ServingTuning> read(const std::string& path);
  [[nodiscard]] static Result<ServingTuning> parse(std::string_view text, const std::string& file);
  /// The one inside the binary.
  [[nodiscard]] static const ServingTuning& embedded();

  /// By name, or without its year the newest. Errors: unsupported, naming the known ones.
  [[nodiscard]] Result<Engine> engine(std::string_view name) const;
  /// Of "agg_tpot_ms" and the like; null where none was fitted.
  [[nodiscard]] const ServingBand* band(std::string_view name) const;
  [[nodiscard]] const ChipHabits& chip(std::string_view architecture) const;
};

template <class Record>
struct ServingField {
  std::string_view name;
  double Record::* member;
  double low, high;
};
[[nodiscard]] const std::vector<ServingField<ServingBand>>& band_fields();
/// What an engine does or does not; written as true or false.
struct EngineFlag {
  std::string_view name;
  bool Engine::* member;
};
[[nodiscard]] const std::vector<EngineFlag>& engine_flags();
[[nodiscard]] const std::vector<ServingField<ServingTuning>>& shared_fields();
[[nodiscard]] const std::vector<ServingField<Engine>>& engine_fields();
[[nodiscard]] const std::vector<ServingField<ChipHabits>>& chip_habit_fields();

}  // namespace tightrope::infer
