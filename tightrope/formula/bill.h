// What a run costs: energy, money, carbon.
#pragma once

#include "tightrope/core/units.h"

namespace tightrope::formula {

/// Shares of a chip's power limit, 0..1.
struct PowerShares {
  double active = 0.9;    ///< drawn while it computes
  double waiting = 0.35;  ///< drawn while it waits inside a step: for peers, memory or the host
};

/// What: share of its power limit that a chip draws which computes a share of its time.
/// Formula: busy a + (1-busy) w
/// Source: linear utilisation model; a and w fitted to metered products, calibration/kernels.toml
/// Valid: 0 <= busy <= 1
/// Checked by: Bill.Laws
[[nodiscard]] constexpr double power_share(const PowerShares& shares, double busy) noexcept {
  return busy * shares.active + (1.0 - busy) * shares.waiting;
}

struct PowerDraw {
  Watts chip_max{};  ///< the chip's power limit
  double chips = 1;
  Watts host_share{};  ///< server power beside the chips, per chip (hosts, NICs, fans)
  double busy = 1.0;   ///< share of the step in which the chip computes, 0..1
  PowerShares shares;
};

/// What: mean electrical power of the machines during a step, before the building's overhead.
/// Formula: chips (P_max power_share(busy) + P_host)
/// Source: definition; power_share above
/// Valid: 0 <= busy <= 1
/// Checked by: Bill.Laws
[[nodiscard]] constexpr Watts mean_power(const PowerDraw& p) noexcept {
  return p.chips * (p.chip_max * power_share(p.shares, p.busy) + p.host_share);
}

struct Run {
  Watts power{};  ///< of the machines
  Seconds time{};
  double pue = 1.0;
  GramsPerJoule carbon{};
  DollarsPerJoule electricity{};
  DollarsPerSecond rent{};  ///< of all chips together
};

struct Bill {
  Joules energy{};  ///< at the building's meter
  Dollars rent{}, electricity{};
  GramsCo2 carbon{};
};

/// What: energy, money and carbon of a run.
/// Formula: E = P t PUE; rent = r t; electricity = E e; carbon = E c
/// Source: definitions; PUE as in ISO/IEC 30134-2
/// Valid: pue >= 1
/// Checked by: Bill.Laws
[[nodiscard]] constexpr Bill bill(const Run& run) noexcept {
  Bill out;
  out.energy = run.power * run.time * run.pue;
  out.rent = run.rent * run.time;
  out.electricity = out.energy * run.electricity;
  out.carbon = out.energy * run.carbon;
  return out;
}

}  // namespace tightrope::formula
