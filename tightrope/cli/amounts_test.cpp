#include "tightrope/cli/amounts.h"

#include <gtest/gtest.h>

namespace tightrope::cli {
namespace {

TEST(Amounts, ReadsCountsWithTheirWords) {
  EXPECT_DOUBLE_EQ(parse_count("15T", "--tokens").value(), 15e12);
  EXPECT_DOUBLE_EQ(parse_count("14.8 T", "--tokens").value(), 14.8e12);
  EXPECT_DOUBLE_EQ(parse_count("3e9", "--tokens").value(), 3e9);
  EXPECT_DOUBLE_EQ(parse_count("8k", "--seq").value(), 8000);
  EXPECT_DOUBLE_EQ(parse_count("300B", "--tokens").value(), 300e9);
}

TEST(Amounts, ReadsDurationsAndMoney) {
  EXPECT_EQ(parse_duration("90d", "--deadline").value(), Seconds(90 * 86400.0));
  EXPECT_EQ(parse_duration("12 h", "--deadline").value(), Seconds(12 * 3600.0));
  EXPECT_EQ(parse_duration("2 weeks", "--deadline").value(), Seconds(14 * 86400.0));
  EXPECT_EQ(parse_money("100M", "--budget").value(), Dollars(100e6));
  EXPECT_EQ(parse_money("100e6 USD", "--budget").value(), Dollars(100e6));
  EXPECT_EQ(parse_money("2.5B USD", "--budget").value(), Dollars(2.5e9));
}

TEST(Amounts, RefusesWhatCouldMeanTwoThings) {
  EXPECT_EQ(parse_duration("90", "--deadline").error().code, ErrorCode::unit);
  EXPECT_EQ(parse_duration("90m", "--deadline").error().code, ErrorCode::unit);
  EXPECT_EQ(parse_money("100M EUR", "--budget").error().code, ErrorCode::unit);
  EXPECT_EQ(parse_count("15X", "--tokens").error().code, ErrorCode::unit);
  EXPECT_EQ(parse_count("many", "--tokens").error().code, ErrorCode::syntax);
  EXPECT_EQ(parse_count("-3T", "--tokens").error().code, ErrorCode::range);
  EXPECT_EQ(parse_count("0", "--tokens").error().code, ErrorCode::range);
  EXPECT_EQ(parse_count("inf", "--tokens").error().code, ErrorCode::syntax);
}

TEST(Amounts, SplitsLists) {
  EXPECT_EQ(parse_list(" a, b,,c "), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(parse_list("").empty());
  EXPECT_EQ(parse_counts("8,1k", "--chips").value(), (std::vector<int>{8, 1000}));
  EXPECT_EQ(parse_counts("1.5", "--chips").error().code, ErrorCode::range);
  EXPECT_EQ(parse_counts("5T", "--chips").error().code, ErrorCode::range);
}

}  // namespace
}  // namespace tightrope::cli
