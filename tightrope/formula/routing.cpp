#include "tightrope/formula/routing.h"

#include <algorithm>
#include <cmath>

namespace tightrope::formula {
namespace {

// Mean number of `boxes` that hold at least one of `balls`.
double occupied(double boxes, double balls) noexcept {
  if (boxes <= 1.0) return boxes;
  return boxes * (1.0 - std::pow(1.0 - 1.0 / boxes, balls));
}

}  // namespace

double places_of_token(const RoutingSpread& s) noexcept {
  double reach = s.places;
  if (s.groups > 1.0 && s.groups_per_token > 0.0 && s.groups_per_token < s.groups) {
    reach = s.places >= s.groups ? s.places * s.groups_per_token / s.groups
                                 : occupied(s.places, s.groups_per_token);
  }
  return std::max(1.0, occupied(reach, s.experts_per_token));
}

}  // namespace tightrope::formula
