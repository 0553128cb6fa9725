// The planner: which system, how many chips, and which mapping train a model best.
//
// A request names the work, a goal and constraints. Every system on offer is searched exhaustively
// at every number of chips of a grid and in every precision asked for; the answer holds the best
// plans of each system, the front over time, cost and energy, and what became of all the others.
// docs/guide/plan.md tells a user the same at length.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/search/search.h"
#include "tightrope/step/context.h"
#include "tightrope/step/estimate.h"
#include "tightrope/study/coefficients.h"
#include "tightrope/workload/job.h"
#include "tightrope/workload/model.h"

namespace tightrope::study {

/// What makes one plan better than another.
enum class Goal { time, cost, energy, carbon };
[[nodiscard]] std::string_view to_string(Goal goal);
[[nodiscard]] std::optional<Goal> goal_from(std::string_view text);

/// "on_demand", "spot", "capacity_block", "reserved_1y", "reserved_3y", "purchase".
[[nodiscard]] std::optional<catalog::Term> term_from(std::string_view text);

/// The network to train and where its description came from.
struct PlannedModel {
  workload::Model model;
  std::string origin;  ///< path of the config, or its bundled name
  std::string config;  ///< text of the config, so that a result can be read again anywhere
};

/// Bounds a plan has to keep.
struct Constraints {
  std::optional<Seconds> deadline;
  std::optional<Dollars> budget;
  int max_chips = 0;           ///< rented chips; 0: as many as the provider offers
  double memory_share = 0.95;  ///< of device memory a plan may fill, framework reserve included
};

struct PlanRequest {
  PlannedModel model;
  workload::Job job;
  Tokens tokens{};  ///< of the whole run, > 0
  Goal goal = Goal::cost;
  Constraints constraints;
  std::vector<int> chips;  ///< exact counts to try
  std::vector<int> units;  ///< exact counts in instances or UltraServers; with neither: a grid
  std::vector<std::string> systems;     ///< empty: everything somebody sells for training
  std::vector<std::string> regions;     ///< empty: each provider's home region
  std::vector<std::string> precisions;  ///< empty: bf16 and the 8-bit recipe of the chip
  std::optional<catalog::Term> term;    ///< empty: on demand, else the next term that has a price
  std::string stack;                    ///< empty: by kind of chip
  /// Of mixtures of experts, each >= 1 or 0 for dropless (step::Mapping::capacity_factor). What
  /// drops tokens trains something else, so it is tried on request only.
  std::vector<double> capacity{0.0};
  bool announced = false;  ///< also systems that do not ship yet
  bool prune = true;       ///< false: replay every mapping that fits, to prove the pruned answer
  int top = 1;             ///< plans a system
  std::shared_ptr<const Coefficients> coefficients;  ///< null: those in the binary
};

/// A price that a plan was costed with.
struct PriceTag {
  catalog::Term term = catalog::Term::on_demand;
  std::string provider, region;
  DollarsPerSecond per_chip{};  ///< rent; for purchase the price over `ownership`
  std::string written, source, as_of, grade, note;
  std::string file;  ///< of the catalog
  int line = 0;
};

/// Purchased hardware is written off in a straight line over this time.
inline constexpr Seconds ownership{4 * 365 * 86400.0};

/// The whole run under one price: rent (or write-off) and, for purchase, electricity.
struct TermCost {
  PriceTag price;
  Dollars rent{}, electricity{};
  [[nodiscard]] Dollars total() const { return rent + electricity; }
};

/// Where the step time may really lie: 50 and 90 of 100 measured steps.
struct Band {
  Seconds low50{}, high50{}, low90{}, high90{};
  std::vector<std::string> reasons;  ///< why it is wider than the fit's own error; empty: it is not
};

/// Where the machines stand.
struct Place {
  std::string region;
  double pue = 1.0;
  DollarsPerJoule electricity{};
  GramsPerJoule carbon{};
  bool known = false;  ///< false: no region in the catalog; energy is at the machines, carbon is
                       ///< not known
};

/// One way to do the whole run.
struct Plan {
  std::string system, title, chip, provider, precision, stack;
  catalog::Status status = catalog::Status::shipping;
  int chips = 0;         ///< that compute
  int rented_chips = 0;  ///< whole units, of which a domain may be used in part
  step::Estimate estimate;
  double steps = 0;  ///< optimizer steps of the run
  Seconds duration{};
  TokensPerSecond chip_throughput{};
  FlopsPerSecond chip_peak{};  ///< dense, in the precision's product format: what MFU divides by
  double mfu = 0;              ///< model FLOPs (workload::FlopConvention::causal) over chip_peak
  Place place;
  std::vector<TermCost> costs;   ///< by term, for every term that has a price
  std::optional<TermCost> cost;  ///< by the term that ranks; absent without a price
  std::optional<Joules> energy;  ///< of the run at the meter; absent without the chip's power
  std::optional<GramsCo2> carbon;
  Bytes hbm{};  ///< of a rank
  Band band;
  std::vector<std::string> notes;  ///< what a buyer should know: idle chips, unusual size

