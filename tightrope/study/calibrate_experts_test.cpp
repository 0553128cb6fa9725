#include <gtest/gtest.h>

#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

constexpr const char* head =
    "gpu,engine,kernel,dtype,tokens,hidden,inter,topk,experts,moe_tp,moe_ep,distribution,"
    "latency_us\n";

std::map<ExpertLayer, double> layers(const std::string& rows, const std::string& engine) {
  const Result<CsvTable> table = CsvTable::parse(head + rows, "moe.csv");
  EXPECT_TRUE(table.has_value());
  return balanced_layers(*table, "h200", "fp8", engine);
}

// Of an engine's kernels the quickest counts, of other engines, formats and spreads none.
TEST(BalancedLayers, TakeTheEnginesQuickestKernel) {
  const std::string rows =
      "h200,vllm,a,fp8,8,4096,1536,8,128,1,8,balanced,50\n"
      "h200,vllm,b,fp8,8,4096,1536,8,128,1,8,balanced,40\n"
      "h200,trtllm,c,fp8,8,4096,1536,8,128,1,8,balanced,30\n"
      "h200,vllm,b,fp8,8,4096,1536,8,128,1,8,power_law_1.2,20\n"
      "h100,vllm,b,fp8,8,4096,1536,8,128,1,8,balanced,10\n";
  ASSERT_EQ(layers(rows, "vllm").size(), 1U);
  EXPECT_NEAR(layers(rows, "vllm").begin()->second, 40e-6, 1e-12);
  EXPECT_NEAR(layers(rows, "trtllm").begin()->second, 30e-6, 1e-12);
  EXPECT_NEAR(layers(rows, {}).begin()->second, 30e-6, 1e-12);
}

// A kernel that takes less for more tokens was not tuned: the layer goes, in all its sizes.
TEST(BalancedLayers, LeaveOutWhatRanUntuned) {
  const std::string tuned =
      "h200,vllm,a,fp8,8,4096,1536,8,128,1,8,balanced,50\n"
      "h200,vllm,a,fp8,32,4096,1536,8,128,1,8,balanced,46\n"
      "h200,vllm,a,fp8,128,4096,1536,8,128,1,8,balanced,90\n";
  EXPECT_EQ(layers(tuned, "vllm").size(), 3U) << "within a tenth is noise";
  const std::string other = "h200,vllm,a,fp8,8,2048,768,8,128,1,8,balanced,50\n";
  const std::string slow = "h200,vllm,a,fp8,512,4096,1536,8,128,1,8,balanced,70\n";
  EXPECT_EQ(layers(tuned + other + slow, "vllm").size(), 1U);
}

// vLLM's table of DeepSeek's experts is not evenly spread; TensorRT-LLM's is.
TEST(BalancedLayers, LeaveOutWhatIsRoutedByGroups) {
  const auto rows = [](const std::string& engine) {
    return "h200," + engine + ",a,fp8,8,7168,2048,8,256,1,8,balanced,50\n";
  };
  EXPECT_TRUE(layers(rows("vllm"), "vllm").empty());
  EXPECT_EQ(layers(rows("trtllm"), "trtllm").size(), 1U);
}

}  // namespace
}  // namespace tightrope::study
