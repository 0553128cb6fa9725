// A scenario is whole: every list has its quarters, every index points somewhere.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include <fmt/format.h>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/terms_internal.h"

namespace tightrope::procure {
namespace {

class Checker {
 public:
  explicit Checker(const Scenario& s) : s_(s), quarters_(s.calendar.quarters.size()) {}

  Result<void> run() {
    calendar();
    for (const Site& site : s_.sites) check(site);
    for (const SharedResource& r : s_.resources) by_quarter(r.supply, "supply of " + r.id);
    for (const System& system : s_.systems) check(system);
    for (const Rental& rental : s_.rentals) check(rental);
    for (const Lease& lease : s_.leases) check(lease);
    for (const Workload& workload : s_.workloads) check(workload);
    throughput();
    goal();
    futures();
    numbers();
    if (wrong_.empty()) return {};
    return fail(ErrorCode::range, wrong_);
  }

 private:
  /// Keeps the first complaint only.
  void need(bool right, const std::string& complaint) {
    if (!right && wrong_.empty()) wrong_ = complaint;
  }
  void share(double x, const std::string& what) {
    need(x >= 0.0 && x <= 1.0, fmt::format("{} is {}, not a share in [0, 1]", what, x));
  }
  template <class T>
  void by_quarter(const std::vector<T>& list, const std::string& what) {
    need(list.size() == quarters_,
         fmt::format("{} has {} quarters, the calendar {}", what, list.size(), quarters_));
    for (const T& x : list) need(raw(x) >= 0.0, fmt::format("{} is negative: {}", what, raw(x)));
  }
  static double raw(double x) { return x; }
  template <class T>
  static double raw(T x) {
    return x.raw();
  }

  void calendar() {
    need(quarters_ >= 1 && quarters_ <= 40, "a plan has 1 to 40 quarters");
    need(s_.calendar.length.raw() > 0.0, "a quarter has a length");
    need(s_.calendar.quarters_in_year >= 1, "a year has at least one quarter");
    share(s_.calendar.discount_rate, "discount rate");
    const int q = static_cast<int>(quarters_), year = s_.calendar.quarters_in_year;
    const auto years = static_cast<std::size_t>((q + year - 1) / std::max(1, year));
    need(s_.budget.empty() || s_.budget.size() == years,
         fmt::format("budget has {} years, the calendar {}", s_.budget.size(), years));
  }

  void check(const Site& site) {
    by_quarter(site.power, "power of site " + site.id);
    by_quarter(site.electricity, "electricity price of site " + site.id);
    by_quarter(site.carbon, "carbon intensity of site " + site.id);
    need(site.pue >= 1.0, fmt::format("PUE of site {} is {}, below 1", site.id, site.pue));
    need(site.chips_ceiling >= 0.0, "chips allowed at site " + site.id + " are negative");
  }

  void check(const System& system) {
    const std::string of = " of " + system.id;
    need(system.chips_per_lot >= 1, "chips in a lot" + of + " are fewer than 1");
    need(system.lot_power.raw() > 0.0, "power of a lot" + of + " is not positive");
    need(system.lead_quarters >= 0, "lead time" + of + " is negative");
    need(system.least_lots >= 1, "least lots" + of + " are fewer than 1");
    need(system.life_quarters >= 1, "life" + of + " is shorter than a quarter");
    share(system.idle_power_share, "idle power" + of);
    share(system.spares_share, "spares" + of);
    need(system.learning_rate >= 0.0 && system.learning_rate <= 0.5,
         "learning rate" + of + " is not in [0, 0.5]");
    need(system.learning_rate == 0.0 || system.learning_from_chips > 0.0,
         "learning" + of + " has no start");
    if (system.can_buy) by_quarter(system.price, "price" + of);
    if (!system.chips_ceiling.empty()) by_quarter(system.chips_ceiling, "supply" + of);
    for (double x : system.resale_by_age) share(x, "resale value" + of);
    for (const Route& route : system.routes) check(system, route);
    for (const OwnedLots& owned : system.owned) {
      need(owned.lots >= 0 && owned.age_quarters >= 0, "owned lots" + of + " are negative");
    }
  }

  void check(const System& system, const Route& route) {
    const std::string of = fmt::format(" of {} from {}", system.id, route.id);
    if (!route.chips_ceiling.empty()) by_quarter(route.chips_ceiling, "supply" + of);
    need(route.price_multiplier > 0.0, "price multiplier" + of + " is not positive");
    for (const ResourceUse& use : route.uses) {
      need(use.resource >= 0 && use.resource < static_cast<int>(s_.resources.size()),
           "a resource" + of + " does not exist");
      need(use.a_chip >= 0.0, "what a chip" + of + " takes is negative");
    }
  }

  void check(const Rental& rental) {
    need(rental.system >= 0 && rental.system < static_cast<int>(s_.systems.size()),
         "rental " + rental.id + " is of no system");
    by_quarter(rental.price, "price of rental " + rental.id);
    if (!rental.chips_ceiling.empty()) {
      by_quarter(rental.chips_ceiling, "ceiling of rental " + rental.id);
    }
    need(rental.term_quarters >= 1, "term of rental " + rental.id + " is shorter than a quarter");
    share(rental.interruption_share, "interruptions of rental " + rental.id);
  }

