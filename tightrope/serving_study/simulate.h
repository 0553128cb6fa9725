// A served fleet, request by request, end to end: what `tightrope simulate serving` does.
//
// Pools of replicas are priced by `infer`, run by `serving`, and paid with the catalog's prices.
// docs/guide/simulate_serving.md tells a user the same at length.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/infer/acceptance.h"
#include "tightrope/infer/memory.h"
#include "tightrope/serving/simulate.h"
#include "tightrope/study/plan.h"
#include "tightrope/traffic/spec.h"

namespace tightrope::serving_study {

/// Replicas alike, as they are asked for.
struct PoolRequest {
  std::string name = "replica";
  serving::Role role = serving::Role::whole;
  std::int64_t count = 1;
  std::string system, numerics = "bf16";
  std::string engine;     ///< empty: vllm, on Neuron chips neuron
  std::string scheduler;  ///< vllm, sglang, ...; empty: the engine's own
  infer::Deployment mapping;
  int drafts = 0;             ///< tokens guessed an iteration
  double accepted = 0;        ///< tokens an iteration yields; 0: as calibrated
  infer::YieldShares yields;  ///< its law, instead of `accepted`
  double weight = 1;          ///< least_load compares outstanding requests divided by it
  /// Of a group of tp ranks, as engines take them; 0: as the engine has it.
  std::int64_t token_budget = 0, max_sequences = 0;
  std::int64_t block_tokens = 0;  ///< of a page; 0: as the scheduler has it
  bool prefix_cache = true;
  std::optional<Seconds> batch_wait;  ///< of a static scheduler; else its own
  std::int64_t poll_steps = 0;        ///< decode steps between looks at the queue; 0: the engine's
  std::optional<serving::Preemption> preemption;  ///< else the scheduler's own
  serving::Autoscaling autoscaling;
};

/// Who asks: a trace, a generator's spec from a file, or one made up on the command line.
struct LoadRequest {
  std::string trace, traffic;                  ///< files
  std::optional<traffic::GeneratorSpec> spec;  ///< without a file
  std::int64_t requests = 10000;               ///< of a generator
  std::uint64_t seed = 1;
  double rate = 0;               ///< of the trace's requests, at random; 0: as the trace says
  double rate_scale = 1;         ///< arrivals come so many times as fast
  std::int64_t concurrency = 0;  ///< clients that wait for their answers; 0: arrival times
  std::int64_t warm_up = 0;      ///< first requests, left out of percentiles
};

struct SimulateRequest {
  study::PlannedModel model;
  std::vector<PoolRequest> pools;
  serving::Routing routing = serving::Routing::least_load;
  serving::Failures failures;
  serving::Slo slo;
  LoadRequest load;
  std::vector<std::string> regions;   ///< empty: each provider's home region
  std::optional<catalog::Term> term;  ///< empty: on demand, else the next term that has a price
};

/// Replicas alike, as they run.
struct SimulatedPool {
  PoolRequest asked;
  std::string title, chip, provider, engine, numerics;
  infer::ServingMemory memory;  ///< of the fullest rank
  serving::SchedulerOptions scheduler;
  serving::Front front;     ///< of the engine
  int chips = 1;            ///< of a replica
  double rented_chips = 1;  ///< paid for a replica: whole units, shared by replicas
  std::optional<study::PriceTag> price;
  study::Place place;
  std::vector<std::string> borrowed;  ///< whose numbers stand in for its own
};

struct SimulatedFleet {
  serving::Fleet fleet;  ///< kinds in the order of `pools`
  std::vector<SimulatedPool> pools;
  serving::Front front;  ///< the mean over replicas that take requests
  [[nodiscard]] bool disaggregated() const;
  [[nodiscard]] std::int64_t chips() const;  ///< at the start
};

/// Prices and proves every pool. Errors: not_found, unsupported, conflict (a mapping that does not
/// divide or fit, a scheduler nobody knows), range.
[[nodiscard]] Result<SimulatedFleet> make_fleet(const SimulateRequest& request,
                                                const catalog::Catalog& catalog);

/// Reads `name` as a path of a config, a bundled name, a Hugging Face id or its last part, in any
/// case and with or without hyphens and dots. Errors: not_found with near names, those of a config.
[[nodiscard]] Result<study::PlannedModel> find_served_model(const std::string& name);

/// Where a latency may really lie, as factors of what is told: 50 and 90 of 100 measured points.
struct LatencyBand {
  double low50 = 1, high50 = 1, low90 = 1, high90 = 1;
};

/// Shares of requests below durations, for a chart.
struct Curve {
  std::string name;
  std::vector<double> shares;
  std::vector<Seconds> values;
};

struct SimulateResult {
  SimulatedFleet fleet;
  serving::ServingResult served;  ///< with the engines' delays in ttft and e2e
  std::string load;               ///< who asked, in words
  bool cancelled = false;
  double chip_hours = 0;        // tidy-allow(raw-unit): the trade's unit of provisioned capacity
  std::optional<Dollars> cost;  ///< rent, and the electricity that owners pay; absent if unpriced
  Joules energy{};              ///< at the buildings' meters
  double energy_error = 0;      ///< half of the metered tables lie within this share
  std::optional<GramsCo2> carbon;
  std::optional<LatencyBand> ttft_band, tpot_band;  ///< of the calibration, where it has them
  std::vector<Curve> curves;                        ///< only with RunHooks::curves
  std::string catalog_hash;
};

struct RunHooks {
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const serving::Progress&)> on_progress;
  std::function<void(const serving::WorkRecord&)> on_work;
  std::function<void(const serving::RequestRecord&)> on_finish;  ///< with the engines' delays
  bool curves = false;
};

/// Simulates. Errors: those of make_fleet and of the trace's or spec's file.
[[nodiscard]] Result<SimulateResult> simulate_serving(const SimulateRequest& request,
                                                      const catalog::Catalog& catalog,
                                                      const RunHooks& hooks = {});

/// Poisson arrivals of requests that are all alike. `input`, `output` in tokens.
struct PlainTraffic {
  double rate = 1;  ///< requests a second
  double input = 1024, output = 256;
};
[[nodiscard]] traffic::GeneratorSpec plain_spec(const PlainTraffic& traffic);

}  // namespace tightrope::serving_study
