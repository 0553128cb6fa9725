#include "tightrope/procure_study/resolve.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "tightrope/study/prices.h"

namespace tightrope::procure_study {
namespace {

constexpr double hour = 3600.0;
constexpr double year = 365.25 * 86400.0;
constexpr double assumed_pue = 1.15;

int month_of(const std::string& day) {
  return std::stoi(day.substr(0, 4)) * 12 + std::stoi(day.substr(5, 2)) - 1;
}

class Resolver {
 public:
  Resolver(const File& file, const SpeedTable& speeds, const catalog::Catalog& catalog)
      : file_(file), speeds_(speeds), catalog_(catalog), quarters_(file.header.quarters) {}

  Result<void> run(procure::Scenario& out, std::vector<std::string>& notes) {
    header(out);
    for (const SiteLine& line : file_.sites) {
      TR_TRY(procure::Site one, site(line));
      out.sites.push_back(std::move(one));
    }
    for (const SupplyLine& line : file_.supplies) {
      out.resources.push_back({line.name, line.unit, by_quarter(line.per_quarter, 0)});
      for (double& units : out.resources.back().supply) units *= line.share.value_or(1);
    }
    for (const SystemLine& line : file_.systems) {
      TR_TRY(procure::System one, system(line, notes));
      out.systems.push_back(std::move(one));
    }
    for (const RentalLine& line : file_.rentals) {
      TR_TRY(procure::Rental one, rental(line, notes));
      out.rentals.push_back(std::move(one));
    }
    for (const LeaseLine& line : file_.leases) out.leases.push_back(lease(line));
    out.remainder_worth = file_.header.remainder_worth.value_or(1);
    for (std::size_t w = 0; w < file_.workloads.size(); ++w) {
      out.throughput.push_back(throughput(w, out.systems));
      TR_TRY(procure::Workload one, workload(w, out.calendar.length));
      out.workloads.push_back(std::move(one));
    }
    out.numbers = uncertain_numbers(file_, notes);
    unused(out, notes);
    return {};
  }

 private:
  /// What the file says without effect, so that nobody waits for one.
  void unused(const procure::Scenario& s, std::vector<std::string>& notes) const {
    const auto longer = [&](const Series& series, std::string_view key, const std::string& of) {
      if (static_cast<int>(series.size()) <= quarters_) return;
      notes.push_back(fmt::format("{} of {}: {} numbers for {} quarters, the last are not used",
                                  key, of, series.size(), quarters_));
    };
    for (const WorkloadLine& line : file_.workloads) {
      longer(line.demand_gtokens, "demand_gtokens", line.name);
      longer(line.demand_chip_hours, "demand_chip_hours", line.name);
    }
    for (const SiteLine& line : file_.sites) longer(line.power_mw, "power_mw", line.name);
    for (const RentalLine& line : file_.rentals) longer(line.most_chips, "most_chips", line.name);
    for (const SystemLine& line : file_.systems) {
      longer(line.chip_usd, "chip_usd", line.name);
      longer(line.most_chips, "most_chips", line.name);
    }
    for (std::size_t r = 0; r < file_.supplies.size(); ++r) {
      const SupplyLine& line = file_.supplies[r];
      longer(line.per_quarter, "per_quarter", line.name);
      const bool used = std::ranges::any_of(file_.systems, [&](const SystemLine& system) {
        return std::ranges::any_of(system.routes, [&](const RouteLine& route) {
          return std::ranges::find(route.uses, line.name, &UseLine::supply) != route.uses.end();
        });
      });
      if (!used) notes.push_back(fmt::format("supply {}: no route uses it", line.name));
    }
    for (const procure::System& system : s.systems) {
      if (!system.can_buy && system.owned.empty()) continue;
      const bool stands = std::ranges::any_of(s.sites, [&](const procure::Site& site) {
        return system.rack_power <= site.cooling_per_rack;
      });
      if (stands) continue;
      notes.push_back(fmt::format("{}: its rack of {:.0f} kW is above the cooling of every site",
                                  system.id, system.rack_power.raw() / 1e3));
    }
  }

