#include "tightrope/procure/evaluate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tightrope/milp/lp_session.h"
#include "tightrope/procure/decode_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

/// In the LP only: what must be served comes before all else.
constexpr double must = 1e3;

/// One quarter's second stage as an LP. Own lots and rented ones count at the speed of the future,
/// so that a future changes bounds and costs, never a coefficient.
class QuarterLp {
 public:
  QuarterLp(const Terms& t, const Program& p, const std::vector<double>& values, int q)
      : t_(t), p_(p), values_(values), q_(q) {
    variables();
    rows();
    session_.emplace_back(model_);
  }

  void forget() { session_.front().forget(); }

  /// Adds this quarter's discounted cost (M$), carbon (kt) and work.
  Result<void> add(const Future& f, double& cost, double& carbon, std::vector<double>& work) {
    milp::LpSession& lp = session_.front();
    state(f, lp);
    TR_TRY(milp::Solution s, lp.solve(false));
    if (s.status != milp::SolveStatus::optimal) {
      return fail(ErrorCode::unsupported, "a quarter of the plan has no answer");
    }
    sum(f, s.values, cost, carbon, work);
    return {};
  }

 private:
  struct Use {
    int variable, workload, pool;
  };
  struct Short {
    int variable, rental;
  };
  struct Limit {
    int row, index;  ///< pool of a capacity, workload of a demand
    double amount;
  };

  void variables() {
    for (int w = 0; w < t_.workloads; ++w) {
      unmet_.push_back(model_.add_variable({.name = "unmet"}));
      for (int c = 0; c < static_cast<int>(t_.pools.size()); ++c) {
        if (p_.use(0, w, c, q_) < 0) continue;
        uses_.push_back({model_.add_variable({.name = "use"}), w, c});
      }
    }
    for (int r = 0; r < t_.rentals; ++r) {
      const Rental& rental = t_.s.rentals[z(r)];
      if (rental.kind == RentalKind::reserved || rental.term_quarters > 1) continue;
      shorts_.push_back({model_.add_variable({.name = "rent"}), r});
    }
  }

  void rows() {
    for (int c = 0; c < static_cast<int>(t_.pools.size()); ++c) {
      milp::Row row{.name = "capacity", .upper = 0.0};
      for (const Use& u : uses_) {
        if (u.pool == c) row.terms.push_back({u.variable, 1.0});
      }
      for (const Short& s : shorts_) {
        const Rental& rental = t_.s.rentals[z(s.rental)];
        if (!t_.pools[z(c)].rented || rental.system != t_.pools[z(c)].system) continue;
        row.terms.push_back({s.variable, -(1.0 - rental.interruption_share)});
      }
      if (!row.terms.empty()) capacities_.push_back({model_.add_row(std::move(row)), c, 0.0});
    }
    for (int w = 0; w < t_.workloads; ++w) workload_rows(w);
  }

  void workload_rows(int w) {
    const Workload& workload = t_.s.workloads[z(w)];
    const double amount = t_.demand[z(w)][z(q_)];
    milp::Row demand{.name = "demand", .terms = {{unmet_[z(w)], 1.0}}};
    milp::Row insist{.name = "insist"};
    std::vector<milp::Row> ports(workload.ports.size());
    for (const Use& u : uses_) {
      if (u.workload != w) continue;
      const int i = t_.pools[z(u.pool)].system;
      const milp::Term term{u.variable, t_.work[z(w)][z(i)]};
      demand.terms.push_back(term);
      if (t_.s.systems[z(i)].architecture != workload.architecture) insist.terms.push_back(term);
      int port = -1;
      if (t_.port_state(w, i, &port) == 1) ports[z(port)].terms.push_back(term);
    }
    demands_.push_back({model_.add_row(std::move(demand)), w, amount});
    if (!insist.terms.empty() && workload.insist_share > 0.0) {
      const double most = amount * (1.0 - workload.insist_share);
      limits_.push_back({model_.add_row(std::move(insist)), w, most});
    }
    for (std::size_t o = 0; o < ports.size(); ++o) {
      if (ports[o].terms.empty()) continue;
      double share = 0.0;
      for (int e = 0; e <= q_; ++e) {
        share +=
            value_at(values_, p_.start[z(w)][o][z(e)]) * Terms::ported(workload.ports[o], e, q_);
      }
      limits_.push_back({model_.add_row(std::move(ports[o])), w, amount * share});
    }
  }

