// Answers for people, each by solving the program again or in closed form: what independence costs,
// what one more of something scarce is worth, when one system beats another, what a plan costs when
// things go another way.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"
#include "tightrope/procure/plan.h"

namespace tightrope::procure {

/// Told how many of how many steps are done.
using Progress = std::function<void(int done, int all)>;

struct CurvePoint {
  double asked = 0.0;  ///< least share of own silicon
  milp::SolveStatus status = milp::SolveStatus::no_answer;
  double own_share = 0.0;  ///< reached
  Dollars cost = {};       ///< mean, discounted, with penalties of unserved demand
  GramsCo2 carbon = {};
  double served_share = 0.0;
  double gap = 0.0;
};

/// Least cost at `points` shares of own silicon from 0 to 1, each started from the one before. A
/// share that cannot be reached is a point without cost. Costs never fall along the curve by more
/// than the gap.
[[nodiscard]] Result<std::vector<CurvePoint>> independence_curve(const Scenario& scenario,
                                                                 const Options& options,
                                                                 int points = 11,
                                                                 const Progress& progress = {});

/// What `amount` more of one scarce thing, in each quarter, would save over the plan, with yes/no
/// decisions as they are and lots divisible. `taken_away`: what as much less would cost.
struct MoreOf {
  ScarceKind kind = ScarceKind::power;
  std::string subject, unit;
  double amount = 0.0;
  double saved = 0.0;       ///< in the goal's unit: USD, g, reference chip-quarters; >= 0
  double taken_away = 0.0;  ///< unlimited when the plan would have no answer
};

/// One row for each limit of the scenario, whether it binds or not: 1 MW a site, one lot of each
/// system, `wafer_lot` units of each shared resource, 1 million USD of a year's budget.
[[nodiscard]] Result<std::vector<MoreOf>> value_of_more(const Scenario& scenario,
                                                        const Answer& answer,
                                                        double wafer_lot = 25.0);

/// Cost of a workload's work on a system bought in a quarter and kept to the end of its life at the
/// mean site: discounted money over discounted tokens.
struct Levelised {
  bool possible = false;
  DollarsPerToken a_token;
  Dollars purchase, upkeep, energy, resale;  ///< of one lot, discounted; upkeep with repairs
};
[[nodiscard]] Levelised levelised_cost(const Scenario& scenario, int workload, int system,
                                       int quarter);

/// When a system costs as much a token as another.
struct BreakEven {
  int workload = 0;
  bool possible = false;  ///< both systems run it (ported or not)
  Dollars chip_price =
      {};  ///< of the challenger, at which both cost the same; may be negative: never
  double performance = 0;  ///< the challenger's speed, as a multiple of now
  DollarsPerToken challenger = {}, incumbent = {};
};
struct BreakEvenQuestion {
  int challenger = 0, incumbent = 0;  ///< systems
  int quarter = 0;                    ///< of the order
};
[[nodiscard]] std::vector<BreakEven> break_even(const Scenario& scenario,
                                                const BreakEvenQuestion& question);

struct Regret {
  std::string future;
  milp::SolveStatus status = milp::SolveStatus::no_answer;  ///< of following the plan
  Dollars followed = {}, best = {};  ///< cost with the plan, and with foresight
  Dollars regret = {};               ///< followed - best, not below 0
};
/// The scenario in one of its futures alone.
[[nodiscard]] Scenario in_future(const Scenario& scenario, const Future& future);
/// Each future of the scenario (or of `futures`, if given) alone: the plan against foresight.
[[nodiscard]] Result<std::vector<Regret>> regret(const Scenario& scenario, const Plan& plan,
                                                 const Options& options,
                                                 const std::vector<Future>& futures = {},
                                                 const Progress& progress = {});

}  // namespace tightrope::procure
