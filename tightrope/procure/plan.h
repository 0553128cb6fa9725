// The optimizer of purchases: a scenario in, a plan with its bound out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/milp/solve.h"
#include "tightrope/procure/scenario.h"

namespace tightrope::procure {

/// Decisions that are taken before the future is known. Lots may be fractions at sites and in
/// retirement, never in orders.
struct Plan {
  std::vector<std::vector<double>> ordered;                ///< [system][quarter], lots
  std::vector<std::vector<std::vector<double>>> by_route;  ///< [system][route][quarter], lots
  std::vector<std::vector<std::vector<double>>> placed;    ///< [system][site][quarter], lots
  std::vector<std::vector<std::vector<double>>> retired;   ///< [system][vintage][quarter]: owned
                                                           ///< lots first, then order quarters,
                                                           ///< then leases that are bought
  std::vector<std::vector<double>> reserved;               ///< [rental][quarter of signing], lots
  std::vector<std::vector<double>> leased;                 ///< [lease][quarter of signing], lots
  std::vector<std::vector<double>> bought_out;  ///< [lease][quarter of signing], lots of it that
                                                ///< are bought at the end of the term
  std::vector<std::vector<int>> port_start;     ///< [workload][port], quarter or -1
};

enum class CostKind {
  purchase,
  qualifying,
  install,
  upkeep,
  repair,
  electricity,
  rental,
  porting,
  unserved,
  resale,
  lease,
  remainder,  ///< what contracts that run on beyond the plan cost more than they are worth
};
[[nodiscard]] const char* to_string(CostKind kind);
inline constexpr int cost_kinds = 12;

/// One system in one quarter, means over the futures. All in lots of the system.
struct MixRow {
  int system = 0;
  int quarter = 0;
  double ordered = 0.0;
  double arrived = 0.0;     ///< when supply does not slip
  double in_service = 0.0;  ///< arrived and not retired
  double retired = 0.0;     ///< sold in this quarter
  double expired = 0.0;     ///< came to the end of their life in this quarter
  double leased = 0.0;      ///< arrived, within their term
  double bought_out = 0.0;  ///< leased before, in service as own ones from this quarter on
  double placed = 0.0;      ///< at sites, own and leased
  double rented = 0.0;
  double computing = 0.0;  ///< busy: own, leased and rented
};

struct WorkloadQuarter {
  TokensPerSecond demand, served;
  std::vector<double> chips;  ///< [system], busy on it, own and rented
};

/// A workload over the whole plan, mean over the futures.
struct WorkloadRow {
  int workload = 0;
  std::vector<WorkloadQuarter> quarters;
  Dollars cost;      ///< discounted; its share of its systems' cost, by busy chips, and its ports
  Dollars unserved;  ///< discounted penalty
  Joules energy;     ///< at the meter: idle and PUE included for own chips
  double served_share = 0.0;
};

/// A future's outcome.
struct Outcome {
  std::string id;
  double probability = 1.0;
  Dollars cost;  ///< discounted total
  GramsCo2 carbon;
  double served_share = 0.0;               ///< of demanded compute
  double own_share = 0.0;                  ///< of served compute
  std::vector<std::vector<Dollars>> cash;  ///< [quarter, and one for the end][CostKind], not
                                           ///< discounted; resale negative
};

enum class ScarceKind {
  power,
  site_chips,
  supply,
  route,
  resource,
  rental,
  lease,
  budget,
  own_share,
  teams
};
[[nodiscard]] const char* to_string(ScarceKind kind);

/// A limit that binds. `value` is what one more unit would save, discounted, with yes/no decisions
/// as they are and lots taken as divisible. Its sign: positive saves.
struct Scarcity {
  ScarceKind kind = ScarceKind::power;
  std::string subject;         ///< the user's id of the site, system, resource, rental, lease
  std::string unit;            ///< "MW", "chips", "wafers", "USD", "percent"
  int quarter = -1;            ///< -1: the whole plan; of a budget, the first quarter of its year
  Dollars value;               ///< of one unit (goal carbon, served: see `value_of_goal`)
  double value_of_goal = 0.0;  ///< in units of the goal: USD, g, reference chip-quarters
};

struct Answer;

struct Options {
  milp::Backend backend = milp::Backend::cbc;
  double gap = 1e-3;
  /// Work after which a search ends with what it has: nodes of each library search, and solves of
  /// the relaxation of many futures. The same everywhere, so that answers do not hang on the clock.
  int most_nodes = 20'000;
  int most_solves = 600;
  /// The last resort: of each library search, or what `time_left` says is left of all of them.
  Seconds time_limit{1800.0};
  std::function<Seconds()> time_left = {};
  bool duals = true;
  const Answer* warm = nullptr;  ///< of a scenario of the same shape: where the search starts
  bool divisible = false;        ///< lots and yes/no may be fractions: the bound of the LP
};

struct Answer {
  milp::SolveStatus status = milp::SolveStatus::no_answer;
  double objective = 0.0;  ///< in the goal's unit: USD, g, reference chip-quarters unserved, or
                           ///< (independence) asked and not done on own silicon
  double bound = 0.0;
  double gap = 0.0;
  milp::Ended ended =
      milp::Ended::proven;  ///< what ended the search; `clock`: may differ next time
  Plan plan;
  Dollars mean_cost, cvar;  ///< discounted; cvar at Scenario::cvar_level, also when not asked for
  GramsCo2 mean_carbon;
  double served_share = 0.0, own_share = 0.0;
  double own_of_asked = 0.0;       ///< work on own silicon over what was asked, mean
  double own_of_asked_most = 1.0;  ///< goal independence: no plan does more
  std::vector<Outcome> outcomes;
  std::vector<MixRow> mix;
  std::vector<std::vector<double>> rented;  ///< [rental][quarter], lots in force, mean over futures
  std::vector<std::vector<double>> leased;  ///< [lease][quarter], lots within their term
  std::vector<WorkloadRow> workloads;
  std::vector<Scarcity> scarcities;
  std::vector<std::string>
      conflict;  ///< infeasible: what cannot hold together, in the user's terms
  int variables = 0, rows = 0, integers = 0;
  std::vector<double> values;  ///< of the program's variables, for Options::warm
};

/// Sizes agree, shares are shares, probabilities sum to 1, ... Error: range or conflict, naming the
/// thing by the user's id.
[[nodiscard]] Result<void> check_scenario(const Scenario& scenario);

/// Infeasible is an answer with `conflict`. Error: what check_scenario says, or the solver's.
[[nodiscard]] Result<Answer> optimize(const Scenario& scenario, const Options& options = {});

/// The outcome of following a plan in a scenario with the same systems, sites, workloads, rentals,
/// leases and quarters: only what comes after the future is known is chosen anew. Where must-serve
/// workloads cannot be served the answer is infeasible.
[[nodiscard]] Result<Answer> follow(const Scenario& scenario, const Plan& plan,
                                    const Options& options = {});

/// Writes the program as text. Error: io.
[[nodiscard]] Result<void> write_program(const Scenario& scenario, milp::ModelFormat format,
                                         const std::string& path);

}  // namespace tightrope::procure
