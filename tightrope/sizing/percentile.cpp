#include "tightrope/sizing/percentile.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tightrope::sizing {

double normal_deviate(double share) noexcept {
  constexpr std::array a = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                            1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr std::array b = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                            6.680131188771972e+01, -1.328068155288572e+01};
  constexpr std::array c = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                            -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr std::array d = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                            3.754408661907416e+00};
  constexpr double tail = 0.02425;
  if (share > 1.0 - tail) return -normal_deviate(1.0 - share);
  if (share < tail) {
    const double q = std::sqrt(-2.0 * std::log(share));
    return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
           ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1.0);
  }
  const double q = share - 0.5;
  const double r = q * q;
  return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
         (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1.0);
}

double fullness(double mean, double percentile) noexcept {
  return mean + std::max(0.0, normal_deviate(percentile / 100.0)) * std::sqrt(mean);
}

Seconds queue_wait(const Queue& q) noexcept {
  const double late = 1.0 - q.percentile / 100.0;
  if (q.utilisation <= late) return Seconds(0.0);
  const Seconds scale =
      q.service * (0.5 * (1.0 + q.service_cv * q.service_cv) / (1.0 - q.utilisation));
  return scale * std::log(q.utilisation / late);
}

double bearable_utilisation(const Queue& queue, Seconds most) noexcept {
  if (most < Seconds(0.0)) return 0.0;
  int low = 0, high = 95;  // hundredths; the wait rises with the utilisation
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    Queue at = queue;
    at.utilisation = 0.01 * middle;
    if (queue_wait(at) <= most) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return 0.01 * low;
}

}  // namespace tightrope::sizing
