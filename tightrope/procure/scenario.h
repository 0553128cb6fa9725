// A procurement scenario after it was read and resolved: plain data, units in the types.
//
// Indices are positions in the vectors of Scenario. A quantity "by quarter" has one entry for each
// quarter. `unlimited` stands for a ceiling that is not there. Shares lie in [0, 1].
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "tightrope/core/units.h"

namespace tightrope::procure {

inline constexpr double unlimited = std::numeric_limits<double>::infinity();

/// The calendar. Money of quarter q is discounted by (1 + discount_rate)^(-q * length / year).
struct Calendar {
  std::vector<std::string> quarters;  ///< labels, for example "2026Q1"; at least one, at most 40
  Seconds length{7'889'400.0};        ///< of one quarter; a fourth of 365.25 days
  double discount_rate = 0.0;         ///< a year; in [0, 1]
  int quarters_in_year = 4;           ///< how many quarters share one year's budget
};

/// A place with power. A system may stand there when its rack stays below `cooling_per_rack`.
struct Site {
  std::string id;
  std::vector<Watts> power;  ///< by quarter, of the whole facility: machines times PUE; >= 0
  double pue = 1.0;          ///< >= 1
  std::vector<DollarsPerJoule> electricity;  ///< price by quarter; >= 0
  std::vector<GramsPerJoule> carbon;         ///< intensity by quarter; >= 0
  Watts cooling_per_rack{unlimited};
  double chips_ceiling = unlimited;  ///< chips of all systems together, at any time
  DollarsPerSecond fixed_cost;       ///< a second while any power is offered; paid in any case
};

/// Wafers of one foundry or packaging house, or memory stacks: scarce and shared between systems.
struct SharedResource {
  std::string id;              ///< as the user named it, for example "cowos" or "tsmc-n3"
  std::string unit;            ///< "wafers", "stacks"
  std::vector<double> supply;  ///< units a quarter, in the quarter in which the chips arrive
};

/// What one arriving chip takes of a shared resource: 1 / (chips a wafer * yield), stacks, ...
struct ResourceUse {
  int resource = 0;             ///< index into Scenario::resources
  double a_chip = 0.0;          ///< units of the resource for one good chip; > 0
  int from_quarter = 0;         ///< first and
  int until_quarter = 1 << 20;  ///< last + 1 quarter of arrival in which it holds
};

/// One way to make a system's chips. The first route is there from the start; a second source needs
/// qualifying and, while the first partner is exclusive, may not ship before `first_quarter`.
struct Route {
  std::string id;                 ///< maker or foundry partner
  std::vector<ResourceUse> uses;  ///< foundry wafers (after yield), CoWoS wafers, HBM stacks
  std::vector<double> chips_ceiling = {};  ///< arriving by quarter; empty: none; may be `unlimited`
  int first_quarter = 0;                   ///< of arrival: ramp date, end of exclusivity
  double price_multiplier = 1.0;           ///< on the price of the system; > 0
  Dollars qualifying_cost = {};            ///< once, when the route is used at all; 0 for the first
};

/// From this many chips bought in total over the plan, later ones cost `multiplier` of the price.
/// Price-break lots and learning curves both read as such steps (merged_steps).
struct PriceStep {
  double from_chips = 0.0;  ///< cumulative; ascending; the first step may be left out (0, 1.0)
  double multiplier = 1.0;  ///< of the list price; > 0, falling
};

/// Lots that are owned when the plan begins.
struct OwnedLots {
  int lots = 0;
  int age_quarters = 0;
};

/// A system that can be bought, and the terms. Chips come in lots (an UltraServer, a rack).
struct System {
  std::string id;            ///< as in the catalog
  std::string chip;          ///< as in the catalog
  std::string architecture;  ///< what software is written for: "cuda", "neuron", "rocm", ...
  bool own_silicon = false;  ///< counts as independent

  int chips_per_lot = 1;          ///< >= 1
  Watts lot_power;                ///< machines of one lot, at the power that must be provided; > 0
  Watts rack_power;               ///< of one rack, against Site::cooling_per_rack
  double idle_power_share = 0.3;  ///< of lot_power, drawn by lots that do nothing
  GramsCo2 embodied_carbon;       ///< of one chip's making