  /// Computing lots of a pool, before those that are rented for this quarter alone.
  [[nodiscard]] double lots(int c, const Future& f) const {
    const int i = t_.pools[z(c)].system;
    if (t_.pools[z(c)].rented) return rented(i);
    double placed = 0.0, there = 0.0;
    for (int x = 0; x < t_.sites; ++x) placed += value_at(values_, p_.place(i, x, q_));
    const int slip = f.slip_quarters.empty() ? 0 : f.slip_quarters[z(i)];
    for (std::size_t v = 0; v < p_.vintages[z(i)].size(); ++v) {
      const Vintage& vintage = p_.vintages[z(i)][v];
      const System& system = t_.s.systems[z(i)];
      const int late = v < system.owned.size() ? 0 : slip;
      if (vintage.arrival + late > q_ || q_ >= vintage.arrival + system.life_quarters) continue;
      there += value_at(values_, vintage.variable);
      for (int e = 0; e <= q_; ++e) there -= value_at(values_, p_.retire[z(i)][v][z(e)]);
    }
    return std::max(0.0, (slip > 0 ? std::min(placed, there) : placed) * t_.computing(i));
  }

  [[nodiscard]] double rented(int i) const {
    double sum = 0.0;
    for (int r = 0; r < t_.rentals; ++r) {
      const Rental& rental = t_.s.rentals[z(r)];
      if (rental.system != i) continue;
      if (rental.kind != RentalKind::reserved && rental.term_quarters == 1) continue;
      sum += planned(r) * (1.0 - rental.interruption_share);
    }
    return sum;
  }

  /// Lots of a rental in force as planned, mean over the plan's futures.
  [[nodiscard]] double planned(int r) const {
    double sum = 0.0;
    const int term = t_.s.rentals[z(r)].term_quarters;
    for (int k = 0; k < t_.futures; ++k) {
      for (int e = std::max(0, q_ - term + 1); e <= q_; ++e) {
        sum += t_.all_futures[z(k)].probability * value_at(values_, p_.rent(k, r, e));
      }
    }
    return sum;
  }

  [[nodiscard]] double energy_cost(const Use& u, const Future& f) const {
    const Pool& pool = t_.pools[z(u.pool)];
    if (pool.rented) return 0.0;
    return t_.extra[z(u.workload)][z(pool.system)] * t_.least_energy_cost(pool.system, q_) *
           f.electricity / multiplier(f.performance, pool.system);
  }

  void state(const Future& f, milp::LpSession& lp) const {
    for (const Limit& c : capacities_) {
      const double speed = multiplier(f.performance, t_.pools[z(c.index)].system);
      lp.set_row_bounds(c.row, -milp::infinity, speed * lots(c.index, f));
    }
    for (const Limit& d : demands_) {
      const double amount = d.amount * multiplier(f.demand, d.index);
      lp.set_row_bounds(d.row, amount, amount);
      const Workload& workload = t_.s.workloads[z(d.index)];
      const double penalty = t_.penalty[z(d.index)];
      lp.set_cost(unmet_[z(d.index)], workload.must_serve ? penalty + must : penalty);
    }
    for (const Limit& l : limits_) {
      lp.set_row_bounds(l.row, -milp::infinity, l.amount * multiplier(f.demand, l.index));
    }
    for (const Use& u : uses_) lp.set_cost(u.variable, energy_cost(u, f));
    for (const Short& s : shorts_) {
      const Rental& rental = t_.s.rentals[z(s.rental)];
      const double speed = multiplier(f.performance, rental.system);
      const double chips = t_.s.systems[z(rental.system)].chips_per_lot;
      const double most =
          rental.chips_ceiling.empty() ? milp::infinity : rental.chips_ceiling[z(q_)] / chips;
      lp.set_bounds(s.variable, 0.0, speed * most);
      lp.set_cost(s.variable, t_.rent_of_quarter(s.rental, q_) *
                                  multiplier(f.rental_price, rental.system) / speed);
    }
  }

