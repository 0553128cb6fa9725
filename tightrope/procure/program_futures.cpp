// What is chosen when the future is known: rentals, which workload computes where, what stays
// unserved.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "tightrope/procure/program_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

class FutureBuilder {
 public:
  FutureBuilder(const Terms& t, Program& p, int k) : t_(t), p_(p), k_(k), f_(t.all_futures[z(k)]) {}

  void rentals() {
    for (int r = 0; r < t_.rentals; ++r) {
      const Rental& rental = t_.s.rentals[z(r)];
      const bool shared = rental.kind == RentalKind::reserved;
      for (int q = 0; q < t_.quarters; ++q) {
        if (shared && k_ > 0) {
          p_.rent(k_, r, q) = p_.rent(0, r, q);
          continue;
        }
        const int v = p_.model.add_variable({.name = name("rent", rental.id, q)});
        p_.rent(k_, r, q) = v;
        if (shared) p_.first_stage.push_back(v);
        for (int e = q; e < std::min(t_.quarters, q + rental.term_quarters); ++e) {
          p_.cash.push_back({v, e, CostKind::rental, t_.rent_of_quarter(r, q), shared ? -1 : k_,
                             Driver::rental, rental.system, r});
        }
        const double left = t_.rental_remainder(r, q);
        if (left > 0.0) {
          p_.cash.push_back({v, t_.quarters, CostKind::remainder, left, shared ? -1 : k_,
                             Driver::rental, rental.system, r});
        }
      }
      if (!shared || k_ == 0) rental_ceiling(r);
    }
  }

  void quarter(int q) {
    use_variables(q);
    for (int c = 0; c < static_cast<int>(t_.pools.size()); ++c) capacity(c, q);
    for (int w = 0; w < t_.workloads; ++w) {
      demand(w, q);
      porting(w, q);
      insisting(w, q);
    }
  }

 private:
  [[nodiscard]] std::string name(const char* what, const std::string& who, int q) const {
    const std::string& quarter = t_.s.calendar.quarters[z(q)];
    if (t_.futures == 1) return fmt::format("{}[{},{}]", what, who, quarter);
    return fmt::format("{}[{},{},{}]", what, who, quarter, k_);
  }

  [[nodiscard]] double demanded(int w, int q) const {
    return t_.demand[z(w)][z(q)] * multiplier(f_.demand, w);
  }

  /// Rented lots in force in a quarter: signed in one of the last `term` quarters.
  void in_force(int r, int q, double factor, std::vector<milp::Term>& terms) const {
    const int term = t_.s.rentals[z(r)].term_quarters;
    for (int e = std::max(0, q - term + 1); e <= q; ++e) {
      terms.push_back({p_.rent(k_, r, e), factor});
    }
  }

  void rental_ceiling(int r) {
    const Rental& rental = t_.s.rentals[z(r)];
    if (rental.chips_ceiling.empty()) return;
    const double chips = t_.s.systems[z(rental.system)].chips_per_lot;
    for (int q = 0; q < t_.quarters; ++q) {
      if (rental.chips_ceiling[z(q)] == unlimited) continue;
      milp::Row row{.name = name("rent_most", rental.id, q),
                    .group = "ceiling of rental " + rental.id,
                    .upper = rental.chips_ceiling[z(q)] / chips};
      in_force(r, q, 1.0, row.terms);
      p_.scarce.push_back({p_.model.add_row(std::move(row)), ScarceKind::rental, r, q, chips});
    }
  }

  void use_variables(int q) {
    for (int w = 0; w < t_.workloads; ++w) {
      for (int c = 0; c < static_cast<int>(t_.pools.size()); ++c) {
        const Pool& pool = t_.pools[z(c)];
        if (!t_.runs(w, pool.system) || demanded(w, q) <= 0.0) continue;
        if (!pool.rented && !has_own(t_, p_, pool.system)) continue;
        const std::string who = t_.s.workloads[z(w)].id + "," + t_.s.systems[z(pool.system)].id;
        const int v =
            p_.model.add_variable({.name = name(pool.rented ? "use_rented" : "use", who, q)});
        p_.use(k_, w, c, q) = v;
        if (pool.rented) rented_carbon(v, w, pool.system, q);
        if (!pool.rented) energy(v, w, pool.system, q);
      }
    }
  }

  void rented_carbon(int v, int w, int system, int q) {
    const double kt = t_.rented_carbon(w, system) / multiplier(f_.performance, system);
    if (kt > 0.0) p_.carbon.push_back({v, q, CostKind::rental, kt, k_, Driver::none, system});
  }

  /// What a busy lot draws above idle, at the cheapest site's price.
  void energy(int v, int w, int system, int q) {
    const double mw = t_.extra[z(w)][z(system)] / multiplier(f_.performance, system);
    if (mw <= 0.0) return;
    p_.cash.push_back({v, q, CostKind::electricity, mw, k_, Driver::energy, system});
    p_.carbon.push_back({v, q, CostKind::electricity, mw, k_, Driver::carbon, system});
  }

