#include "tightrope/procure_study/fields.h"

#include <algorithm>

#include <fmt/format.h>

namespace tightrope::procure_study {
namespace {

enum Need { optional, required };

constexpr std::string_view goal_words[] = {"cost", "carbon", "served", "independence"};
constexpr std::string_view kind_words[] = {"train", "serve"};
constexpr std::string_view who_words[] = {"internal", "customer"};
constexpr std::string_view task_words[] = {"pretrain", "sft"};
constexpr std::string_view architecture_words[] = {"cuda", "neuron", "rocm", "tpu", "gaudi"};
constexpr std::string_view supply_words[] = {"foundry", "packaging", "memory", "allocation"};
constexpr std::string_view rental_words[] = {"capacity_block", "reserved", "spot"};
constexpr std::string_view term_words[] = {"on_demand", "spot", "capacity_block", "reserved_1y",
                                           "reserved_3y"};

// The catalog's grades (catalog::grade_words).
constexpr std::string_view fact_grades[] = {"measured", "vendor", "press", "derived", "estimate"};

constexpr double much = 1e15;

template <class R>
constexpr Field<R> text(std::string_view name, std::string R::* member, Need need,
                        std::string_view doc) {
  return {{.name = name, .kind = FieldKind::text, .required = need == required, .doc = doc},
          member};
}

template <class R>
constexpr Field<R> date(std::string_view name, std::string R::* member, Need need,
                        std::string_view doc) {
  return {{.name = name, .kind = FieldKind::date, .required = need == required, .doc = doc},
          member};
}

template <class R>
constexpr Field<R> choice(std::string_view name, std::string R::* member, Need need,
                          std::string_view doc, std::span<const std::string_view> words) {
  return {{.name = name,
           .kind = FieldKind::choice,
           .required = need == required,
           .doc = doc,
           .choices = words},
          member};
}

template <class R>
constexpr Field<R> texts(std::string_view name, std::vector<std::string> R::* member,
                         std::string_view doc) {
  return {{.name = name, .kind = FieldKind::texts, .doc = doc}, member};
}

template <class R>
constexpr Field<R> flag(std::string_view name, bool R::* member, std::string_view doc) {
  return {{.name = name, .kind = FieldKind::flag, .doc = doc}, member};
}

struct Range {
  double lowest, highest;
};
constexpr Range share{0, 1};
constexpr Range money{0, 1e13};
constexpr Range amount{0, much};

template <class R>
constexpr Field<R> count(std::string_view name, int R::* member, Need need, Range range,
                         std::string_view doc) {
  return {{.name = name,
           .kind = FieldKind::count,
           .required = need == required,
           .doc = doc,
           .lowest = range.lowest,
           .highest = range.highest},
          member};
}

template <class R>
constexpr Field<R> number(std::string_view name, Given R::* member, Need need, Range range,
                          std::string_view doc) {
  return {{.name = name,
           .kind = FieldKind::number,
           .required = need == required,
           .doc = doc,
           .lowest = range.lowest,
           .highest = range.highest},
          member};
}

template <class R>
constexpr Field<R> series(std::string_view name, Series R::* member, Need need, Range range,
                          std::string_view doc) {
  return {{.name = name,
           .kind = FieldKind::series,
           .required = need == required,
           .doc = doc,
           .lowest = range.lowest,
           .highest = range.highest},
          member};
}

constexpr Field<Header> header_fields[] = {
    count("version", &Header::version, required, {1, 1}, "of the format: 1"),
    text("title", &Header::title, required, "one line that reports begin with"),
    text("about", &Header::about, optional, "what the scenario is for"),
    date("start", &Header::start, required, "first day of the first quarter"),
    count("quarters", &Header::quarters, required, {1, 40}, "how many are planned"),
    choice(
        "goal", &Header::goal, optional,
        "least cost or carbon, most served demand, or most compute on own silicon; cost without it",
        goal_words),
    number("discount_rate", &Header::discount_rate, optional, share, "a year, of later money"),
    number("remainder_worth", &Header::remainder_worth, optional, share,
           "what a quarter of a contract left at the plan's end is worth, of its price then; 1 "
           "without it"),
    series("budget_usd", &Header::budget_usd, optional, money, "by year of the plan, all cash"),
    count("porting_teams", &Header::porting_teams, optional, {1, 1000},
          "ports that can be worked on at one time; no bound without it"),
    number("own_share", &Header::own_share, optional, share,
           "least share of served compute on own silicon"),
    date("own_share_from", &Header::own_share_from, optional, "from this day on"),
    number("spread_purchase", &Header::spread_purchase, optional, share,
           "of purchase prices: one standard deviation over the price"),
    number("spread_rental", &Header::spread_rental, optional, share, "the same of rents"),
    number("spread_electricity", &Header::spread_electricity, optional, share,
           "the same of electricity"),
    number("slip_probability", &Header::slip_probability, optional, share,
           "chance that a system's supply comes a quarter late"),
    number("cvar_weight", &Header::cvar_weight, optional, share,
           "weight of the worst futures beside the mean, where futures are asked for"),
    number("cvar_level", &Header::cvar_level, optional, {0.01, 0.99},
           "the worst are those beyond this share; 0.9 without it"),
};

constexpr Field<FactLine> fact_fields[] = {
    text("name", &FactLine::name, required, "short name"),
    text("text", &FactLine::text, required, "what is said, in our words"),
    text("source", &FactLine::source, required, "id of catalog/sources.toml"),
    date("as_of", &FactLine::as_of, required, "the day the source was read, or states"),
    choice("grade", &FactLine::grade, required, "how far it can be trusted", fact_grades),
    text("note", &FactLine::note, optional, "what to know beside it"),
    number("value", &FactLine::value, optional, {-much, much}, "the number it holds, if any"),
    text("unit", &FactLine::unit, optional, "what the number counts"),
    text("used_in", &FactLine::used_in, optional, "what it became in this file"),
};

constexpr Field<WorkloadLine> workload_fields[] = {
    text("name", &WorkloadLine::name, required, "how reports call it"),
    choice("kind", &WorkloadLine::kind, required, "training or serving", kind_words),
    choice("who", &WorkloadLine::who, optional, "whose demand; customer without it", who_words),
    text("model", &WorkloadLine::model, required,
         "bundled name as in `tightrope catalog list llms`, or path of a config.json"),
    choice("architecture", &WorkloadLine::architecture, required, "what its software runs on today",
           architecture_words),
    choice("task", &WorkloadLine::task, optional, "of training: pretrain without it", task_words),
    count("seq_len", &WorkloadLine::seq_len, optional, {16, 1e8}, "of training: tokens a sequence"),
    count("batch_tokens", &WorkloadLine::batch_tokens, optional, {1024, 2e9},
          "of training: tokens an optimizer step"),
    number("run_tokens", &WorkloadLine::run_tokens, optional, {1e6, 1e16},
           "of training: tokens of one run"),
    number("run_days", &WorkloadLine::run_days, optional, {0.01, 2000},
           "of training: longest run, which decides how many chips work on it together"),
    count("input", &WorkloadLine::input, optional, {1, 1e8}, "of serving: mean tokens of a prompt"),
    count("output", &WorkloadLine::output, optional, {1, 1e8},
          "of serving: mean tokens of an answer"),
    count("cached", &WorkloadLine::cached, optional, {0, 1e8},
          "of serving: tokens of a prompt that are cached already"),
    number("ttft_s", &WorkloadLine::ttft_s, optional, {1e-3, 1e5},
           "of serving: longest time to the first token"),
    number("tpot_ms", &WorkloadLine::tpot_ms, optional, {0.1, 1e5},
           "of serving: longest time a token after it"),
    number("percentile", &WorkloadLine::percentile, optional, {50, 99.9},
           "of serving: of requests that keep these; 90 without it"),
    texts("precisions", &WorkloadLine::precisions,
          "number formats that are tried, as in `tightrope plan`; the chip's usual without it"),
    series("demand_gtokens", &WorkloadLine::demand_gtokens, optional, amount,
           "1e9 tokens in a quarter: trained, or put out"),
    series("demand_chip_hours", &WorkloadLine::demand_chip_hours, optional, amount,
           "instead: chip-hours in a quarter, of demand_system"),
    text("demand_system", &WorkloadLine::demand_system, optional,
         "the system whose chip-hours are meant"),
    number("growth", &WorkloadLine::growth, optional, {-1, 10},
           "a quarter, after the last number given"),
    number("uncertainty", &WorkloadLine::uncertainty, optional, {0, 3},
           "of the demand: one standard deviation over it"),
    number("insist_share", &WorkloadLine::insist_share, optional, share,
           "of the demand, takes nothing but its architecture"),
    flag("must_serve", &WorkloadLine::must_serve, "no part of it may be left unserved"),
    number("unserved_usd_per_mtoken", &WorkloadLine::unserved_usd_per_mtoken, optional, money,
           "lost when a million tokens are not served"),
};

constexpr Field<PortLine> port_fields[] = {
    choice("architecture", &PortLine::architecture, required, "to what", architecture_words),
    date("from", &PortLine::from, optional, "first day of the work; at once without it"),
    count("quarters", &PortLine::quarters, optional, {0, 40},
          "until all of it can run there; 1 without it"),
    number("cost_usd", &PortLine::cost_usd, optional, money, "of the work in all"),
    flag("done", &PortLine::done, "it was ported before the plan begins"),
};

constexpr Field<SupplyLine> supply_fields[] = {
    text("name", &SupplyLine::name, required, "how reports call it"),
    choice("kind", &SupplyLine::kind, required, "what is scarce", supply_words),
    text("unit", &SupplyLine::unit, required, "\"wafers\", \"stacks\""),
    series("per_quarter", &SupplyLine::per_quarter, required, amount, "of everybody together"),
    number("share", &SupplyLine::share, optional, share, "ours of it; all without it"),
    text("note", &SupplyLine::note, optional, "where the number is from"),
};

constexpr Field<SystemLine> system_fields[] = {
    text("name", &SystemLine::name, required, "how reports call it"),
    text("system", &SystemLine::system, required, "id as in `tightrope catalog list systems`"),
    flag("own_silicon", &SystemLine::own_silicon, "counts as independent"),
    flag("can_buy", &SystemLine::can_buy, "false: it can only be rented; true without it"),
    series("chip_usd", &SystemLine::chip_usd, optional, money,
           "price of one chip by quarter of the order; the catalog's purchase price without it"),
    series("memory_usd", &SystemLine::memory_usd, optional, money,
           "memory of one chip where the chip's price leaves it out"),
    series("host_usd", &SystemLine::host_usd, optional, money,
           "a chip's share of board, host, switches and rack, likewise"),
    number("learning_rate", &SystemLine::learning_rate, optional, {0, 0.5},
           "of the price, lost with each doubling of all chips bought"),
    number("learning_from_chips", &SystemLine::learning_from_chips, optional, {1, much},
           "chips at which the price above holds"),
    count("lot_units", &SystemLine::lot_units, optional, {1, 1e5},
          "units of the catalog's system in one lot; 1 without it"),
    count("least_lots", &SystemLine::least_lots, optional, {1, 1e5},
          "an order is nothing or at least these"),
    count("lead_quarters", &SystemLine::lead_quarters, optional, {0, 20}, "from order to arrival"),
    series("most_chips", &SystemLine::most_chips, optional, amount,
           "allocation: that may arrive in a quarter"),
    count("life_quarters", &SystemLine::life_quarters, optional, {1, 80}, "then it is retired"),
    series("resale_by_age", &SystemLine::resale_by_age, optional, share,
           "share of the price, by age in quarters; nothing beyond the last"),
    number("upkeep_a_year", &SystemLine::upkeep_a_year, optional, share, "share of the price"),
    number("failures_a_year", &SystemLine::failures_a_year, optional, {0, 10},
           "chips that fail, share of those in service"),
    number("spares_share", &SystemLine::spares_share, optional, {0, 0.9},
           "chips of a lot that stand by"),
    number("repair_share", &SystemLine::repair_share, optional, {0, 10},
           "of the price, for each failed chip; 1 without it"),
    number("install_usd", &SystemLine::install_usd, optional, money, "of one lot at a site"),
    number("rack_kw", &SystemLine::rack_kw, optional, {0.01, 1e4},
           "of one rack, against the site's cooling; the unit's power without it"),
    number("idle_power_share", &SystemLine::idle_power_share, optional, share,
           "of its power that an idle lot draws; 0.3 without it"),
    number("embodied_kg", &SystemLine::embodied_kg, optional, {0, 1e6},
           "CO2-equivalent of making one chip with its share of the rack"),
};

constexpr Field<RouteLine> route_fields[] = {
    text("name", &RouteLine::name, required, "maker or foundry partner"),
    date("tape_out", &RouteLine::tape_out, optional, "for the record: mass production comes later"),
    date("from", &RouteLine::from, optional,
         "first arrival: ramp, or end of another's exclusivity"),
    series("most_chips", &RouteLine::most_chips, optional, amount, "that may arrive in a quarter"),
    number("price_multiplier", &RouteLine::price_multiplier, optional, {0.01, 100},
           "on the system's price; 1 without it"),
    number("qualifying_usd", &RouteLine::qualifying_usd, optional, money,
           "once, when this maker is used at all"),
};

constexpr Field<UseLine> use_fields[] = {
    text("supply", &UseLine::supply, required, "name of a [[supply]]"),
    number("per_chip", &UseLine::per_chip, optional, {1e-9, 1e6}, "units for one chip"),
    number("chips_per_unit", &UseLine::chips_per_unit, optional, {1e-6, 1e9},
           "instead: chips from one unit, before yield"),
    number("yield", &UseLine::yield, optional, {0.01, 1}, "share of chips that are good"),
    date("from", &UseLine::from, optional, "first day this holds"),
    date("until", &UseLine::until, optional, "first day it holds no more"),
};

constexpr Field<BreakLine> break_fields[] = {
    number("from_chips", &BreakLine::from_chips, required, amount, "bought in all"),
    number("price_multiplier", &BreakLine::price_multiplier, required, {0.01, 1},
           "share of the price from there on"),
};

constexpr Field<OwnedLine> owned_fields[] = {
    count("lots", &OwnedLine::lots, required, {1, 1e7}, "there when the plan begins"),
    count("age_quarters", &OwnedLine::age_quarters, optional, {0, 80}, "how old they are"),
};

constexpr Field<RentalLine> rental_fields[] = {
    text("name", &RentalLine::name, required, "how reports call it"),
    text("system", &RentalLine::system, required, "name of a [[system]]"),
    choice("kind", &RentalLine::kind, required,
           "reserved is signed before the future is known, the others after", rental_words),
    series("usd_per_chip_hour", &RentalLine::usd_per_chip_hour, optional, {0, 1e5},
           "by quarter of signing; from the catalog (term, region) without it"),
    choice("term", &RentalLine::term, optional, "of the catalog's price", term_words),
    text("region", &RentalLine::region, optional, "of the catalog: price area, carbon, PUE"),
    number("change_a_quarter", &RentalLine::change_a_quarter, optional, {-0.9, 5},
           "of the price, after the last number given"),
    count("term_quarters", &RentalLine::term_quarters, optional, {1, 40}, "paid for this long"),
    series("most_chips", &RentalLine::most_chips, optional, amount, "rented at one time"),
    number("interruption_share", &RentalLine::interruption_share, optional, {0, 0.99},
           "of the time, lost to interruptions"),
};

constexpr Field<LeaseLine> lease_fields[] = {
    text("name", &LeaseLine::name, required, "how reports call it"),
    text("system", &LeaseLine::system, required, "name of a [[system]]"),
    series("usd_per_chip_month", &LeaseLine::usd_per_chip_month, required, money,
           "by quarter of signing; paid from arrival to the end of the term, used or not"),
    number("change_a_quarter", &LeaseLine::change_a_quarter, optional, {-0.9, 5},
           "of the price, after the last number given"),
    count("term_quarters", &LeaseLine::term_quarters, required, {1, 40}, "from arrival on"),
    count("lead_quarters", &LeaseLine::lead_quarters, optional, {0, 20}, "from signing to arrival"),
    date("from", &LeaseLine::from, optional, "first day it can be signed"),
    date("until", &LeaseLine::until, optional, "first day it can be signed no more"),
    count("least_lots", &LeaseLine::least_lots, optional, {1, 1e5},
          "a lease is nothing or at least these"),
    series("most_chips", &LeaseLine::most_chips, optional, amount, "leased at one time"),
    series("most_new_chips", &LeaseLine::most_new_chips, optional, amount, "signed in a quarter"),
    flag("serviced", &LeaseLine::serviced, "upkeep and repair are in the price"),
    flag("lessors_supply", &LeaseLine::lessors_supply,
         "they take nothing of what limits the system's supply"),
    number("hand_back_usd", &LeaseLine::hand_back_usd, optional, money,
           "of one lot that goes back at the end of the term"),
    number(
        "purchase_share", &LeaseLine::purchase_share, optional, share,
        "of the list price at signing, to buy a lot at the end of the term; no option without it"),
};

constexpr Field<SiteLine> site_fields[] = {
    text("name", &SiteLine::name, required, "how reports call it"),
    text("region", &SiteLine::region, optional,
         "of the catalog: electricity, PUE and carbon that are not given here"),
    series("power_mw", &SiteLine::power_mw, required, amount, "of the facility"),
    number("pue", &SiteLine::pue, optional, {1, 3}, "facility over machines"),
    series("usd_per_kwh", &SiteLine::usd_per_kwh, optional, {0, 10}, "electricity"),
    series("carbon_g_per_kwh", &SiteLine::carbon_g_per_kwh, optional, {0, 3000}, "of the grid"),
    number("cooling_kw_per_rack", &SiteLine::cooling_kw_per_rack, optional, {0.1, 1e5},
           "racks above this cannot stand here; no bound without it"),
    number("most_chips", &SiteLine::most_chips, optional, amount, "of all systems at one time"),
    number("fixed_usd_a_year", &SiteLine::fixed_usd_a_year, optional, money, "in any case"),
};

}  // namespace

template <>
std::span<const Field<Header>> fields<Header>() {
  return header_fields;
}
template <>
std::span<const Field<FactLine>> fields<FactLine>() {
  return fact_fields;
}
template <>
std::span<const Field<WorkloadLine>> fields<WorkloadLine>() {
  return workload_fields;
}
template <>
std::span<const Field<PortLine>> fields<PortLine>() {
  return port_fields;
}
template <>
std::span<const Field<SupplyLine>> fields<SupplyLine>() {
  return supply_fields;
}
template <>
std::span<const Field<SystemLine>> fields<SystemLine>() {
  return system_fields;
}
template <>
std::span<const Field<RouteLine>> fields<RouteLine>() {
  return route_fields;
}
template <>
std::span<const Field<UseLine>> fields<UseLine>() {
  return use_fields;
}
template <>
std::span<const Field<BreakLine>> fields<BreakLine>() {
  return break_fields;
}
template <>
std::span<const Field<OwnedLine>> fields<OwnedLine>() {
  return owned_fields;
}
template <>
std::span<const Field<RentalLine>> fields<RentalLine>() {
  return rental_fields;
}
template <>
std::span<const Field<LeaseLine>> fields<LeaseLine>() {
  return lease_fields;
}
template <>
std::span<const Field<SiteLine>> fields<SiteLine>() {
  return site_fields;
}

std::string_view to_string(FieldKind kind) {
  switch (kind) {
    case FieldKind::text: return "text";
    case FieldKind::texts: return "texts";
    case FieldKind::flag: return "true or false";
    case FieldKind::choice: return "choice";
    case FieldKind::date: return "date";
    case FieldKind::count: return "whole number";
    case FieldKind::number: return "number";
    case FieldKind::series: return "number(s) by quarter";
  }
  return "?";
}

std::string example_of(const FieldDoc& doc) {
  switch (doc.kind) {
    case FieldKind::text: return fmt::format("{} = \"...\"", doc.name);
    case FieldKind::texts: return fmt::format("{} = [\"...\"]", doc.name);
    case FieldKind::flag: return fmt::format("{} = true", doc.name);
    case FieldKind::choice: return fmt::format("{} = \"{}\"", doc.name, doc.choices.front());
    case FieldKind::date: return fmt::format("{} = 2026-01-01", doc.name);
    case FieldKind::count:
    case FieldKind::number: break;
    case FieldKind::series: return fmt::format("{} = [1, 2, 4]", doc.name);
  }
  const bool share = doc.kind == FieldKind::number && doc.highest <= 1;
  const double sound = share ? 0.1 : std::max(doc.lowest, 1.0);
  return fmt::format("{} = {:g}", doc.name, sound);
}

}  // namespace tightrope::procure_study
