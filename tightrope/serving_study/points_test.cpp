#include <gtest/gtest.h>

#include "tightrope/serving_study/rows.h"
#include "tightrope/serving_study/validate.h"

namespace tightrope::serving_study {
namespace {

constexpr const char* header =
    "id,silicon_data_source,backend,backend_version,model_path,system,precision,mode,isl,osl,"
    "gemm_quant_mode,moe_quant_mode,batch_size,tp_size,pp_size,attention_dp_size,moe_tp_size,"
    "moe_ep_size,prefill_batch_size,prefill_num_workers,prefill_tp_size,prefill_pp_size,"
    "prefill_attention_dp_size,prefill_moe_tp_size,prefill_moe_ep_size,decode_batch_size,"
    "decode_num_workers,decode_tp_size,decode_pp_size,decode_attention_dp_size,decode_moe_tp_size,"
    "decode_moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\n";

// Rows of our own making in the public table's form.
constexpr const char* rows =
    "a,dump; silicon_concurrency=16; measured=2026-02-03T00,vllm,0.15.1,meta-llama/Llama-3.1-70B,"
    "h100_sxm,fp8,agg,1024,512,fp8,fp8,16,8,1,1,8,1,,,,,,,,,,,,,,,100,10\n"
    "b,dump; silicon_concurrency=64; measured=2026-01-14T22:26:18Z,trtllm,1.1.0rc2.post2,"
    "deepseek-ai/DeepSeek-R1,h200_sxm,fp8,agg,"
    "1024,1024,fp8,fp8,64,64,1,1,8,8,,,,,,,,,,,,,,,200,12\n"
    "c,dump; "
    "silicon_concurrency=512,sglang,0.5.8,deepseek-ai/DeepSeek-R1,gb200,fp8,disagg,1024,1024,"
    "fp8,fp8,,,,,,,1,2,4,1,1,4,1,16,1,1,1,32,1,32,900,20\n"
    "a2,dump; silicon_concurrency=16; measured=2026-02-03T00,vllm,0.15.1,meta-llama/Llama-3.1-70B,"
    "h100_sxm,fp8,agg,1024,512,fp8,fp8,16,8,1,1,8,1,,,,,,,,,,,,,,,100,10\n"
    "d,dump,vllm,0.15.1,meta-llama/"
    "Llama-3.1-70B,h100_sxm,fp8,agg,1024,512,fp8,fp8,,8,1,1,8,1,,,,,,,"
    ",,,,,,,100,10\n";

ServingTable table() {
  Result<ServingTable> t = parse_serving_table(std::string(header) + rows, "t.csv");
  EXPECT_TRUE(t.has_value());
  return t ? *std::move(t) : ServingTable{};
}

// AIConfigurator's runs: the budget is the prompt and 1,500, with all that decode where prompts and
// decodes share iterations; a padded graph takes a place.
TEST(ServingRows, BudgetsGrowWithThePrompt) {
  const std::string from = "source_file=/x/aic-auto-gap-analysis/y.csv; silicon_concurrency=64,";
  const auto point = [&](const std::string& id, const std::string& engine,
                         const std::string& model) {
    return id + "," + from + engine + "," + model +
           ",h100_sxm,fp8,agg,1024,512,fp8,fp8,64,4,1,,1,1,,,,,,,,,,,,,,,100,10\n";
  };
  const std::string text = std::string(header) +
                           point("whole", "trtllm,1.0.0rc3", "Qwen/Qwen3-32B") +
                           point("padded", "trtllm,1.0.0rc3", "meta-llama/Llama-3.1-8B-Instruct") +
                           point("stops", "sglang,0.5.6.post2", "Qwen/Qwen3-32B") +
                           point("before", "sglang,0.5.1.post1", "Qwen/Qwen3-32B");
  const Result<ServingTable> t = parse_serving_table(text, "t.csv");
  ASSERT_TRUE(t.has_value()) << t.error().what;
  EXPECT_EQ(t->rows[0].token_budget, 1024 + 1500 + 64);
  EXPECT_EQ(t->rows[0].most_sequences, 0);
  EXPECT_EQ(t->rows[1].token_budget, 1024 + 1500 + 64);
  EXPECT_EQ(t->rows[1].most_sequences, 63);
  EXPECT_EQ(t->rows[2].token_budget, 1024 + 1500);
  EXPECT_EQ(t->rows[3].token_budget, 0);
}

TEST(ServingRows, WidthsThatTheTableMultipliesAreReadAsTheyRan) {
  const ServingTable t = table();
  ASSERT_EQ(t.rows.size(), 5U);
  EXPECT_EQ(t.rows[0].deployment, (infer::Deployment{.tp = 8}));
  EXPECT_EQ(t.rows[1].deployment, (infer::Deployment{.tp = 8, .ep = 8}));
  EXPECT_EQ(t.rows[2].prefill, (infer::Deployment{.tp = 4}));
  EXPECT_EQ(t.rows[2].prefill_workers, 2);
  EXPECT_EQ(t.rows[2].deployment, (infer::Deployment{.dp = 32, .ep = 32}));
  EXPECT_EQ(t.rows[2].concurrency, 512);
}

TEST(ServingRows, WhatRowsLeaveUnsaidComesFromTheBenchmark) {
  const ServingTable t = table();
  EXPECT_EQ(t.rows[0].stack, "vllm-2026");
  EXPECT_EQ(t.rows[0].drafts, 0);
  EXPECT_EQ(t.rows[1].drafts, 3) << "the day's configurations with multi-token prediction";
  EXPECT_EQ(t.rows[1].numerics, "fp8-block+kv8") << "DeepSeek's own checkpoint, a narrow cache";
  EXPECT_EQ(t.rows[2].drafts, 0);
  EXPECT_EQ(t.rows[4].unclear, "lengths or concurrency are not said");
}

constexpr const char* disaggregated =
    ",sglang,0.5.8.post1,deepseek-ai/DeepSeek-R1,b200_sxm,fp8,disagg,1024,1024,fp8,fp8_block,"
    ",,,,,,,,8,1,1,1,8,,,8,1,1,1,8,300,9\n";

// A run is completed from what was configured when it was measured; where that is not one thing,
// the plainest is taken, and the row says so.
TEST(ServingRows, WorkersAndDraftsComeFromTheConfigurationsOfTheTime) {
  const auto row = [](const std::string& source) {
    Result<ServingTable> t =
        parse_serving_table(std::string(header) + "e," + source + disaggregated, "t.csv");
    EXPECT_TRUE(t.has_value());
    return t->rows[0];
  };
  const std::string clients = "silicon_concurrency=16; measured=";
  const ServingRow with = row("dump; " + clients + "2026-02-13T19:05:38Z");
  EXPECT_TRUE(with.unclear.empty()) << with.unclear;
  EXPECT_EQ(with.drafts, 2);
  EXPECT_EQ(with.prefill_workers, 1);
  EXPECT_EQ(with.decode_workers, 3);
  EXPECT_EQ(with.deployment, (infer::Deployment{.tp = 8, .ep = 8}));
  const ServingRow either = row("dump; " + clients + "2026-03-18T00:00:00Z");
  EXPECT_NE(either.guessed.find("with drafts and without"), std::string::npos) << either.guessed;
  EXPECT_EQ(either.drafts, 0);
  EXPECT_TRUE(with.guessed.empty());
  const ServingRow none = row("db-dump/2026-04-27; " + clients + "2026-03-18T00:00:00Z");
  EXPECT_TRUE(none.unclear.empty()) << none.unclear;
  EXPECT_EQ(none.drafts, 0);
  const ServingRow unknown = row("dump; " + clients + "2020-01-01");
  EXPECT_TRUE(unknown.unclear.empty());
  EXPECT_EQ(unknown.decode_workers, 1) << "as the row has it";
}

// Some tables print the GPUs of the whole fleet as ranks of a worker: 72 = 3 x 8 + 48.
TEST(ServingRows, FleetsPrintedAsOneWidthAreReadAsTheyRan) {
  const std::string row =
      "f,dump; silicon_concurrency=2048; measured=2025-12-05T00:00:00Z,sglang,,deepseek-ai/"
      "DeepSeek-R1,gb200,fp8,disagg,1024,1024,fp8,fp8_block,,,,,,,,,72,1,1,72,1,,,72,1,1,72,1,"
      "2210,20\n";
  Result<ServingTable> t = parse_serving_table(header + row, "t.csv");
  ASSERT_TRUE(t.has_value()) << to_string(t.error());
  const ServingRow& r = t->rows[0];
  EXPECT_EQ(r.prefill, (infer::Deployment{.dp = 8, .ep = 8}));
  EXPECT_EQ(r.deployment, (infer::Deployment{.dp = 48, .ep = 48}));
  EXPECT_EQ(r.prefill_workers, 3);
  EXPECT_EQ(r.expert_slots, 288);
  EXPECT_GT(r.prefill_tokens, 0);
  EXPECT_GT(r.decode_most, 0);
  const std::vector<ServingCase> cases =
      make_cases(*t, catalog::Catalog::embedded(), formula::embedded_calibration(),
                 infer::ServingTuning::embedded());
  EXPECT_TRUE(cases[0].refused.empty()) << cases[0].refused;
}

// Rows whose recipe is guessed are judged apart and fit nothing.
TEST(ServingRows, GuessedRecipesStandApart) {
  const std::string row = std::string("g,dump; silicon_concurrency=16; measured=2026-03-18") +
                          "T00:00:00Z" + disaggregated;
  Result<ServingTable> t = parse_serving_table(header + row, "t.csv");
  ASSERT_TRUE(t.has_value()) << to_string(t.error());
  EXPECT_EQ(fitted_rows(*t), (std::vector<bool>{false}));
  const ServingReport report =
      validate_serving(*t, catalog::Catalog::embedded(), formula::embedded_calibration(),
                       infer::ServingTuning::embedded());
  EXPECT_EQ(report.expressed, 1);
  EXPECT_EQ(report.guessed.size(), 1U);
  ASSERT_FALSE(report.groups.empty());
  for (const ServingGroup& g : report.groups) EXPECT_EQ(g.mode, "disagg, recipe guessed");
}

TEST(ServingRows, ARunInTwoDumpsCountsOnce) {
  EXPECT_EQ(repeated_rows(table()), (std::vector<bool>{false, false, false, true, false}));
  EXPECT_EQ(fitted_rows(table()), (std::vector<bool>{true, true, false, false, true}));
}

TEST(ServingRows, TablesWithoutTheColumnsAreRefused) {
  const Result<ServingTable> t = parse_serving_table("id,isl\na,1\n", "t.csv");
  ASSERT_FALSE(t.has_value());
  EXPECT_EQ(t.error().code, ErrorCode::unknown_key);
}

TEST(ServingValidation, PredictsComparesAndCounts) {
  const infer::ServingTuning& tuning = infer::ServingTuning::embedded();
  const ServingReport report = validate_serving(table(), catalog::Catalog::embedded(),
                                                formula::embedded_calibration(), tuning);
  EXPECT_EQ(report.rows, 5);
  EXPECT_EQ(report.expressed, 4);
  EXPECT_EQ(report.repeats, 1);
  EXPECT_EQ(report.refused.at("lengths or concurrency are not said"), 1);
  for (const ServingOutcome& o : report.outcomes) {
    if (!o.refused.empty()) continue;
    EXPECT_GT(o.predicted, 0) << o.id;
    if (o.metric == "tpot_ms") {
      EXPECT_LT(o.plain, o.predicted) << "the roofline is a bound";
    }
    EXPECT_LE(o.low90, o.low50);
    EXPECT_LE(o.high50, o.high90);
  }
  for (const ServingGroup& g : report.groups) {
    if (g.mode == "agg" && g.metric == "tpot_ms" && g.dimension == "all") {
      EXPECT_EQ(g.figures.n, 2);
    }
  }
}

// A fit moves to its rows, and not where there are none.
TEST(ServingFit, FollowsItsRows) {
  ServingTable t = table();
  t.rows.resize(1);
  const infer::ServingTuning& start = infer::ServingTuning::embedded();
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  std::vector<ServingCase> cases = make_cases(t, catalog, formula::embedded_calibration(), start);
  const infer::Steady now = predict(cases[0], t.rows[0]);
  t.rows[0].tpot_ms = 1.2e3 * now.tpot.raw();
  t.rows[0].ttft_ms = 1e3 * now.ttft.raw();
  // One run says little against what is believed beforehand, many do.
  constexpr std::size_t runs = 500;
  t.rows.resize(runs, t.rows[0]);
  cases.resize(runs, cases[0]);
  const ServingFit fit = fit_serving(t, cases, start, {});
  retune(cases[0], t.rows[0], fit.tuning);
  EXPECT_NEAR(predict(cases[0], t.rows[0]).tpot.raw() * 1e3 / t.rows[0].tpot_ms, 1.0, 0.1);
  EXPECT_EQ(fit.tuning.engine("sglang-2026")->step_us, start.engine("sglang-2026")->step_us)
      << "what no row measured stays";
  const Result<infer::ServingTuning> again =
      infer::ServingTuning::parse(tuning_text(fit, t), "out.toml");
  ASSERT_TRUE(again.has_value()) << to_string(again.error());
  EXPECT_NEAR(again->engine("vllm-2026")->kernel_share,
              fit.tuning.engine("vllm-2026")->kernel_share, 1e-3);
}

}  // namespace
}  // namespace tightrope::serving_study