  /// Busy lots, in lots of nominal speed, within what is there.
  void capacity(int c, int q) {
    const Pool& pool = t_.pools[z(c)];
    const int i = pool.system;
    std::vector<milp::Term> busy;
    for (int w = 0; w < t_.workloads; ++w) {
      if (p_.use(k_, w, c, q) >= 0) busy.push_back({p_.use(k_, w, c, q), 1.0});
    }
    if (busy.empty()) return;
    const double speed = multiplier(f_.performance, i);
    milp::Row row{.name = name(pool.rented ? "rented" : "own", t_.s.systems[z(i)].id, q),
                  .upper = 0.0,
                  .terms = busy};
    if (pool.rented) {
      for (int r = 0; r < t_.rentals; ++r) {
        const Rental& rental = t_.s.rentals[z(r)];
        if (rental.system != i) continue;
        in_force(r, q, -speed * (1.0 - rental.interruption_share), row.terms);
      }
    } else {
      for (int x = 0; x < t_.sites; ++x) {
        const int v = p_.place(i, x, q);
        if (v >= 0) row.terms.push_back({v, -speed * t_.computing(i)});
      }
    }
    p_.model.add_row(std::move(row));
    const int slip = f_.slip_quarters.empty() ? 0 : f_.slip_quarters[z(i)];
    if (slip > 0 && !pool.rented) late(i, q, slip, std::move(busy));
  }

  /// In a future with slip: no more than what came by then.
  void late(int i, int q, int slip, std::vector<milp::Term> terms) {
    const double factor = multiplier(f_.performance, i) * t_.computing(i);
    for (std::size_t v = 0; v < p_.vintages[z(i)].size(); ++v) {
      const Vintage& vintage = p_.vintages[z(i)][v];
      const bool owned = v < t_.s.systems[z(i)].owned.size();
      const int there = owned ? vintage.from : std::max(vintage.from, vintage.arrival + slip);
      if (there > q || q >= vintage.arrival + t_.s.systems[z(i)].life_quarters) continue;
      terms.push_back({vintage.variable, -factor});
      for (int e = 0; e <= q; ++e) {
        if (p_.retire[z(i)][v][z(e)] >= 0) terms.push_back({p_.retire[z(i)][v][z(e)], factor});
      }
    }
    for (int l = 0; l < t_.leases; ++l) {
      if (t_.s.leases[z(l)].system == i) add_leased(t_, p_, l, q, slip, -factor, terms);
    }
    p_.model.add_row(
        {.name = name("late", t_.s.systems[z(i)].id, q), .upper = 0.0, .terms = std::move(terms)});
  }

  /// Terms of the work done on a workload by pools whose port state is in [least, 1].
  void work(int w, int q, int least, const std::string* architecture,
            std::vector<milp::Term>& terms) const {
    for (int c = 0; c < static_cast<int>(t_.pools.size()); ++c) {
      const int v = p_.use(k_, w, c, q);
      const int i = t_.pools[z(c)].system;
      if (v < 0 || t_.port_state(w, i) < least) continue;
      if (architecture != nullptr && t_.s.systems[z(i)].architecture != *architecture) continue;
      terms.push_back({v, t_.work[z(w)][z(i)]});
    }
  }

  void demand(int w, int q) {
    const double amount = demanded(w, q);
    if (amount <= 0.0) return;
    const Workload& workload = t_.s.workloads[z(w)];
    milp::Row row{.name = name("demand", workload.id, q), .lower = amount, .upper = amount};
    work(w, q, 0, nullptr, row.terms);
    if (workload.must_serve) row.group = "demand of " + workload.id + " must be served";
    if (!workload.must_serve) {
      const int v = p_.model.add_variable({.name = name("unmet", workload.id, q)});
      p_.unmet(k_, w, q) = v;
      row.terms.push_back({v, 1.0});
      p_.cash.push_back({v, q, CostKind::unserved, t_.penalty[z(w)], k_, Driver::penalty, w});
    }
    p_.model.add_row(std::move(row));
  }

  void porting(int w, int q) {
    const Workload& workload = t_.s.workloads[z(w)];
    for (std::size_t o = 0; o < workload.ports.size(); ++o) {
      const Port& port = workload.ports[o];
      if (port.done) continue;
      milp::Row row{.name = name("ported", workload.id + "," + port.architecture, q),
                    .group = fmt::format("port of {} to {}", workload.id, port.architecture),
                    .upper = 0.0};
      work(w, q, 1, &port.architecture, row.terms);
      if (row.terms.empty()) continue;
      for (int e = 0; e <= q; ++e) {
        const int start = p_.start[z(w)][o][z(e)];
        if (start < 0) continue;
        row.terms.push_back({start, -demanded(w, q) * Terms::ported(port, e, q)});
      }
      p_.model.add_row(std::move(row));
    }
  }

  void insisting(int w, int q) {
    const Workload& workload = t_.s.workloads[z(w)];
    if (workload.insist_share <= 0.0) return;
    milp::Row row{.name = name("insist", workload.id, q),
                  .group = fmt::format("customers of {} who insist on {}", workload.id,
                                       workload.architecture),
                  .upper = (1.0 - workload.insist_share) * demanded(w, q)};
    for (int c = 0; c < static_cast<int>(t_.pools.size()); ++c) {
      const int v = p_.use(k_, w, c, q);
      const int i = t_.pools[z(c)].system;
      if (v < 0 || t_.s.systems[z(i)].architecture == workload.architecture) continue;
      row.terms.push_back({v, t_.work[z(w)][z(i)]});
    }
    if (!row.terms.empty()) p_.model.add_row(std::move(row));
  }

  const Terms& t_;
  Program& p_;
  int k_;
  const Future& f_;
};

}  // namespace

void add_futures(const Terms& t, Program& p) {
  const int pools = static_cast<int>(t.pools.size());
  p.rent = Grid<int>({t.futures, t.rentals, t.quarters}, -1);
  p.use = Grid<int>({t.futures, t.workloads, pools, t.quarters}, -1);
  p.unmet = Grid<int>({t.futures, t.workloads, t.quarters}, -1);
  for (int k = 0; k < t.futures; ++k) {
    FutureBuilder future(t, p, k);
    future.rentals();
    for (int q = 0; q < t.quarters; ++q) future.quarter(q);
  }
}

}  // namespace tightrope::procure