  [[nodiscard]] int quarter(const std::string& day) const {
    return day.empty() ? 0 : quarter_of(day, file_.header.start);
  }

  [[nodiscard]] std::vector<double> by_quarter(const Series& series, double otherwise) const {
    std::vector<double> out;
    for (int q = 0; q < quarters_; ++q) out.push_back(at(series, q, otherwise));
    return out;
  }

  /// Without any entry: no ceiling at all.
  [[nodiscard]] std::vector<double> ceiling(const Series& series) const {
    if (series.empty()) return {};
    return by_quarter(series, 0);
  }

  /// The series, and after its last entry that one growing by `rate` a quarter.
  [[nodiscard]] std::vector<double> growing(const Series& series, double rate) const {
    std::vector<double> out = by_quarter(series, 0);
    const int given = static_cast<int>(series.size());
    for (int q = given; q < quarters_; ++q) {
      out[static_cast<std::size_t>(q)] *= std::pow(1 + rate, q - given + 1);
    }
    return out;
  }

  void header(procure::Scenario& out) const {
    const Header& h = file_.header;
    out.id = file_.hash;
    out.title = h.title;
    const int first = month_of(h.start);
    for (int q = 0; q < quarters_; ++q) {
      const int month = first + 3 * q;
      out.calendar.quarters.push_back(fmt::format("{}Q{}", month / 12, month % 12 / 3 + 1));
    }
    out.calendar.discount_rate = h.discount_rate.value_or(0);
    const int years = (quarters_ + 3) / 4;
    for (int y = 0; y < years && !h.budget_usd.empty(); ++y) {
      out.budget.emplace_back(at(h.budget_usd, y, 0));
    }
    if (h.porting_teams > 0) out.porting_teams = h.porting_teams;
    if (h.goal == "carbon") out.goal = procure::Goal::carbon;
    if (h.goal == "served") out.goal = procure::Goal::served;
    if (h.goal == "independence") out.goal = procure::Goal::independence;
    out.own_share = h.own_share.value_or(0);
    out.own_share_from_quarter = quarter(h.own_share_from);
    out.cvar_weight = h.cvar_weight.value_or(0);
    out.cvar_level = h.cvar_level.value_or(0.9);
    out.uncertainty.purchase_price = h.spread_purchase.value_or(0);
    out.uncertainty.rental_price = h.spread_rental.value_or(0);
    out.uncertainty.electricity = h.spread_electricity.value_or(0);
    out.uncertainty.slip_probability = h.slip_probability.value_or(0);
  }

  Result<procure::Site> site(const SiteLine& line) const {
    procure::Site out;
    out.id = line.name;
    const catalog::Region* region =
        line.region.empty() ? nullptr : catalog_.find_region(line.region);
    const auto needs = [&](std::string_view key) {
      return fail(ErrorCode::not_found, fmt::format("site \"{}\" needs {}", line.name, key),
                  line.where, "give it here, or name a region of the catalog that has it");
    };
    const bool has = region != nullptr;
    out.pue = line.pue.value_or(has ? region->pue.value_or(assumed_pue) : assumed_pue);
    if (line.usd_per_kwh.empty() && !(has && region->electricity.known)) {
      return needs("usd_per_kwh");
    }
    if (line.carbon_g_per_kwh.empty() && !(has && region->carbon.known)) {
      return needs("carbon_g_per_kwh");
    }
    for (int q = 0; q < quarters_; ++q) {
      out.power.emplace_back(at(line.power_mw, q, 0) * 1e6);
      out.electricity.push_back(line.usd_per_kwh.empty()
                                    ? region->electricity.value
                                    : DollarsPerJoule(at(line.usd_per_kwh, q, 0) / 3.6e6));
      out.carbon.push_back(line.carbon_g_per_kwh.empty()
                               ? region->carbon.value
                               : GramsPerJoule(at(line.carbon_g_per_kwh, q, 0) / 3.6e6));
    }
    if (line.cooling_kw_per_rack.known) {
      out.cooling_per_rack = Watts(line.cooling_kw_per_rack.value * 1e3);
    }
    out.chips_ceiling = line.most_chips.value_or(procure::unlimited);
    out.fixed_cost = DollarsPerSecond(line.fixed_usd_a_year.value_or(0) / year);
    return out;
  }

