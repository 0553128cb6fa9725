// What published serving tables leave unsaid about a point, as the benchmark's repository says it.
#pragma once

#include "tightrope/catalog/toml_document.h"
#include "tightrope/serving_study/rows.h"

namespace tightrope::serving_study {

/// How a row's engine was told to schedule. Zeros and empty: as it usually does.
struct UnsaidSchedule {
  double token_budget = 0;      ///< tokens of an iteration
  double poll_steps = 0;        ///< decoding steps between two looks at the queue
  double balance_steps = 0;     ///< decoding steps for which prompts wait for those of other groups
  bool whole_prompts = false;   ///< the budget grows with the prompt and all that decode
  double prompt_room = 0;       ///< the budget is the prompt and so many tokens more
  double host_steps = 1;        ///< decoding steps that the host prepares and reads at once
  double graph_sequences = 0;   ///< sizes of decoding graphs, a data-parallel group
  double requests = 0;          ///< of the run, a replica
  double most_sequences = 0;    ///< under way at once, a data-parallel group
  double places_less = 0;       ///< so many fewer than clients, an engine's replica
  bool evicts = false;          ///< sequences start before their whole answer's room is there
  bool stops_decodes = false;   ///< prompts run in iterations of their own
  bool in_process = false;      ///< requests are handed to the engine's loop as tokens
  bool tuned_products = false;  ///< dense products as quick as the kernel tables have them
  infer::Deployment mapping;    ///< of one replica, when `mapped`
  bool mapped = false;
  std::string cache;  ///< format of keys and values, as infer::find_numerics names it
};
[[nodiscard]] UnsaidSchedule unsaid_schedule(const ServingRow& row);

/// calibration/serving_recipes.toml.
[[nodiscard]] const catalog::TomlNode& published_recipes();

/// A row's software as calibration/serving.toml tells it apart: by the year of its release, else of
/// its measurement, or by a label where releases of one year are unlike.
[[nodiscard]] std::string unsaid_release(const ServingRow& row);

/// Requests of a queued run in all, by its lengths; 0 when nothing is known.
[[nodiscard]] double unsaid_requests(const ServingRow& row);

/// Requests of a benchmark that names its workload only. Zeros when it is not known.
struct UnsaidWorkload {
  double input = 0, output = 0;                      ///< mean lengths in tokens
  double input_variation = 0, output_variation = 0;  ///< their standard deviations over means
  double longest = 0;                                ///< answer that it lets be written
  Seconds first_bound{}, token_bound{};  ///< that its scenario demands (99th percentiles)
};
/// `workload` as MLPerf Inference spells its models; `scenario`: offline, server, interactive.
[[nodiscard]] UnsaidWorkload unsaid_workload(const std::string& workload,
                                             const std::string& scenario);

}  // namespace tightrope::serving_study
