// One quarter of a fixed plan once its future is known: who computes where, as a small LP.
#pragma once

#include <vector>

#include "tightrope/milp/lp_session.h"
#include "tightrope/procure/decode_internal.h"

namespace tightrope::procure {

/// What a future leaves of what was ordered, and what goes over the plan's quarters.
struct Deliveries {
  bool cut = false;           ///< anything below 1
  Table<double> of_order;     ///< [system][order quarter], share of the lots that come
  Table<double> of_lease;     ///< [lease][quarter of signing], the same
  Table<double> of_resource;  ///< [resource][quarter of arrival], share of its use that is there
};

/// Sums over the quarters of one future.
struct Sums {
  double cost = 0.0;    ///< M$, discounted
  double carbon = 0.0;  ///< kt
  double demanded = 0.0, served = 0.0;
  double counted = 0.0, own = 0.0;    ///< served from the quarter on in which own silicon counts
  std::vector<double> cash;           ///< [quarter], M$ spent, penalties apart
  std::vector<double> unserved;       ///< [workload], reference chip-quarters
  std::vector<double> demand;         ///< [workload], the same
  std::vector<double> missing_power;  ///< [site], MW in the worst quarter
};

/// Own lots and rented ones count at the speed of the future, so that a future changes bounds and
/// costs, never a coefficient.
class QuarterLp {
 public:
  /// All arguments outlive it.
  QuarterLp(const Terms& t, const Program& p, const std::vector<double>& values, int q);

  void forget() { session_.front().forget(); }
  /// Adds this quarter. Error: the solver found no answer, which is ours.
  Result<void> add(const Future& f, const Deliveries& d, Sums& sums);

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

  void variables();
  void rows();
  void workload_rows(int w);
  [[nodiscard]] double lots(int c, const Future& f, const Deliveries& d) const;
  [[nodiscard]] double lit(int x, const Future& f) const;
  [[nodiscard]] double powered(int x) const;
  [[nodiscard]] double leased(int i, int slip, const Deliveries& d) const;
  [[nodiscard]] double rented(int i) const;
  [[nodiscard]] double planned(int r) const;
  [[nodiscard]] double rent(int r, const Future& f) const;
  [[nodiscard]] double energy_cost(const Use& u, const Future& f) const;
  [[nodiscard]] double carbon_of(const Use& u, const Future& f) const;
  void state(const Future& f, const Deliveries& d, milp::LpSession& lp) const;
  void sum(const Future& f, const std::vector<double>& x, Sums& sums) const;

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

}  // namespace tightrope::procure