  void check(const Lease& lease) {
    const std::string of = " of lease " + lease.id;
    const bool some = lease.system >= 0 && lease.system < static_cast<int>(s_.systems.size());
    need(some, "lease " + lease.id + " is of no system");
    by_quarter(lease.price, "price" + of);
    if (!lease.chips_ceiling.empty()) by_quarter(lease.chips_ceiling, "ceiling" + of);
    if (!lease.new_chips_ceiling.empty()) by_quarter(lease.new_chips_ceiling, "new machines" + of);
    need(lease.term_quarters >= 1, "term" + of + " is shorter than a quarter");
    need(lease.lead_quarters >= 0 && lease.first_quarter >= 0, "a date" + of + " is negative");
    need(lease.least_lots >= 1, "least lots" + of + " are fewer than 1");
    need(lease.hand_back_cost.raw() >= 0.0, "handing back" + of + " costs less than nothing");
    need(lease.purchase_share >= 0.0, "purchase" + of + " costs less than nothing");
    if (!some) return;
    const System& system = s_.systems[static_cast<std::size_t>(lease.system)];
    need(lease.term_quarters <= system.life_quarters,
         fmt::format("term{} is {} quarters, the life of {} {}", of, lease.term_quarters, system.id,
                     system.life_quarters));
    double from = -1.0, multiplier = 1.0;
    for (const PriceStep& step : lease.price_steps) {
      need(step.from_chips > from && step.multiplier > 0.0 && step.multiplier <= multiplier,
           "price steps" + of + " do not fall");
      from = step.from_chips;
      multiplier = step.multiplier;
    }
  }

  void check(const Workload& workload) {
    by_quarter(workload.demand, "demand of " + workload.id);
    share(workload.insist_share, "share of " + workload.id + " that insists");
    need(workload.unserved_penalty.raw() >= 0.0, "penalty of " + workload.id + " is negative");
    for (const Port& port : workload.ports) {
      need(port.first_quarter >= 0 && port.work_quarters >= 0 && port.cost.raw() >= 0.0,
           fmt::format("port of {} to {} is negative somewhere", workload.id, port.architecture));
    }
  }

  void throughput() {
    need(s_.throughput.size() == s_.workloads.size(), "throughput has not a row a workload");
    for (std::size_t w = 0; w < s_.throughput.size() && w < s_.workloads.size(); ++w) {
      need(s_.throughput[w].size() == s_.systems.size(),
           "throughput of " + s_.workloads[w].id + " has not an entry a system");
      for (const Throughput& x : s_.throughput[w]) {
        need(!x.feasible || (x.of_chip.raw() > 0.0 && x.power_of_chip.raw() >= 0.0),
             "throughput of " + s_.workloads[w].id + " is not positive");
      }
    }
  }

  void goal() {
    share(s_.own_share, "least share of own silicon");
    need(s_.cost_cap.raw() > 0.0, "cost cap is not positive");
    need(s_.least_own_work >= 0.0, "least work on own silicon is negative");
    share(s_.cvar_weight, "weight of CVaR");
    need(s_.cvar_level > 0.0 && s_.cvar_level < 1.0, "level of CVaR is not in (0, 1)");
    need(s_.own_share_from_quarter >= 0, "own silicon counts from a negative quarter");
    need(s_.porting_teams >= 0, "porting teams are negative");
    share(s_.remainder_worth, "worth of what is left of contracts");
  }

  template <class T>
  void entries(const std::vector<T>& list, std::size_t size, const std::string& what) {
    need(list.empty() || list.size() == size,
         fmt::format("{} has {} entries, not {}", what, list.size(), size));
  }

  void futures() {
    double sum = 0.0;
    for (const Future& f : s_.futures) {
      const std::string of = " of future " + f.id;
      need(f.probability > 0.0, "probability" + of + " is not positive");
      sum += f.probability;
      entries(f.demand, s_.workloads.size(), "demand" + of);
      entries(f.slip_quarters, s_.systems.size(), "slip" + of);
      entries(f.purchase_price, s_.systems.size(), "purchase price" + of);
      entries(f.rental_price, s_.systems.size(), "rental price" + of);
      entries(f.performance, s_.systems.size(), "performance" + of);
      for (int slip : f.slip_quarters) need(slip >= 0, "slip" + of + " is negative");
      for (double x : f.performance) need(x > 0.0, "performance" + of + " is not positive");
      entries(f.factors, static_cast<std::size_t>(scales_count), "factors" + of);
      for (std::size_t n = 0; n < f.factors.size(); ++n) {
        entries(f.factors[n], things_of(s_, static_cast<Scales>(n)), "factors" + of);
      }
      for (double x : f.demand) need(x >= 0.0, "demand" + of + " is negative");
    }
    need(s_.futures.empty() || std::abs(sum - 1.0) < 1e-9,
         fmt::format("probabilities of futures sum to {}, not 1", sum));
  }

  void numbers() {
    std::set<std::string> names;
    for (const UncertainNumber& n : s_.numbers) {
      const std::string what = "uncertain number " + n.name;
      need(!n.name.empty() && names.insert(n.name).second, what + " has no name of its own");
      need(n.low > 0.0 && n.low <= 1.0 && n.high >= 1.0 && std::isfinite(n.high),
           fmt::format("{} lies between {} and {} times its value", what, n.low, n.high));
      need(n.index >= 0 && static_cast<std::size_t>(n.index) < things_of(s_, n.scales),
           what + " scales nothing");
    }
  }

  const Scenario& s_;
  std::size_t quarters_;
  std::string wrong_;
};

}  // namespace

Result<void> check_scenario(const Scenario& scenario) { return Checker(scenario).run(); }

}  // namespace tightrope::procure
