#include "tightrope/serving_study/benchmark_run.h"

#include <gtest/gtest.h>

#include "tightrope/serving_study/validate.h"

namespace tightrope::serving_study {
namespace {

const catalog::Catalog& stock() { return catalog::Catalog::embedded(); }

ServingRow dense_row() {
  ServingRow row;
  row.id = "of our making";
  row.source = "ours";
  row.chip = "h100";
  row.engine = "vllm";
  row.stack = "vllm-2026";
  row.model = "llama3-70b";
  row.numerics = "fp8";
  row.deployment = {.tp = 8};
  row.input = 1024;
  row.output = 256;
  row.concurrency = 4;
  row.spread = 0.2;
  row.ttft_ms = row.tpot_ms = 1;
  return row;
}

ServingTable table_of(std::vector<ServingRow> rows) {
  ServingTable table;
  table.rows = std::move(rows);
  return table;
}

std::vector<ServingCase> cases_of(const ServingTable& table) {
  return make_cases(table, stock(), formula::embedded_calibration(),
                    infer::ServingTuning::embedded());
}

// Where nobody queues, requests one by one and balanced flows are the same thing.
TEST(BenchmarkRun, AgreesWithTheClosedFormAtLowLoad) {
  ServingRow row = dense_row();
  for (const double clients : {1.0, 4.0}) {
    row.concurrency = clients;
    const ServingTable table = table_of({row});
    const std::vector<ServingCase> cases = cases_of(table);
    ASSERT_EQ(cases[0].refused, "");
    const BenchmarkRun run = run_benchmark(cases[0], row);
    ASSERT_TRUE(run.ran);
    const infer::Steady steady = predict(cases[0], row);
    EXPECT_NEAR(run.tpot / steady.tpot, 1.0, 0.05) << clients;
    EXPECT_NEAR(run.ttft / steady.ttft, 1.0, 0.15) << clients;
  }
}

// Equal lengths stay in rows, request by request as in the closed form: with room for one prompt an
// iteration and for two, and where prompts stop decodes.
TEST(BenchmarkRun, RowsOfEqualRequestsAgreeWithTheClosedForm) {
  ServingRow row = dense_row();
  row.spread = 0;
  row.output = 512;
  for (const char* stack : {"vllm-2025", "tensorrt-llm-2025", "sglang-2025"}) {
    row.stack = stack;
    row.engine = row.stack.substr(0, row.stack.rfind('-'));
    for (const double clients : {8.0, 32.0}) {
      for (const double budget : {1500.0, 2600.0}) {
        row.concurrency = clients;
        row.token_budget = budget;
        const ServingTable table = table_of({row});
        const std::vector<ServingCase> cases = cases_of(table);
        ASSERT_EQ(cases[0].refused, "");
        const BenchmarkRun run = run_benchmark(cases[0], row);
        ASSERT_TRUE(run.ran);
        const infer::Steady steady = predict(cases[0], row);
        EXPECT_NEAR(run.tpot / steady.tpot, 1.0, 0.08) << stack << clients << "/" << budget;
        EXPECT_NEAR(run.ttft / steady.ttft, 1.0, 0.20) << stack << clients << "/" << budget;
      }
    }
  }
}

// The first wave counts: the more clients start at once, the later the mean first token.
TEST(BenchmarkRun, MoreClientsWaitLonger) {
  ServingRow row = dense_row();
  Seconds before{};
  for (const double clients : {2.0, 16.0, 128.0}) {
    row.concurrency = clients;
    const ServingTable table = table_of({row});
    const std::vector<ServingCase> cases = cases_of(table);
    const BenchmarkRun run = run_benchmark(cases[0], row);
    ASSERT_TRUE(run.ran);
    EXPECT_GT(run.ttft, before) << clients;
    before = run.ttft;
  }
}

// What is no closed loop of clients on one pool is not run, and says so by having no value.
TEST(BenchmarkRun, OtherFormsAreNotRun) {
  ServingRow queued = dense_row(), split = dense_row();
  queued.queued = true;
  split.disaggregated = true;
  const ServingTable table = table_of({dense_row(), queued, split});
  const std::vector<ServingCase> cases = cases_of(table);
  EXPECT_TRUE(can_run(cases[0], table.rows[0]));
  EXPECT_FALSE(can_run(cases[1], table.rows[1]));
  EXPECT_FALSE(can_run(cases[2], table.rows[2]));
  EXPECT_FALSE(run_benchmark(cases[1], table.rows[1]).ran);
  const infer::ServingTuning& tuning = infer::ServingTuning::embedded();
  ServingReport report = validate_serving(table, stock(), formula::embedded_calibration(), tuning);
  add_simulated(table, stock(), formula::embedded_calibration(), tuning, report);
  for (const ServingOutcome& o : report.outcomes) {
    EXPECT_EQ(o.simulated > 0, o.row == 0) << o.metric << " of row " << o.row;
  }
}

// Published runs of a day whose tables had no columns for experts and split attention are completed
// by the launch script's thresholds.
TEST(BenchmarkRun, BareColumnsAreCompletedByTheLaunchScript) {
  constexpr const char* text =
      "id,silicon_data_source,backend,backend_version,model_path,system,precision,mode,isl,osl,"
      "gemm_quant_mode,moe_quant_mode,batch_size,tp_size,pp_size,attention_dp_size,moe_tp_size,"
      "moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\n"
      "few,dump; silicon_concurrency=64; measured=2025-11-02T00,trtllm,,deepseek-ai/DeepSeek-R1,"
      "b200_sxm,fp4,agg,1024,1024,nvfp4,nvfp4,64,4,1,1,4,1,200,20\n"
      "many,dump; silicon_concurrency=256; measured=2025-11-02T00,trtllm,,deepseek-ai/DeepSeek-R1,"
      "b200_sxm,fp4,agg,1024,1024,nvfp4,nvfp4,256,4,1,1,4,1,900,30\n";
  const Result<ServingTable> table = parse_serving_table(text, "t.csv");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->rows[0].deployment, (infer::Deployment{.tp = 4, .ep = 4}));
  EXPECT_EQ(table->rows[0].balance_steps, 0);
  EXPECT_EQ(table->rows[1].deployment, (infer::Deployment{.tp = 1, .dp = 4, .ep = 4}));
  EXPECT_EQ(table->rows[1].balance_steps, 60);
  EXPECT_GT(table->rows[1].token_budget, 1024);
}

}  // namespace
}  // namespace tightrope::serving_study
