// Which system and deployment serve a model best: `tightrope plan --serve`, without its options.
//
// Every system on offer is searched in every number format its chips run, as replicas and as pools
// of prefill and decoding workers, also of unlike silicon. docs/guide/serving.md tells a user more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/infer/acceptance.h"
#include "tightrope/sizing/fleet.h"
#include "tightrope/study/plan.h"
#include "tightrope/traffic/request.h"

namespace tightrope::serving_study {

struct ServeRequest {
  study::PlannedModel model;
  sizing::Demand demand;
  sizing::Limits limits;
  sizing::Objective objective = sizing::Objective::usd;
  std::vector<std::string> systems;   ///< empty: everything somebody sells
  std::vector<std::string> regions;   ///< empty: each provider's home region
  std::vector<std::string> numerics;  ///< empty: bf16, fp8, fp8-block, nvfp4 as the chip runs them
  std::string engine;                 ///< empty: vllm, on Neuron chips neuron
  bool static_batches = false;        ///< Neuron's requests start and end together; replicas only
  std::optional<catalog::Term> term;  ///< empty: on demand, else the next term that has a price
  int drafts = 0;                     ///< tokens guessed an iteration
  double accepted = 0;                ///< tokens an iteration yields; 0: as calibrated
  infer::YieldShares yields;          ///< its law, instead of `accepted`
  bool replicas = true, disaggregated = true;  ///< fleets that are tried
  bool announced = false;                      ///< also systems that do not ship yet
  bool prune = true;                           ///< false: evaluate all, to prove the pruned answer
  int top = 12;                                ///< plans that are kept
  sizing::Space space;
};

/// The demand of a trace: means, the percentile's lengths, the rate, and the prefix that an
/// unbounded cache would save. `percentile`: 50 .. 99.9.
[[nodiscard]] sizing::Demand demand_of(const traffic::Trace& trace, double percentile);

/// Where a latency may really lie, as factors: 50 and 90 of 100 measured points.
struct ServeBand {
  double low50 = 1, high50 = 1, low90 = 1, high90 = 1;
};

/// A pool of a fleet, with what its system is called and costs.
struct ServePool {
  std::string system, title, chip, provider, numerics, engine;
  catalog::Status status = catalog::Status::shipping;
  infer::ServingMemory memory;
  int unit_chips = 1;
  std::optional<study::PriceTag> price;
  study::Place place;
  std::vector<std::string> evidence;  ///< whose numbers its prices borrow; empty: its own
  bool static_batches = false;
};

struct ServePlan {
  sizing::Fleet fleet;
  ServePool pool, prefill;     ///< prefill only of disaggregated fleets
  double tokens_a_s_chip = 0;  ///< output
  DollarsPerSecond rent{};     ///< with the electricity that owners pay; 0 when not priced
  std::optional<double> usd_output_mtoken, usd_total_mtoken;
  std::optional<JoulesPerToken> energy;   ///< of an output token, at the meter
  ServeBand energy_band;  ///< of power by kernel and of time together
  std::optional<double> carbon_g_mtoken;  ///< of a million output tokens
  ServeBand ttft, tpot;                   ///< throughput and cost follow tpot's
  [[nodiscard]] bool mixed() const { return fleet.disaggregated && prefill.system != pool.system; }
};

struct ServeResult {
  std::vector<ServePlan> plans;     ///< best first, one of each system and kind of fleet
  std::vector<ServePlan> front;     ///< throughput of a chip against interactivity, by the latter
  std::optional<ServePlan> fewest;  ///< least rented chips for the rate; only with a rate
  std::vector<study::LostSystem> lost;  ///< in the order of the catalog
  std::vector<std::string> numerics;    ///< tried
  std::size_t systems = 0;              ///< searched
  sizing::Counters counters;
  std::optional<ServePlan> nearest;  ///< without plans: breaks its tightest limit least
  sizing::Tightest tightest;         ///< which that is
  sizing::Reach reach;               ///< the least of each latency, where no plan is
  std::string catalog_hash, calibration_hash;
  [[nodiscard]] bool feasible() const { return !plans.empty(); }
};

/// Plans. Infeasible is a value. Errors: not_found for an unknown system or region, unsupported for
/// numerics or an engine, range for impossible numbers.
[[nodiscard]] Result<ServeResult> plan_serving(const ServeRequest& request,
                                               const catalog::Catalog& catalog);

}  // namespace tightrope::serving_study
