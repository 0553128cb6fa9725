#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/traffic/generator.h"
#include "tightrope/traffic/lanes_internal.h"
#include "tightrope/traffic/random.h"

namespace tightrope::traffic {

ArrivalClock::ArrivalClock(const Arrivals& arrivals, PerSecond starts, std::uint64_t seed)
    : arrivals_(arrivals), rate_(starts.raw()), seed_(seed) {
  TR_CHECK(rate_ > 0.0, rate_);
  double sum = 0.0;
  for (const double weight : arrivals_.profile) sum += weight;
  const auto parts = static_cast<double>(arrivals_.profile.size());
  for (double& weight : arrivals_.profile) weight *= parts / sum;
  if (!arrivals_.profile.empty()) part_s_ = arrivals_.profile_period.raw() / parts;
  if (arrivals_.process == Process::bursty) {
    on_left_ = Draws(seed_, lane::burst, bursts_++).exponential() * arrivals_.on.raw();
  }
}

double ArrivalClock::gap() {
  Draws draws(seed_, lane::gap, drawn_++);
  switch (arrivals_.process) {
    case Process::constant: return 1.0 / rate_;
    case Process::poisson: return draws.exponential() / rate_;
    case Process::gamma: return draws.gamma(1.0 / (arrivals_.cv * arrivals_.cv)) / rate_;
    case Process::bursty: break;
  }
  return bursty_gap(draws.exponential());
}

double ArrivalClock::bursty_gap(double units) {
  const double on_share = arrivals_.on / (arrivals_.on + arrivals_.off);
  double on_needed = units / rate_ * on_share;
  double passed = 0.0;
  while (on_needed > on_left_) {
    Draws draws(seed_, lane::burst, bursts_++);
    on_needed -= on_left_;
    passed += on_left_ + draws.exponential() * arrivals_.off.raw();
    on_left_ = draws.exponential() * arrivals_.on.raw();
  }
  on_left_ -= on_needed;
  return passed + on_needed;
}

// Spends seconds of the mean rate over parts of the profile that run faster or slower.
void ArrivalClock::advance(double seconds) {
  const auto parts = static_cast<std::int64_t>(arrivals_.profile.size());
  // Whole periods at once: their weights have a mean of 1.
  const double period_s = arrivals_.profile_period.raw();
  const double periods = std::floor(seconds / period_s);
  seconds -= periods * period_s;
  part_ += parts * static_cast<std::int64_t>(std::min(periods, 1e12));
  while (true) {
    const double weight = arrivals_.profile[static_cast<std::size_t>(part_ % parts)];
    const double room = (part_s_ - in_part_s_) * weight;
    if (seconds < room) break;
    seconds -= room;
    ++part_;
    in_part_s_ = 0.0;
  }
  in_part_s_ += seconds / arrivals_.profile[static_cast<std::size_t>(part_ % parts)];
}

Seconds ArrivalClock::next() {
  const double step = gap();
  if (arrivals_.profile.empty()) {
    flat_s_ += step;
    return Seconds(flat_s_);
  }
  advance(step);
  return Seconds(static_cast<double>(part_) * part_s_ + in_part_s_);
}

}  // namespace tightrope::traffic
