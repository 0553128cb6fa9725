// Amounts as people type them on a command line: 15T tokens, 90d, 100M USD, lists.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"

namespace tightrope::cli {

/// "15T", "14.8e12", "300 B", "4M", "8k": a number above 0 with k, M, B or T for 1e3 to 1e12.
/// `option` names the option in errors. Errors: syntax, range.
[[nodiscard]] Result<double> parse_count(std::string_view text, std::string_view option);

/// "90d", "12 h", "3w", "45 min", "1 year", "2s", "30ms". Errors: syntax, unit, range.
[[nodiscard]] Result<Seconds> parse_duration(std::string_view text, std::string_view option);

/// "100M", "100e6 USD", "2.5B USD". Errors: syntax, unit, range.
[[nodiscard]] Result<Dollars> parse_money(std::string_view text, std::string_view option);

/// Splits at commas; blanks around the parts and empty parts are dropped.
[[nodiscard]] std::vector<std::string> parse_list(std::string_view text);

/// Whole numbers above 0, in any form that parse_count reads. Errors: syntax, range.
[[nodiscard]] Result<std::vector<int>> parse_counts(std::string_view text, std::string_view option);

}  // namespace tightrope::cli
