// Families as they are read, the whole catalog of architectures, and a corpus of bad configs.
#include "tightrope/workload/hf_config.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tightrope/workload/test_models_internal.h"

namespace tightrope::workload {
namespace {

/// Kind name to number of layers.
std::map<std::string, int> layers_by_kind(const Model& model) {
  std::map<std::string, int> count;
  for (int i = 0; i < model.layer_count(); ++i) ++count[model.kind_of(i).name];
  return count;
}

using Kinds = std::map<std::string, int>;

TEST(HfConfig, NamesComeFromTheFolderOrTheFile) {
  EXPECT_EQ(public_model("Llama-3.1-405B").name, "Llama-3.1-405B");
  EXPECT_EQ(catalog_model("deepseek-v3").name, "deepseek-v3");
}

TEST(HfConfig, LlamaSharesKeysAmongQueryHeads) {
  const Model m = public_model("Llama-3.1-405B");
  EXPECT_EQ(m.family, "llama");
  EXPECT_EQ(m.layer_count(), 126);
  const LayerKind& k = m.kind_of(0);
  EXPECT_EQ(k.attention.heads, 128);
  EXPECT_EQ(k.attention.kv_heads, 8);
  EXPECT_EQ(k.attention.qk_head_dim, 128);
  EXPECT_TRUE(k.ffn.gated);
  EXPECT_FALSE(k.attention.qkv_bias);
  EXPECT_FALSE(m.tied_embeddings);
}

TEST(HfConfig, Llama4InterleavesExpertsAndChunks) {
  const Model maverick = public_model("Llama-4-Maverick-17B-128E");
  EXPECT_EQ(layers_by_kind(maverick), (Kinds{{"dense_local", 24}, {"moe_local", 12}, {"moe", 12}}));
  EXPECT_EQ(maverick.kind_of(0).ffn.hidden, 16384);
  EXPECT_EQ(maverick.kind_of(1).ffn.shared_hidden, 8192);
  EXPECT_TRUE(maverick.kind_of(0).attention.chunked);
  EXPECT_FALSE(maverick.kind_of(3).attention.rope);
  EXPECT_EQ(maverick.kind_of(3).attention.window, 0);
  EXPECT_EQ(maverick.notes.size(), 1U);
  EXPECT_EQ(layers_by_kind(public_model("Llama-4-Scout-17B-16E")),
            (Kinds{{"moe_local", 36}, {"moe", 12}}));
}

TEST(HfConfig, MistralSlidesAndMixtralRoutes) {
  EXPECT_EQ(public_model("Mistral-7B-v0.1").kind_of(5).attention.window, 4096);
  const LayerKind mixtral = public_model("Mixtral-8x7B-v0.1").kind_of(0);
  EXPECT_EQ(mixtral.ffn.experts, 8);
  EXPECT_EQ(mixtral.ffn.experts_per_token, 2);
  EXPECT_EQ(mixtral.ffn.expert_hidden, 14336);
  EXPECT_EQ(mixtral.attention.window, 0);
}

TEST(HfConfig, QwenHasBiasesInTwoAndNormsInThree) {
  const Model two = public_model("Qwen2.5-72B");
  EXPECT_TRUE(two.kind_of(0).attention.qkv_bias);
  EXPECT_FALSE(two.kind_of(0).attention.out_bias);
  EXPECT_EQ(two.kind_of(79).attention.window, 0);
  const Model three = public_model("Qwen3-32B");
  EXPECT_TRUE(three.kind_of(0).attention.qk_norm);
  EXPECT_EQ(three.kind_of(0).attention.qk_head_dim, 128);
  const Model moe = public_model("Qwen2-57B-A14B");
  EXPECT_TRUE(moe.kind_of(0).ffn.shared_gate);
  EXPECT_EQ(moe.kind_of(0).ffn.shared_hidden, 20480);
}

TEST(HfConfig, QwenMoeObeysSparseStepAndDenseOnlyLayers) {
  const std::string text = R"({"model_type": "qwen3_moe", "hidden_size": 2048, "head_dim": 128,
    "intermediate_size": 6144, "num_attention_heads": 32, "num_key_value_heads": 4,
    "num_hidden_layers": 8, "vocab_size": 1000, "num_experts": 16, "num_experts_per_tok": 2,
    "moe_intermediate_size": 768, "decoder_sparse_step": 2, "mlp_only_layers": [1, 2]})";
  const auto model = read_hf_config(text, "config.json");
  ASSERT_TRUE(model.has_value()) << to_string(model.error());
  std::string pattern;
  for (int i = 0; i < model->layer_count(); ++i) pattern += model->kind_of(i).routed() ? 'E' : '-';
  EXPECT_EQ(pattern, "---E-E-E");
}

