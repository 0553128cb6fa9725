#include "tightrope/formula/calibration.h"

#include <cmath>

#include <gtest/gtest.h>

namespace tightrope::formula {
namespace {

constexpr const char* small_file = R"(version = 1
[[chip]]
name = "h100"
architecture = "hopper"
kind = "gpu"
launch_us = 4.0
hbm_share = 0.86
[chip.gemm.bf16]
peak_share = 0.80
[chip.gemm.fp8_block]
peak_share = 0.60
[[chip]]
name = ""
kind = "trainium"
[chip.gemm.bf16]
peak_share = 0.70
[[scaleup_link]]
name = "nvlink4"
match = ["nvlink4"]
share = 0.81
in_network_reduction = true
[[scaleup_link]]
name = "other"
match = []
share = 0.5
[[scaleout_link]]
name = "efa-v3"
match = ["efav3"]
share = 0.92
[[scaleout_link]]
name = "other"
match = []
share = 0.6
)";

Calibration small() {
  auto read = Calibration::parse(small_file, "small.toml");
  EXPECT_TRUE(read.has_value());
  return *read;
}

catalog::Chip chip_named(const std::string& name, const std::string& architecture,
                         const std::string& kind) {
  catalog::Chip chip;
  chip.name = name;
  chip.architecture = architecture;
  chip.kind = kind;
  chip.peak[DType::bf16].value = FlopsPerSecond(1e15);
  chip.peak[DType::bf16].known = true;
  chip.hbm_bandwidth.value = BytesPerSecond(4e12);
  chip.hbm_bandwidth.known = true;
  return chip;
}

TEST(Calibration, ChipGetsItsOwnThenItsArchitecturesThenItsKinds) {
  const Calibration calibration = small();
  std::string from = "unset";
  const auto own = rank_kernels(chip_named("h100", "hopper", "gpu"), calibration, &from);
  EXPECT_EQ(from, "");
  EXPECT_EQ(own.gemm[DType::bf16].peak_share, 0.80);
  (void)rank_kernels(chip_named("h100-hbm2e", "hopper", "gpu"), calibration, &from);
  EXPECT_EQ(from, "h100");
  const auto kind = rank_kernels(chip_named("trainium2", "trn", "trainium"), calibration, &from);
  EXPECT_EQ(from, "trainium");
  EXPECT_EQ(kind.gemm[DType::bf16].peak_share, 0.70);
  (void)rank_kernels(chip_named("odd", "odd", "odd"), calibration, &from);
  EXPECT_EQ(from, "h100");
}

TEST(Calibration, MissingFormatBorrowsFromTheNearest) {
  const RankKernels k = rank_kernels(chip_named("h100", "hopper", "gpu"), small());
  EXPECT_EQ(k.gemm_block[DType::fp8].peak_share, 0.60);
  EXPECT_EQ(k.gemm[DType::fp8].peak_share, 0.60);
  EXPECT_EQ(k.gemm[DType::fp4].peak_share, 0.60);
  EXPECT_EQ(k.gemm[DType::fp16].peak_share, 0.80);
  EXPECT_EQ(k.gemm_block[DType::bf16].peak_share, 0.80);
}

TEST(Calibration, RanksShareTheirChip) {
  catalog::Chip chip = chip_named("h100", "hopper", "gpu");
  chip.ranks_per_chip = 4;
  const RankKernels k = rank_kernels(chip, small());
  EXPECT_DOUBLE_EQ(k.peak[DType::bf16].raw(), 0.25e15);
  EXPECT_DOUBLE_EQ(k.hbm_bandwidth.raw(), 1e12);
}

TEST(Calibration, LinksAreFoundByNameHoweverSpelled) {
  const Calibration calibration = small();
  const auto up = [&](const char* name) {
    return Calibration::for_link(calibration.scaleup_links(), name).name;
  };
  EXPECT_EQ(up("NVLink 4"), "nvlink4");
  EXPECT_EQ(up("NVLink4 (18 links)"), "nvlink4");
  EXPECT_EQ(up("xGMI"), "other");
  EXPECT_EQ(Calibration::for_link(calibration.scaleout_links(), "EFA v3").name, "efa-v3");
}

TEST(Calibration, SwitchReductionNeedsASwitch) {
  catalog::Chip chip = chip_named("h100", "hopper", "gpu");
  chip.scaleup_link = "NVLink4";
  catalog::System system;
  system.topology = catalog::ScaleupTopology::switched;
  EXPECT_TRUE(fabric_model(system, chip, small()).scaleup.in_network_reduction);
  system.topology = catalog::ScaleupTopology::mesh;
  EXPECT_FALSE(fabric_model(system, chip, small()).scaleup.in_network_reduction);
}

std::string fault(const std::string& text) {
  const auto read = Calibration::parse(text, "x.toml");
  return read ? "no fault" : to_string(read.error());
}

TEST(Calibration, FaultsSayWhere) {
  EXPECT_EQ(fault("[[chip]]\nname = \"x\"\nhbm_share = 1.5\n[chip.gemm.bf16]\n"),
            "x.toml:3:13: expected a number from 0.05 to 1 for `hbm_share`\n"
            "  hint: correct it, or run `tightrope calibrate kernels` again");
  EXPECT_EQ(fault("[[chip]]\nname = \"x\"\nspeed = 1\n[chip.gemm.bf16]\n"),
            "x.toml:3:9: nobody reads `speed`\n"
            "  hint: remove it, or see calibration/kernels.toml for the keys");
  EXPECT_EQ(fault("[[chip]]\nname = \"x\"\n"),
            "x.toml:1:1: expected a table [chip.gemm.bf16] for every chip\n"
            "  hint: other formats borrow from bf16, so it must be there");
  EXPECT_EQ(fault("[[chip]]\nname = \"x\"\n[chip.gemm.bf17]\n"),
            "x.toml:3:1: expected a table named after a number format\n"
            "  hint: such as [chip.gemm.bf16] or [chip.gemm.fp8_block]");
  EXPECT_EQ(fault("version = 1\n"),
            "x.toml:1:1: expected at least one [[chip]]\n"
            "  hint: run `tightrope calibrate kernels` to write a whole file");
  const std::string chip = "[[chip]]\nname = \"x\"\n[chip.gemm.bf16]\n[[experts]]\n";
  EXPECT_EQ(fault(chip + "format = \"bf16\"\nengine = 7\n"),
            "x.toml:6:10: expected a text for `engine`\n"
            "  hint: correct it, or run `tightrope calibrate kernels` again");
  EXPECT_EQ(fault(chip + "format = \"bf16\"\nrouted_passes = -1\n"),
            "x.toml:6:17: expected a number from 0 to 1000 for `routed_passes`\n"
            "  hint: correct it, or run `tightrope calibrate kernels` again");
  EXPECT_NE(fault("[[chip\n").find("x.toml:1:"), std::string::npos);
}

TEST(Calibration, TheEmbeddedOneIsWhole) {
  const Calibration& calibration = embedded_calibration();
  for (const char* name : {"a100-80gb", "h100", "h200", "b200", "gb200", "b300", "gb300"}) {
    const ChipCalibration& chip = calibration.for_chip(chip_named(name, "", ""));
    EXPECT_EQ(chip.name, name);
    EXPECT_EQ(chip.grade, catalog::Grade::measured);
    EXPECT_GT(chip.gemm[DType::bf16]->peak_share, 0.5);
    // Backward attention never reaches what forward does.
    EXPECT_LT(chip.attention_backward.peak_share, chip.attention_forward.peak_share);
  }
  for (const char* kind : {"trainium", "tpu", "cpu"}) {
    EXPECT_EQ(calibration.for_chip(chip_named("new", "", kind)).kind, kind);
  }
  const auto out = [&](const char* nic) {
    return Calibration::for_link(calibration.scaleout_links(), nic).name;
  };
  EXPECT_EQ(out("EFAv2"), "efa-v2");
  EXPECT_EQ(out("EFA"), "efa");
  EXPECT_EQ(out("ConnectX-7 InfiniBand NDR"), "infiniband");
}

}  // namespace
}  // namespace tightrope::formula
