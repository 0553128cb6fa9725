// A scenario in the units of the program: money in M$, power in MW, carbon in kt, work in
// reference chips (chips that serve the workload on the system that is fastest for it).
#pragma once

#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include "tightrope/procure/scenario.h"

namespace tightrope::procure {

/// Four indices to one entry, -1 or 0 where nothing is.
template <class T>
class Grid {
 public:
  Grid() = default;
  Grid(std::vector<int> sizes, T empty) : sizes_(std::move(sizes)) {
    std::size_t n = 1;
    for (int size : sizes_) n *= static_cast<std::size_t>(size);
    entries_.assign(n, empty);
  }
  template <class... Index>
  T& operator()(Index... index) {
    return entries_[place({static_cast<int>(index)...})];
  }
  template <class... Index>
  const T& operator()(Index... index) const {
    return entries_[place({static_cast<int>(index)...})];
  }

 private:
  [[nodiscard]] std::size_t place(std::initializer_list<int> index) const {
    std::size_t at = 0, i = 0;
    for (int x : index)
      at = at * static_cast<std::size_t>(sizes_[i++]) + static_cast<std::size_t>(x);
    return at;
  }
  std::vector<int> sizes_;
  std::vector<T> entries_;
};
template <class T>
using Table = std::vector<std::vector<T>>;

/// Chips of one kind that workloads are put on: our own of a system, or all rented ones of it.
struct Pool {
  int system = 0;
  bool rented = false;
};

struct Terms {
  explicit Terms(const Scenario& scenario);

  const Scenario& s;
  int quarters, systems, sites, workloads, rentals, leases, futures;
  std::vector<Future> all_futures;  ///< at least one
  std::vector<double> discount;     ///< by quarter, and one more for the end
  double step = 1.0;                ///< discount of one quarter
  std::vector<Pool> pools;
  Table<double> demand;  ///< [workload][quarter], reference chips
  Table<double> work;    ///< [workload][system], reference chips one computing lot does; 0: none
  Table<double> extra;   ///< [workload][system], MW of a computing lot above idle
  Table<double> heat;    ///< [workload][system], MW of a computing lot
  std::vector<double> idle;       ///< [system], MW of a placed lot
  std::vector<double> penalty;    ///< [workload], M$ of one reference chip-quarter unserved
  Table<double> lot_price;        ///< [system][quarter], M$
  std::vector<double> most_lots;  ///< [system], that can be of use at one time
  std::vector<double> most_busy;  ///< [system], the same by demand alone, whatever the power
  Table<double> most_order;       ///< [system][order quarter], lots: by supply too
  std::vector<double> cheapest;   ///< [system], least price multiplier

  /// Bounds of orders are drawn from supply and power, which then hide from duals: by demand alone.
  void widen() { widened = true; }
  /// By nothing at all: a conflict shall name what is behind a bound.
  void loosen();
  bool widened = false;
  /// The most lots of an order.
  [[nodiscard]] double order_bound(int system, int quarter) const;

  /// Mean demand from a quarter on, reference chip-quarters.
  [[nodiscard]] double asked(int from_quarter) const;
  [[nodiscard]] double computing(int system) const;  ///< share of a lot that is not spare
  [[nodiscard]] bool stands_at(int system, int site) const;
  /// The share of a workload that can run on the system's architecture when a port to it begins in
  /// `start` and it is `quarter` now.
  [[nodiscard]] static double ported(const Port& port, int start, int quarter);
  /// 0: runs there today or was ported; 1: needs a port; -1: cannot.
  [[nodiscard]] int port_state(int workload, int system, int* port = nullptr) const;
  [[nodiscard]] bool runs(int workload, int system) const;
  /// M$ and kt of one MW through a quarter at a site, machines' power; in a future, or as said.
  [[nodiscard]] double energy_cost(int site, int quarter, const Future* future = nullptr) const;
  [[nodiscard]] double energy_carbon(int site, int quarter, const Future* future = nullptr) const;
  /// The least of them over the sites where a system may stand; 0 when there is none. Busy lots pay
  /// this for what they draw above idle, and lots at other sites the difference as if always busy.
  [[nodiscard]] double least_energy_cost(int system, int quarter,
                                         const Future* future = nullptr) const;
  [[nodiscard]] double least_energy_carbon(int system, int quarter,
                                           const Future* future = nullptr) const;
  /// MW above idle of a placed lot, spares apart, on the mean workload.
  [[nodiscard]] double usual_extra(int system) const;
  /// kt of one rented computing lot in a quarter, by the mean intensity of its landlords.
  [[nodiscard]] double rented_carbon(int workload, int system) const;
  /// M$ of one lot rented for its term from `quarter` on, each quarter of it.
  [[nodiscard]] double rent_of_quarter(int rental, int quarter) const;
  /// M$ of one leased lot, signed in `quarter`, each quarter of its term.
  [[nodiscard]] double lease_of_quarter(int lease, int quarter) const;
  [[nodiscard]] int lease_arrival(int lease, int quarter) const;
  /// The first quarter after the term of what is signed in `quarter`; may lie beyond the plan.
  [[nodiscard]] int lease_end(int lease, int quarter) const;
  /// Whether it is offered then, arrives within the plan and can be of use.
  [[nodiscard]] bool can_sign(int lease, int quarter) const;
  /// The most lots of a lease signed in a quarter.
  [[nodiscard]] double lease_bound(int lease, int quarter) const;
  /// At the plan's end: what is paid each quarter from then to `end` above what it is worth, when
  /// the same contract signed last costs `last`.
  [[nodiscard]] double remainder(double payment, double last, int end) const;
  /// M$ at the plan's end of one lot's contract that ends after it.
  [[nodiscard]] double rental_remainder(int rental, int quarter) const;
  [[nodiscard]] double lease_remainder(int lease, int quarter) const;
  [[nodiscard]] double resale(int system, int age) const;  ///< share of the price
};

[[nodiscard]] double multiplier(const std::vector<double>& list, int index);
/// How many things of a kind a scenario has.
[[nodiscard]] std::size_t things_of(const Scenario& scenario, Scales scales);
/// Of the single numbers that scale one thing; 1 where the future says nothing.
[[nodiscard]] double factor(const Future& future, Scales scales, int index);
/// Price-break lots and learning in one falling curve over cumulative chips up to `most_chips`.
[[nodiscard]] std::vector<PriceStep> merged_steps(const System& system, double most_chips);

}  // namespace tightrope::procure
