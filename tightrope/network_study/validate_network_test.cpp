#include "tightrope/network_study/validate_network.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::network_study {
namespace {

const catalog::Catalog& facts() { return catalog::Catalog::embedded(); }

const formula::Calibration& links() { return formula::embedded_calibration(); }

NetworkTable table_of(const std::string& text) {
  auto table = parse_network_table(text, "own.csv", {facts(), links()});
  EXPECT_TRUE(table.has_value()) << (table ? "" : to_string(table.error()));
  return table ? *table : NetworkTable{};
}

std::string fault_of(const std::string& text) {
  const auto table = parse_network_table(text, "own.csv", {facts(), links()});
  return table ? "none" : to_string(table.error());
}

constexpr const char* clusters =
    "system,ranks,collective,bytes,time_us,algbw_GBps,busbw_GBps,stack,source,note\n";
constexpr const char* nodes =
    "gpu,library,version,op,impl,dtype,n_gpus,message_bytes,latency_us,algbw_gbs,busbw_gbs\n";
constexpr const char* exchanges =
    "gpu,library,version,kind,nodes_or_ep,hidden,tokens_per_rank,topk,experts,dtype,dispatch_us,"
    "combine_us,dispatch_gbs,combine_gbs,sms\n";

TEST(NetworkRows, ABandwidthAndTheTimeThatItCameFromAreOneRow) {
  // 8 ranks, 1 GB all-reduced in 5 ms: 1.75 GB over the bus, 350 GB/s.
  const NetworkTable table = table_of(std::string(clusters) +
                                      "1x 8x H200,8,all_reduce,1000000000,5000,200,350,NCCL,,\n"
                                      "1x 8x H200,8,all_reduce,1000000000,,,350,NCCL,,\n");
  ASSERT_EQ(table.rows.size(), 2u);
  for (const NetworkRow& row : table.rows) {
    EXPECT_EQ(row.refused, "");
    EXPECT_NEAR(row.measured.raw(), 5e-3, 1e-12);
    EXPECT_NEAR(row.bus.raw() / row.measured.raw(), 350e9, 1.0);
    EXPECT_EQ(row.group, "h200");
  }
}

TEST(NetworkRows, WhatCannotBeExpressedSaysWhy) {
  const NetworkTable table =
      table_of(std::string(clusters) +
               "Trn1 cluster (ranks not stated),,all_reduce,1024,90,,,nccom-test,,\n"
               "Neuron instance (type not stated),16,all_reduce,1024,90,,,nccom-test,,\n"
               "2x 8x H20,16,all_reduce,1024,90,,,NCCL,,\n"
               "1x 8x H200,8,all_reduce,,90,,,NCCL,,\n"
               "1x 8x H200,8,all_reduce,1024,,,0.01,NCCL,,\n"
               "1x 8x H200,2,p2p,1024,90,,,nvbandwidth,,\n");
  const std::vector<std::string> reasons = {"ranks are not stated",
                                            "the Neuron instance is not stated",
                                            "the catalog has no such system",
                                            "the size is not stated",
                                            "no time, and a bus bandwidth of too few digits",
                                            "between two only: not a collective"};
  ASSERT_EQ(table.rows.size(), reasons.size());
  for (std::size_t i = 0; i < reasons.size(); ++i) EXPECT_EQ(table.rows[i].refused, reasons[i]);
}

TEST(NetworkRows, AnExchangeLineHoldsTwoTimesAndCountsCopies) {
  const NetworkTable table = table_of(std::string(exchanges) +
                                      "h100_sxm,own,0,deepep_low_latency,1,1000,10,4,64,,9,11,,,\n"
                                      "gb200,own,0,alltoall_dispatch:NVLinkTwoSided,8,1000,10,4,64,"
                                      "fp8/balanced,20,,,,\n");
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0].collective, "dispatch");
  // fp8 with a scale each 128 values and 16 bytes of header, to each of four experts.
  EXPECT_NEAR(table.rows[0].size.raw(), 10 * 4 * (1000 * (1 + 4.0 / 128) + 16), 1e-6);
  EXPECT_EQ(table.rows[1].collective, "combine");
  EXPECT_NEAR(table.rows[1].size.raw(), 10 * 4 * 2000, 1e-6);
  EXPECT_EQ(table.rows[2].mode, "two_sided");
  EXPECT_EQ(table.rows[2].exchange.ranks, 8);
}

