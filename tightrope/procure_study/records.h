// A scenario file as it is written: plain tables, before the catalog and the engines fill it.
// docs/guide/procure.md tells a user the same at length; fields.cpp says what each key is.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/result.h"

namespace tightrope::procure_study {

/// A number of the file. `low` and `high` equal `value` where no range is given; the source is an
/// id of catalog/sources.toml, or empty: the writer's own assumption.
struct Given {
  double value = 0, low = 0, high = 0;
  bool known = false;
  std::string source, as_of, grade, note;
  Where where;
  [[nodiscard]] double value_or(double otherwise) const { return known ? value : otherwise; }
};

/// One number for all quarters, or one a quarter: the last one holds on.
using Series = std::vector<Given>;

/// The entry of a quarter; without any `otherwise`.
[[nodiscard]] double at(const Series& series, int quarter, double otherwise);

/// Where each key of a table stands: a fault of what a key says points there.
using Places = std::map<std::string, Where, std::less<>>;

/// The place of a key, or of its table where the key is not given.
template <class Line>
[[nodiscard]] Where place_of(const Line& line, std::string_view key) {
  const auto found = line.places.find(key);
  return found == line.places.end() ? line.where : found->second;
}

/// Something the world says, which the scenario answers to: shown in reports. Not every fact is a
/// number; every one has a source.
struct FactLine {
  std::string name, text, used_in;
  Given value;
  std::string unit, source, as_of, grade, note;
  Where where;
  Places places;
};

struct PortLine {
  std::string architecture, from;
  int quarters = 1;
  Given cost_usd;
  bool done = false;
  Where where;
  Places places;
};

struct WorkloadLine {
  std::string name, kind, who, model, architecture;
  std::string task, demand_system;
  int seq_len = 8192, batch_tokens = 0, input = 1024, output = 1024, cached = 0;
  Given run_tokens, run_days, ttft_s, tpot_ms, percentile;
  std::vector<std::string> precisions;
  Series demand_gtokens, demand_chip_hours;  ///< in a quarter
  Given growth, uncertainty, unserved_usd_per_mtoken, insist_share;
  bool must_serve = false;
  std::vector<PortLine> ports;
  Where where;
  Places places;
};

struct SupplyLine {
  std::string name, kind, unit, note;
  Series per_quarter;
  Given share;
  Where where;
  Places places;
};

/// How much of a supply one chip takes.
struct UseLine {
  std::string supply, from, until;
  Given per_chip, chips_per_unit, yield;
  Where where;
  Places places;
};

/// A way to make a system's chips.
struct RouteLine {
  std::string name, tape_out, from;
  Series most_chips;
  Given price_multiplier, qualifying_usd;
  std::vector<UseLine> uses;
  Where where;
  Places places;
};

/// From so many chips in all, this share of the price.
struct BreakLine {
  Given from_chips, price_multiplier;
  Where where;
  Places places;
};

struct OwnedLine {
  int lots = 0, age_quarters = 0;
  Where where;
  Places places;
};

struct SystemLine {
  std::string name, system;
  bool own_silicon = false, can_buy = true;
  int lot_units = 1, least_lots = 1, lead_quarters = 0, life_quarters = 24;
  Series chip_usd, memory_usd, host_usd, most_chips, resale_by_age;
  Given learning_rate, learning_from_chips, rack_kw, idle_power_share, embodied_kg, upkeep_a_year,
      failures_a_year, spares_share, repair_share, install_usd;
  std::vector<RouteLine> routes;
  std::vector<BreakLine> breaks;
  std::vector<OwnedLine> owned;
  Where where;
  Places places;
};

struct RentalLine {
  std::string name, system, kind, term, region;
  Series usd_per_chip_hour, most_chips;
  Given change_a_quarter, interruption_share;
  int term_quarters = 1;
  Where where;
  Places places;
};

/// Machines of a lessor for our own sites.
struct LeaseLine {
  std::string name, system, from, until;
  Series usd_per_chip_month, most_chips, most_new_chips;
  Given change_a_quarter, hand_back_usd, purchase_share;
  int term_quarters = 0, lead_quarters = 0, least_lots = 1;
  bool serviced = false, lessors_supply = false;
  std::vector<BreakLine> breaks;
  Where where;
  Places places;
};

struct SiteLine {
  std::string name, region;
  Series power_mw, usd_per_kwh, carbon_g_per_kwh;
  Given pue, cooling_kw_per_rack, most_chips, fixed_usd_a_year;
  Where where;
  Places places;
};

struct Header {
  std::string title, about, start, goal = "cost";
  int version = 0, quarters = 0, porting_teams = 0;
  Given discount_rate, remainder_worth, own_share, cvar_weight, cvar_level;
  std::string own_share_from;
  Given spread_purchase, spread_rental, spread_electricity, slip_probability;
  Series budget_usd;
  Where where;  ///< of the file
  Places places;
};

/// The whole file.
struct File {
  std::string path, hash;
  Header header;
  std::vector<FactLine> facts;
  std::vector<WorkloadLine> workloads;
  std::vector<SupplyLine> supplies;
  std::vector<SystemLine> systems;
  std::vector<RentalLine> rentals;
  std::vector<LeaseLine> leases;
  std::vector<SiteLine> sites;
};

}  // namespace tightrope::procure_study
