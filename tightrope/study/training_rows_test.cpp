#include "tightrope/study/training_rows.h"

#include <gtest/gtest.h>

#include "tightrope/study/training_rows_case.h"
#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study {
namespace {

using namespace rows_internal;

const catalog::Catalog& facts() { return catalog::Catalog::embedded(); }

TrainingRow plain_row() {
  TrainingRow row;
  row.id = "r";
  row.source = "some table";
  row.release = "2025";
  row.model_key = "llama3-8b";
  row.task = "pretrain";
  row.hardware = "H100";
  row.system = "DGX H100";
  row.precision = "BF16";
  row.accelerators = 8;
  row.global_batch = 128;
  row.micro_batch = 1;
  row.seq_len = 8192;
  row.measured = TokensPerSecond(1e4);
  return row;
}

RowCase case_of(const TrainingRow& row) {
  TrainingTable table;
  table.rows = {row};
  return make_cases(table, facts(), formula::embedded_calibration(),
                    step::TuningTable::embedded())[0];
}

step::Mapping mapping_for(const TrainingRow& row) {
  const RowCase c = case_of(row);
  EXPECT_EQ(c.refused, "") << row.id;
  return c.mapping;
}

TEST(TrainingRows, ReadsAMeasurementWithItsUnits) {
  const auto table = parse_training_table(
      "id,source,model_key,hardware,n_accelerators,precision,gbs,mbs,seq_len,tp,pp,step_s,"
      "tflops_gpu,peak_mem_gib\n"
      "a,table,llama3-8b,H100,8,BF16,128,1,8192,2,1,10,400,64\n",
      "t.csv");
  ASSERT_TRUE(table.has_value());
  const TrainingRow& row = table->rows[0];
  EXPECT_EQ(table->form, TrainingForm::measurements);
  EXPECT_EQ(row.tp, 2);
  EXPECT_EQ(row.vp, 0) << "an empty degree of interleaving is unknown, not 1";
  EXPECT_DOUBLE_EQ(row.peak_memory.raw(), 64.0 * 1024 * 1024 * 1024);
  EXPECT_DOUBLE_EQ(row.model_flops.raw(), 400e12);
  EXPECT_DOUBLE_EQ(row.measured.raw(), 128.0 * 8192 / 10 / 8) << "from the step time";
}

TEST(TrainingRows, TellsAGridByItsColumns) {
  const auto table = parse_training_table(
      "id,nodes_kind,gpus,global_batch,micro_batch,hidden,heads,layers,seq_len,tp,dp,pp,step_ms\n"
      "g,single,2,16,8,1024,16,24,1024,1,1,2,372\n",
      "g.csv");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->form, TrainingForm::mapping_grid);
  EXPECT_DOUBLE_EQ(table->rows[0].step.raw(), 0.372);
  const auto cases =
      make_cases(*table, facts(), formula::embedded_calibration(), step::TuningTable::embedded());
  EXPECT_EQ(cases[0].refused, "");
  EXPECT_DOUBLE_EQ(cases[0].measured, 0.372) << "a grid is judged on seconds";
}

TEST(TrainingRows, BadTablesSayWhere) {
  const auto missing = parse_training_table("id,source\na,b\n", "t.csv");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::unknown_key);
  const auto text = parse_training_table(
      "id,source,model_key,hardware,n_accelerators,precision,gbs,seq_len,tp,pp\n"
      "a,b,c,d,eight,BF16,1,1,1,1\n",
      "t.csv");
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().where.line, 2);
  EXPECT_FALSE(read_training_table("/nowhere.csv").has_value());
}

TEST(TrainingRows, NumbersBesideWords) {
  EXPECT_EQ(number_after("kv=16 ffn=4h", "kv="), 16);
  EXPECT_EQ(number_after("nothing", "kv="), std::nullopt);
  EXPECT_EQ(number_before("over 4 slices", " slices"), 4);
  EXPECT_EQ(number_before("slices", "slices"), std::nullopt);
  EXPECT_EQ(number_ending("8x200"), 200);
}

TEST(TrainingRows, YearsFromReleases) {
  TrainingRow row;
  const auto year = [&row](const char* release) {
    row.release = release;
    return year_of(row);
  };
  EXPECT_EQ(year("26.08 NeMo container (2026-08)"), 2026);
  EXPECT_EQ(year("24.03"), 2024);
  EXPECT_EQ(year("v25.04.02"), 2025);
  EXPECT_EQ(year("v5.1 (2025-11)"), 2025);
  EXPECT_EQ(year("2021-04"), 2021);
}

