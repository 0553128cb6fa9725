#include "tightrope/serving_study/fit_numbers.h"

#include <gtest/gtest.h>

namespace tightrope::serving_study {
namespace {

FitNumbers numbers(const Measured& measured) {
  return FitNumbers(infer::ServingTuning::embedded(), measured, {"hopper", "blackwell"});
}

// At z = 0 every measured number lies where it is believed to; others stay as they were.
TEST(FitNumbers, StartAtTheirPriors) {
  const infer::ServingTuning& start = infer::ServingTuning::embedded();
  const FitNumbers n = numbers({.engines = {"vllm"}, .architectures = {"hopper"}, .gpus = true});
  const infer::ServingTuning at = n.at(std::vector<double>(n.size(), 0.0));
  EXPECT_EQ(at.engine("vllm-2025")->kernel_share, 1.0);
  EXPECT_EQ(at.engine("sglang-2026")->kernel_share, start.engine("sglang-2026")->kernel_share);
  EXPECT_EQ(at.engine("vllm-2025")->ahead_steps, start.engine("vllm-2025")->ahead_steps);
  EXPECT_EQ(at.chip("blackwell").reduce_us, at.chip("hopper").reduce_us);
  EXPECT_EQ(at.chip("trainium").reduce_us, start.chip("trainium").reduce_us);
  EXPECT_EQ(at.expert_skew, start.expert_skew);
}

// A family's number moves all its members, a member's only its own; ranges hold.
TEST(FitNumbers, FamiliesMoveTogether) {
  const FitNumbers n = numbers({.engines = {"vllm"}, .architectures = {}, .gpus = false});
  int together = 0, alone = 0;
  for (std::size_t k = 0; k < n.size(); ++k) {
    std::vector<double> z(n.size(), 0.0);
    z[k] = 6.0;
    const infer::ServingTuning at = n.at(z);
    const bool older = at.engine("vllm-2025")->kernel_share > 1.0;
    const bool newer = at.engine("vllm-2026")->kernel_share > 1.0;
    together += older && newer ? 1 : 0;
    alone += older != newer ? 1 : 0;
    EXPECT_LE(at.engine("vllm-2026")->kernel_share, 4.0);
    EXPECT_EQ(
        n.touches(k, "vllm-2025", "hopper", true) && n.touches(k, "vllm-2026", "hopper", true),
        k < engine_knobs().size());
    EXPECT_FALSE(n.touches(k, "sglang-2026", "hopper", true));
  }
  EXPECT_EQ(together, 1);
  EXPECT_EQ(alone, 2);
}

}  // namespace
}  // namespace tightrope::serving_study
