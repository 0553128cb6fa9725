// What a run costs: energy, money, carbon.
#pragma once

#include "tightrope/core/units.h"

namespace tightrope::formula {

struct PowerDraw {
  Watts chip_max{};  ///< the chip's power limit
  double chips = 1;
  Watts host_share{};         ///< server power beside the chips, per chip (hosts, NICs, fans)
  double busy = 1.0;          ///< share of the step in which the chip computes, 0..1
  double active_share = 0.9;  ///< of chip_max drawn while computing
  double idle_share = 0.35;   ///< of chip_max drawn while waiting inside a step
};

/// What: mean electrical power of the machines during a step, before the building's overhead.
/// Formula: chips (P_max (busy a + (1-busy) i) + P_host)
/// Source: linear utilisation model; shares from calibration/training.toml
/// Valid: 0 <= busy <= 1
/// Checked by: Bill.Laws
[[nodiscard]] constexpr Watts mean_power(const PowerDraw& p) noexcept {
  const double share = p.busy * p.active_share + (1.0 - p.busy) * p.idle_share;
  return p.chips * (p.chip_max * share + p.host_share);
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
