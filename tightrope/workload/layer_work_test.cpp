// A layer's products against its parameters, saved tensors against published closed forms.
#include "tightrope/workload/layer_work.h"

#include <set>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/workload/test_models_internal.h"

namespace tightrope::workload {
namespace {

/// Bytes by the accounting of Korthikanti et al.: 2 an element, masks 1, no flash statistics.
double bytes_of(const SavedTensor& t, double keys) {
  const double each = t.kind == TensorKind::mask ? 1.0 : 2.0;
  return each * (static_cast<double>(t.elements) + keys * static_cast<double>(t.elements_per_key));
}

double bytes_kept(const LayerWork& work, ModuleSet recompute, double keys = 0) {
  double sum = 0;
  for (const SavedTensor& t : work.saved) {
    if (t.kept(recompute) && t.kind != TensorKind::statistics) sum += bytes_of(t, keys);
  }
  return sum;
}

std::vector<std::string> layer_names(const LayerWork& work) {
  std::vector<std::string> names;
  for (const Gemm& g : work.gemms) names.emplace_back(g.name);
  return names;
}

const WorkOptions gpt3_era = {.flash_attention = false, .dropout = true};

// Korthikanti et al. 2022, eq. 1: s b h (34 + 5 a s / h) bytes a layer.
TEST(SavedTensors, GptLayerKeepsThirtyFourPlusFiveAsOverH) {
  const Model gpt = catalog_model("gpt3-175b");
  const LayerWork work = layer_work(gpt, gpt.kinds[0], gpt3_era);
  const double h = 12288;
  const double a = 96;
  const double s = 2048;
  EXPECT_DOUBLE_EQ(bytes_kept(work, {}, s), h * (34 + 5 * a * s / h));
}

// Selective recompute drops the quadratic term and nothing else: 34 s b h (section 5 there).
TEST(SavedTensors, SelectiveRecomputeLeavesThirtyFour) {
  const Model gpt = catalog_model("gpt3-175b");
  const LayerWork work = layer_work(gpt, gpt.kinds[0], gpt3_era);
  EXPECT_DOUBLE_EQ(bytes_kept(work, RecomputeModule::core_attention, 2048), 34.0 * 12288);
}

// The same with any FFN width: 18 + 4 f / h with three masks, 16 + 4 f / h without dropout.
TEST(SavedTensors, PlainFfnKeepsEighteenPlusFourWidths) {
  Model gpt = catalog_model("gpt3-175b");
  for (const std::int64_t f : {12288, 30000, 65536}) {
    gpt.kinds[0].ffn.hidden = f;
    const double ratio = static_cast<double>(f) / 12288.0;
    const LayerWork with = layer_work(gpt, gpt.kinds[0], gpt3_era);
    EXPECT_DOUBLE_EQ(bytes_kept(with, RecomputeModule::core_attention), 12288 * (18 + 4 * ratio));
    const LayerWork without = layer_work(gpt, gpt.kinds[0]);
    EXPECT_DOUBLE_EQ(bytes_kept(without, {}), 12288 * (16 + 4 * ratio));
  }
}

// Korthikanti et al. eq. 2: tensor parallelism divides 24 of the 34, sequence parallelism the
// other 10.
TEST(SavedTensors, TensorAndSequenceShardsSplitTwentyFourAndTen) {
  const Model gpt = catalog_model("gpt3-175b");
  const LayerWork work = layer_work(gpt, gpt.kinds[0], gpt3_era);
  double tensor = 0;
  double sequence = 0;
  for (const SavedTensor& t : work.saved) {
    if (!t.kept(RecomputeModule::core_attention)) continue;
    (t.shard == Shard::tensor ? tensor : sequence) += bytes_of(t, 0);
  }
  EXPECT_DOUBLE_EQ(tensor, 24.0 * 12288);
  EXPECT_DOUBLE_EQ(sequence, 10.0 * 12288);
}

// Full recompute keeps the layer's input: 2 s b h.
TEST(SavedTensors, FullRecomputeKeepsTheLayerInputOnly) {
  for (const std::string name : {"Llama-3.1-8B", "DeepSeek-V3", "gpt-oss-120b", "gemma-2-9b",
                                 "falcon-40b", "OLMo-2-1124-7B", "bloom"}) {
    const Model model = public_model(name);
    for (const LayerKind& kind : model.kinds) {
      const SavedSum sum = saved_elements(layer_work(model, kind), RecomputeModule::layer);
      EXPECT_EQ(sum.sequence, model.hidden) << name;
      EXPECT_EQ(sum.tensor + sum.expert_tokens + sum.expert_tensor, 0) << name;
    }
  }
}

// A Llama layer: norm inputs and outputs 4h, q k v, the core's output h, gate up and product 3f.
TEST(SavedTensors, LlamaLayerKeepsItsClosedForm) {
  const Model m = public_model("Llama-3.1-8B");
  const LayerWork work = layer_work(m, m.kinds[0]);
  const std::int64_t h = 4096;
  const SavedSum all = saved_elements(work, {});
  EXPECT_EQ(all.sequence, 4 * h);
  const std::int64_t kv = 8 * 128;
  EXPECT_EQ(all.tensor, h + 2 * kv + 32 + h + 3 * 14336);
  const SavedSum act = saved_elements(work, RecomputeModule::activation);
  EXPECT_EQ(all.tensor - act.tensor, 14336);
  const SavedSum mlp = saved_elements(work, RecomputeModule::mlp);
  EXPECT_EQ(all.tensor - mlp.tensor, 3 * 14336);
  EXPECT_EQ(all.sequence - mlp.sequence, h);
}

TEST(SavedTensors, MlaUpProjectionDropsExpandedHeadsAndKeepsLatents) {
  const Model m = public_model("DeepSeek-V3");
  const LayerWork work = layer_work(m, m.kinds[1]);
  const SavedSum all = saved_elements(work, {});
  const SavedSum up = saved_elements(work, RecomputeModule::mla_up);
  EXPECT_EQ(all.tensor - up.tensor, 128 * (192 + 192 + 128));
  EXPECT_EQ(all.sequence - up.sequence, 1536 + 512);
}

TEST(SavedTensors, RoutedLayerCountsCopiesApart) {
  const Model m = public_model("Qwen3-235B-A22B");
  const LayerWork work = layer_work(m, m.kinds[0]);
  const SavedSum all = saved_elements(work, {});
  EXPECT_EQ(all.expert_tokens, 4096);
  EXPECT_EQ(all.expert_tensor, 3 * 1536);
  const SavedSum moe = saved_elements(work, RecomputeModule::moe);
  EXPECT_EQ(moe.expert_tokens + moe.expert_tensor, 0);
  const SavedSum act = saved_elements(work, RecomputeModule::activation);
  EXPECT_EQ(act.expert_tensor, 2 * 1536);
  EXPECT_EQ(act.tensor, all.tensor);
}

TEST(SavedTensors, MoreRecomputeNeverKeepsMore) {
  for (const std::string& path : files_in("examples/configs", "config.json")) {
    const auto model = read_hf_config(text_of(path), path);
    ASSERT_TRUE(model.has_value());
    for (const LayerKind& kind : model->kinds) {
      const LayerWork work = layer_work(*model, kind);
      ModuleSet set;
      double before = bytes_kept(work, set);
      for (const RecomputeModule module : all_recompute_modules()) {
        set = set | module;
        const double now = bytes_kept(work, set);
        EXPECT_LE(now, before) << path << " " << to_string(module);
        before = now;
      }
      EXPECT_DOUBLE_EQ(before, 2.0 * static_cast<double>(model->hidden)) << path;
    }
  }
}

TEST(SavedTensors, SumsBySortAddUpToTheWhole) {
  const Model m = public_model("DeepSeek-V3");
  const LayerWork work = layer_work(m, m.kinds[1]);
  std::int64_t by_kind = 0;
  for (const TensorKind kind :
       {TensorKind::gemm_input, TensorKind::norm_input, TensorKind::attention,
        TensorKind::activation, TensorKind::mask, TensorKind::statistics, TensorKind::router}) {
    by_kind += saved_elements(work, {}, kind).tensor;
  }
  EXPECT_EQ(by_kind, saved_elements(work, {}).tensor);
}

// The weights of a layer's products are its parameters without norms, biases and sinks.
TEST(Gemms, WeightsEqualTheMatricesOfTheLayer) {
  for (const std::string name :
       {"Llama-3.1-405B", "Mixtral-8x7B-v0.1", "DeepSeek-V2", "DeepSeek-V2-Lite", "Qwen3-235B-A22B",
        "gemma-2-27b", "falcon-7b", "mpt-7b", "Qwen1.5-MoE-A2.7B"}) {
    const Model model = public_model(name);
    for (LayerKind kind : model.kinds) {
      kind.attention.qkv_bias = kind.ffn.router_bias = false;
      std::int64_t weights = 0;
      for (const Gemm& g : layer_work(model, kind).gemms) {
        weights += g.weights() * (g.role == GemmRole::expert ? kind.ffn.experts : 1);
      }
      const LayerParameters p = count_layer(model, kind);
      EXPECT_EQ(weights, p.total() - p.norms) << name << " " << kind.name;
    }
  }
}

TEST(Gemms, AreFusedAndNamedInOrder) {
  const Model llama = public_model("Llama-3.1-8B");
  EXPECT_EQ(layer_names(layer_work(llama, llama.kinds[0])),
            (std::vector<std::string>{"qkv", "attention_out", "ffn_in", "ffn_out"}));
  const Model v3 = public_model("DeepSeek-V3");
  EXPECT_EQ(
      layer_names(layer_work(v3, v3.kinds[1])),
      (std::vector<std::string>{"q_down", "q_up", "kv_down", "kv_up", "attention_out", "router",
                                "expert_in", "expert_out", "shared_in", "shared_out"}));
}

TEST(Gemms, ColumnThenRowSoThatOneReductionClosesABranch) {
  for (const std::string name : {"Llama-3.1-8B", "DeepSeek-V3", "bloom", "gpt-oss-20b"}) {
    const Model model = public_model(name);
    for (const LayerKind& kind : model.kinds) {
      for (const Gemm& g : layer_work(model, kind).gemms) {
        const bool closes = g.name.ends_with("_out");
        EXPECT_EQ(g.split == Split::row, closes) << name << " " << g.name;
        if (closes) {
          EXPECT_EQ(g.out, model.hidden) << name << " " << g.name;
        }
      }
    }
  }
}

TEST(Gemms, HeadAndPredictionModulesReadTheModel) {
  const Model v3 = public_model("DeepSeek-V3");
  EXPECT_EQ(head_work(v3).gemms[0].out, 129280);
  EXPECT_EQ(mtp_work(v3).gemms[0].in, 2 * 7168);
  EXPECT_TRUE(embedding_work(v3).gemms.empty());
}

TEST(Attention, CacheIsHeadsOrLatent) {
  EXPECT_EQ(kv_elements_per_token(public_model("Llama-3.1-8B").kinds[0].attention), 2 * 8 * 128);
  EXPECT_EQ(kv_elements_per_token(public_model("DeepSeek-V3").kinds[1].attention), 512 + 64);
  EXPECT_EQ(kv_elements_per_token(public_model("falcon-7b").kinds[0].attention), 2 * 64);
}

TEST(Attention, MeanKeysOfSmallMasksCountedByHand) {
  AttentionCore core{.heads = 1, .kv_heads = 1, .qk_dim = 1, .v_dim = 1};
  EXPECT_DOUBLE_EQ(mean_keys(core, 8), 4);
  EXPECT_DOUBLE_EQ(mean_keys(core, 8, false), 8);
  core.window = 4;  // a band: 4 keys, less the 4 x 4 / 2 that the first rows lack
  EXPECT_DOUBLE_EQ(mean_keys(core, 8), (4.0 * 8 - 8) / 8);
  core.chunked = true;  // two blocks of 4
  EXPECT_DOUBLE_EQ(mean_keys(core, 8), 2);
  EXPECT_DOUBLE_EQ(mean_keys(core, 10), (16.0 + 16.0 + 4.0) / 2 / 10);
}

// A window never adds work, wider windows never less, and a window of the sequence changes nothing.
RC_GTEST_PROP(Attention, WindowsAreMonotonic, ()) {
  const auto s = *rc::gen::inRange<std::int64_t>(1, 100000);
  const auto w = *rc::gen::inRange<std::int64_t>(1, 100000);
  AttentionCore open{.heads = 2, .kv_heads = 2, .qk_dim = 64, .v_dim = 64};
  AttentionCore band = open;
  band.window = w;
  AttentionCore wider = open;
  wider.window = w + 1;
  AttentionCore block = band;
  block.chunked = true;
  RC_ASSERT(mean_keys(band, s) <= mean_keys(open, s) + 1e-6);
  RC_ASSERT(mean_keys(band, s) <= mean_keys(wider, s) + 1e-6);
  RC_ASSERT(mean_keys(block, s) <= mean_keys(band, s) + 1e-6);
  RC_ASSERT(mean_keys(band, s) <= mean_keys(band, s, false));
  if (w >= s) RC_ASSERT(mean_keys(band, s) == mean_keys(open, s));
}

TEST(Recompute, NamesRoundTripInBothSpellings) {
  std::set<std::string_view> names;
  for (const RecomputeModule module : all_recompute_modules()) {
    EXPECT_EQ(recompute_module_from(to_string(module)), module);
    names.insert(to_string(module));
  }
  EXPECT_EQ(names.size(), all_recompute_modules().size());
  EXPECT_EQ(recompute_module_from("core_attn"), RecomputeModule::core_attention);
  EXPECT_EQ(recompute_module_from("moe_act"), RecomputeModule::activation);
  EXPECT_EQ(recompute_module_from("mla_up_proj"), RecomputeModule::mla_up);
  EXPECT_EQ(recompute_module_from("layernorm"), RecomputeModule::norms);
  EXPECT_EQ(recompute_module_from("full"), RecomputeModule::layer);
  EXPECT_FALSE(recompute_module_from("attention?").has_value());
}

// What is dropped must be made again: by a product, a pass or the core.
TEST(Recompute, WhatIsDroppedIsRunAgain) {
  for (const std::string name : {"Llama-3.1-8B", "DeepSeek-V3", "gpt-oss-20b", "bloom"}) {
    const Model model = public_model(name);
    for (const LayerKind& kind : model.kinds) {
      const LayerWork work = layer_work(model, kind);
      for (const RecomputeModule module : all_recompute_modules()) {
        bool dropped = false;
        for (const SavedTensor& t : work.saved) dropped = dropped || !t.kept(module);
        bool again = work.attention.recomputed_by.meets(module);
        for (const Gemm& g : work.gemms) again = again || g.recomputed_by.meets(module);
        for (const Pass& p : work.passes) again = again || p.recomputed_by.meets(module);
        EXPECT_EQ(dropped, again) << name << " " << kind.name << " " << to_string(module);
      }
    }
  }
}

TEST(Passes, NormsRopeActivationAndResidualMoveWhatTheirFormulasSay) {
  const Model m = public_model("Llama-3.1-8B");
  std::int64_t reads = 0;
  std::int64_t writes = 0;
  for (const Pass& p : layer_work(m, m.kinds[0]).passes) {
    reads += p.reads;
    writes += p.writes;
  }
  const std::int64_t h = 4096;
  const std::int64_t qk = (32 + 8) * 128;
  const std::int64_t f = 14336;
  EXPECT_EQ(reads, 2 * h + qk + 2 * 2 * h + 2 * f);
  EXPECT_EQ(writes, 2 * h + qk + 2 * h + f);
}

}  // namespace
}  // namespace tightrope::workload