TEST(NetworkRows, FaultsNameFileLineAndWhatWasExpected) {
  EXPECT_NE(fault_of("a,b\n1,2\n").find("own.csv:1"), std::string::npos);
  EXPECT_NE(fault_of("a,b\n1,2\n").find("system,ranks,collective"), std::string::npos);
  EXPECT_NE(fault_of(std::string(clusters) + "1x 8x H200,eight,all_reduce,1024,9,,,NCCL,,\n")
                .find("own.csv:2"),
            std::string::npos);
  EXPECT_NE(fault_of("gpu,impl\nh100_sxm,NCCL\n").find("library"), std::string::npos);
  EXPECT_NE(fault_of(std::string(exchanges) + "h100_sxm,own,0,deepep_normal,1,0,1,8,8,,9,9,,,\n")
                .find("from 1"),
            std::string::npos);
}

/// Rows whose measured time is our own.
NetworkTable perfect() {
  NetworkTable table = table_of(std::string(nodes) +
                                "h100_sxm,nccl,0,all_reduce,NCCL,half,8,1024,16,,\n"
                                "h100_sxm,nccl,0,all_gather,NCCL,half,8,268435456,16,,\n"
                                "b200_sxm,nccl,0,alltoall,NCCL,half,4,268435456,16,,\n");
  for (NetworkRow& row : table.rows) row.measured = predict(row, row.fabric, {});
  return table;
}

TEST(ValidateNetwork, ErrorsOfOurOwnTimesAreZeroAndOfTwiceThemAHalf) {
  NetworkTable table = perfect();
  const formula::NetworkCalibration none;
  for (const NetworkGroup& g : validate_network(table, {links(), none}).groups) {
    EXPECT_NEAR(g.figures.median_ape, 0.0, 1e-9);
    EXPECT_NEAR(g.figures.bias, 0.0, 1e-9);
  }
  for (NetworkRow& row : table.rows) row.measured = 2.0 * row.measured;
  for (const NetworkGroup& g : validate_network(table, {links(), none}).groups) {
    // Predicted bandwidth is twice the measured one, predicted latency half.
    const double error = g.metric == "latency_us" ? 50.0 : 100.0;
    EXPECT_NEAR(g.figures.median_ape, error, 1e-9);
  }
}

TEST(ValidateNetwork, TheNameplateIsNeverSlowerThanWeAre) {
  const formula::NetworkCalibration none;
  const NetworkReport report = validate_network(perfect(), {links(), none});
  for (const NetworkOutcome& o : report.outcomes) {
    EXPECT_LE(o.plain, o.predicted);
    EXPECT_GT(o.plain, 0.0);
  }
}

TEST(ValidateNetwork, AKernelThatNobodyFittedIsRefusedNotGuessed) {
  const NetworkTable table = table_of(
      std::string(nodes) + "h100_sxm,someone,0,all_reduce,own_graph,bfloat16,8,1024,5,,\n");
  const formula::NetworkCalibration none;
  const NetworkReport report = validate_network(table, {links(), none});
  EXPECT_EQ(report.expressed, 0);
  EXPECT_EQ(report.refused.begin()->first, "nothing was fitted for this kernel over nvlink4");
}

TEST(ValidateNetwork, AFitWithoutAGroupNeverSeesItsRows) {
  // One system's times are doubled: what others say of them must not move.
  std::string text = nodes;
  for (const char* gpu : {"h100_sxm", "h200_sxm"}) {
    for (int power = 10; power < 24; ++power) {
      text += std::string(gpu) + ",own,0,all_reduce,own_graph,bfloat16,8," +
              std::to_string(1 << power) + "," + std::to_string(4 + (1 << power) / 100000) + ",,\n";
    }
  }
  NetworkTable table = table_of(text);
  const auto left_out = [&] {
    const formula::NetworkCalibration fitted = fit_network(table.rows, {});
    NetworkReport report = validate_network(table, {links(), fitted});
    add_left_out(table, {links(), fitted}, report);
    std::vector<double> times;
    for (const NetworkOutcome& o : report.outcomes) {
      if (o.row.group == "h200") times.push_back(o.left_out);
    }
    return times;
  };
  const std::vector<double> before = left_out();
  for (NetworkRow& row : table.rows) {
    if (row.group == "h200") row.measured = 2.0 * row.measured;
  }
  EXPECT_EQ(left_out(), before);
  for (const double t : before) EXPECT_GT(t, 0.0);
}

}  // namespace
}  // namespace tightrope::network_study