  Result<std::vector<Dollars>> prices(const SystemLine& line, const catalog::System& unit,
                                      std::vector<std::string>& notes) const {
    std::vector<Dollars> out;
    if (!line.chip_usd.empty()) {
      for (int q = 0; q < quarters_; ++q) {
        out.emplace_back(at(line.chip_usd, q, 0) + at(line.memory_usd, q, 0) +
                         at(line.host_usd, q, 0));
      }
      return out;
    }
    const catalog::Price* price = catalog_.find_price(unit.name, "any", catalog::Term::purchase);
    if (price == nullptr) {
      return fail(
          ErrorCode::not_found,
          fmt::format("system \"{}\" has no price: the catalog does not know one", line.name),
          line.where, "add: chip_usd = 30000, or can_buy = false");
    }
    notes.push_back(fmt::format("{}: {:.0f} USD a chip ({}, {}, {})", line.name,
                                price->purchase_per_chip.value.raw(), price->from().source,
                                price->from().as_of, to_string(price->from().grade)));
    out.assign(static_cast<std::size_t>(quarters_), price->purchase_per_chip.value);
    return out;
  }

  [[nodiscard]] procure::Route route(const RouteLine& line) const {
    procure::Route out;
    out.id = line.name;
    for (const UseLine& use : line.uses) {
      procure::ResourceUse one;
      const auto found = std::ranges::find(file_.supplies, use.supply, &SupplyLine::name);
      one.resource = static_cast<int>(found - file_.supplies.begin());
      one.a_chip = use.per_chip.known ? use.per_chip.value : 1 / use.chips_per_unit.value;
      one.a_chip /= use.yield.value_or(1);
      one.from_quarter = quarter(use.from);
      if (!use.until.empty()) one.until_quarter = quarter(use.until);
      out.uses.push_back(one);
    }
    out.chips_ceiling = ceiling(line.most_chips);
    out.first_quarter = quarter(line.from);
    out.price_multiplier = line.price_multiplier.value_or(1);
    out.qualifying_cost = Dollars(line.qualifying_usd.value_or(0));
    return out;
  }

  Result<procure::System> system(const SystemLine& line, std::vector<std::string>& notes) const {
    const catalog::System& unit = *catalog_.find_system(line.system);
    procure::System out;
    out.id = line.name;
    out.chip = unit.chip;
    out.architecture = architecture_of(unit, catalog_);
    out.own_silicon = line.own_silicon;
    out.chips_per_lot = unit.chips * line.lot_units;
    if (!unit.unit_power.known) {
      return fail(ErrorCode::not_found,
                  fmt::format("the catalog does not know the power of \"{}\"", line.system),
                  line.where, "lay a folder with its unit_power over it: --catalog DIR");
    }
    out.lot_power = unit.unit_power.value * line.lot_units;
    out.rack_power = line.rack_kw.known ? Watts(line.rack_kw.value * 1e3) : unit.unit_power.value;
    out.idle_power_share = line.idle_power_share.value_or(0.3);
    out.embodied_carbon = GramsCo2(line.embodied_kg.value_or(0) * 1e3);
    out.can_buy = line.can_buy;
    if (line.can_buy) {
      TR_TRY(out.price, prices(line, unit, notes));
    } else {
      out.price.assign(static_cast<std::size_t>(quarters_), Dollars(0.0));
    }
    for (const BreakLine& step : line.breaks) {
      out.price_steps.push_back({step.from_chips.value, step.price_multiplier.value});
    }
    out.learning_rate = line.learning_rate.value_or(0);
    out.learning_from_chips = line.learning_from_chips.value_or(out.learning_rate > 0 ? 1 : 0);
    out.lead_quarters = line.lead_quarters;
    out.least_lots = line.least_lots;
    out.chips_ceiling = ceiling(line.most_chips);
    for (const RouteLine& one : line.routes) out.routes.push_back(route(one));
    out.life_quarters = line.life_quarters;
    for (const Given& resale : line.resale_by_age) out.resale_by_age.push_back(resale.value);
    out.upkeep_a_year = line.upkeep_a_year.value_or(0);
    out.failures_a_year = line.failures_a_year.value_or(0);
    out.spares_share = line.spares_share.value_or(0);
    out.repair_cost_share = line.repair_share.value_or(1);
    out.install_cost = Dollars(line.install_usd.value_or(0));
    for (const OwnedLine& one : line.owned) out.owned.push_back({one.lots, one.age_quarters});
    return out;
  }

