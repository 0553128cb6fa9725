#include "tightrope/core/unit_text.h"

#include <gtest/gtest.h>

namespace tightrope {
namespace {

TEST(UnitText, ReadsValuesWithTheirUnits) {
  EXPECT_DOUBLE_EQ(parse_as<Bytes>("186 GB")->raw(), 186e9);
  EXPECT_DOUBLE_EQ(parse_as<Bytes>("96 GiB")->raw(), 96.0 * 1024 * 1024 * 1024);
  EXPECT_DOUBLE_EQ(parse_as<BytesPerSecond>("400 Gbit/s")->raw(), 50e9);
  EXPECT_DOUBLE_EQ(parse_as<FlopsPerSecond>("2.5 PFLOP/s")->raw(), 2.5e15);
  EXPECT_DOUBLE_EQ(parse_as<DollarsPerSecond>("36 USD/h")->raw(), 0.01);
  EXPECT_DOUBLE_EQ(parse_as<GramsPerJoule>("360 g/kWh")->raw(), 1e-4);
}

TEST(UnitText, RefusesAmbiguousSpellingsWithTheRightOne) {
  EXPECT_EQ(parse_as<BytesPerSecond>("400 Gbps").error().hint, "write Gbit/s (or GB/s for bytes)");
  EXPECT_EQ(parse_as<FlopsPerSecond>("989 TFLOPS").error().hint, "write TFLOP/s");
  EXPECT_EQ(parse_as<Bytes>("80").error().code, ErrorCode::unit);
  EXPECT_EQ(parse_as<Bytes>("GB").error().code, ErrorCode::syntax);
  EXPECT_EQ(parse_as<Watts>("80 GB").error().hint, "expected a quantity in units like W");
}

TEST(UnitText, WritesForPeople) {
  EXPECT_EQ(to_text(Bytes(186e9)), "186 GB");
  EXPECT_EQ(to_text(Seconds(0.00412)), "4.12 ms");
  EXPECT_EQ(to_text(Dollars(1234567)), "1,234,567 USD");
  EXPECT_EQ(to_text(FlopsPerSecond(989e12)), "989 TFLOP/s");
}

}  // namespace
}  // namespace tightrope
