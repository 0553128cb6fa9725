#include "tightrope/formula/network_calibration.h"

#include <gtest/gtest.h>

namespace tightrope::formula {
namespace {

NetworkCalibration sample() {
  NetworkCalibration c;
  c.direct.push_back({"nvlink4", "vllm", {.latency = Seconds(4e-6), .one_shot_share = 0.25}, 7});
  c.exchange.push_back({"nvlink5", "two_sided", "combine", {.share = 0.5}, 9});
  c.hosts.push_back({"torch", Seconds(45e-6), 3});
  c.bands.push_back({"library_bus", -0.25, 0.5});
  return c;
}

TEST(NetworkCalibration, WhatIsWrittenReadsBackTheSame) {
  const std::string text = write_network_calibration(sample());
  const auto read = NetworkCalibration::parse(text, "own.toml");
  ASSERT_TRUE(read.has_value()) << to_string(read.error());
  EXPECT_EQ(write_network_calibration(*read), text);
  ASSERT_NE(read->find_direct("nvlink4", "vllm"), nullptr);
  EXPECT_EQ(read->find_direct("nvlink4", "sglang"), nullptr);
  ASSERT_NE(read->find_exchange("nvlink5", "two_sided", "combine"), nullptr);
  EXPECT_EQ(read->find_band("library_bus")->q05, -0.25);
  EXPECT_NEAR(read->find_host("torch")->launch.raw(), 45e-6, 1e-12);
}

TEST(NetworkCalibration, FaultsNameLineAndWhatWasExpected) {
  const auto fault = [](const char* text) {
    const auto read = NetworkCalibration::parse(text, "own.toml");
    return read ? std::string("none") : to_string(read.error());
  };
  EXPECT_NE(fault("\n[[direct_reduce]]\nlatency_ms = 3\n").find("own.toml:3"), std::string::npos);
  EXPECT_NE(fault("[[exchange]]\nshare = 7\n").find("from 0 to 2"), std::string::npos);
  EXPECT_NE(fault("[[exchange]]\nlink = 7\n").find("expected a text"), std::string::npos);
  EXPECT_NE(fault("[link]\n").find("nobody reads `link`"), std::string::npos);
  EXPECT_NE(fault("host = 3\n").find("[[host]]"), std::string::npos);
}

TEST(NetworkCalibration, TheOneInTheProgramReads) {
  for (const ExchangeEntry& entry : NetworkCalibration::embedded().exchange) {
    EXPECT_GT(entry.rows, 0) << entry.link << entry.mode << entry.phase;
  }
}

}  // namespace
}  // namespace tightrope::formula
