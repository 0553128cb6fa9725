#include "tightrope/cli/amounts.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace tightrope::cli {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

struct Amount {
  double number = 0;
  std::string_view word;  // what follows the number
};

Result<Amount> split(std::string_view text, std::string_view option, std::string_view example) {
  const std::string_view body = trimmed(text);
  Amount out;
  const auto [end, status] = std::from_chars(body.data(), body.data() + body.size(), out.number);
  if (status != std::errc() || !std::isfinite(out.number)) {
    return fail(ErrorCode::syntax,
                fmt::format("{} \"{}\" does not begin with a number", option, text), {},
                fmt::format("for example {} {}", option, example));
  }
  if (!(out.number > 0)) {
    return fail(ErrorCode::range, fmt::format("{} \"{}\" must be above 0", option, text), {},
                fmt::format("for example {} {}", option, example));
  }
  out.word = trimmed(body.substr(static_cast<std::size_t>(end - body.data())));
  return out;
}

struct Unit {
  std::string_view word;
  double factor;
};

constexpr Unit multiples[] = {{"", 1},    {"k", 1e3}, {"K", 1e3}, {"M", 1e6},
                              {"B", 1e9}, {"G", 1e9}, {"T", 1e12}};
constexpr double day = 86400;
constexpr Unit times[] = {
    {"ms", 1e-3},      {"s", 1},           {"min", 60},         {"h", 3600},
    {"d", day},        {"day", day},       {"days", day},       {"w", 7 * day},
    {"week", 7 * day}, {"weeks", 7 * day}, {"year", 365 * day}, {"years", 365 * day}};

template <std::size_t N>
const Unit* find(const Unit (&units)[N], std::string_view word) {
  for (const Unit& unit : units) {
    if (unit.word == word) return &unit;
  }
  return nullptr;
}

}  // namespace

Result<double> parse_count(std::string_view text, std::string_view option) {
  TR_TRY(const Amount amount, split(text, option, "15T"));
  const Unit* unit = find(multiples, amount.word);
  if (unit == nullptr) {
    return fail(ErrorCode::unit, fmt::format("{} \"{}\" ends in an unknown word", option, text), {},
                "k, M, B and T stand for 1e3, 1e6, 1e9 and 1e12");
  }
  return amount.number * unit->factor;
}

Result<Seconds> parse_duration(std::string_view text, std::string_view option) {
  TR_TRY(const Amount amount, split(text, option, "90d"));
  const Unit* unit = find(times, amount.word);
  if (unit == nullptr) {
    return fail(ErrorCode::unit, fmt::format("{} \"{}\" has no unit of time", option, text), {},
                "write 50ms, 2s, 12h, 90d or 1year");
  }
  return Seconds(amount.number * unit->factor);
}

Result<Dollars> parse_money(std::string_view text, std::string_view option) {
  TR_TRY(Amount amount, split(text, option, "\"100M USD\""));
  if (amount.word.ends_with("USD")) {
    amount.word = trimmed(amount.word.substr(0, amount.word.size() - 3));
  }
  const Unit* unit = find(multiples, amount.word);
  if (unit == nullptr) {
    return fail(ErrorCode::unit, fmt::format("{} \"{}\" is not an amount of USD", option, text), {},
                "write 100M or \"100e6 USD\"; other currencies are not converted");
  }
  return Dollars(amount.number * unit->factor);
}

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view part = trimmed(text.substr(0, end));
    if (!part.empty()) list.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return list;
}

Result<std::vector<int>> parse_counts(std::string_view text, std::string_view option) {
  constexpr int most = std::numeric_limits<int>::max() / 8;
  std::vector<int> counts;
  for (const std::string& part : parse_list(text)) {
    TR_TRY(const double value, parse_count(part, option));
    if (value != std::floor(value) || value > most) {
      return fail(ErrorCode::range,
                  fmt::format("{} \"{}\" is no whole number of machines", option, part));
    }
    counts.push_back(static_cast<int>(value));
  }
  return counts;
}

}  // namespace tightrope::cli
