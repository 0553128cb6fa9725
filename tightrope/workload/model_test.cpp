// Parameter counts of public checkpoints, and laws of the FLOP conventions.
#include "tightrope/workload/model.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/workload/layer_work.h"
#include "tightrope/workload/test_models_internal.h"

namespace tightrope::workload {
namespace {

struct Total {
  std::string name;
  std::int64_t parameters;
};

// Totals of the published safetensors files, tied tables counted once. Vision towers, FP8 block
// scales and multi-token-prediction modules are not part of them.
const std::vector<Total>& published_totals() {
  static const std::vector<Total> totals = {
      {"Llama-2-7b-hf", 6'738'415'616},
      {"Llama-2-70b-hf", 68'976'648'192},
      {"Meta-Llama-3-8B", 8'030'261'248},
      {"Llama-3.1-70B", 70'553'706'496},
      {"Llama-3.1-405B", 405'853'388'800},
      {"Llama-3.2-1B", 1'235'814'400},
      {"Llama-3.2-3B", 3'212'749'824},
      {"Mistral-7B-v0.1", 7'241'732'096},
      {"Mixtral-8x7B-v0.1", 46'702'792'704},
      {"Mixtral-8x22B-v0.1", 140'620'634'112},
      {"Qwen2.5-7B", 7'615'616'512},
      {"Qwen2.5-72B", 72'706'203'648},
      {"Qwen1.5-MoE-A2.7B", 14'315'784'192},
      {"Qwen3-8B", 8'190'735'360},
      {"Qwen3-32B", 32'762'123'264},
      {"Qwen3-30B-A3B", 30'532'122'624},
      {"Qwen3-235B-A22B", 235'093'634'560},
      {"DeepSeek-V2-Lite", 15'706'484'224},
      {"DeepSeek-V2", 235'741'434'880},
      {"DeepSeek-V3", 671'026'419'200},
      {"gpt-oss-20b", 20'914'757'184},
      {"gpt-oss-120b", 116'829'156'672},
      {"gemma-2-9b", 9'241'705'984},
      {"gemma-2-27b", 27'227'128'320},
      {"gemma-3-1b-pt", 999'885'952},
      {"Phi-3-mini-4k-instruct", 3'821'079'552},
      {"Phi-3-medium-4k-instruct", 13'960'238'080},
      {"phi-2", 2'779'683'840},
      {"phi-4", 14'659'507'200},
      {"falcon-7b", 6'921'720'704},
      {"falcon-40b", 41'303'293'952},
      {"falcon-180B", 179'522'565'120},
      {"mpt-7b", 6'649'286'656},
      {"gpt2", 124'439'808},
      {"gpt2-xl", 1'557'611'200},
      {"gpt-neox-20b", 20'554'567'680},
      {"pythia-6.9b", 6'857'302'016},
      {"pythia-12b", 11'846'072'320},
      {"bloom-7b1", 7'069'016'064},
      {"bloom", 176'247'271'424},
      {"OLMo-2-1124-7B", 7'298'617'344},
      {"internlm2-7b", 7'737'708'544},
      {"c4ai-command-r-v01", 34'980'831'232},
  };
  return totals;
}

TEST(Model, CountsEqualTheTotalsOfPublicCheckpoints) {
  for (const Total& total : published_totals()) {
    EXPECT_EQ(count_parameters(public_model(total.name)).total(), total.parameters) << total.name;
  }
}

// Files with a vision tower: the published total less the tower's own count.
TEST(Model, LanguagePartsOfMultimodalCheckpointsAreExact) {
  const std::int64_t siglip = 416'866'032;            // 27 layers of 1152, 896 px in 14s
  const std::int64_t projector = 1152 * 5376 + 1152;  // a matrix and its norm
  EXPECT_EQ(count_parameters(public_model("gemma-3-27b-pt")).total() + siglip + projector,
            27'432'406'640);
  const std::int64_t llama4_vision = 871'932'416;  // the same in both files
  EXPECT_EQ(count_parameters(public_model("Llama-4-Scout-17B-16E")).total() + llama4_vision,
            108'641'793'536);
  EXPECT_EQ(count_parameters(public_model("Llama-4-Maverick-17B-128E")).total() + llama4_vision,
            401'583'781'376);
}

struct Active {
  std::string name;
  double billions;   // as the makers print it
  double tolerance;  // half of the last printed digit
  bool with_input_table;
};

TEST(Model, ActiveCountsEqualWhatTheMakersPrint) {
  const std::vector<Active> printed = {
      {"gpt-oss-120b", 5.13, 0.005, false},     {"gpt-oss-20b", 3.61, 0.005, false},
      {"Mixtral-8x7B-v0.1", 12.9, 0.05, true},  {"Mixtral-8x22B-v0.1", 39, 0.5, true},
      {"Qwen3-235B-A22B", 22, 0.5, true},       {"Qwen3-30B-A3B", 3.3, 0.06, true},
      {"DeepSeek-V2", 21, 0.5, true},           {"DeepSeek-V3", 37, 0.6, true},
      {"Llama-4-Scout-17B-16E", 17, 0.5, true}, {"Llama-4-Maverick-17B-128E", 17, 0.5, true},
      {"Kimi-K2-Base", 32, 0.5, false},         {"Qwen2-57B-A14B", 14, 0.5, true},
      {"Qwen1.5-MoE-A2.7B", 2.7, 0.05, true},
  };
  for (const Active& a : printed) {
    const Model model = public_model(a.name);
    const ParameterCount count = count_parameters(model);
    const std::int64_t n = count.active() - (a.with_input_table ? 0 : count.embedding);
    EXPECT_NEAR(static_cast<double>(n) * 1e-9, a.billions, a.tolerance) << a.name;
  }
}

TEST(Model, SizesThatMakersRoundAreMet) {
  const auto billions = [](const std::string& name) {
    return static_cast<double>(count_parameters(public_model(name)).total()) * 1e-9;
  };
  EXPECT_NEAR(billions("Kimi-K2-Base"), 1026, 1);
  EXPECT_NEAR(billions("grok-1"), 314, 2);
  EXPECT_NEAR(billions("Nemotron-4-340B-Base"), 341, 1);
  EXPECT_NEAR(billions("mpt-30b"), 29.96, 0.01);
}

TEST(Model, HybridsCountAsTheirMakersSay) {
  const ParameterCount count = count_parameters(catalog_model("nemotron-3-nano"));
  EXPECT_NEAR(static_cast<double>(count.total()) * 1e-9, 31.6, 0.05);
  EXPECT_NEAR(static_cast<double>(count.active()) * 1e-9, 3.6, 0.05);
  const ParameterCount delta = count_parameters(catalog_model("qwen3.5-397b-a17b"));
  EXPECT_NEAR(static_cast<double>(delta.total()) * 1e-9, 397, 1);
  EXPECT_NEAR(static_cast<double>(delta.active()) * 1e-9, 17, 0.5);
}

TEST(Model, ADeltaLayerFeedsToo) {
  const Model model = catalog_model("qwen3.5-397b-a17b");
  int attends = 0;
  for (int i = 0; i < model.layer_count(); ++i) {
    const LayerKind& kind = model.kind_of(i);
    EXPECT_TRUE(kind.feeds());
    EXPECT_NE(kind.attends(), kind.mixes());
    attends += kind.attends() ? 1 : 0;
    std::int64_t products = 0;
    for (const Gemm& g : layer_work(model, kind).gemms) {
      products += g.weights() * (g.role == GemmRole::expert ? kind.ffn.experts : 1);
    }
    const LayerParameters p = count_layer(model, kind);
    EXPECT_LE(products, p.total());
    EXPECT_GT(static_cast<double>(products), 0.999 * static_cast<double>(p.total()));
  }
  EXPECT_EQ(attends, 15);
}

TEST(Model, AMixerIsItsProjectionsConvolutionAndHeads) {
  const Model model = catalog_model("nemotron-3-nano");
  const LayerKind& kind = model.kinds.front();
  ASSERT_TRUE(kind.mixes());
  EXPECT_FALSE(kind.attends() || kind.feeds());
  const std::int64_t inner = 64 * 64, channels = inner + 2 * 8 * 128;
  EXPECT_EQ(kind.mixer.channels(), channels);
  const LayerParameters p = count_layer(model, kind);
  EXPECT_EQ(p.attention,
            2688 * (inner + channels + 64) + channels * 5 + 3 * 64 + inner + inner * 2688);
  EXPECT_EQ(p.total(), p.attention + 2688) << "and the norm before it";
  std::int64_t products = 0;
  for (const Gemm& g : layer_work(model, kind).gemms) products += g.weights();
  EXPECT_EQ(products, 2688 * (inner + channels + 64) + inner * 2688);
}

// A scan grows with its sequence alone, attention with the square.
TEST(Flops, AScanCostsATokenTheSameAtAnyLength) {
  const StateSpace mixer{64, 64, 128, 8, 4, 256};
  EXPECT_DOUBLE_EQ(scan_flops(mixer).raw(), 8 * 256.0 * 128 + 64 * 64 * (256.0 + 4 * 128));
  const Model model = catalog_model("nemotron-3-nano");
  Model scanned = model;
  std::erase_if(scanned.layers, [&](int k) { return model.kinds[k].attends(); });
  EXPECT_DOUBLE_EQ(flops_per_token(scanned, 1024, FlopConvention::causal),
                   flops_per_token(scanned, 65536, FlopConvention::causal));
}

TEST(Model, CatalogTwinsOfPublicCheckpointsCountTheSame) {
  const std::vector<std::pair<std::string, std::string>> twins = {
      {"llama3.1-405b", "Llama-3.1-405B"},
      {"llama3-70b", "Meta-Llama-3-70B"},
      {"llama2-7b", "Llama-2-7b-hf"},
      {"deepseek-v3", "DeepSeek-V3"},
      {"deepseek-v2", "DeepSeek-V2"},
      {"kimi-k2", "Kimi-K2-Base"},
      {"gpt-oss-120b", "gpt-oss-120b"},
      {"qwen3-235b-a22b", "Qwen3-235B-A22B"},
      {"mixtral-8x7b", "Mixtral-8x7B-v0.1"},
      {"bloom-176b", "bloom"},
      {"nemotron4-340b", "Nemotron-4-340B-Base"},
      {"llama4-maverick", "Llama-4-Maverick-17B-128E"},
  };
  for (const auto& [key, name] : twins) {
    EXPECT_EQ(count_parameters(catalog_model(key)).total(),
              count_parameters(public_model(name)).total())
        << key;
  }
}

TEST(Model, ActiveNeverExceedsTotalAndEqualsItWithoutExperts) {
  for (const Total& total : published_totals()) {
    const Model model = public_model(total.name);
    const ParameterCount count = count_parameters(model);
    const bool routed = model.kinds.back().routed();
    EXPECT_LE(count.active(), count.total()) << total.name;
    if (!routed) {
      EXPECT_EQ(count.active(), count.total()) << total.name;
    }
  }
}

TEST(Model, LayerPartsSumToTheLayer) {
  const Model model = public_model("DeepSeek-V3");
  const LayerParameters p = count_layer(model, model.kinds[1]);
  EXPECT_EQ(p.total(), p.attention + p.ffn + p.experts + p.router + p.norms);
  EXPECT_EQ(p.experts, 256 * 3 * std::int64_t{7168} * 2048);
  EXPECT_EQ(p.active_experts * 32, p.experts);
  EXPECT_EQ(p.ffn, 3 * std::int64_t{7168} * 2048);
  EXPECT_EQ(p.router, 7168 * 256 + 256);
}

TEST(Flops, CausalNeverExceedsFullAndBothGrowWithTheSequence) {
  for (const Total& total : published_totals()) {
    const Model model = public_model(total.name);
    double causal_before = 0;
    for (const std::int64_t s : {512, 2048, 8192, 65536}) {
      const double causal = flops_per_token(model, s, FlopConvention::causal);
      EXPECT_LE(causal, flops_per_token(model, s, FlopConvention::full)) << total.name << s;
      EXPECT_GE(causal, causal_before) << total.name << s;
      causal_before = causal;
    }
  }
}

TEST(Flops, DoublingTheSequenceDoublesAttentionAndNothingElseWithoutWindows) {
  const Model model = public_model("Llama-3.1-405B");
  const TrainingFlops once = training_flops(model, 8192, FlopConvention::causal);
  const TrainingFlops twice = training_flops(model, 16384, FlopConvention::causal);
  EXPECT_EQ(once.products, twice.products);
  EXPECT_DOUBLE_EQ(2 * once.attention, twice.attention);
  EXPECT_DOUBLE_EQ(training_flops(model, 8192, FlopConvention::full).attention, twice.attention);
}

// 12 L h s of attention forward and backward by the full convention (Megatron's closed form).
TEST(Flops, AttentionOfGptEqualsTwelveLayersHiddenSequence) {
  const Model gpt = catalog_model("gpt3-175b");
  EXPECT_DOUBLE_EQ(training_flops(gpt, 2048, FlopConvention::full).attention,
                   12.0 * 96 * 12288 * 2048);
}

// Products are six times every weight a token meets: all parameters less tables, norms, biases.
TEST(Flops, ProductsAreSixTimesTheMatrixWeights) {
  const Model llama = public_model("Llama-2-7b-hf");
  const ParameterCount count = count_parameters(llama);
  const std::int64_t norms = 65 * std::int64_t{4096};
  EXPECT_DOUBLE_EQ(training_flops(llama, 4096, FlopConvention::causal).products,
                   6.0 * static_cast<double>(count.total() - count.embedding - norms));
}

TEST(Flops, SlidingWindowsCapAttention) {
  const Model mistral = public_model("Mistral-7B-v0.1");
  Model open = mistral;
  for (LayerKind& kind : open.kinds) kind.attention.window = 0;
  const auto at = [](const Model& m, std::int64_t s) {
    return training_flops(m, s, FlopConvention::causal).attention;
  };
  EXPECT_DOUBLE_EQ(at(mistral, 4096), at(open, 4096));
  EXPECT_LT(at(mistral, 32768), at(open, 32768) / 4);
  EXPECT_LT(at(mistral, 1 << 20), 2 * at(open, 4096) + 1);
}

// Figures printed by NVIDIA's Megatron-Bridge performance summary imply these FLOPs a token.
TEST(Flops, PublishedFlopsPerTokenAreMet) {
  Model v3 = public_model("DeepSeek-V3");
  EXPECT_NEAR(flops_per_token(v3, 4096, FlopConvention::causal), 2.60e11, 0.01e11);
  v3.mtp_layers = 0;
  EXPECT_NEAR(flops_per_token(v3, 4096, FlopConvention::causal), 2.50e11, 0.01e11);
  EXPECT_NEAR(flops_per_token(public_model("gpt-oss-120b"), 4096, FlopConvention::causal), 3.26e10,
              0.02e10);
}

TEST(Flops, SixNIsSixTimesTheActiveParameters) {
  const Model mpt = public_model("mpt-7b");
  EXPECT_DOUBLE_EQ(flops_per_token(mpt, 2048, FlopConvention::six_n), 6.0 * 6'649'286'656.0);
}

TEST(Flops, MultiTokenPredictionAddsALayerAProjectionAndAHead) {
  Model v3 = public_model("DeepSeek-V3");
  const double with = training_flops(v3, 4096, FlopConvention::causal).products;
  const double mtp = static_cast<double>(count_parameters(v3).mtp);
  v3.mtp_layers = 0;
  const double without = training_flops(v3, 4096, FlopConvention::causal).products;
  EXPECT_GT(with, without + 6.0 * 7168 * (2.0 * 7168 + 129280));
  EXPECT_NEAR(mtp, 11.6e9, 0.1e9);
  EXPECT_EQ(count_parameters(v3).mtp, 0);
}

}  // namespace
}  // namespace tightrope::workload