  [[nodiscard]] procure::Lease lease(const LeaseLine& line) const {
    procure::Lease out;
    out.id = line.name;
    const auto of = std::ranges::find(file_.systems, line.system, &SystemLine::name);
    out.system = static_cast<int>(of - file_.systems.begin());
    for (const double usd : growing(line.usd_per_chip_month, line.change_a_quarter.value_or(0))) {
      out.price.emplace_back(usd / (year / 12));
    }
    for (const BreakLine& step : line.breaks) {
      out.price_steps.push_back({step.from_chips.value, step.price_multiplier.value});
    }
    out.term_quarters = line.term_quarters;
    out.lead_quarters = line.lead_quarters;
    out.first_quarter = quarter(line.from);
    if (!line.until.empty()) out.until_quarter = quarter(line.until);
    out.least_lots = line.least_lots;
    out.chips_ceiling = ceiling(line.most_chips);
    out.new_chips_ceiling = ceiling(line.most_new_chips);
    out.serviced = line.serviced;
    out.lessors_supply = line.lessors_supply;
    out.hand_back_cost = Dollars(line.hand_back_usd.value_or(0));
    out.purchase_share = line.purchase_share.value_or(procure::unlimited);
    return out;
  }

  Result<procure::Rental> rental(const RentalLine& line, std::vector<std::string>& notes) const {
    procure::Rental out;
    out.id = line.name;
    const auto of = std::ranges::find(file_.systems, line.system, &SystemLine::name);
    out.system = static_cast<int>(of - file_.systems.begin());
    out.kind = line.kind == "reserved" ? procure::RentalKind::reserved
               : line.kind == "spot"   ? procure::RentalKind::spot
                                       : procure::RentalKind::capacity_block;
    Series base = line.usd_per_chip_hour;
    if (base.empty()) {
      const auto term = study::term_from(line.term);
      const catalog::Price* price =
          catalog_.find_price(catalog_.find_system(of->system)->name, line.region, *term);
      if (price == nullptr) {
        return fail(ErrorCode::not_found,
                    fmt::format("rental \"{}\": the catalog has no {} price of {}", line.name,
                                line.term, of->system),
                    line.where, "give usd_per_chip_hour instead");
      }
      const double usd = price->per_chip.value.raw() * hour;
      Given now;
      now.value = now.low = now.high = usd;
      base.push_back(now);
      notes.push_back(fmt::format("{}: {:.3f} USD a chip and hour ({}, {}, {})", line.name, usd,
                                  price->from().source, price->from().as_of,
                                  to_string(price->from().grade)));
    }
    for (const double usd : growing(base, line.change_a_quarter.value_or(0))) {
      out.price.emplace_back(usd / hour);
    }
    out.term_quarters = line.term_quarters;
    out.chips_ceiling = ceiling(line.most_chips);
    out.interruption_share = line.interruption_share.value_or(0);
    if (const catalog::Region* region = catalog_.find_region(line.region)) {
      out.carbon = region->carbon.value_or(GramsPerJoule(0.0)) * region->pue.value_or(assumed_pue);
    }
    return out;
  }

