#include "tightrope/core/units.h"

#include <type_traits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope {
namespace {

using namespace literals;

static_assert(sizeof(Seconds) == sizeof(double), "a quantity costs no more than its number");
static_assert(std::is_trivially_copyable_v<Seconds>);
static_assert(std::is_same_v<decltype(Bytes(1) / Seconds(1)), BytesPerSecond>);
static_assert(std::is_same_v<decltype(Joules(1) / Seconds(1)), Watts>);
static_assert(std::is_same_v<decltype(Watts(1) * Seconds(1)), Joules>);
static_assert(std::is_same_v<decltype(Dollars(1) / Tokens(1)), DollarsPerToken>);
static_assert(std::is_same_v<decltype(Bytes(6) / Bytes(2)), double>,
              "a quotient of like quantities is a plain number");
static_assert(std::is_same_v<decltype(1.0 / Seconds(2) * Seconds(2)), double>);
static_assert(!std::is_convertible_v<double, Seconds>);
static_assert(!std::is_convertible_v<Seconds, double>);
static_assert(max(1.0_s, 2.0_s) == 2.0_s && min(1.0_s, 2.0_s) == 1.0_s);

RC_GTEST_PROP(Units, ComputeAsTheirNumbersDo, (int a, int b, int k)) {
  const double x = a, y = b, n = k;
  RC_ASSERT((Seconds(x) + Seconds(y)).raw() == x + y);
  RC_ASSERT((Seconds(x) - Seconds(y)).raw() == x - y);
  RC_ASSERT((n * Seconds(x)).raw() == (Seconds(x) * n).raw());
  RC_ASSERT((-Seconds(x)).raw() == -x);
  RC_ASSERT((Seconds(x) < Seconds(y)) == (x < y));
  RC_ASSERT((Flops(x) * Seconds(y)).raw() == x * y);
}

RC_GTEST_PROP(Units, DividingByARateGivesTheTimeThatMovesTheAmountBack, (unsigned a, unsigned b)) {
  const Bytes amount(a);
  const BytesPerSecond rate(1.0 + b);
  const Bytes moved = rate * (amount / rate);
  RC_ASSERT(moved >= amount * (1 - 1e-15) && moved <= amount * (1 + 1e-15));
}

TEST(Units, AccumulateInPlace) {
  Bytes total(1.0);
  total += Bytes(2.0);
  total -= Bytes(0.5);
  total *= 4.0;
  total /= 2.0;
  EXPECT_EQ(total, Bytes(5.0));
}

TEST(Units, LiteralsAreInBaseUnits) {
  EXPECT_DOUBLE_EQ((2.5_us).raw(), 2.5e-6);
  EXPECT_EQ(80.0_GB, Bytes(80e9));
}

}  // namespace
}  // namespace tightrope
