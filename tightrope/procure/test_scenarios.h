// Scenarios for tests and benches: a tiny one that a person can solve, and generated ones of any
// size. Their numbers are made up.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/scenario.h"

namespace tightrope::procure {

/// The solver that tests run with; tests/procure builds them a second time where HiGHS is found.
#ifdef TIGHTROPE_TEST_WITH_HIGHS
inline constexpr milp::Backend test_backend = milp::Backend::highs;
#else
inline constexpr milp::Backend test_backend = milp::Backend::cbc;
#endif
inline Options tested(Options options) {
  options.backend = test_backend;
  return options;
}

inline constexpr Seconds test_quarter{7'889'400.0};

/// One site of 1 MW, one system (1 chip a lot, 1 kW, 1,000 USD, 1 token/s), one workload that must
/// be served. No electricity price, no discount.
inline Scenario tiny(int quarters, double tokens_a_second) {
  Scenario s;
  s.id = "tiny";
  for (int q = 0; q < quarters; ++q) s.calendar.quarters.push_back("q" + std::to_string(q + 1));
  const auto n = static_cast<std::size_t>(quarters);
  Site site;
  site.id = "here";
  site.power.assign(n, Watts(1e6));
  site.electricity.assign(n, DollarsPerJoule(0.0));
  site.carbon.assign(n, GramsPerJoule(0.0));
  s.sites.push_back(site);
  System system;
  system.id = "chip";
  system.architecture = "a";
  system.lot_power = Watts(1e3);
  system.idle_power_share = 0.0;
  system.price.assign(n, Dollars(1e3));
  s.systems.push_back(system);
  Workload workload;
  workload.id = "chat";
  workload.architecture = "a";
  workload.demand.assign(n, TokensPerSecond(tokens_a_second));
  workload.must_serve = true;
  s.workloads.push_back(workload);
  s.throughput = {{{true, "", TokensPerSecond(1.0), Watts(1e3), 0.0}}};
  return s;
}

/// A second system like the first, own silicon of another architecture.
inline void add_own(Scenario& s, double price, double tokens_a_second) {
  System own = s.systems.front();
  own.id = "own";
  own.architecture = "b";
  own.own_silicon = true;
  own.price.assign(s.calendar.quarters.size(), Dollars(price));
  s.systems.push_back(own);
  for (std::size_t w = 0; w < s.workloads.size(); ++w) {
    s.throughput[w].push_back({true, "", TokensPerSecond(tokens_a_second), Watts(1e3), 0.0});
    s.workloads[w].ports.push_back({.architecture = "b", .cost = Dollars(0.0), .done = true});
  }
}

struct GeneratedSize {
  int quarters = 12;
  int systems = 10;
  int workloads = 12;
  int sites = 4;
  int futures = 0;
  std::uint64_t seed = 1;
  int leases = 0;
};

/// splitmix64: the same on every machine.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : x_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  double between(double low, double high) {
    x_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t y = x_;
    y = (y ^ (y >> 30)) * 0xBF58476D1CE4E5B9ULL;
    y = (y ^ (y >> 27)) * 0x94D049BB133111EBULL;
    y ^= y >> 31;
    return low + (high - low) * static_cast<double>(y >> 11) * 0x1p-53;
  }
  int below(int n) { return std::min(n - 1, static_cast<int>(between(0.0, n))); }

 private:
  std::uint64_t x_;
};

inline Site generated_site(Dice& dice, int index, int quarters) {
  Site site;
  site.id = "site" + std::to_string(index + 1);
  site.pue = dice.between(1.08, 1.4);
  const double power = dice.between(20e6, 60e6), growth = dice.between(0.0, 0.15);
  const double price = dice.between(0.03, 0.12) / 3.6e6, carbon = dice.between(20, 500) / 3.6e6;
  for (int q = 0; q < quarters; ++q) {
    site.power.push_back(Watts(power * (1.0 + growth * q)));
    site.electricity.push_back(DollarsPerJoule(price));
    site.carbon.push_back(GramsPerJoule(carbon));
  }
  site.cooling_per_rack = Watts(index % 2 == 0 ? 200e3 : 60e3);
  return site;
}