  [[nodiscard]] std::vector<procure::Throughput> throughput(
      std::size_t workload, const std::vector<procure::System>& systems) const {
    std::vector<procure::Throughput> out;
    for (std::size_t s = 0; s < systems.size(); ++s) {
      const Speed& speed = speeds_.speeds[workload][s];
      procure::Throughput one;
      one.feasible = speed.feasible;
      one.reason = speed.reason;
      one.of_chip = speed.of_chip;
      const Watts most = systems[s].lot_power / systems[s].chips_per_lot;
      one.power_of_chip =
          speed.energy.raw() > 0 ? std::min(most, speed.energy * speed.of_chip) : most;
      one.band = speed.spread();
      out.push_back(std::move(one));
    }
    return out;
  }

  Result<procure::Workload> workload(std::size_t index, Seconds length) const {
    const WorkloadLine& line = file_.workloads[index];
    procure::Workload out;
    out.id = line.name;
    out.workload_class =
        line.kind == "train" ? procure::WorkloadClass::training : procure::WorkloadClass::serving;
    out.internal = line.who == "internal";
    double tokens = 1e9;  // of one unit of demand
    if (line.demand_gtokens.empty()) {
      const auto of = std::ranges::find(file_.systems, line.demand_system, &SystemLine::name);
      const Speed& speed =
          speeds_.speeds[index][static_cast<std::size_t>(of - file_.systems.begin())];
      if (!speed.feasible) {
        return fail(ErrorCode::conflict,
                    fmt::format("workload \"{}\" is counted in chip-hours of \"{}\", where it does "
                                "not run: {}",
                                line.name, line.demand_system, speed.reason),
                    line.where, "count it in another system's hours, or in demand_gtokens");
      }
      tokens = speed.of_chip.raw() * hour;
    }
    const Series& series =
        line.demand_gtokens.empty() ? line.demand_chip_hours : line.demand_gtokens;
    for (const double units : growing(series, line.growth.value_or(0))) {
      out.demand.push_back(Tokens(units * tokens) / length);
    }
    out.uncertainty = line.uncertainty.value_or(0);
    out.architecture = line.architecture;
    out.insist_share = line.insist_share.value_or(0);
    for (const PortLine& port : line.ports) {
      out.ports.push_back({port.architecture, quarter(port.from), port.quarters,
                           Dollars(port.cost_usd.value_or(0)), port.done});
    }
    out.must_serve = line.must_serve;
    out.unserved_penalty = DollarsPerToken(line.unserved_usd_per_mtoken.value_or(0) / 1e6);
    return out;
  }

  const File& file_;
  const SpeedTable& speeds_;
  const catalog::Catalog& catalog_;
  int quarters_;
};

}  // namespace

std::string architecture_of(const catalog::System& system, const catalog::Catalog& catalog) {
  const catalog::Chip* chip = catalog.find_chip(system.chip);
  if (chip == nullptr) return {};
  if (chip->kind == "gpu") return chip->vendor == "amd" ? "rocm" : "cuda";
  if (chip->kind == "trainium") return "neuron";
  return chip->kind;
}

int quarter_of(const std::string& day, const std::string& start) {
  return std::max(0, month_of(day) - month_of(start)) / 3;
}

Result<Resolved> resolve(File file, SpeedTable speeds, const catalog::Catalog& catalog) {
  Resolved out;
  TR_TRY_VOID(Resolver(file, speeds, catalog).run(out.scenario, out.notes));
  for (const SystemLine& line : file.systems) {
    const catalog::System& unit = *catalog.find_system(line.system);
    const catalog::Chip* chip = catalog.find_chip(unit.chip);
    out.announced.push_back(unit.status == catalog::Status::announced ||
                            (chip != nullptr && chip->status == catalog::Status::announced));
  }
  out.file = std::move(file);
  out.speeds = std::move(speeds);
  out.catalog_hash = catalog.hash();
  return out;
}

}  // namespace tightrope::procure_study
