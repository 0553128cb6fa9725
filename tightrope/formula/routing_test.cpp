#include "tightrope/formula/routing.h"

#include <gtest/gtest.h>

namespace tightrope::formula {
namespace {

TEST(Routing, PlacesOfAToken) {
  // One expert goes to one place, one place takes all.
  EXPECT_DOUBLE_EQ(places_of_token({8, 1, 0, 0}), 1.0);
  EXPECT_DOUBLE_EQ(places_of_token({1, 8, 0, 0}), 1.0);
  // Two experts over two places meet half of the time.
  EXPECT_DOUBLE_EQ(places_of_token({2, 2, 0, 0}), 1.5);
  // Never more than the experts, the places, or the groups' share of them.
  for (double places = 2; places <= 256; places *= 2) {
    const double free = places_of_token({places, 8, 0, 0});
    const double limited = places_of_token({places, 8, 8, 4});
    EXPECT_LE(free, 8.0);
    EXPECT_LE(free, places);
    EXPECT_LT(limited, free);
    if (places >= 8) {
      EXPECT_LE(limited, places / 2);
    }
  }
  // All groups allowed is no limit.
  EXPECT_DOUBLE_EQ(places_of_token({16, 8, 8, 8}), places_of_token({16, 8, 0, 0}));
}

}  // namespace
}  // namespace tightrope::formula
