// Quantities as text: "186 GB", "1.8 TB/s", "400 Gbit/s", "2.5 PFLOP/s", "1200 W", "36.9 USD/h".
//
// A unit is always there and never ambiguous: GB is 1e9 bytes, GiB is 2^30, bits are spelled
// "bit". Gbps, GBps, TFLOPS and their like are refused with the right spelling.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"

namespace tightrope {

/// Exponents of (second, byte, flop, joule, dollar, token, gram), as in Quantity.
struct Dimension {
  int second = 0, byte = 0, flop = 0, joule = 0, dollar = 0, token = 0, gram = 0;
  friend bool operator==(const Dimension&, const Dimension&) = default;
};

template <int S, int B, int F, int J, int D, int T, int G>
constexpr Dimension dimension_of(Quantity<S, B, F, J, D, T, G>) {
  return {S, B, F, J, D, T, G};
}

struct ParsedQuantity {
  double base_units = 0.0;
  Dimension dimension;
};

/// Reads `<number> <unit>`. Errors: ErrorCode::syntax without a number, ErrorCode::unit for a
/// missing, unknown or ambiguous unit, with a hint that spells it right.
[[nodiscard]] Result<ParsedQuantity> parse_quantity(std::string_view text);

/// Reads a quantity of one dimension; another dimension is ErrorCode::unit.
template <class Q>
[[nodiscard]] Result<Q> parse_as(std::string_view text);

/// The usual unit of a dimension, for messages: "GB/s", "W", "USD/h".
[[nodiscard]] std::string example_unit(const Dimension& dimension);

namespace unit_text_internal {
Result<double> parse_dimension(std::string_view text, const Dimension& wanted);
}

template <class Q>
Result<Q> parse_as(std::string_view text) {
  auto value = unit_text_internal::parse_dimension(text, dimension_of(Q()));
  if (!value) return Failure(std::move(value).error());
  return Q(*value);
}

// Text for people: three or four significant digits and a fitting prefix.
[[nodiscard]] std::string to_text(Seconds t);         ///< "12.3 s", "4.1 ms", "850 us"
[[nodiscard]] std::string to_text(Bytes b);           ///< "74.2 GB"
[[nodiscard]] std::string to_text(Flops f);           ///< "1.2 PFLOP"
[[nodiscard]] std::string to_text(Joules e);          ///< "3.2 MWh" from 1 kWh up, else "12 J"
[[nodiscard]] std::string to_text(Dollars d);         ///< "1,234,000 USD"
[[nodiscard]] std::string to_text(GramsCo2 g);        ///< "12.3 t CO2e"
[[nodiscard]] std::string to_text(Watts p);           ///< "700 W"
[[nodiscard]] std::string to_text(BytesPerSecond r);  ///< "450 GB/s"
[[nodiscard]] std::string to_text(FlopsPerSecond r);  ///< "989 TFLOP/s"
[[nodiscard]] std::string with_thousands(double value, int decimals = 0);  ///< "1,234,567"

}  // namespace tightrope