TEST(TrainingRows, StacksFollowWordsAndYears) {
  const step::TuningTable& table = step::TuningTable::embedded();
  const catalog::Chip& h100 = *facts().find_chip("h100");
  TrainingRow row = plain_row();
  EXPECT_EQ(stack_of(row, software_of(row, h100), table), "megatron-core-2025");
  row.release = "2024-07";
  EXPECT_EQ(stack_of(row, software_of(row, h100), table), "megatron-core-2024");
  row.release = "2031";
  EXPECT_EQ(stack_of(row, software_of(row, h100), table), "megatron-core-2026")
      << "the latest there is";
  row.source = "Megatron-LM by its own scripts";
  EXPECT_EQ(stack_of(row, software_of(row, h100), table), "megatron-lm-2026");
  row.source = "NVIDIA Megatron-LM README";
  EXPECT_EQ(stack_of(row, software_of(row, h100), table), "megatron-core-2026");
  row.notes = "torchtitan v9";
  EXPECT_EQ(stack_of(row, software_of(row, h100), table), "torchtitan");
  row.source = "axlearn comments";
  row.hardware = "H100";
  EXPECT_EQ(stack_of(row, software_of(row, h100), table), "jax-gpu");
  row.hardware = "TPU v5e";
  EXPECT_EQ(stack_of(row, software_of(row, h100), table), "maxtext");
  EXPECT_EQ(software_of(row, *facts().find_chip("tpu-v5e")), Software::jax)
      << "hardware goes before words";
  row = plain_row();
  row.source = "somebody's cluster";
  row.sharding = "FSDP FULL_SHARD";
  EXPECT_EQ(software_of(row, h100), Software::torch_fsdp);
}

TEST(TrainingRows, PrecisionsBecomeRecipes) {
  TrainingRow row;
  const auto recipe = [&row](const char* text) {
    row.precision = text;
    const auto r = precision_of(row);
    return r ? *r : "refused";
  };
  EXPECT_EQ(recipe("BF16"), "bf16");
  EXPECT_EQ(recipe("FP8-CS"), "fp8");
  EXPECT_EQ(recipe("FP8 (linear, tensorwise)"), "fp8");
  EXPECT_EQ(recipe("MXFP8"), "mxfp8");
  EXPECT_EQ(recipe("NVFP4"), "nvfp4");
  EXPECT_EQ(recipe("Autocast:BF16+SR"), "bf16-sr");
  EXPECT_EQ(recipe("Autocast:BF16+FP32Optimizer"), "bf16-fp32-optimizer");
  EXPECT_EQ(recipe(""), "refused");
  EXPECT_EQ(recipe("INT3"), "refused");
}

TEST(TrainingRows, ShardingWords) {
  TrainingRow row = plain_row();
  row.accelerators = 64;
  const auto sharding = [&row](const char* words) {
    row.sharding = words;
    return mapping_for(row);
  };
  EXPECT_EQ(sharding("DDP + distributed optimizer (ZeRO-1)").sharding, step::Sharding::optimizer);
  EXPECT_EQ(sharding("plain DP (no optimizer sharding)").sharding, step::Sharding::none);
  EXPECT_EQ(sharding("PyTorch FSDP FULL_SHARD (ZeRO-3)").sharding, step::Sharding::full);
  EXPECT_EQ(sharding("ZeRO-1 over 8 GPUs (hybrid)").shard_ranks, 8);
  EXPECT_EQ(sharding("HSDP").shard_ranks, 8);
  EXPECT_EQ(sharding("MaxText fsdp=16; data-parallel over 4 slices (DCN)").shard_ranks, 16);
  EXPECT_EQ(sharding("FSDP2 (ZeRO-3) over 64").shard_ranks, 0) << "all of them";
}

TEST(TrainingRows, RecomputeWords) {
  using workload::RecomputeModule;
  TrainingRow row = plain_row();
  const auto recompute = [&row](const char* words) {
    row.recompute = words;
    return mapping_for(row);
  };
  EXPECT_TRUE(recompute("").recompute.empty());
  EXPECT_TRUE(recompute("none set in recipe").recompute.empty());
  EXPECT_TRUE(recompute("full").recompute.meets(RecomputeModule::layer));
  EXPECT_EQ(recompute("full, 3 layers").recompute_layers, 3);
  const auto modules = recompute("selective modules: mlp+layernorm").recompute;
  EXPECT_TRUE(modules.meets(RecomputeModule::mlp));
  EXPECT_TRUE(modules.meets(RecomputeModule::norms));
  EXPECT_FALSE(modules.meets(RecomputeModule::layer));
}

TEST(TrainingRows, OverlapWords) {
  TrainingRow row = plain_row();
  row.tp = 2;
  row.overlap = "TP_COMM_OVERLAP=False; OVERLAP_GRAD_REDUCE=True; cuda graph; SP=0";
  step::Mapping m = mapping_for(row);
  EXPECT_EQ(m.tp_overlap, step::TpOverlap::none);
  EXPECT_EQ(m.tp_comm, step::TpComm::all_reduce);
  EXPECT_TRUE(m.dp_overlap);
  EXPECT_TRUE(m.graph);
  row.overlap = "no comm overlap";
  m = mapping_for(row);
  EXPECT_FALSE(m.dp_overlap);
  EXPECT_FALSE(m.graph);
}

