// The mixed-integer program of a scenario, and where each decision stands in it.
#pragma once

#include <string>
#include <vector>

#include "tightrope/milp/model.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure/scenario.h"
#include "tightrope/procure/terms_internal.h"

namespace tightrope::procure {

/// What multiplies an entry in a future.
enum class Driver {
  none,
  purchase,      ///< the system's price, and the number that scales the entry's kind
  rental,        ///< `source` is the rental
  lease,         ///< `source` is the lease; before its machines arrive nothing is paid (`since`)
  hand_back,     ///< `source` is the lease
  buy_out,       ///< the system's price; `source` is the lease
  energy,        ///< of a busy lot, at the cheapest site: `amount` is MW
  carbon,        ///< the same in carbon
  place,         ///< of a lot at site `source`: `amount` is MW that idle, `usual` MW above it
  place_carbon,  ///< the same in carbon
  install,
  penalty,
  port  ///< the number that scales it
};

/// `amount` of money (M$) or carbon (kt) in a quarter for one unit of a variable.
struct Entry {
  int variable = 0;
  int quarter = 0;
  CostKind kind = CostKind::purchase;
  double amount = 0.0;
  int future = -1;  ///< -1: in each
  Driver driver = Driver::none;
  int index = 0;  ///< the system; workload for penalties and ports
  int source = -1;
  double usual = 0.0;
  int since = 0;      ///< of a lease: the quarter of arrival, without slip
  int signed_in = 0;  ///< of a lease: the quarter
};

/// Lots that came together: owned from the start, of one order, or bought at the end of a lease.
struct Vintage {
  int variable = -1;
  int arrival = 0;  ///< quarter from which their age counts; negative: was there
  int price_quarter = 0;
  int from = 0;    ///< quarter of the plan from which they serve as our own, at the earliest
  int lease = -1;  ///< that they were leased under
};

/// A row that stands for something scarce, for people.
struct ScarceRow {
  int row = 0;
  ScarceKind kind = ScarceKind::power;
  int subject = 0;
  int quarter = 0;
  double unit = 1.0;  ///< the row's unit in the user's: value in M$ per row unit / unit
};

/// A price step that is open from a quarter on, once `from` lots were bought.
struct OpenStep {
  int variable = 0, quarter = 0;
  int offer = 0;  ///< index of Program::offers
  double from = 0.0;
};

/// Whether there is an order (or a lease) at all, of at least so many lots.
struct AnyOrder {
  int variable = 0, buy = 0;
  double least = 1.0;
};

struct Program {
  milp::Model model;
  Grid<int> buy;                   ///< [system][order quarter]
  Table<std::vector<int>> part;    ///< [system][route][order quarter]
  Table<int> qualified;            ///< [system][route]
  Grid<int> place;                 ///< [system][site][quarter]
  Table<Vintage> vintages;         ///< [system]
  Table<std::vector<int>> retire;  ///< [system][vintage][quarter]
  Grid<int> lease;                 ///< [lease][quarter of signing]
  Grid<int> buy_out;               ///< [lease][quarter of signing], bought at the end of the term
  Table<std::vector<int>> leased_part;  ///< [lease][route][quarter of signing], by its makers
  Table<int> whole;                     ///< [quarter of the decision]: lots, whole in the end
  Grid<int> rent;                       ///< [future][rental][quarter]; reserved: the same in each
  Table<std::vector<int>> start;        ///< [workload][port][quarter]
  Table<int> port_row;                  ///< [workload][port], of "at most one start"; -1: none
  Grid<int> use;                        ///< [future][workload][pool][quarter]
  Grid<int> unmet;                      ///< [future][workload][quarter]
  std::vector<int> first_stage;         ///< variables fixed before the future is known
  Table<int> offers;  ///< with price steps: [offer][quarter], variable of the lots taken
  std::vector<OpenStep> opens;
  std::vector<AnyOrder> any_orders;
  std::vector<int> yes_no;  ///< binaries; other integers are lots
  std::vector<Entry> cash, carbon;
  std::vector<ScarceRow> scarce;
  int own_share_row = -1;
  int cvar_eta = -1;
  std::vector<int> cvar_z;
  double fixed_cost = 0.0;  ///< M$, discounted: sites
};

/// Whether anything of a system can stand at our sites: owned, bought or leased.
[[nodiscard]] bool has_own(const Terms& t, const Program& p, int system);
/// Lots under a lease in a quarter: `factor` of each that has arrived (`slip` later) and not ended.
void add_leased(const Terms& t, const Program& p, int lease, int quarter, int slip, double factor,
                std::vector<milp::Term>& terms);

/// Lots of a system that arrive in a quarter out of its supply, bought or leased; of one route, or
/// (-1) of all.
[[nodiscard]] std::vector<milp::Term> arriving_lots(const Terms& t, const Program& p, int system,
                                                    int route, int arrival);

/// Lots in service, or (sign -1) not any more.
struct Keeping {
  int variable = 0;
  int from = 0, to = 0;  ///< quarters: [from, to)
  double sign = 1.0;
};
/// Upkeep and repairs of lots while they serve, at our cost.
void keep(const Terms& t, Program& p, int system, const Keeping& lots);

/// Lots for sale in steps of price, and what one of them costs.
struct SteppedOffer {
  std::string id;
  std::vector<int> lots = {};                  ///< by quarter: the variable, or -1
  std::vector<double> most = {};               ///< by quarter, by supply
  std::vector<double> bound = {};              ///< by quarter, of the program
  std::vector<PriceStep> steps = {};           ///< over chips
  double chips = 1.0;                          ///< of a lot
  std::vector<std::vector<Entry>> price = {};  ///< by quarter, of one lot at the list price
};
void add_price_steps(const Terms& t, Program& p, const SteppedOffer& offer);

/// M$ or kt of one unit of the entry's variable in a future.
[[nodiscard]] double driven(const Terms& t, const Entry& entry, const Future& future);
[[nodiscard]] double driven(const Terms& t, const Entry& entry, int future);

/// Files of this room that add to the program, in this order.
[[nodiscard]] Program build(const Terms& t);
void add_supply(const Terms& t, Program& p);
void add_leases_of(const Terms& t, Program& p, int system);  // within add_supply
void add_lease_prices(const Terms& t, Program& p);
void add_prices(const Terms& t, Program& p);
void add_sites(const Terms& t, Program& p);
void add_ports(const Terms& t, Program& p);
void add_futures(const Terms& t, Program& p);
void add_goal(const Terms& t, Program& p);

}  // namespace tightrope::procure
