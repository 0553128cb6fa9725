#include "tightrope/traffic/random.h"

#include <array>
#include <cmath>

namespace tightrope::traffic {
namespace {

template <std::size_t N>
double polynomial(const std::array<double, N>& highest_first, double x) noexcept {
  double sum = 0.0;
  for (const double c : highest_first) sum = sum * x + c;
  return sum;
}

// Lanczos' approximation with g = 7, for x > 0.
double log_gamma(double x) noexcept {
  constexpr std::array<double, 8> c = {
      676.5203681218851,  -1259.1392167224028,  771.32342877765313,    -176.61502916214059,
      12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
  double sum = 0.99999999999980993;
  for (std::size_t i = 0; i < c.size(); ++i) sum += c[i] / (x + static_cast<double>(i));
  const double t = x + 6.5;
  constexpr double half_log_two_pi = 0.91893853320467274178;
  return half_log_two_pi + (x - 0.5) * same_log(t) - t + same_log(sum);
}

}  // namespace

double same_log(double x) noexcept {
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < 0.70710678118654752) {
    m *= 2.0;
    --exponent;
  }
  // log m = 2 artanh s, |s| < 0.172: twelve terms are exact to the last bit or two.
  const double s = (m - 1.0) / (m + 1.0);
  const double square = s * s;
  double sum = 0.0;
  for (int k = 12; k >= 0; --k) sum = sum * square + 1.0 / (2 * k + 1);
  return exponent * 0.69314718055994530942 + 2.0 * s * sum;
}

double same_exp(double x) noexcept {
  constexpr double log2_high = 6.93147180369123816490e-01, log2_low = 1.90821492927058770002e-10;
  const double k = std::floor(x / 0.69314718055994530942 + 0.5);
  const double r = (x - k * log2_high) - k * log2_low;
  double sum = 1.0;
  for (int n = 14; n >= 1; --n) sum = 1.0 + r * sum / n;
  return std::ldexp(sum, static_cast<int>(k));
}

double normal_share(double z) noexcept {
  const double x = std::abs(z);
  double tail = 0.0;
  if (x < 37.0) {
    const double e = same_exp(-0.5 * x * x);
    if (x < 7.07106781186547) {
      constexpr std::array<double, 7> over = {
          3.52624965998911e-02, 0.700383064443688, 6.37396220353165, 33.912866078383,
          112.079291497871,     221.213596169931,  220.206867912376};
      constexpr std::array<double, 8> under = {
          8.83883476483184e-02, 1.75566716318264, 16.064177579207,  86.7807322029461,
          296.564248779674,     637.333633378831, 793.826512519948, 440.413735824752};
      tail = e * polynomial(over, x) / polynomial(under, x);
    } else {
      double b = x + 0.65;
      for (int n = 4; n >= 1; --n) b = x + n / b;
      tail = e / b / 2.506628274631;
    }
  }
  return z > 0.0 ? 1.0 - tail : tail;
}

double normal_quantile(double p) noexcept {
  constexpr std::array<double, 6> a = {-3.969683028665376e+01, 2.209460984245205e+02,
                                       -2.759285104469687e+02, 1.383577518672690e+02,
                                       -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr std::array<double, 6> b = {-5.447609879822406e+01, 1.615858368580409e+02,
                                       -1.556989798598866e+02, 6.680131188771972e+01,
                                       -1.328068155288572e+01, 1.0};
  constexpr std::array<double, 6> c = {-7.784894002430293e-03, -3.223964580411365e-01,
                                       -2.400758277161838e+00, -2.549732539343734e+00,
                                       4.374664141464968e+00,  2.938163982698783e+00};
  constexpr std::array<double, 5> d = {7.784695709041462e-03, 3.224671290700398e-01,
                                       2.445134137142996e+00, 3.754408661907416e+00, 1.0};
  constexpr double low = 0.02425;
  if (p < low || p > 1.0 - low) {
    const double q = std::sqrt(-2.0 * same_log(p < low ? p : 1.0 - p));
    const double z = polynomial(c, q) / polynomial(d, q);
    return p < low ? z : -z;
  }
  const double q = p - 0.5;
  return polynomial(a, q * q) * q / polynomial(b, q * q);
}

double gamma_share(double shape, double x) noexcept {
  if (x <= 0.0) return 0.0;
  // All terms of the series are positive, so that nothing cancels.
  double term = 1.0 / shape, sum = term;
  for (int n = 1; n < 20000 && term > sum * 1e-17; ++n) {
    term *= x / (shape + n);
    sum += term;
  }
  const double log_share = shape * same_log(x) - x - log_gamma(shape) + same_log(sum);
  if (log_share < -700.0) return 0.0;
  return log_share >= 0.0 ? 1.0 : same_exp(log_share);
}

double Draws::normal() noexcept { return normal_quantile(uniform()); }

double Draws::exponential() noexcept { return -same_log(uniform()); }

// Marsaglia and Tsang 2000; a shape below 1 is raised by one and thinned by a power of a uniform.
double Draws::gamma(double shape) noexcept {
  double thin = 1.0;
  const double mean = shape;
  if (shape < 1.0) {
    const double power = same_log(uniform()) / shape;
    thin = power < -700.0 ? 0.0 : same_exp(power);
    shape += 1.0;
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double z = normal();
    const double root = 1.0 + c * z;
    const double u = uniform();
    if (root <= 0.0) continue;
    const double v = root * root * root;
    if (same_log(u) < 0.5 * z * z + d - d * v + d * same_log(v)) return d * v * thin / mean;
  }
}

}  // namespace tightrope::traffic