  void sum(const Future& f, const std::vector<double>& x, double& cost, double& carbon,
           std::vector<double>& work) const {
    double spent = 0.0;
    for (const Limit& d : demands_) {
      spent += t_.penalty[z(d.index)] * x[z(unmet_[z(d.index)])];
      work[0] += d.amount * multiplier(f.demand, d.index);
    }
    for (const Short& s : shorts_) {
      const int i = t_.s.rentals[z(s.rental)].system;
      spent += x[z(s.variable)] / multiplier(f.performance, i) * t_.rent_of_quarter(s.rental, q_) *
               multiplier(f.rental_price, i);
    }
    for (const Use& u : uses_) {
      const Pool& pool = t_.pools[z(u.pool)];
      const double done = x[z(u.variable)] * t_.work[z(u.workload)][z(pool.system)];
      work[1] += done;
      spent += x[z(u.variable)] * energy_cost(u, f);
      if (q_ >= t_.s.own_share_from_quarter) {
        work[2] += done;
        if (t_.s.systems[z(pool.system)].own_silicon) work[3] += done;
      }
      if (!pool.rented) {
        carbon += x[z(u.variable)] * t_.extra[z(u.workload)][z(pool.system)] *
                  t_.least_energy_carbon(pool.system, q_) / multiplier(f.performance, pool.system);
      } else {
        carbon += t_.rented_carbon(u.workload, pool.system) * x[z(u.variable)] /
                  multiplier(f.performance, pool.system);
      }
    }
    cost += spent * t_.discount[z(q_)];
  }

  const Terms& t_;
  const Program& p_;
  const std::vector<double>& values_;
  int q_;
  milp::Model model_;
  std::vector<milp::LpSession> session_;
  std::vector<int> unmet_;
  std::vector<Use> uses_;
  std::vector<Short> shorts_;
  std::vector<Limit> capacities_, demands_, limits_;
};

}  // namespace

struct Evaluator::State {
  State(const Scenario& scenario, const Answer& answer)
      : t(scenario), p(build(t)), values(answer.values) {
    values.resize(p.model.variables().size(), 0.0);
    for (int q = 0; q < t.quarters; ++q) quarters.emplace_back(t, p, values, q);
  }

  /// Discounted M$ and kt of what was decided before: planned blocks longer than a quarter too.
  void add_first(const Future& f, double& cost, double& carbon) const {
    cost += p.fixed_cost;
    for (const Entry& e : p.cash) {
      const double share = share_of(e);
      if (share <= 0.0) continue;
      cost += share * driven(e, f) * value_at(values, e.variable) * t.discount[z(e.quarter)];
    }
    for (const Entry& e : p.carbon) {
      if (e.future < 0) carbon += e.amount * value_at(values, e.variable);
    }
  }

  /// 1: first stage; a probability: a long block of that future; 0: chosen anew.
  [[nodiscard]] double share_of(const Entry& e) const {
    if (e.future < 0) return 1.0;
    if (e.kind != CostKind::rental || !long_block[z(e.variable)]) return 0.0;
    return t.all_futures[z(e.future)].probability;
  }

  void mark_blocks() {
    long_block.assign(values.size(), 0);
    for (int k = 0; k < t.futures; ++k) {
      for (int r = 0; r < t.rentals; ++r) {
        for (int q = 0; q < t.quarters; ++q) {
          if (t.s.rentals[z(r)].term_quarters > 1) long_block[z(p.rent(k, r, q))] = 1;
        }
      }
    }
  }

  Terms t;
  Program p;
  std::vector<double> values;
  std::vector<QuarterLp> quarters;
  std::vector<char> long_block;
};

Evaluator::Evaluator(const Scenario& scenario, const Answer& answer)
    : state_(std::make_unique<State>(scenario, answer)) {
  state_->mark_blocks();
}
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;
Evaluator::~Evaluator() = default;

void Evaluator::forget() {
  for (QuarterLp& lp : state_->quarters) lp.forget();
}

Result<Evaluation> Evaluator::evaluate(const Future& future) {
  double cost = 0.0, carbon = 0.0;
  std::vector<double> work(4, 0.0);  // demanded, served, counted, own
  state_->add_first(future, cost, carbon);
  for (QuarterLp& lp : state_->quarters) TR_TRY_VOID(lp.add(future, cost, carbon, work));
  return Evaluation{Dollars(cost * 1e6), GramsCo2(carbon * 1e9),
                    work[0] > 0.0 ? work[1] / work[0] : 1.0,
                    work[2] > 0.0 ? work[3] / work[2] : 0.0};
}

}  // namespace tightrope::procure
