#include "tightrope/formula/expert_kernels.h"

#include <gtest/gtest.h>

#include "tightrope/formula/calibration.h"
#include "tightrope/formula/expert_product.h"

namespace tightrope::formula {
namespace {

ExpertCalibration entry(const std::string& architecture, ExpertFormat format,
                        const std::string& engine, double peak_share) {
  return {architecture, format, engine, {.peak_share = peak_share}};
}

const std::vector<ExpertCalibration>& tables() {
  static const std::vector<ExpertCalibration> all = {
      entry("new", ExpertFormat::bf16, "vllm", 0.1),
      entry("new", ExpertFormat::fp8_block, "vllm", 0.2),
      entry("old", ExpertFormat::bf16, "tensorrt-llm", 0.3),
      entry("old", ExpertFormat::bf16, "vllm", 0.4),
      entry("old", ExpertFormat::fp8, "tensorrt-llm", 0.5),
  };
  return all;
}

// An engine takes its own kernels, with its year or without; SGLang runs those that vLLM runs.
TEST(ExpertKernels, AreTheEnginesOwn) {
  const auto bf16 = [](std::string_view engine) {
    return expert_kernels(tables(), "old", engine).coefficients[ExpertFormat::bf16].peak_share;
  };
  EXPECT_EQ(bf16("tensorrt-llm-2025"), 0.3);
  EXPECT_EQ(bf16("vllm"), 0.4);
  EXPECT_EQ(bf16("vllm-2026"), 0.4);
  EXPECT_EQ(bf16("sglang-2025"), 0.4);
  EXPECT_EQ(bf16("neuron-2024"), 0.3) << "an engine without tables takes the first";
  EXPECT_EQ(bf16(""), 0.3);
}

// What is borrowed is named: another engine's kernels, another format's, another architecture's.
TEST(ExpertKernels, SayWhomTheyBorrowFrom) {
  const auto from = [](const char* architecture, std::string_view engine, ExpertFormat format) {
    return expert_kernels(tables(), architecture, engine).borrowed_from[format];
  };
  EXPECT_EQ(from("old", "vllm-2026", ExpertFormat::bf16), "");
  EXPECT_EQ(from("old", "sglang-2026", ExpertFormat::bf16), "vllm old bf16");
  EXPECT_EQ(from("old", "vllm-2026", ExpertFormat::fp8), "tensorrt-llm old fp8");
  EXPECT_EQ(from("new", "tensorrt-llm-2026", ExpertFormat::fp8_block), "vllm new fp8_block");
  EXPECT_EQ(from("new", "vllm-2026", ExpertFormat::fp4), "vllm new fp8_block");
  EXPECT_EQ(from("old", "vllm-2026", ExpertFormat::fp8_block), "vllm old bf16");
  EXPECT_EQ(from("old", "vllm-2026", ExpertFormat::int4), "vllm old bf16");
  EXPECT_EQ(from("other", "vllm-2026", ExpertFormat::bf16), "vllm new bf16");
  EXPECT_EQ(expert_kernels({}, "old", "vllm").borrowed_from[ExpertFormat::bf16], "");
}

// The bundled ones: each engine's on Hopper apart, TensorRT-LLM's on Blackwell those that vLLM
// runs.
TEST(ExpertKernels, BundledEnginesDiffer) {
  const std::vector<ExpertCalibration>& all = embedded_calibration().experts();
  const ExpertKernels vllm = expert_kernels(all, "hopper", "vllm-2026");
  const ExpertKernels trtllm = expert_kernels(all, "hopper", "tensorrt-llm-2026");
  for (const ExpertFormat f : {ExpertFormat::bf16, ExpertFormat::fp8_block, ExpertFormat::mxfp4}) {
    EXPECT_EQ(vllm.borrowed_from[f], "") << to_string(f);
    EXPECT_EQ(trtllm.borrowed_from[f], "") << to_string(f);
    EXPECT_NE(vllm.coefficients[f].peak_share, trtllm.coefficients[f].peak_share) << to_string(f);
  }
  EXPECT_EQ(vllm.borrowed_from[ExpertFormat::fp8], "tensorrt-llm hopper fp8")
      << "vLLM's own table is of an untuned kernel";
  EXPECT_EQ(expert_kernels(all, "blackwell", "tensorrt-llm-2026").borrowed_from[ExpertFormat::fp4],
            "vllm blackwell fp4");
}

// Whoever's kernels: fewer bytes are never slower, more rows, experts and held ones never quicker.
TEST(ExpertKernels, BundledOnesKeepTheLaws) {
  RankKernels k;
  for (const DType t : all_dtypes) k.peak[t] = FlopsPerSecond(1e15);
  k.hbm_bandwidth = BytesPerSecond(4e12);
  for (const ExpertCalibration& e : embedded_calibration().experts()) {
    k.experts[e.format] = e.coefficients;
    for (double rows = 1; rows < 1e4; rows *= 4) {
      const ExpertProduct p{
          .experts = 16, .rows = rows, .held = 32, .n = 4096, .k = 2048, .format = e.format};
      const Seconds t = expert_product(p, k).time;
      const auto time_of = [&](auto change) {
        ExpertProduct other = p;
        change(other);
        return expert_product(other, k).time;
      };
      EXPECT_LE(time_of([](ExpertProduct& o) { o.weight_bytes = 0.5; }), t) << e.engine;
      EXPECT_GE(time_of([](ExpertProduct& o) { o.rows *= 2; }), t) << e.engine;
      EXPECT_GE(time_of([](ExpertProduct& o) { o.experts *= 2; }), t) << e.engine;
      EXPECT_GE(time_of([](ExpertProduct& o) { o.held *= 2; }), t) << e.engine;
    }
  }
}

}  // namespace
}  // namespace tightrope::formula
