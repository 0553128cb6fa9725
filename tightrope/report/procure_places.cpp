// Where chips stand, by which contract they are rented, and whose speeds the plan leans on.
#include <algorithm>

#include "tightrope/report/procure_internal.h"

namespace tightrope::report {
namespace {

using procure::Answer;
using procure::Scenario;
using procure_study::Resolved;

ProcureSection chips_at_sites(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{"Where they stand", {}, by_quarter(s, {{"site"}, {"system"}}), {}};
  for (std::size_t x = 0; x < s.sites.size(); ++x) {
    std::string name = s.sites[x].id;
    for (std::size_t i = 0; i < s.systems.size(); ++i) {
      std::vector<std::string> row = {name, s.systems[i].id};
      double most = 0;
      for (const double lots : answer.plan.placed[i][x]) {
        const double chips = lots * s.systems[i].chips_per_lot;
        most = std::max(most, chips);
        row.push_back(chips_text(chips));
      }
      if (most < 0.5) continue;
      out.rows.push_back(std::move(row));
      name.clear();
    }
  }
  return out;
}

ProcureSection power(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{"Power of the sites, % taken",
                     {"Of what the site offers in that quarter, PUE included."},
                     by_quarter(s, {{"site"}}),
                     {},
                     {"site_power", {"site", "quarter", "offered_w", "taken_w"}, {}}};
  out.columns.push_back({"MW at the end", Align::right});
  for (std::size_t x = 0; x < s.sites.size(); ++x) {
    std::vector<std::string> row = {s.sites[x].id};
    for (std::size_t q = 0; q < s.calendar.quarters.size(); ++q) {
      const double offered = s.sites[x].power[q].raw();
      const double taken = site_power(s, answer.plan, x, q);
      row.push_back(offered > 0 ? fmt::format("{:.0f}", 100 * taken / offered) : "-");
      out.data.rows.push_back({s.sites[x].id, s.calendar.quarters[q], offered, taken});
    }
    row.push_back(plain_number(s.sites[x].power.back().raw() / 1e6));
    out.rows.push_back(std::move(row));
  }
  return out;
}

ProcureSection leases(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{"Chips leased, by contract",
                     {},
                     by_quarter(s, {{"lease"}, {"system"}}),
                     {},
                     {"leases",
                      {"lease", "system", "quarter", "signed_chips", "leased_chips",
                       "bought_out_of_these_chips", "usd_per_chip_month"},
                      {}}};
  constexpr double month = 365.25 * 86400 / 12;
  for (std::size_t l = 0; l < s.leases.size() && l < answer.leased.size(); ++l) {
    const procure::Lease& lease = s.leases[l];
    const procure::System& system = s.systems[static_cast<std::size_t>(lease.system)];
    const double lot = system.chips_per_lot;
    std::vector<std::string> row = {lease.id, system.id};
    double most = 0;
    for (std::size_t q = 0; q < answer.leased[l].size(); ++q) {
      const double chips = answer.leased[l][q] * lot;
      most = std::max(most, chips);
      row.push_back(chips_text(chips));
      out.data.rows.push_back({lease.id, system.id, s.calendar.quarters[q],
                               answer.plan.leased[l][q] * lot, chips,
                               answer.plan.bought_out[l][q] * lot, lease.price[q].raw() * month});
    }
    if (most >= 0.5) out.rows.push_back(std::move(row));
  }
  return out;
}

ProcureSection contracts(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{
      "Chips rented, by contract",
      {},
      by_quarter(s, {{"contract"}, {"kind"}}),
      {},
      {"contracts",
       {"contract", "system", "kind", "quarter", "in_force_chips", "usd_per_chip_hour"},
       {}}};
  for (std::size_t r = 0; r < s.rentals.size() && r < answer.rented.size(); ++r) {
    const procure::Rental& rental = s.rentals[r];
    const procure::System& system = s.systems[static_cast<std::size_t>(rental.system)];
    const std::string& kind = study.file.rentals[r].kind;
    std::vector<std::string> row = {rental.id, kind};
    double most = 0;
    for (std::size_t q = 0; q < answer.rented[r].size(); ++q) {
      const double chips = answer.rented[r][q] * system.chips_per_lot;
      most = std::max(most, chips);
      row.push_back(chips_text(chips));
      out.data.rows.push_back({rental.id, system.id, kind, s.calendar.quarters[q], chips,
                               rental.price[q].raw() * 3600});
    }
    if (most >= 0.5) out.rows.push_back(std::move(row));
  }
  return out;
}

/// Compute of one system over the plan, in chips of the fastest system of each workload, and the
/// logarithms of its band's ends weighted by it.
struct Lean {
  double compute = 0, low = 0, high = 0;
};

std::vector<Lean> leans_of(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  std::vector<Lean> out(s.systems.size());
  for (const procure::WorkloadRow& row : answer.workloads) {
    const auto w = static_cast<std::size_t>(row.workload);
    double fastest = 0;
    for (const procure::Throughput& one : s.throughput[w]) {
      if (one.feasible) fastest = std::max(fastest, one.of_chip.raw());
    }
    for (const procure::WorkloadQuarter& q : row.quarters) {
      for (std::size_t i = 0; i < s.systems.size() && fastest > 0; ++i) {
        const procure_study::Speed& speed = study.speeds.speeds[w][i];
        if (!speed.feasible) continue;
        const double compute = q.chips[i] * s.throughput[w][i].of_chip.raw() / fastest;
        out[i].compute += compute;
        out[i].low += compute * std::log(speed.low90);
        out[i].high += compute * std::log(speed.high90);
      }
    }
  }
  return out;
}

ProcureSection leans(const Resolved& study, const Answer& answer) {
  const Scenario& s = study.scenario;
  ProcureSection out{
      "Whose speeds the plan leans on",
      {"Share of the served compute, and within what its speeds lie in 90 of 100 "
       "cases, by the planners' bands. An announced chip's speeds rest on its "
       "maker's peaks."},
      {{"system"}, {"compute %", Align::right}, {"speed, %", Align::right}, {"chip is"}},
      {},
      {"leans_on", {"system", "compute_share", "low90", "high90", "announced"}, {}}};
  const std::vector<Lean> all = leans_of(study, answer);
  double sum = 0;
  for (const Lean& one : all) sum += one.compute;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].compute > 0.0005 * sum) order.push_back(i);
  }
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return all[a].compute > all[b].compute; });
  for (const std::size_t i : order) {
    const double low = std::exp(all[i].low / all[i].compute);
    const double high = std::exp(all[i].high / all[i].compute);
    const bool announced = i < study.announced.size() && study.announced[i];
    out.rows.push_back({s.systems[i].id, fmt::format("{:.1f}", 100 * all[i].compute / sum),
                        fmt::format("{:+.0f} to {:+.0f}", 100 * (low - 1), 100 * (high - 1)),
                        announced ? "announced" : "shipping"});
    out.data.rows.push_back({s.systems[i].id, all[i].compute / sum, low, high, announced});
  }
  return out;
}

}  // namespace

std::vector<ProcureSection> procure_places(const Resolved& study, const Answer& answer) {
  std::vector<ProcureSection> out;
  for (ProcureSection& one : std::vector<ProcureSection>{
           leases(study, answer), contracts(study, answer), chips_at_sites(study, answer),
           power(study, answer), leans(study, answer)}) {
    if (!one.rows.empty()) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace tightrope::report
