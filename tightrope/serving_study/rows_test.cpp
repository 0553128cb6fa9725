#include "tightrope/serving_study/rows.h"

#include <gtest/gtest.h>

#include "tightrope/serving_study/cases.h"

namespace tightrope::serving_study {
namespace {

const std::string metric_header =
    "id,source,source_path,date,model,params_b,hardware,n_accelerators,tp,pp,ep,dp,precision,"
    "kv_precision,engine,engine_version,input_len,output_len,concurrency_or_batch,metric,value,"
    "unit,notes\n";
const std::string neuron_header =
    "kind,model,instance,nodes,parallelism,batch,seq_len,input_len,output_len,dtype,throughput,"
    "unit,ttft_p50_ms,ttft_p99_ms,tpot_p50_ms,tpot_p99_ms,sdk,source\n";

ServingTable read(const std::string& text) {
  Result<ServingTable> table = parse_serving_table(text, "t.csv");
  EXPECT_TRUE(table.has_value()) << (table ? "" : to_string(table.error()));
  return table ? *table : ServingTable{};
}

std::string fault(const std::string& text) {
  const Result<ServingTable> table = parse_serving_table(text, "t.csv");
  return table ? "no error" : to_string(table.error());
}

std::string perf_line(const std::string& value) {
  return "a,NVIDIA/TensorRT-LLM perf-overview,p,,Qwen3 235B A22B,235,NVIDIA H200 SXM 141GB,8,8,1,1,"
         "1,fp8,,TensorRT-LLM (PyTorch backend),1.0,1000,1000,max load (all requests queued),"
         "output_throughput_per_gpu," +
         value + ",tok/s/GPU,TP8; MoE ep not stated\n";
}

std::string neuron_line(const std::string& tpot, const std::string& parallelism = "TP=24") {
  return "infer-throughput,Llama-2-13b,Inf2.48xlarge,1," + parallelism +
         ",8,4096,128,3968,bf16,500,tok/s,100,110," + tpot + ",16,2.18.0,here\n";
}

// Lines that name a run and differ in the metric are one row; per-chip figures are multiplied.
TEST(ServingRows, OneMetricALine) {
  const std::string run =
      ",aws-neuron/aws-neuron-sdk benchmarks,f.csv,Neuron 2.18.0,Llama-2-13b,13,"
      "Inf2.48xlarge (Inferentia2),24 NeuronCores,24,,,,FP16/weights bf16,,Transformers NeuronX,"
      "2.18.0,128,3968,8,";
  const ServingTable t = read(metric_header + "n1" + run + "tpot_p50,15,ms,\nn2" + run +
                              "ttft_p50,100,ms,\nn3" + run + "tpot_p99,16,ms,\nn4" + run +
                              "output_throughput_total,500,tok/s,\n" + perf_line("1000"));
  ASSERT_EQ(t.rows.size(), 2u);
  const ServingRow& neuron = t.rows[0];
  EXPECT_EQ(neuron.id, "n1");
  EXPECT_EQ(neuron.chip, "inferentia2");
  EXPECT_EQ(neuron.stack, "neuron-2024");
  EXPECT_EQ(neuron.deployment, (infer::Deployment{.tp = 24}));
  EXPECT_EQ(neuron.tpot_ms, 15);
  EXPECT_EQ(neuron.ttft_ms, 100);
  EXPECT_EQ(neuron.output_tokens_a_s, 500);
  const ServingRow& queued = t.rows[1];
  EXPECT_EQ(queued.output_tokens_a_s, 8000);
  EXPECT_TRUE(queued.queued);
  EXPECT_TRUE(queued.experts_unsaid);
  EXPECT_EQ(queued.requests, 3000);
  EXPECT_EQ(queued.stack, "tensorrt-llm-2025");
  EXPECT_TRUE(queued.unclear.empty()) << queued.unclear;
}

// A submission says its chips and what it wrote; lengths and limits come from the workload's name.
TEST(ServingRows, Submissions) {
  const std::string run =
      ",MLPerf Inference v5.1 (x),p,2025-09-09,llama2-70b-99.9,70,Virtualized NVIDIA "
      "H200-SXM-141GB,8,,,,,fp8,,\"TensorRT 10.11, CUDA 12.9\",,MLPerf dataset,MLPerf dataset,";
  const ServingTable t = read(metric_header + "o" + run +
                              "Offline,tokens_per_s_offline,34000,tok/s (system),"
                              "TOKENS_PER_SAMPLE: 291.7\ns" +
                              run + "Server,tokens_per_s_server,33000,tok/s (system),\n");
  ASSERT_EQ(t.rows.size(), 2u);
  EXPECT_EQ(t.rows[0].output, 291.7);
  EXPECT_EQ(t.rows[0].token_bound.raw(), 0);
  EXPECT_EQ(t.rows[0].chip, "h200");
  EXPECT_EQ(t.rows[0].chips, 8);
  EXPECT_FALSE(t.rows[0].mapping_unsaid);
  EXPECT_EQ(t.rows[0].deployment, infer::Deployment{});
  EXPECT_TRUE(t.rows[0].in_process);
  // What submissions configured, by scenario, and how answers differ in length.
  EXPECT_EQ(t.rows[0].token_budget, 1536);
  EXPECT_EQ(t.rows[0].most_sequences, 2048);
  EXPECT_TRUE(t.rows[0].evicts);
  EXPECT_NEAR(t.rows[0].output_variation, 0.6, 0.1);
  EXPECT_EQ(t.rows[1].output, 294.45);
  EXPECT_EQ(t.rows[1].token_bound.raw(), 0.2);
}

// Who ran a benchmark may have configured it otherwise than others; rows name who did.
TEST(ServingRows, SubmittersConfigurations) {
  const auto row = [](const std::string& id, const std::string& model, const std::string& chip,
                      const std::string& engine, const std::string& who) {
    return id + ",MLPerf Inference v5.1 (x)," + id + ",2025-09-09," + model + ",8," + chip +
           ",8,,,,,fp8,,\"" + engine +
           "\",,MLPerf dataset,MLPerf dataset,Offline,tokens_per_s_offline,1,tok/s (system)," +
           "submitter " + who + "; available\n";
  };
  const std::string h200 = "NVIDIA H200-SXM-141GB", mi325x = "AMD Instinct MI325X 256GB HBM3e";
  const ServingTable t =
      read(metric_header + row("a", "llama3.1-8b", h200, "TensorRT 10.8", "Cisco") +
           row("b", "llama3.1-8b", h200, "TensorRT 10.11", "HPE") +
           row("c", "llama2-70b-99", mi325x, "vLLM 0.9.0", "AMD") +
           row("d", "deepseek-r1", "NVIDIA B200-SXM-180GB", "TensorRT 10.11", "Dell"));
  ASSERT_EQ(t.rows.size(), 4u);
  EXPECT_EQ(t.rows[0].submitter, "Cisco");
  EXPECT_EQ(t.rows[0].token_budget, 1536);
  EXPECT_EQ(t.rows[1].token_budget, 12000);
  EXPECT_EQ(t.rows[1].most_sequences, 2048);
  EXPECT_FALSE(t.rows[1].stops_decodes);
  EXPECT_TRUE(t.rows[2].stops_decodes);
  EXPECT_TRUE(t.rows[2].tuned_products);
  EXPECT_FALSE(t.rows[2].in_process);
  EXPECT_EQ(t.rows[2].poll_steps, 7);
  EXPECT_EQ(t.rows[2].host_steps, 7);
  EXPECT_EQ(t.rows[1].host_steps, 1);
  EXPECT_EQ(t.rows[2].numerics, "fp8+kv8");
  EXPECT_EQ(t.rows[3].requests, 26328);
  EXPECT_EQ(t.rows[3].longest, 20000);
  EXPECT_EQ(t.rows[3].graph_sequences, 128);
}

TEST(ServingRows, NeuronTable) {
  const ServingTable t =
      read(neuron_header + "train,Llama-2-7b,trn1.32xlarge,1,TP=8,8,4096,,,bf16,1,seq/s,,,,,2,x\n" +
           neuron_line("15") + neuron_line("15", "see tutorial"));
  ASSERT_EQ(t.rows.size(), 2u);  // training is not serving
  EXPECT_EQ(t.rows[0].deployment.tp, 24);
  EXPECT_EQ(t.rows[0].concurrency, 8);
  EXPECT_TRUE(t.rows[0].unclear.empty());
  EXPECT_EQ(t.rows[1].unclear, "how the model lies on the cores is not said");
}

// A measurement counts once however often it is printed, and only if all its numbers agree.
TEST(ServingRows, DuplicatesCountOnce) {
  const ServingTable one = read(neuron_header + neuron_line("15") + neuron_line("15.5"));
  const ServingTable merged = merge_tables({one, one});
  ASSERT_EQ(merged.rows.size(), 4u);
  EXPECT_TRUE(merged.rows[0].unclear.empty());
  EXPECT_TRUE(merged.rows[1].unclear.empty());
  EXPECT_EQ(merged.rows[2].unclear, "the same measurement as neuron-1");
  EXPECT_EQ(merged.rows[3].unclear, "the same measurement as neuron-2");
  EXPECT_EQ(merge_tables({one}).hash, one.hash);
  EXPECT_NE(merged.hash, one.hash);
}

TEST(ServingRows, BadTables) {
  EXPECT_NE(fault("a,b\n1,2\n").find("t.csv:1: column \"id\" is missing"), std::string::npos);
  EXPECT_NE(fault(metric_header + perf_line("fast")).find("t.csv:2"), std::string::npos);
  const std::string zero = fault(metric_header + perf_line("0"));
  EXPECT_NE(zero.find("a measured value must be above zero"), std::string::npos) << zero;
  EXPECT_NE(zero.find("t.csv:2"), std::string::npos) << zero;
  const std::string below = fault(neuron_header + neuron_line("-1"));
  EXPECT_NE(below.find("a length, a batch or a time is below zero"), std::string::npos) << below;
  const std::string bare = fault("metric,value,hardware\n");
  EXPECT_NE(bare.find("t.csv:1: column \"id\" is missing"), std::string::npos) << bare;
}

// What a row leaves open is chosen, and what cannot be run says why.
TEST(ServingRows, Cases) {
  std::string unknown = perf_line("1000");
  unknown.replace(unknown.find("NVIDIA H200 SXM 141GB"), 21, "NVIDIA RTX PRO 6000");
  const ServingTable t = read(metric_header + perf_line("1000") + unknown);
  const std::vector<ServingCase> cases =
      make_cases(t, catalog::Catalog::embedded(), formula::embedded_calibration(),
                 infer::ServingTuning::embedded());
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_TRUE(cases[0].refused.empty()) << cases[0].refused;
  EXPECT_EQ(cases[0].deployment.ranks(), 8);
  EXPECT_GT(output_rate(cases[0], predict(cases[0], t.rows[0])).raw(), 0);
  EXPECT_EQ(cases[1].refused, "no chip \"NVIDIA RTX PRO 6000\"");
}

}  // namespace
}  // namespace tightrope::serving_study