TEST(HfConfig, QwenSlidesFromALayerOnWhenToldTo) {
  const std::string text = R"({"model_type": "qwen2", "hidden_size": 2048,
    "intermediate_size": 6144, "num_attention_heads": 16, "num_hidden_layers": 8,
    "vocab_size": 1000, "use_sliding_window": true, "sliding_window": 4096,
    "max_window_layers": 6})";
  const auto model = read_hf_config(text, "config.json");
  ASSERT_TRUE(model.has_value()) << to_string(model.error());
  EXPECT_EQ(layers_by_kind(*model), (Kinds{{"dense", 6}, {"dense_local", 2}}));
}

TEST(HfConfig, DeepSeekHasLatentsSharedExpertsAndDenseFirstLayers) {
  const Model m = public_model("DeepSeek-V3");
  EXPECT_EQ(layers_by_kind(m), (Kinds{{"dense", 3}, {"moe", 58}}));
  const Attention& a = m.kind_of(0).attention;
  EXPECT_EQ(a.kind, AttentionKind::latent);
  EXPECT_EQ(a.qk_head_dim, 192);
  EXPECT_EQ(a.v_head_dim, 128);
  EXPECT_EQ(a.q_lora_rank, 1536);
  EXPECT_EQ(m.mtp_layers, 1);
  EXPECT_TRUE(m.kind_of(60).ffn.router_bias);
  EXPECT_EQ(m.kind_of(60).ffn.shared_hidden, 2048);
  EXPECT_EQ(public_model("DeepSeek-V2-Lite").kind_of(1).attention.q_lora_rank, 0);
  EXPECT_FALSE(public_model("DeepSeek-V2").kind_of(1).ffn.router_bias);
  EXPECT_EQ(layers_by_kind(public_model("Kimi-K2-Base")), (Kinds{{"dense", 1}, {"moe", 60}}));
}

TEST(HfConfig, GptOssAlternatesWindowsAndHasSinks) {
  const Model m = public_model("gpt-oss-120b");
  EXPECT_EQ(layers_by_kind(m), (Kinds{{"moe", 18}, {"moe_local", 18}}));
  EXPECT_EQ(m.kind_of(0).attention.window, 128);
  EXPECT_TRUE(m.kind_of(0).attention.sinks);
  EXPECT_TRUE(m.kind_of(0).ffn.bias);
  EXPECT_EQ(layers_by_kind(catalog_model("gpt-oss-120b")), layers_by_kind(m));
}

TEST(HfConfig, GemmaMixesLocalAndGlobalLayers) {
  const Model two = public_model("gemma-2-27b");
  EXPECT_EQ(layers_by_kind(two), (Kinds{{"dense", 23}, {"dense_local", 23}}));
  EXPECT_EQ(two.kind_of(0).norms, 4);
  EXPECT_TRUE(two.tied_embeddings);
  const Model three = public_model("gemma-3-27b-pt");
  EXPECT_EQ(layers_by_kind(three), (Kinds{{"dense", 10}, {"dense_local", 52}}));
  EXPECT_EQ(three.kind_of(0).attention.window, 1024);
  EXPECT_EQ(three.kind_of(5).attention.window, 0);
  EXPECT_EQ(three.vocab, 262208);
}

