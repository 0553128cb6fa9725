// Time of a part of an iteration.
#pragma once

#include "tightrope/core/units.h"

namespace tightrope::infer {

/// Time of a part of an iteration, and how much of it the chips compute or move bytes.
struct Spent {
  Seconds time{}, busy{};
  Spent& operator+=(Spent o) {
    time += o.time;
    busy += o.busy;
    return *this;
  }
  friend Spent operator+(Spent a, Spent b) { return a += b; }
  friend Spent operator*(Spent a, double k) { return {a.time * k, a.busy * k}; }
};

}  // namespace tightrope::infer