inline System generated_system(Dice& dice, int index, int quarters) {
  static const char* const architectures[] = {"cuda", "neuron", "rocm"};
  const bool own = index % 3 == 1;
  System s;
  s.id = "system" + std::to_string(index + 1);
  s.chip = s.id;
  s.architecture = architectures[index % 3];
  s.own_silicon = own;
  const int lots[] = {8, 64, 72, 16};
  s.chips_per_lot = lots[index % 4];
  const double chip_power = dice.between(500, 1600);
  s.lot_power = Watts(chip_power * s.chips_per_lot);
  s.rack_power = Watts(std::min(chip_power * s.chips_per_lot, 140e3));
  const double price = own ? dice.between(5e3, 12e3) : dice.between(20e3, 50e3);
  for (int q = 0; q < quarters; ++q) s.price.push_back(Dollars(price * std::pow(0.98, q)));
  s.lead_quarters = dice.below(3);
  for (int q = 0; q < quarters; ++q) {
    s.chips_ceiling.push_back(std::floor(dice.between(500, 6000) * (1.0 + 0.2 * q)));
  }
  if (index % 2 == 1) {
    s.routes.push_back(
        {.id = "first", .uses = {{0, 1.0 / dice.between(15, 30)}, {1, dice.between(2, 8)}}});
    s.routes.push_back({.id = "second",
                        .uses = {{1, dice.between(2, 8)}},
                        .first_quarter = std::min(quarters - 1, 4),
                        .price_multiplier = 1.15,
                        .qualifying_cost = Dollars(5e6)});
  }
  if (index % 4 == 0) s.price_steps = {{0.0, 1.0}, {4000.0, 0.94}, {12000.0, 0.9}};
  if (own) s.learning_rate = 0.1, s.learning_from_chips = 20000.0;
  if (index % 5 == 0) s.least_lots = 4;
  s.life_quarters = 20;
  for (int a = 0; a < 16; ++a) s.resale_by_age.push_back(0.7 * std::pow(0.85, a));
  s.upkeep_a_year = 0.04;
  s.failures_a_year = 0.03;
  s.spares_share = 0.02;
  s.install_cost = Dollars(200.0 * s.chips_per_lot);
  s.embodied_carbon = GramsCo2(150e3);
  if (index % 4 == 2) s.owned = {{20, 6}};
  return s;
}

inline Workload generated_workload(Dice& dice, int index, int quarters) {
  Workload w;
  w.id = "work" + std::to_string(index + 1);
  w.workload_class = index % 3 == 0 ? WorkloadClass::training : WorkloadClass::serving;
  w.internal = index % 2 == 0;
  w.architecture = index % 4 == 3 ? "neuron" : "cuda";
  const double start = dice.between(3e6, 30e6), growth = dice.between(1.0, 1.25);
  for (int q = 0; q < quarters; ++q) {
    w.demand.push_back(TokensPerSecond(start * std::pow(growth, q)));
  }
  w.insist_share = w.internal ? 0.0 : dice.between(0.0, 0.4);
  w.uncertainty = 0.15;
  for (const char* other : {"cuda", "neuron", "rocm"}) {
    if (w.architecture == other || dice.between(0, 1) < 0.2) continue;
    w.ports.push_back({.architecture = other,
                       .first_quarter = dice.below(std::max(1, quarters / 3)),
                       .work_quarters = 1 + dice.below(3),
                       .cost = Dollars(dice.between(2e6, 30e6))});
  }
  w.unserved_penalty = DollarsPerToken(dice.between(0.5e-6, 3e-6));
  return w;
}

inline Future generated_future(Dice& dice, const GeneratedSize& size, int index) {
  Future f;
  f.id = "future" + std::to_string(index + 1);
  f.probability = 1.0 / size.futures;
  for (int w = 0; w < size.workloads; ++w) f.demand.push_back(dice.between(0.7, 1.4));
  for (int i = 0; i < size.systems; ++i) {
    f.slip_quarters.push_back(dice.between(0, 1) < 0.2 ? 1 : 0);
    f.purchase_price.push_back(dice.between(0.9, 1.1));
    f.rental_price.push_back(dice.between(0.8, 1.4));
    f.performance.push_back(dice.between(0.9, 1.1));
  }
  return f;
}