TEST(HfConfig, ClassicDecodersKeepTheirShapes) {
  const Model falcon = public_model("falcon-7b");
  EXPECT_EQ(falcon.kind_of(0).attention.kv_heads, 1);
  EXPECT_EQ(falcon.kind_of(0).norms, 1);
  EXPECT_TRUE(falcon.kind_of(0).parallel_block);
  EXPECT_EQ(public_model("falcon-40b").kind_of(0).attention.kv_heads, 8);
  EXPECT_EQ(public_model("falcon-40b").kind_of(0).norms, 2);
  const Model gpt2 = public_model("gpt2");
  EXPECT_TRUE(gpt2.learned_positions);
  EXPECT_FALSE(gpt2.kind_of(0).ffn.gated);
  EXPECT_TRUE(public_model("gpt-neox-20b").kind_of(0).parallel_block);
  EXPECT_TRUE(public_model("bloom").embedding_norm);
  const Model mpt = public_model("mpt-30b");
  EXPECT_FALSE(mpt.kind_of(0).norm_bias);
  EXPECT_FALSE(mpt.learned_positions);
  const Model nemotron = public_model("Nemotron-4-340B-Base");
  EXPECT_FALSE(nemotron.kind_of(0).ffn.gated);
  EXPECT_EQ(nemotron.kind_of(0).attention.qk_head_dim, 192);
  EXPECT_EQ(public_model("grok-1").kind_of(0).norms, 4);
}

TEST(HfConfig, TheFamilyIsFoundByArchitectureToo) {
  const std::string text = R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64,
    "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2,
    "vocab_size": 100})";
  const auto model = read_hf_config(text, "some/where/tiny/config.json");
  ASSERT_TRUE(model.has_value()) << to_string(model.error());
  EXPECT_EQ(model->family, "llama");
  EXPECT_EQ(model->name, "tiny");
  EXPECT_EQ(model->kind_of(0).attention.kv_heads, 4);
}

TEST(HfConfig, EveryBundledConfigIsRead) {
  const auto files = files_in("examples/configs", "config.json");
  EXPECT_GE(files.size(), 50U);
  std::set<std::string> families;
  for (const std::string& path : files) {
    const auto model = read_hf_config(text_of(path), path);
    ASSERT_TRUE(model.has_value()) << to_string(model.error());
    families.insert(model->family);
  }
  EXPECT_GE(families.size(), 20U);
}

TEST(HfConfig, EveryCatalogArchitectureIsReadOrSaysWhyNot) {
  const auto files = files_in("catalog/llms", ".json");
  EXPECT_EQ(files.size(), 130U);
  int read = 0;
  for (const std::string& path : files) {
    const std::string text = text_of(path);
    EXPECT_NE(text.find("\"_source\": \""), std::string::npos) << path;
    const auto model = read_hf_config(text, path);
    const bool refused = text.find("\"unsupported_because\"") != std::string::npos;
    if (refused) {
      ASSERT_FALSE(model.has_value()) << path;
      EXPECT_EQ(model.error().code, ErrorCode::unsupported) << path;
    } else {
      EXPECT_TRUE(model.has_value()) << (model ? "" : to_string(model.error()));
      ++read;
    }
  }
  EXPECT_GE(read, 92);
}

// Each bad config has its whole message beside it, word for word.
TEST(HfConfig, BadInputsFailWithTheirExactMessages) {
  const auto files = files_in("tests/bad_input/hf_config", ".json");
  EXPECT_GE(files.size(), 60U);
  for (const std::string& path : files) {
    const std::string name = std::filesystem::path(path).filename().string();
    const auto model = read_hf_config(text_of(path), name);
    ASSERT_FALSE(model.has_value()) << name;
    const std::string expected = text_of(path.substr(0, path.size() - 5) + ".expected");
    EXPECT_EQ(to_string(model.error()) + "\n", expected) << name;
    EXPECT_FALSE(model.error().hint.empty()) << name;
  }
}

// Truncating or corrupting a sound config anywhere is an error or a model, never a crash.
TEST(HfConfig, NoByteBreaksTheReader) {
  const std::string sound = text_of(source_path("examples/configs/gpt-oss-20b/config.json"));
  for (std::size_t i = 0; i + 2 < sound.size(); i += 3) {  // the last byte is a newline
    const auto cut = read_hf_config(std::string_view(sound).substr(0, i), "cut.json");
    EXPECT_FALSE(cut.has_value()) << i;
    for (const char c : {'0', '"', '}', '-'}) {
      std::string bent = sound;
      bent[i] = c;
      const auto model = read_hf_config(bent, "bent.json");
      if (!model) {
        EXPECT_FALSE(model.error().what.empty());
      }
    }
  }
}

}  // namespace
}  // namespace tightrope::workload
