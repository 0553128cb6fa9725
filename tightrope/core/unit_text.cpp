#include "tightrope/core/unit_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace tightrope {
namespace {

struct Unit {
  std::string_view name;
  double factor;
  Dimension dimension;
};

constexpr Dimension byte_d{0, 1};
constexpr Dimension flop_d{0, 0, 1};
constexpr Dimension joule_d{0, 0, 0, 1};
constexpr Dimension watt_d{-1, 0, 0, 1};
constexpr Dimension usd_d{0, 0, 0, 0, 1};
constexpr Dimension token_d{0, 0, 0, 0, 0, 1};
constexpr Dimension gram_d{0, 0, 0, 0, 0, 0, 1};
constexpr Dimension second_d{1};

constexpr Unit units[] = {
    {"s", 1, second_d},
    {"ms", 1e-3, second_d},
    {"us", 1e-6, second_d},
    {"ns", 1e-9, second_d},
    {"min", 60, second_d},
    {"h", 3600, second_d},
    {"day", 86400, second_d},
    {"year", 31536000, second_d},
    {"B", 1, byte_d},
    {"kB", 1e3, byte_d},
    {"MB", 1e6, byte_d},
    {"GB", 1e9, byte_d},
    {"TB", 1e12, byte_d},
    {"PB", 1e15, byte_d},
    {"KiB", 1024.0, byte_d},
    {"MiB", 1048576.0, byte_d},
    {"GiB", 1073741824.0, byte_d},
    {"TiB", 1099511627776.0, byte_d},
    {"bit", 0.125, byte_d},
    {"Mbit", 0.125e6, byte_d},
    {"Gbit", 0.125e9, byte_d},
    {"Tbit", 0.125e12, byte_d},
    {"FLOP", 1, flop_d},
    {"GFLOP", 1e9, flop_d},
    {"TFLOP", 1e12, flop_d},
    {"PFLOP", 1e15, flop_d},
    {"EFLOP", 1e18, flop_d},
    {"J", 1, joule_d},
    {"kJ", 1e3, joule_d},
    {"MJ", 1e6, joule_d},
    {"Wh", 3600, joule_d},
    {"kWh", 3.6e6, joule_d},
    {"MWh", 3.6e9, joule_d},
    {"GWh", 3.6e12, joule_d},
    {"W", 1, watt_d},
    {"kW", 1e3, watt_d},
    {"MW", 1e6, watt_d},
    {"GW", 1e9, watt_d},
    {"USD", 1, usd_d},
    {"cent", 0.01, usd_d},
    {"token", 1, token_d},
    {"g", 1, gram_d},
    {"kg", 1e3, gram_d},
    {"t", 1e6, gram_d},
};

struct Ambiguous {
  std::string_view name, right;
};
constexpr Ambiguous refused[] = {
    {"Gbps", "Gbit/s (or GB/s for bytes)"},
    {"gbps", "Gbit/s (or GB/s for bytes)"},
    {"GBps", "GB/s"},
    {"GBPS", "GB/s"},
    {"Mbps", "Mbit/s"},
    {"MBps", "MB/s"},
    {"Tbps", "Tbit/s"},
    {"TBps", "TB/s"},
    {"Gb/s", "Gbit/s"},
    {"Tb/s", "Tbit/s"},
    {"Gb", "Gbit (or GB for bytes)"},
    {"FLOPS", "FLOP/s"},
    {"GFLOPS", "GFLOP/s"},
    {"TFLOPS", "TFLOP/s"},
    {"PFLOPS", "PFLOP/s"},
    {"TFLOPs", "TFLOP/s (or TFLOP for an amount)"},
    {"PFLOPs", "PFLOP/s (or PFLOP for an amount)"},
    {"TFlops", "TFLOP/s"},
    {"TF", "TFLOP/s"},
    {"PF", "PFLOP/s"},
    {"TOPS", "TFLOP/s"},
    {"gb", "GB (1e9 bytes) or Gbit"},
    {"G", "GB, Gbit or GFLOP"},
    {"KB", "kB (1000 bytes) or KiB (1024)"},
    {"$", "USD"},
    {"$/h", "USD/h"},
    {"sec", "s"},
    {"hr", "h"},
    {"hour", "h"},
    {"days", "day"},
    {"watts", "W"},
};

const Unit* find_unit(std::string_view name) {
  for (const Unit& u : units) {
    if (u.name == name) return &u;
  }
  return nullptr;
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

Dimension minus(const Dimension& a, const Dimension& b) {
  return {a.second - b.second, a.byte - b.byte,   a.flop - b.flop, a.joule - b.joule,
          a.dollar - b.dollar, a.token - b.token, a.gram - b.gram};
}

Failure bad_unit(std::string_view text, std::string_view unit) {
  for (const Ambiguous& a : refused) {
    if (a.name == unit) {
      return fail(ErrorCode::unit, fmt::format("ambiguous unit \"{}\" in \"{}\"", unit, text), {},
                  fmt::format("write {}", a.right));
    }
  }
  return fail(ErrorCode::unit, fmt::format("unknown unit \"{}\" in \"{}\"", unit, text), {},
              "units look like GB, GiB, TB/s, Gbit/s, TFLOP/s, W, kWh, USD/h, g/kWh");
}

}  // namespace

Result<ParsedQuantity> parse_quantity(std::string_view text) {
  const std::string_view body = trimmed(text);
  double number = 0.0;
  const auto [end, status] = std::from_chars(body.data(), body.data() + body.size(), number);
  if (status != std::errc() || !std::isfinite(number)) {
    return fail(ErrorCode::syntax, fmt::format("\"{}\" does not begin with a number", text), {},
                "write a number, a space and a unit, for example \"186 GB\"");
  }
  const std::string_view unit = trimmed(body.substr(static_cast<std::size_t>(end - body.data())));
  if (unit.empty()) {
    return fail(ErrorCode::unit, fmt::format("\"{}\" has no unit", text), {},
                "write a number, a space and a unit, for example \"186 GB\"");
  }
  const std::size_t slash = unit.find('/');
  const std::string_view top = trimmed(unit.substr(0, slash));
  const Unit* numerator = find_unit(top);
  if (numerator == nullptr) {
    for (const Ambiguous& a : refused) {
      if (a.name == unit) return bad_unit(text, unit);
    }
    return bad_unit(text, top);
  }
  ParsedQuantity parsed{number * numerator->factor, numerator->dimension};
  if (slash == std::string_view::npos) return parsed;
  const std::string_view bottom = trimmed(unit.substr(slash + 1));
  const Unit* denominator = find_unit(bottom);
  if (denominator == nullptr) return bad_unit(text, bottom);
  parsed.base_units = number * numerator->factor / denominator->factor;
  parsed.dimension = minus(numerator->dimension, denominator->dimension);
  return parsed;
}

std::string example_unit(const Dimension& d) {
  struct Example {
    Dimension dimension;
    std::string_view unit;
  };
  static constexpr Example examples[] = {
      {byte_d, "GB"},
      {{-1, 1}, "GB/s"},
      {{-1, 0, 1}, "TFLOP/s"},
      {flop_d, "TFLOP"},
      {watt_d, "W"},
      {joule_d, "kWh"},
      {usd_d, "USD"},
      {{-1, 0, 0, 0, 1}, "USD/h"},
      {{0, 0, 0, -1, 1}, "USD/kWh"},
      {{0, 0, 0, -1, 0, 0, 1}, "g/kWh"},
      {second_d, "us"},
      {token_d, "token"},
      {gram_d, "kg"},
      {{0, -1, 0, 0, 1}, "USD/GB"},
      {{0, -1, 0, 1}, "J/GB"},
      {{-1, 0, 0, 0, 0, 1}, "token/s"},
  };
  for (const Example& e : examples) {
    if (e.dimension == d) return std::string(e.unit);
  }
  return "another unit";
}

Result<double> unit_text_internal::parse_dimension(std::string_view text, const Dimension& wanted) {
  TR_TRY(const ParsedQuantity parsed, parse_quantity(text));
  if (!(parsed.dimension == wanted)) {
    return fail(ErrorCode::unit, fmt::format("\"{}\" has the wrong dimension", text), {},
                fmt::format("expected a quantity in units like {}", example_unit(wanted)));
  }
  return parsed.base_units;
}

namespace {

struct Prefix {
  double factor;
  std::string_view symbol;
};
constexpr std::array<Prefix, 7> prefixes = {
    {{1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1.0, ""}}};

std::string significant(double v) {
  const double a = std::fabs(v);
  if (a >= 100) return fmt::format("{:.0f}", v);
  if (a >= 10) return fmt::format("{:.1f}", v);
  return fmt::format("{:.2f}", v);
}

std::string prefixed(double v, std::string_view unit) {
  for (const Prefix& p : prefixes) {
    if (std::fabs(v) >= 0.9995 * p.factor || p.factor == 1.0) {
      return fmt::format("{} {}{}", significant(v / p.factor), p.symbol, unit);
    }
  }
  return {};
}

}  // namespace

std::string with_thousands(double value, int decimals) {
  std::string digits = fmt::format("{:.{}f}", value, decimals);
  const std::size_t dot = digits.find('.');
  std::size_t i = dot == std::string::npos ? digits.size() : dot;
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  while (i > first + 3) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string to_text(Seconds t) {
  const double v = std::fabs(t.raw());
  if (v >= 1.0 || v == 0.0) return significant(t.raw()) + " s";
  if (v >= 1e-3) return significant(t.raw() * 1e3) + " ms";
  return significant(t.raw() * 1e6) + " us";
}
std::string to_text(Bytes b) { return prefixed(b.raw(), "B"); }
std::string to_text(Flops f) { return prefixed(f.raw(), "FLOP"); }
std::string to_text(Joules e) {
  if (std::fabs(e.raw()) >= 3.6e6) return prefixed(e.raw() / 3600.0, "Wh");
  return prefixed(e.raw(), "J");
}
std::string to_text(Dollars d) {
  return with_thousands(d.raw(), std::fabs(d.raw()) < 100 ? 2 : 0) + " USD";
}
std::string to_text(GramsCo2 g) {
  if (std::fabs(g.raw()) >= 1e6) return significant(g.raw() / 1e6) + " t CO2e";
  return significant(g.raw() / 1e3) + " kg CO2e";
}
std::string to_text(Watts p) { return prefixed(p.raw(), "W"); }
std::string to_text(BytesPerSecond r) { return prefixed(r.raw(), "B/s"); }
std::string to_text(FlopsPerSecond r) { return prefixed(r.raw(), "FLOP/s"); }

}  // namespace tightrope
