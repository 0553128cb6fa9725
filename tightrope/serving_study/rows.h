// Published serving measurements as rows of one form, whatever table they stand in.
#pragma once

#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/infer/deployment.h"

namespace tightrope::serving_study {

/// One measured operating point of a serving fleet.
struct ServingRow {
  std::string id, source, chip, engine, version, model, numerics;
  std::string stack;  ///< the engine with its year, as calibration/serving.toml names it
  std::string date;   ///< YYYY-MM-DD as measured; empty when not said
  bool disaggregated = false;
  infer::Deployment deployment;  ///< of the replica, or of a decode worker
  infer::Deployment prefill;     ///< of a prefill worker, when disaggregated
  int prefill_workers = 1, decode_workers = 1;
  /// How workers of a disaggregated run were told to schedule, an attention group; 0: not said.
  double prefill_tokens = 0, prefill_prompts = 0;  ///< of a prefill iteration, at most
  double decode_most = 0;                          ///< sequences that decode at once
  double expert_slots = 0;                         ///< of decode workers, as in infer::Context
  bool experts_balanced = false;                   ///< the same
  double frontends = 1;                            ///< that deal requests out, each for itself
  double waves = 0;  ///< requests a client, in all; 0: as public benchmarks usually send
  double input = 0, output = 0, concurrency = 0;
  int drafts = 0;            ///< tokens guessed an iteration
  double token_budget = 0;   ///< of an iteration; 0: the engine's usual one
  double poll_steps = 0;     ///< decoding steps between looks at the queue; 0: the engine's usual
  double balance_steps = 0;  ///< decoding steps for which prompts wait for those of other groups
  /// Lengths are spread evenly from (1 - spread) of what is named to all of it.
  double spread = 0;
  /// All requests wait from the start: as many run as the cache holds and the engine takes.
  bool queued = false;
  double requests = 0;  ///< of a queued run, a replica; 0: not said, taken as without end
  /// Chips of the whole measurement, when those of one replica are not said or are fewer; 0: one
  /// replica's. Throughput is of all of them.
  int chips = 0;
  std::string submitter;        ///< of a benchmark that others run
  std::string scenario;         ///< of a benchmark that runs several: offline, server, interactive
  double host_steps = 1;        ///< decoding steps that the host prepares and reads at once
  double graph_sequences = 0;   ///< sizes of decoding graphs, as in infer::SteadyLimits
  double longest = 0;           ///< answer that the benchmark lets be written; 0: not said
  double most_sequences = 0;    ///< under way at once, a data-parallel group; 0: the engine's usual
  bool evicts = false;          ///< sequences start before their whole answer's room is there
  bool stops_decodes = false;   ///< told to run prompts in iterations of their own
  bool in_process = false;      ///< requests were handed to the engine's loop as tokens
  bool tuned_products = false;  ///< ran dense products as quick as the kernel tables have them
  double input_variation = 0, output_variation = 0;  ///< standard deviation over mean of lengths
  bool mapping_unsaid = false;  ///< how the model lies on the chips: the fastest that fits is taken
  /// ep is not said, nor whether attention is split by sequences: the fastest that fits is taken.
  bool experts_unsaid = false;
  Seconds first_bound{}, token_bound{};  ///< that the measured load had to keep; 0: none
  /// Several published configurations match; the likeliest was taken. Says which differed.
  std::string guessed;
  std::string unclear;  ///< what keeps the row from being predicted; empty when all is said
  // tidy-allow(raw-unit): as tables print them; predictions are quantities
  double ttft_ms = 0, tpot_ms = 0, output_tokens_a_s = 0;  ///< 0: not measured
};

struct ServingTable {
  std::string file;
  std::string hash;  ///< FNV-1a 64 of the file's text, as 16 hex digits
  std::vector<ServingRow> rows;
};

/// Reads one of three forms, told apart by columns: TTFT and TPOT points (as in AIConfigurator's
/// silicon_sample.csv); Neuron's benchmark table (kind, model, instance, parallelism, ...: its
/// infer-* rows); one metric a line (source, hardware, metric, value, ...), where lines of one run
/// become one row. Errors: not_found, io, syntax, type, range; unknown_key, naming the missing
/// columns of points, when no form's columns are there.
[[nodiscard]] Result<ServingTable> read_serving_table(const std::string& path);
[[nodiscard]] Result<ServingTable> parse_serving_table(std::string_view text,
                                                       const std::string& file);

/// Tables as one: file names and hashes joined. A run that stands in several tables (or several
/// times) with the same numbers counts once: the later rows say so in `unclear`.
[[nodiscard]] ServingTable merge_tables(std::vector<ServingTable> tables);

}  // namespace tightrope::serving_study