TEST(TrainingRows, LayerCutsKeepTheWidth) {
  TrainingRow row = plain_row();
  row.model_key = "deepseek-v3";
  row.architecture_note = "layers=61; num_hidden_layers overridden to 4; 1 dense layer";
  const auto model = model_of(row);
  ASSERT_TRUE(model.has_value());
  EXPECT_EQ(model->layer_count(), 4);
  EXPECT_FALSE(model->kind_of(0).routed());
  EXPECT_TRUE(model->kind_of(1).routed());
  EXPECT_EQ(model->mtp_layers, 0);
}

TEST(TrainingRows, AnUnknownModelIsBuiltFromItsShape) {
  TrainingRow row = plain_row();
  row.model_key = "nobody-knows-7b";
  row.architecture_note = "layers=32 hidden=4096 heads=32 kv=8 ffn=14336 vocab=128256";
  const auto model = model_of(row);
  ASSERT_TRUE(model.has_value());
  EXPECT_EQ(model->layer_count(), 32);
  EXPECT_TRUE(model->kinds[0].ffn.gated);
  row.architecture_note = "a large one";
  EXPECT_FALSE(model_of(row).has_value());
}

TEST(TrainingRows, TheRowsNetworkRateGoesBeforeTheCatalogs) {
  TrainingRow row = plain_row();
  const catalog::Chip& a100 = *facts().find_chip("a100-80gb");
  const auto rate = [&](const char* system) {
    row.system = system;
    return system_of(row, a100, facts()).nic_bandwidth.value.raw() * 8e-9;
  };
  EXPECT_NEAR(rate("8 GPUs a node, 4x100G Omni-Path"), 400, 1e-6);
  EXPECT_NEAR(rate("8-GPU nodes, 800 Gbps Ethernet"), 800, 1e-6);
  EXPECT_NEAR(rate("nodes with 200 Gb/s per GPU"), 1600, 1e-6);
}

TEST(TrainingRows, DevicesOfAChipAreRanks) {
  TrainingRow row = plain_row();
  row.hardware = "TPU7x (Ironwood)";
  row.system = "tpu7x 64 chips";
  row.accelerators = 64;
  EXPECT_EQ(mapping_for(row).dp, 128);
}

TEST(TrainingRows, APartialMicroBatchLiesBetweenTwoWholeOnes) {
  TrainingRow row = plain_row();
  row.micro_batch = 3;
  const RowCase c = case_of(row);  // 16 sequences a replica, 3 at a time
  ASSERT_EQ(c.refused, "");
  ASSERT_EQ(c.contexts.size(), 2U);
  EXPECT_EQ(c.contexts[0].job.global_batch, 8 * 15);
  EXPECT_EQ(c.contexts[1].job.global_batch, 8 * 18);
  const Prediction p = predict(c, TrainingForm::measurements, 8);
  EXPECT_GT(p.step, step::estimate(c.contexts[0], c.mapping).step_time);
  EXPECT_LT(p.step, step::estimate(c.contexts[1], c.mapping).step_time);
}

TEST(TrainingRows, RefusalsSayWhy) {
  TrainingRow row = plain_row();
  row.hardware = "abacus";
  EXPECT_EQ(case_of(row).refused, "no chip \"abacus\" in the catalog");
  row = plain_row();
  row.tp = 3;
  EXPECT_EQ(case_of(row).refused, "ranks are no multiple of tp x pp x cp");
  row = plain_row();
  row.global_batch = 4;
  EXPECT_EQ(case_of(row).refused, "the batch is smaller than the data-parallel ranks");
  row = plain_row();
  row.measured = TokensPerSecond(0.0);
  EXPECT_EQ(case_of(row).refused, "no figure to compare with");
  row = plain_row();
  row.hardware = "A100";
  row.precision = "FP8";
  EXPECT_NE(case_of(row).refused.find("no matrix units for fp8"), std::string::npos);
}

TEST(TrainingRows, FlopsThatCountRecomputationStandForFewerTokens) {
  TrainingRow row = plain_row();
  row.measured = TokensPerSecond(0.0);
  row.model_flops = FlopsPerSecond(400e12);
  const double plain = case_of(row).measured;
  row.notes = "achieved FLOP/s counts recomputation";
  const double recounted = case_of(row).measured;
  EXPECT_LT(recounted, plain);
  EXPECT_GT(recounted, plain * 0.75 * 0.999);
}

}  // namespace
}  // namespace tightrope::study
