// Physical quantities with their dimension in the type, at the run-time cost of a double.
//
// Dimensions: second, byte, flop, joule, dollar, token, gram of CO2-equivalent. Everything else is
// a product or quotient of them (watt, byte/s, USD/token). A dimensionless result is a plain
// double. Adding unlike dimensions does not compile (tests/compile_fail).
#pragma once

#include <compare>

namespace tightrope {

template <int S, int B, int F, int J, int D, int T, int G>
class Quantity;

namespace units_internal {
template <int S, int B, int F, int J, int D, int T, int G>
struct Resolve {
  using type = Quantity<S, B, F, J, D, T, G>;
};
template <>
struct Resolve<0, 0, 0, 0, 0, 0, 0> {
  using type = double;
};
}  // namespace units_internal

/// The type of a quantity with these exponents: `double` when all are zero.
template <int S, int B, int F, int J, int D, int T, int G>
using QuantityOf = typename units_internal::Resolve<S, B, F, J, D, T, G>::type;

/// A value in SI base units (s, byte, flop, J, USD, token, g). Trivially copyable, 8 bytes.
template <int S, int B, int F, int J, int D, int T, int G>
class Quantity {
 public:
  constexpr Quantity() = default;
  explicit constexpr Quantity(double base_units) : x_(base_units) {}

  /// The number in base units. Hot loops call this once at the top.
  [[nodiscard]] constexpr double raw() const { return x_; }

  constexpr Quantity& operator+=(Quantity o) {
    x_ += o.x_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity o) {
    x_ -= o.x_;
    return *this;
  }
  constexpr Quantity& operator*=(double k) {
    x_ *= k;
    return *this;
  }
  constexpr Quantity& operator/=(double k) {
    x_ /= k;
    return *this;
  }

  friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.x_ + b.x_); }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.x_ - b.x_); }
  friend constexpr Quantity operator-(Quantity a) { return Quantity(-a.x_); }
  friend constexpr Quantity operator*(Quantity a, double k) { return Quantity(a.x_ * k); }
  friend constexpr Quantity operator*(double k, Quantity a) { return Quantity(a.x_ * k); }
  friend constexpr Quantity operator/(Quantity a, double k) { return Quantity(a.x_ / k); }
  friend constexpr auto operator<=>(Quantity a, Quantity b) = default;

 private:
  double x_ = 0.0;
};

template <int S, int B, int F, int J, int D, int T, int G, int s, int b, int f, int j, int d, int t,
          int g>
constexpr auto operator*(Quantity<S, B, F, J, D, T, G> x, Quantity<s, b, f, j, d, t, g> y) {
  return QuantityOf<S + s, B + b, F + f, J + j, D + d, T + t, G + g>(x.raw() * y.raw());
}

template <int S, int B, int F, int J, int D, int T, int G, int s, int b, int f, int j, int d, int t,
          int g>
constexpr auto operator/(Quantity<S, B, F, J, D, T, G> x, Quantity<s, b, f, j, d, t, g> y) {
  return QuantityOf<S - s, B - b, F - f, J - j, D - d, T - t, G - g>(x.raw() / y.raw());
}

template <int S, int B, int F, int J, int D, int T, int G>
constexpr auto operator/(double k, Quantity<S, B, F, J, D, T, G> y) {
  return QuantityOf<-S, -B, -F, -J, -D, -T, -G>(k / y.raw());
}

using Seconds = Quantity<1, 0, 0, 0, 0, 0, 0>;
using Bytes = Quantity<0, 1, 0, 0, 0, 0, 0>;
using Flops = Quantity<0, 0, 1, 0, 0, 0, 0>;
using Joules = Quantity<0, 0, 0, 1, 0, 0, 0>;
using Dollars = Quantity<0, 0, 0, 0, 1, 0, 0>;
using Tokens = Quantity<0, 0, 0, 0, 0, 1, 0>;
using GramsCo2 = Quantity<0, 0, 0, 0, 0, 0, 1>;

using Watts = Quantity<-1, 0, 0, 1, 0, 0, 0>;
using BytesPerSecond = Quantity<-1, 1, 0, 0, 0, 0, 0>;
using FlopsPerSecond = Quantity<-1, 0, 1, 0, 0, 0, 0>;
using TokensPerSecond = Quantity<-1, 0, 0, 0, 0, 1, 0>;
using DollarsPerSecond = Quantity<-1, 0, 0, 0, 1, 0, 0>;
using DollarsPerJoule = Quantity<0, 0, 0, -1, 1, 0, 0>;
using DollarsPerToken = Quantity<0, 0, 0, 0, 1, -1, 0>;
using GramsPerJoule = Quantity<0, 0, 0, -1, 0, 0, 1>;
using JoulesPerToken = Quantity<0, 0, 0, 1, 0, -1, 0>;

template <int S, int B, int F, int J, int D, int T, int G>
constexpr Quantity<S, B, F, J, D, T, G> max(Quantity<S, B, F, J, D, T, G> a,
                                            Quantity<S, B, F, J, D, T, G> b) {
  return a < b ? b : a;
}
template <int S, int B, int F, int J, int D, int T, int G>
constexpr Quantity<S, B, F, J, D, T, G> min(Quantity<S, B, F, J, D, T, G> a,
                                            Quantity<S, B, F, J, D, T, G> b) {
  return b < a ? b : a;
}

namespace literals {
constexpr Seconds operator""_s(long double v) { return Seconds(static_cast<double>(v)); }
constexpr Seconds operator""_us(long double v) { return Seconds(static_cast<double>(v) * 1e-6); }
constexpr Bytes operator""_B(long double v) { return Bytes(static_cast<double>(v)); }
constexpr Bytes operator""_GB(long double v) { return Bytes(static_cast<double>(v) * 1e9); }
constexpr Flops operator""_flop(long double v) { return Flops(static_cast<double>(v)); }
}  // namespace literals

}  // namespace tightrope
