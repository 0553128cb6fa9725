// Terms of contracts: what a leased lot costs, when it comes and goes, and what a contract that
// runs on beyond the plan leaves behind.
#include <algorithm>
#include <cmath>

#include "tightrope/procure/terms_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

constexpr double million = 1e6;

}  // namespace

double Terms::rent_of_quarter(int rental, int quarter) const {
  const Rental& r = s.rentals[z(rental)];
  return r.price[z(quarter)].raw() * s.calendar.length.raw() *
         s.systems[z(r.system)].chips_per_lot / million;
}

double Terms::lease_of_quarter(int lease, int quarter) const {
  const Lease& l = s.leases[z(lease)];
  return l.price[z(quarter)].raw() * s.calendar.length.raw() *
         s.systems[z(l.system)].chips_per_lot / million;
}

int Terms::lease_arrival(int lease, int quarter) const {
  return quarter + s.leases[z(lease)].lead_quarters;
}

int Terms::lease_end(int lease, int quarter) const {
  return lease_arrival(lease, quarter) + s.leases[z(lease)].term_quarters;
}

bool Terms::can_sign(int lease, int quarter) const {
  const Lease& l = s.leases[z(lease)];
  return quarter >= l.first_quarter && quarter < l.until_quarter &&
         lease_arrival(lease, quarter) < quarters && most_lots[z(l.system)] > 0.0;
}

double Terms::lease_bound(int lease, int quarter) const {
  const Lease& l = s.leases[z(lease)];
  const System& system = s.systems[z(l.system)];
  if (widened) return most_busy[z(l.system)] + l.least_lots - 1;
  double chips = (most_lots[z(l.system)] + l.least_lots - 1) * system.chips_per_lot;
  if (!l.new_chips_ceiling.empty()) chips = std::min(chips, l.new_chips_ceiling[z(quarter)]);
  if (!l.lessors_supply && !system.chips_ceiling.empty()) {
    chips = std::min(chips, system.chips_ceiling[z(lease_arrival(lease, quarter))]);
  }
  return std::floor(chips / system.chips_per_lot + 1e-9);
}

double Terms::remainder(double payment, double last, int end) const {
  const double excess = payment - s.remainder_worth * std::min(payment, last);
  double quarters_left = 0.0;  // discounted to the plan's end
  for (int q = quarters; q < end; ++q) quarters_left += std::pow(step, q - quarters);
  return excess * quarters_left;
}

double Terms::rental_remainder(int rental, int quarter) const {
  return remainder(rent_of_quarter(rental, quarter), rent_of_quarter(rental, quarters - 1),
                   quarter + s.rentals[z(rental)].term_quarters);
}

double Terms::lease_remainder(int lease, int quarter) const {
  return remainder(lease_of_quarter(lease, quarter), lease_of_quarter(lease, quarters - 1),
                   lease_end(lease, quarter));
}

}  // namespace tightrope::procure
