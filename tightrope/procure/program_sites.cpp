// Where lots stand, and what porting software takes.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

std::string label(const Terms& t, const char* what, const std::string& who, int quarter) {
  return fmt::format("{}[{},{}]", what, who, t.s.calendar.quarters[z(quarter)]);
}

void place_variables(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  if (!has_own(t, p, i)) return;
  for (int q = 0; q < t.quarters; ++q) {
    milp::Row stock{.name = label(t, "stock", system.id, q), .upper = 0.0};
    for (int x = 0; x < t.sites; ++x) {
      if (!t.stands_at(i, x)) continue;
      const int v = p.model.add_variable(
          {.name = label(t, "place", system.id + "," + t.s.sites[z(x)].id, q)});
      p.place(i, x, q) = v;
      p.first_stage.push_back(v);
      stock.terms.push_back({v, 1.0});
      const double idle = t.idle[z(i)], usual = t.usual_extra(i);
      p.cash.push_back({v, q, CostKind::electricity, idle, -1, Driver::place, i, x, usual});
      p.carbon.push_back(
          {v, q, CostKind::electricity, idle, -1, Driver::place_carbon, i, x, usual});
    }
    if (stock.terms.empty()) continue;
    for (std::size_t v = 0; v < p.vintages[z(i)].size(); ++v) {
      const Vintage& vintage = p.vintages[z(i)][v];
      if (vintage.from > q || q >= vintage.arrival + system.life_quarters) continue;
      stock.terms.push_back({vintage.variable, -1.0});
      for (int e = 0; e <= q; ++e) {
        if (p.retire[z(i)][v][z(e)] >= 0) stock.terms.push_back({p.retire[z(i)][v][z(e)], 1.0});
      }
    }
    for (int l = 0; l < t.leases; ++l) {
      if (t.s.leases[z(l)].system == i) add_leased(t, p, l, q, 0, -1.0, stock.terms);
    }
    p.model.add_row(std::move(stock));
  }
}

/// Setting a lot up at a site costs each time; lots owned at the start stand already.
void installs(const Terms& t, Program& p, int i) {
  const System& system = t.s.systems[z(i)];
  const double cost = system.install_cost.raw() / 1e6;
  if (cost <= 0.0) return;
  double owned = 0.0;
  for (const OwnedLots& lots : system.owned) owned += lots.lots;
  milp::Row first{.name = "setup_first[" + system.id + "]", .lower = -owned};
  for (int x = 0; x < t.sites; ++x) {
    for (int q = 0; q < t.quarters; ++q) {
      const int here = p.place(i, x, q);
      if (here < 0) continue;
      const int v = p.model.add_variable(
          {.name = label(t, "setup", system.id + "," + t.s.sites[z(x)].id, q)});
      p.first_stage.push_back(v);
      p.cash.push_back({v, q, CostKind::install, cost, -1, Driver::install, i});
      if (q == 0) {
        first.terms.push_back({v, 1.0});
        first.terms.push_back({here, -1.0});
      } else {
        p.model.add_row({.name = label(t, "moved", system.id, q),
                         .lower = 0.0,
                         .terms = {{v, 1.0}, {here, -1.0}, {p.place(i, x, q - 1), 1.0}}});
      }
    }
  }
  if (!first.terms.empty()) p.model.add_row(std::move(first));
}

void site_limits(const Terms& t, Program& p, int x) {
  const Site& site = t.s.sites[z(x)];
  for (int q = 0; q < t.quarters; ++q) {
    milp::Row power{.name = label(t, "power", site.id, q),
                    .group = "power of site " + site.id,
                    .upper = site.power[z(q)].raw() / 1e6};
    milp::Row chips{.name = label(t, "chips", site.id, q),
                    .group = "chips allowed at site " + site.id,
                    .upper = site.chips_ceiling};
    for (int i = 0; i < t.systems; ++i) {
      const int v = p.place(i, x, q);
      if (v < 0) continue;
      const System& system = t.s.systems[z(i)];
      power.terms.push_back({v, system.lot_power.raw() * site.pue / 1e6});
      chips.terms.push_back({v, 1.0 * system.chips_per_lot});
    }
    if (power.terms.empty()) continue;
    if (power.upper < unlimited) {
      p.scarce.push_back({p.model.add_row(std::move(power)), ScarceKind::power, x, q, 1.0});
    }
    if (chips.upper < unlimited) {
      p.scarce.push_back({p.model.add_row(std::move(chips)), ScarceKind::site_chips, x, q, 1.0});
    }
  }
}

void port_variables(const Terms& t, Program& p, int w, std::vector<milp::Row>& teams) {
  const Workload& workload = t.s.workloads[z(w)];
  p.port_row[z(w)].assign(workload.ports.size(), -1);
  p.start[z(w)].assign(workload.ports.size(), std::vector<int>(z(t.quarters), -1));
  for (std::size_t o = 0; o < workload.ports.size(); ++o) {
    const Port& port = workload.ports[o];
    if (port.done) continue;
    milp::Row once{.name = fmt::format("port_once[{},{}]", workload.id, port.architecture),
                   .upper = 1.0};
    for (int q = port.first_quarter; q < t.quarters; ++q) {
      const int v =
          p.model.add_variable({.name = label(t, "port", workload.id + "," + port.architecture, q),
                                .upper = 1.0,
                                .integer = true});
      p.start[z(w)][o][z(q)] = v;
      p.first_stage.push_back(v);
      p.yes_no.push_back(v);
      once.terms.push_back({v, 1.0});
      const int quarters = std::max(1, port.work_quarters);
      for (int e = q; e < std::min(t.quarters, q + quarters); ++e) {
        p.cash.push_back(
            {v, e, CostKind::porting, port.cost.raw() / 1e6 / quarters, -1, Driver::port, w});
        if (port.work_quarters > 0) teams[z(e)].terms.push_back({v, 1.0});
      }
    }
    if (!once.terms.empty()) p.port_row[z(w)][o] = p.model.add_row(std::move(once));
  }
}

}  // namespace

void add_sites(const Terms& t, Program& p) {
  p.place = Grid<int>({t.systems, t.sites, t.quarters}, -1);
  for (int i = 0; i < t.systems; ++i) {
    place_variables(t, p, i);
    installs(t, p, i);
  }
  for (int x = 0; x < t.sites; ++x) {
    site_limits(t, p, x);
    for (int q = 0; q < t.quarters; ++q) {
      if (t.s.sites[z(x)].power[z(q)].raw() <= 0.0) continue;
      p.fixed_cost +=
          t.s.sites[z(x)].fixed_cost.raw() * t.s.calendar.length.raw() / 1e6 * t.discount[z(q)];
    }
  }
}

void add_ports(const Terms& t, Program& p) {
  p.start.resize(z(t.workloads));
  p.port_row.resize(z(t.workloads));
  std::vector<milp::Row> teams(z(t.quarters));
  for (int w = 0; w < t.workloads; ++w) port_variables(t, p, w, teams);
  for (int q = 0; q < t.quarters; ++q) {
    milp::Row& row = teams[z(q)];
    if (static_cast<int>(row.terms.size()) <= t.s.porting_teams) continue;
    row.name = label(t, "teams", "", q);
    row.group = "porting teams";
    row.upper = t.s.porting_teams;
    p.scarce.push_back({p.model.add_row(std::move(row)), ScarceKind::teams, 0, q, 1.0});
  }
}

}  // namespace tightrope::procure