  /// Lower is better; absent when it is not known.
  [[nodiscard]] std::optional<double> score(Goal goal) const;
};

/// What became of the plans (not mappings) of the searches.
struct PlanCounts {
  std::uint64_t searched = 0;      ///< system x chips x precision that were searched
  std::uint64_t too_slow = 0;      ///< not searched: late even at the chips' peak
  std::uint64_t nothing_runs = 0;  ///< searched, but no mapping fits and divides
  std::uint64_t late = 0, over_budget = 0, too_many_chips = 0, no_price = 0;  ///< lost by that
  std::uint64_t dominated = 0;  ///< kept every bound but are worse than their system's best
};

/// A system that has no plan, and why.
struct LostSystem {
  std::string system;
  std::string reason;
};

/// One change that makes an infeasible request feasible.
struct Remedy {
  enum class Kind { chips, deadline, budget, memory, several };
  Kind kind = Kind::chips;
  Constraints constraints;  ///< the request's own with the change applied
  Plan plan;                ///< what then is best
};
[[nodiscard]] std::string_view to_string(Remedy::Kind kind);

/// The request with a remedy's change: feasible where the remedy is true.
[[nodiscard]] PlanRequest applied(const PlanRequest& request, const Remedy& remedy);

/// Where no mapping fits at all: the one that overruns memory least.
struct NearestFit {
  std::string system, precision;
  int chips = 0;
  step::Estimate estimate;
  Bytes hbm{};
};

struct PlanResult {
  std::vector<Plan> plans;       ///< the best of each system, best first; other sizes before other
                                 ///< mappings of a size
  std::vector<Plan> front;       ///< none is beaten in time, cost and energy at once; by time
  std::vector<LostSystem> lost;  ///< in the order of the catalog
  std::vector<std::string> precisions;  ///< tried, in order
  search::Counters mappings;
  PlanCounts counts;
  std::vector<Remedy> remedies;       ///< only without plans
  std::optional<NearestFit> nearest;  ///< only without plans, when nothing fits
  std::string catalog_hash, calibration_hash;
  [[nodiscard]] bool feasible() const { return !plans.empty(); }
};

/// Plans. Infeasible is a value: no plans, with remedies. Errors: not_found for an unknown system
/// or region, unsupported for a precision or stack, range for impossible numbers.
[[nodiscard]] Result<PlanResult> plan(const PlanRequest& request, const catalog::Catalog& catalog);

/// What tells one plan of a request from another: enough to make it again.
struct PlanKey {
  std::string system, precision, stack;
  int chips = 0;
  step::Mapping mapping;
};

/// The context of one plan. Errors: as plan().
[[nodiscard]] Result<step::Context> plan_context(const PlanRequest& request, const PlanKey& key,
                                                 const catalog::Catalog& catalog);

/// The whole run around one estimated step: time, money, energy, carbon, band.
[[nodiscard]] Plan make_plan(const PlanRequest& request, const step::Context& context, int chips,
                             const step::Estimate& estimate, const catalog::Catalog& catalog);

}  // namespace tightrope::study
