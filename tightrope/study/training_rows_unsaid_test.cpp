// What a row leaves unsaid about memory, and peaks that were published.
#include <gtest/gtest.h>

#include "tightrope/study/training_rows_case.h"
#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study {
namespace {

using namespace rows_internal;
using workload::RecomputeModule;

TrainingRow plain_row() {
  TrainingRow row;
  row.id = "r";
  row.source = "some table";
  row.release = "2024";
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
  RowCase c = make_cases(table, catalog::Catalog::embedded(), formula::embedded_calibration(),
                         step::TuningTable::embedded())[0];
  EXPECT_EQ(c.refused, "");
  return c;
}

bool fits(const RowCase& c) {
  const step::Context& context = c.contexts.front();
  return step::estimate(context, c.mapping).memory.total() <= context.kernels.hbm;
}

TEST(UnsaidMemory, WhatFitsIsReadAsItStands) {
  TrainingRow row = plain_row();
  row.tp = 8;
  const RowCase c = case_of(row);
  EXPECT_TRUE(c.reading.empty());
  EXPECT_TRUE(c.mapping.recompute.empty());
}

TEST(UnsaidMemory, WhatDoesNotFitIsReadAsTheLeastThatDoes) {
  TrainingRow row = plain_row();
  row.micro_batch = 3;
  row.tp = 2;
  row.global_batch = 96;
  const RowCase c = case_of(row);
  EXPECT_FALSE(c.reading.empty());
  EXPECT_FALSE(c.mapping.recompute.empty());
  EXPECT_TRUE(fits(c));
  if (c.mapping.recompute.meets(RecomputeModule::layer)) {
    RowCase lighter = c;
    --lighter.mapping.recompute_layers;
    ASSERT_GT(lighter.mapping.recompute_layers, 0);
    EXPECT_FALSE(fits(lighter)) << "a layer fewer does not fit";
  }
}

TEST(UnsaidMemory, WhatIsSaidStands) {
  TrainingRow row = plain_row();
  row.micro_batch = 3;
  row.tp = 2;
  row.global_batch = 96;
  row.recompute = "none";
  const RowCase c = case_of(row);
  EXPECT_TRUE(c.reading.empty());
  EXPECT_TRUE(c.mapping.recompute.empty());
  EXPECT_FALSE(fits(c));
}

TEST(UnsaidMemory, ABatchThatIsNotSaidIsTheLargestThatFits) {
  TrainingRow row = plain_row();
  row.source = "torchtitan log";
  row.sharding = "FSDP2 (ZeRO-3)";
  row.notes = "AC selective";
  row.global_batch = 0;
  row.micro_batch = 0;
  const RowCase c = case_of(row);
  EXPECT_FALSE(c.reading.empty());
  EXPECT_TRUE(fits(c));
  row.micro_batch = 2 * c.mapping.micro_batch;
  row.global_batch = std::int64_t{8} * c.mapping.micro_batch * 2;
  const RowCase twice = case_of(row);
  EXPECT_FALSE(twice.reading.empty() && fits(twice)) << "twice the batch fits as well";
}

TEST(UnsaidMemory, StatesThatFitInNoWayAreReadAsShared) {
  TrainingRow row = plain_row();
  row.model_key = "llama3-70b";
  row.release = "2026-02";
  row.accelerators = 64;
  row.global_batch = 64;
  row.sharding = "distributed optimizer (ZeRO-1)";
  const RowCase c = case_of(row);
  EXPECT_EQ(c.mapping.sharding, step::Sharding::full);
  EXPECT_TRUE(fits(c));
  row.release = "2024";
  EXPECT_EQ(case_of(row).mapping.sharding, step::Sharding::optimizer) << "not offered then";
  row.release = "2026-02";
  row.recompute = "none";
  EXPECT_EQ(case_of(row).mapping.sharding, step::Sharding::optimizer) << "the row says the rest";
}

TEST(UnsaidMemory, GradientBuffersFollowTheSoftware) {
  TrainingRow row = plain_row();
  EXPECT_EQ(gradient_kept_of(row, Software::megatron), 0.0);
  row.source = "Megatron-LM README";
  EXPECT_EQ(gradient_kept_of(row, Software::megatron), 4.0);
  row.source = "NeMo on Megatron-LM";
  EXPECT_EQ(gradient_kept_of(row, Software::megatron), 0.0);
  EXPECT_EQ(gradient_kept_of(row, Software::deepspeed), 0.0);
}

// SimuMax's runs (docs/b200, v1.2) print the allocator's peak of layer-cut models on 8 B200.
struct Published {
  const char* model;
  const char* note;
  int tp, pp, cp, ep;
  std::int64_t seq_len, batch;
  double gib;
};
constexpr const char* one_dense = "num_hidden_layers overridden to 4; 1 dense layer";
constexpr Published peaks[] = {
    {"llama3-70b", "num_hidden_layers overridden to 12", 2, 1, 1, 1, 4096, 16, 60.68},
    {"llama3-70b", "num_hidden_layers overridden to 12", 8, 1, 1, 1, 4096, 4, 28.29},
    {"llama3-70b", "num_hidden_layers overridden to 12", 1, 2, 1, 1, 4096, 32, 66.55},
    {"llama3-70b", "num_hidden_layers overridden to 12", 1, 1, 8, 1, 131072, 4, 147.99},
    {"deepseek-v2", "num_hidden_layers overridden to 4", 1, 1, 1, 8, 4096, 32, 45.63},
    {"deepseek-v3", one_dense, 1, 2, 1, 4, 4096, 16, 114.0},
};

TEST(PublishedPeaks, LayerCutModelsOfMegatronLmWithinTwoPercent) {
  for (const Published& p : peaks) {
    TrainingRow row = plain_row();
    row.source = "measured runs (Megatron-LM)";
    row.release = "2026-05-01";
    row.hardware = "B200";
    row.system.clear();
    row.model_key = p.model;
    row.architecture_note = p.note;
    row.recompute = "none";
    row.sharding = "distributed optimizer";
    row.overlap = "no comm overlap; sequence parallel on";
    row.notes = "capacity factor 1";
    row.tp = p.tp;
    row.pp = p.pp;
    row.cp = p.cp;
    row.ep = p.ep;
    row.vp = 1;
    row.seq_len = p.seq_len;
    row.global_batch = p.batch;
    const RowCase c = case_of(row);
    ASSERT_FALSE(c.contexts.empty());
    const step::Context& context = c.contexts.front();
    const step::Memory memory = step::estimate(context, c.mapping).memory;
    const double gib = step::printed_peak(context.tuning, memory).raw() / 1073741824.0;
    EXPECT_NEAR(gib / p.gib, 1.0, 0.02) << p.model << " tp" << p.tp << " cp" << p.cp;
  }
}

}  // namespace
}  // namespace tightrope::study
