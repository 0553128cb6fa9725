#include "tightrope/infer/engine.h"

#include <gtest/gtest.h>

namespace tightrope::infer {
namespace {

constexpr const char* smallest = R"(
[[engine]]
name = "vllm-2025"
step_us = 1
[[engine]]
name = "vllm-2026"
step_us = 2
[[chip]]
architecture = ""
)";

TEST(ServingTuning, AnEngineWithoutItsYearIsTheNewest) {
  const Result<ServingTuning> t = ServingTuning::parse(smallest, "t.toml");
  ASSERT_TRUE(t.has_value()) << to_string(t.error());
  EXPECT_EQ(t->engine("vllm")->step_us, 2);
  EXPECT_EQ(t->engine("vllm-2025")->step_us, 1);
  EXPECT_EQ(to_string(t->engine("tgi").error()),
            "unknown serving engine \"tgi\"\n"
            "  hint: known: vllm-2025, vllm-2026; without a year the newest");
}

TEST(ServingTuning, BadFilesSayWhere) {
  const auto error = [](const std::string& text) {
    const Result<ServingTuning> t = ServingTuning::parse(text, "t.toml");
    return t.has_value() ? std::string("none") : to_string(t.error());
  };
  EXPECT_EQ(
      error("[[engine]]\nname = \"x-2025\"\nspeed = 3\n"),
      "t.toml:3:1: unknown key \"speed\"\n  hint: see docs/guide/serving_model.md for the keys");
  EXPECT_EQ(error("[[engine]]\nname = \"x-2025\"\nstep_us = -1\n"),
            "t.toml:3:11: \"step_us\" must be a number\n  hint: from 0 to 20000");
  EXPECT_EQ(error("version = 1\n"),
            "t.toml:1:1: a serving calibration has [[engine]] and [[chip]] tables");
}

TEST(ServingTuning, TheEmbeddedOneHasEveryEngineOfItsFamilies) {
  for (const char* name : {"vllm", "sglang", "tensorrt-llm", "neuron"}) {
    EXPECT_TRUE(ServingTuning::embedded().engine(name).has_value()) << name;
  }
  EXPECT_FALSE(ServingTuning::embedded().engine("sglang")->mixes_prefill);
}

}  // namespace
}  // namespace tightrope::infer