  bool can_buy = true;         ///< false: rented only, and what is owned
  std::vector<Dollars> price;  ///< of one chip in its system, by quarter of the order
  std::vector<PriceStep> price_steps;
  double learning_rate = 0.0;      ///< price lost with each doubling of cumulative chips; [0, 0.5]
  double learning_from_chips = 0;  ///< cumulative chips at the list price; > 0 if learning_rate is
  int lead_quarters = 0;  ///< from order to arrival; an arrival is used from its quarter on
  int least_lots = 1;     ///< an order is nothing or at least this many lots
  std::vector<double> chips_ceiling;  ///< allocation: arriving by quarter; empty: none
  std::vector<Route> routes;          ///< empty: bought ready made, no shared resource

  int life_quarters = 24;             ///< then retired without value; >= 1
  std::vector<double> resale_by_age;  ///< share of the price, by age in quarters; falling; may be
                                      ///< short: 0 beyond. Age 0 is the quarter of arrival
  double upkeep_a_year = 0.0;         ///< maintenance and support: share of the price
  double failures_a_year = 0.0;       ///< chips that fail: share of those in service
  double spares_share = 0.0;          ///< chips of a lot that stand by and do not compute
  double repair_cost_share = 1.0;     ///< of the price, for each failed chip
  Dollars install_cost;               ///< of one lot, each time it is set up at a site
  std::vector<OwnedLots> owned;
};

enum class RentalKind { capacity_block, reserved, spot };

/// Chips of a system rented from somebody. Reserved capacity is signed before the future is known
/// (first stage); blocks and spot after (second stage).
struct Rental {
  std::string id;  ///< for example "aws-p6-reserved-1y"
  int system = 0;
  RentalKind kind = RentalKind::reserved;
  std::vector<DollarsPerSecond> price = {};  ///< of one chip, by quarter of signing; > 0
  int term_quarters = 1;                     ///< paid for this long; >= 1
  std::vector<double> chips_ceiling = {};    ///< rented at one time, by quarter; empty: none
  double interruption_share = 0.0;           ///< time lost to interruptions
  GramsPerJoule carbon = {};                 ///< of the landlord's power, his PUE included
};

/// Machines of a system leased into our own sites: they take its places, power and supply as owned
/// ones do. Signed before the future is known, in whole lots; paid from the quarter in which they
/// arrive to the end of the term, used or not. At its end they are bought or handed back; a renewal
/// is a new lease.
struct Lease {
  std::string id;  ///< for example "landlord-3y"
  int system = 0;
  std::vector<DollarsPerSecond> price = {};    ///< of one chip, by quarter of signing; >= 0
  std::vector<PriceStep> price_steps = {};     ///< by chips leased in all under this offer
  int term_quarters = 12;                      ///< from the arrival on; 1 to the system's life
  int lead_quarters = 0;                       ///< from signing to arrival
  int first_quarter = 0;                       ///< in which it can be signed, and
  int until_quarter = 1 << 20;                 ///< the last + 1
  int least_lots = 1;                          ///< a lease is nothing or at least this many lots
  std::vector<double> chips_ceiling = {};      ///< leased at one time, by quarter; empty: none
  std::vector<double> new_chips_ceiling = {};  ///< signed in a quarter; empty: none
  bool serviced = false;        ///< the lessor maintains and repairs; else the system's upkeep and
                                ///< repair are ours
  bool lessors_supply = false;  ///< they take nothing of what limits the system's supply
  Dollars hand_back_cost = {};  ///< of one lot that is handed back; >= 0
  double purchase_share = unlimited;  ///< of the list price at signing, for a lot that is bought at
                                      ///< the end of the term; unlimited: cannot be bought
};

enum class WorkloadClass { training, serving };

/// Software may be ported to another architecture: takes time and money.
struct Port {
  std::string architecture;
  int first_quarter = 0;  ///< in which the work may begin
  int work_quarters = 1;  ///< until all of the workload can run there; in between, linearly; >= 0
  Dollars cost;           ///< in all, spread evenly over the work (at once when 0 quarters)
  bool done = false;      ///< was ported before the plan begins
};

struct Workload {
  std::string id;
  WorkloadClass workload_class = WorkloadClass::serving;
  bool internal = false;                ///< our own; else customers'
  std::vector<TokensPerSecond> demand;  ///< by quarter, growth included, mean over the quarter
  double uncertainty = 0.0;             ///< relative, one standard deviation (Monte Carlo, tornado)
  std::string architecture;             ///< it runs on today
  double insist_share = 0.0;            ///< of the demand, that accepts only `architecture`
  std::vector<Port> ports;
  bool must_serve = false;           ///< unserved demand is not allowed
  DollarsPerToken unserved_penalty;  ///< lost margin, or the price of a promise broken; >= 0
};

/// What our engines say of one workload on one system. Chip-hours of demand were turned into
/// tokens/s by the reader, with the speed on the system they were asked in.
struct Throughput {
  bool feasible = false;
  std::string reason;       ///< when not feasible
  TokensPerSecond of_chip;  ///< > 0 when feasible
  Watts power_of_chip;      ///< machines, while it works; PUE not included
  double band = 0.0;        ///< relative error of of_chip, one standard deviation
};

/// `independence`: the most asked compute done on own silicon; among such plans, to the gap, the
/// cheapest.
enum class Goal { cost, carbon, served, independence };

/// What an uncertain number scales, and in brackets what its index counts.
enum class Scales {
  demand,          ///< [workload] in every quarter
  performance,     ///< [system] on every workload
  purchase_price,  ///< [system] with all that follows from it: upkeep, repair, resale
  rental_price,    ///< [rental]
  lease_price,     ///< [lease]
  hand_back,       ///< [lease] cost of handing back
  buy_out,         ///< [lease] price of buying at the end of the term
  electricity,     ///< [site] price
  carbon,          ///< [site] intensity
  penalty,         ///< [workload] of unserved demand
  port_cost,       ///< [workload] of all its ports
  upkeep,          ///< [system]
  repair,          ///< [system] failures times what each costs
  install,         ///< [system]
  resale,          ///< [system]
  power,           ///< [site] less of it leaves placed lots dark; Monte Carlo and tornado only
  supply,          ///< [system] what can arrive; orders above it are cut; there too
  resource,        ///< [resource] what there is of it; orders above it are cut; there too
};
inline constexpr int scales_count = 18;

/// A number of the scenario that is known only between two ends. Drawn from a triangle with its top
/// at the scenario's value, independent of every other number.
struct UncertainNumber {
  std::string name;  ///< in the user's words, unique: "chip_usd of trn3"; its draws hang on it
  Scales scales = Scales::purchase_price;
  int index = 0;
  double low = 1.0, high = 1.0;  ///< as multiples of the scenario's value: 0 < low <= 1 <= high
};

/// A future. Multipliers are of the base values; empty vectors mean 1 (or no slip).
struct Future {
  std::string id;
  double probability = 1.0;                 ///< > 0; all of them sum to 1
  std::vector<double> demand = {};          ///< by workload
  std::vector<int> slip_quarters = {};      ///< by system: arrivals come so much later; >= 0
  std::vector<double> purchase_price = {};  ///< by system
  std::vector<double> rental_price = {};    ///< by system; of rentals and of leases
  std::vector<double> performance = {};     ///< by system
  double electricity = 1.0;
  std::vector<std::vector<double>> factors = {};  ///< by [Scales][index]; empty, also inside: 1
};

/// Spreads of the Monte Carlo and of the tornado; demand and performance carry their own.
struct Uncertainty {
  double purchase_price = 0.0;  ///< relative, one standard deviation
  double rental_price = 0.0;
  double electricity = 0.0;
  double slip_probability = 0.0;  ///< that one system's supply comes a quarter late
};

struct Scenario {
  std::string id;
  std::string title;
  Calendar calendar;
  std::vector<Site> sites;
  std::vector<SharedResource> resources;
  std::vector<System> systems;
  std::vector<Rental> rentals;
  std::vector<Lease> leases;
  std::vector<Workload> workloads;
  std::vector<std::vector<Throughput>> throughput;  ///< [workload][system]
  std::vector<Dollars> budget;  ///< by year, all cash not discounted; empty: none
  /// Of contracts that run on beyond the plan, in [0, 1]: what a quarter that is left is worth, of
  /// what the same contract costs when it is signed in the last quarter (never above its own
  /// price). The rest of what must be paid for it is a loss of the plan. 0: all of it is.
  double remainder_worth = 1.0;
  int porting_teams = 1 << 20;  ///< ports that may be worked on at one time

  Goal goal = Goal::cost;
  Dollars cost_cap{unlimited};     ///< of the mean discounted cost, penalties included
  double least_own_work = 0.0;     ///< mean work on own silicon, reference chip-quarters
  double own_share = 0.0;          ///< least share of served compute on own silicon, [0, 1]
  int own_share_from_quarter = 0;  ///< it is taken over all quarters from this one on

  std::vector<Future> futures;  ///< empty: deterministic
  double cvar_weight = 0.0;     ///< [0, 1]: (1 - w) * mean + w * CVaR
  double cvar_level = 0.9;      ///< (0, 1): CVaR is the mean of the worst 1 - level
  Uncertainty uncertainty;
  std::vector<UncertainNumber> numbers;  ///< with ends of their own
};

}  // namespace tightrope::procure
