// What the sections of a procurement study share: how money, chips and quarters are written.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/core/units.h"
#include "tightrope/procure/plan.h"
#include "tightrope/report/procure_report.h"

namespace tightrope::report {

/// A number for people: three or four digits, thousands apart, never an exponent.
[[nodiscard]] inline std::string plain_number(double x) {
  const double size = std::fabs(x);
  if (size < 0.0005) return "0";
  if (size >= 999.5) return with_thousands(x);
  return fmt::format("{:.{}f}", x, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.1 ? 2 : 3);
}

/// A whole number with thousands apart, others as they are: "1", "25", "1,000,000", "0.5".
[[nodiscard]] inline std::string count_text(double x) {
  return std::fabs(x - std::round(x)) < 1e-9 ? with_thousands(x) : fmt::format("{:g}", x);
}

[[nodiscard]] inline std::string in_millions(Dollars d) { return plain_number(d.raw() / 1e6); }

/// "27Q1".
[[nodiscard]] inline std::string short_quarter(const procure::Scenario& s, std::size_t quarter) {
  return s.calendar.quarters[quarter].substr(2);
}

/// A column for words and one a quarter.
[[nodiscard]] inline std::vector<Column> by_quarter(const procure::Scenario& s,
                                                    std::vector<Column> first) {
  for (std::size_t q = 0; q < s.calendar.quarters.size(); ++q) {
    first.push_back({short_quarter(s, q), Align::right});
  }
  return first;
}

/// Chips in thousands from 10,000 up, so that twelve quarters fit a line.
[[nodiscard]] inline std::string chips_text(double n) {
  if (n < 0.5) return "-";
  if (n < 9999.5) return fmt::format("{:.0f}", n);
  return n < 9999500 ? fmt::format("{:.0f}k", n / 1e3) : fmt::format("{:.1f}M", n / 1e6);
}

/// Power that a site's machines need in a quarter, at the meter, in W.
[[nodiscard]] inline double site_power(const procure::Scenario& s, const procure::Plan& plan,
                                       std::size_t site, std::size_t quarter) {
  double watts = 0;
  for (std::size_t i = 0; i < plan.placed.size(); ++i) {
    watts += plan.placed[i][site][quarter] * s.systems[i].lot_power.raw();
  }
  return watts * s.sites[site].pue;
}

/// Sections of places, contracts and what the plan leans on; sections without rows are left out.
[[nodiscard]] std::vector<ProcureSection> procure_places(const procure_study::Resolved& study,
                                                         const procure::Answer& answer);
/// Cost and energy by workload; cash by year; what binds.
[[nodiscard]] std::vector<ProcureSection> procure_money(const procure_study::Resolved& study,
                                                        const procure::Answer& answer);

}  // namespace tightrope::report