inline void generated_rentals(Dice& dice, const GeneratedSize& size, Scenario& s) {
  const RentalKind kinds[] = {RentalKind::reserved, RentalKind::capacity_block, RentalKind::spot};
  for (int r = 0; r < std::min(6, size.systems); ++r) {
    Rental rental;
    rental.id = "rental" + std::to_string(r + 1);
    rental.system = r / 2;
    rental.kind = kinds[r % 3];
    rental.term_quarters = r % 3 == 0 ? 4 : 1;
    const double price = dice.between(2.0, 6.0) / 3600.0;
    rental.price.assign(static_cast<std::size_t>(size.quarters), DollarsPerSecond(price));
    rental.chips_ceiling.assign(static_cast<std::size_t>(size.quarters), dice.between(500, 3000));
    rental.interruption_share = r % 3 == 2 ? 0.1 : 0.0;
    rental.carbon = GramsPerJoule(300 / 3.6e6);
    s.rentals.push_back(rental);
  }
}

/// Leases of their own dice, so that a scenario without them is the one it was.
inline void generated_leases(const GeneratedSize& size, Scenario& s) {
  Dice dice(size.seed + 7919);
  const auto n = static_cast<std::size_t>(size.quarters);
  for (int l = 0; l < size.leases; ++l) {
    Lease lease;
    lease.id = "lease" + std::to_string(l + 1);
    lease.system = l % size.systems;
    const System& system = s.systems[static_cast<std::size_t>(lease.system)];
    const double price = system.price[0].raw() * dice.between(0.05, 0.11) / test_quarter.raw();
    for (int q = 0; q < size.quarters; ++q) {
      lease.price.emplace_back(price * std::pow(0.97, q));
    }
    lease.term_quarters = 2 + dice.below(6);
    lease.lead_quarters = dice.below(2);
    lease.least_lots = 1 + 2 * dice.below(2);
    lease.chips_ceiling.assign(n, std::floor(dice.between(1000, 8000)));
    lease.serviced = l % 2 == 0;
    lease.lessors_supply = l % 3 == 0;
    lease.hand_back_cost = Dollars(100.0 * system.chips_per_lot);
    if (l % 2 == 1) lease.purchase_share = dice.between(0.2, 0.6);
    if (l % 3 == 1) lease.price_steps = {{0.0, 1.0}, {800.0, 0.93}};
    s.leases.push_back(lease);
  }
}

inline Scenario generated(const GeneratedSize& size) {
  Dice dice(size.seed);
  Scenario s;
  s.id = "generated";
  s.calendar.discount_rate = 0.1;
  for (int q = 0; q < size.quarters; ++q)
    s.calendar.quarters.push_back("q" + std::to_string(q + 1));
  for (int x = 0; x < size.sites; ++x) s.sites.push_back(generated_site(dice, x, size.quarters));
  const auto n = static_cast<std::size_t>(size.quarters);
  s.resources.push_back({"cowos", "wafers", std::vector<double>(n, 300.0)});
  s.resources.push_back({"hbm", "stacks", std::vector<double>(n, 60e3)});
  for (int i = 0; i < size.systems; ++i) {
    s.systems.push_back(generated_system(dice, i, size.quarters));
  }
  generated_rentals(dice, size, s);
  generated_leases(size, s);
  for (int w = 0; w < size.workloads; ++w) {
    s.workloads.push_back(generated_workload(dice, w, size.quarters));
    s.throughput.emplace_back();
    for (const System& system : s.systems) {
      const bool fits = dice.between(0, 1) < 0.85;
      const double chip = system.lot_power.raw() / system.chips_per_lot;
      const double speed = dice.between(1.0, 4.0) * chip * (system.own_silicon ? 0.6 : 1.0);
      s.throughput.back().push_back({fits, fits ? "" : "hbm", TokensPerSecond(speed),
                                     Watts(chip * dice.between(0.5, 0.9)), 0.1});
    }
  }
  for (int k = 0; k < size.futures; ++k) s.futures.push_back(generated_future(dice, size, k));
  s.uncertainty = {0.1, 0.2, 0.2, 0.1};
  return s;
}

}  // namespace tightrope::procure
