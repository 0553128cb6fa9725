// Time of a part of an iteration.
#pragma once

#include "tightrope/core/units.h"

namespace tightrope::infer {

/// Time of a part of an iteration, how much of it the chips compute or move bytes, and for how
/// long they would draw their whole power limit to draw what they draw beyond waiting.
struct Spent {
  Seconds time{}, busy{}, drawn{};
  Spent& operator+=(Spent o) {
    time += o.time;
    busy += o.busy;
    drawn += o.drawn;
    return *this;
  }
  friend Spent operator+(Spent a, Spent b) { return a += b; }
  friend Spent operator*(Spent a, double k) { return {a.time * k, a.busy * k, a.drawn * k}; }
};

}  // namespace tightrope::infer
