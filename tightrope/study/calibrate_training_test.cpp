#include "tightrope/study/calibrate_training.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tightrope/core/parallel.h"

namespace tightrope::study {
namespace {

TrainingTable sample() {
  auto table =
      read_training_table(std::string(TIGHTROPE_SOURCE_DIR) + "/validation/sample_training.csv");
  EXPECT_TRUE(table.has_value());
  return std::move(table).value();
}

CalibrationReport fit(const TrainingTable& table, bool leave_out) {
  CalibrateTrainingInput input;
  input.data = {table};
  input.priors = step::TuningTable::embedded_priors();
  input.leave_out = leave_out;
  auto report =
      calibrate_training(input, catalog::Catalog::embedded(), formula::embedded_calibration());
  EXPECT_TRUE(report.has_value());
  return std::move(report).value();
}

double mean_size(const std::vector<double>& errors) {
  double sum = 0;
  for (const double e : errors) sum += std::abs(e);
  return sum / static_cast<double>(errors.size());
}

TEST(CalibrateTraining, TheFitComesCloserThanItsPriors) {
  const CalibrationReport report = fit(sample(), false);
  EXPECT_GT(report.rows, 15);
  EXPECT_LT(mean_size(report.after), mean_size(report.before));
  EXPECT_TRUE(report.left_out.empty());
}

TEST(CalibrateTraining, ReportsTheErrorsOfTheTableItWrites) {
  const TrainingTable table = sample();
  const CalibrationReport report = fit(table, false);
  const auto again = step::TuningTable::parse(report.table.to_toml(comment_of(report)), "written");
  ASSERT_TRUE(again.has_value()) << to_string(again.error());
  auto cases =
      make_cases(table, catalog::Catalog::embedded(), formula::embedded_calibration(), *again);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Prediction p = predict(cases[i], table.form, table.rows[i].accelerators);
    // The file keeps five digits.
    EXPECT_NEAR(std::log(p.value / cases[i].measured), report.after[i], 2e-4) << report.ids[i];
  }
}

TEST(CalibrateTraining, SameNumbersAtAnyThreadCount) {
  const TrainingTable table = sample();
  set_thread_limit(1);
  const std::string one = fit(table, true).table.to_toml("");
  set_thread_limit(3);
  const std::string three = fit(table, true).table.to_toml("");
  set_thread_limit(0);
  EXPECT_EQ(one, three);
}

TEST(CalibrateTraining, EveryRowIsLeftOutOnceADimension) {
  const CalibrationReport report = fit(sample(), true);
  for (const char* dimension : {"configuration", "source", "model", "hardware"}) {
    std::vector<int> seen(report.ids.size(), 0);
    for (const LeftOut& g : report.left_out) {
      if (g.dimension != dimension) continue;
      ASSERT_EQ(g.rows.size(), g.log_errors.size());
      for (const std::size_t i : g.rows) ++seen[i];
    }
    for (const int n : seen) EXPECT_EQ(n, 1) << dimension;
  }
  for (const LeftOut& g : report.left_out) {
    ASSERT_EQ(g.bands.size(), g.rows.size());
    ASSERT_EQ(g.unseen.size(), g.rows.size());
    for (const step::LogBand& b : g.bands) EXPECT_LT(b.q05, b.q95);
    for (const step::Unseen& u : g.unseen) {
      EXPECT_TRUE(u.source || g.dimension != "source") << g.group;
      EXPECT_TRUE(u.chip || g.dimension != "hardware") << g.group;
    }
  }
}

TEST(CalibrateTraining, StandardErrorsNameEveryNumberAndShrinkWithRows) {
  const CalibrationReport few = fit(sample(), false);
  const step::Evidence& evidence = *few.table.evidence;
  // Kin are no numbers of the file: what they say stands in their stacks'.
  const auto kin = std::ranges::count_if(
      few.values, [](const FittedValue& v) { return v.name.starts_with("kin."); });
  EXPECT_EQ(evidence.standard_errors.size() + static_cast<std::size_t>(kin),
            static_cast<std::size_t>(few.numbers));
  TrainingTable twice = sample();
  for (TrainingRow row : sample().rows) {
    row.id += " again";
    row.source += " again";  // another witness, not a copy of the first
    twice.rows.push_back(row);
  }
  const CalibrationReport more = fit(twice, false);
  double shrunk = 0;  // sum of log ratios: the numbers have unlike units
  for (const step::StandardError& e : evidence.standard_errors) {
    EXPECT_GT(e.value, 0) << e.name;
    shrunk += std::log(more.table.evidence->standard_error(e.name) / e.value);
  }
  EXPECT_LT(shrunk, 0);
}

TEST(CalibrateTraining, NewRowsRefineAFittedTable) {
  TrainingTable mine = sample();
  for (TrainingRow& row : mine.rows) {
    row.source = "my cluster";
    row.measured = 0.8 * row.measured;
    row.model_flops = 0.8 * row.model_flops;
  }
  const step::TuningTable& ours = step::TuningTable::embedded();
  EXPECT_TRUE(repeats({sample()}, ours));
  EXPECT_FALSE(repeats({mine}, ours));
  CalibrateTrainingInput input;
  input.data = {mine};
  input.priors = ours;
  input.refine = true;
  auto report =
      calibrate_training(input, catalog::Catalog::embedded(), formula::embedded_calibration());
  ASSERT_TRUE(report.has_value());
  EXPECT_LT(mean_size(report->after), 0.7 * mean_size(report->before));
  const step::Evidence& evidence = *report->table.evidence;
  EXPECT_EQ(evidence.bands.base, ours.evidence->bands.base) << "bands stay";
  EXPECT_TRUE(std::ranges::count(evidence.sources, "my cluster") == 1);
  EXPECT_GT(evidence.sources.size(), ours.evidence->sources.size());
  EXPECT_EQ(report->table.sustained.size(), ours.sustained.size()) << "no chip stands twice";
  EXPECT_GE(report->values.size(), 20U);
}

TEST(CalibrateTraining, KnobsAtZeroAreThePriors) {
  const TrainingTable table = sample();
  const step::TuningTable& priors = step::TuningTable::embedded_priors();
  const auto cases =
      make_cases(table, catalog::Catalog::embedded(), formula::embedded_calibration(), priors);
  const KnobSet set = make_knobs(priors, cases);
  const step::TuningTable at = table_at(set, std::vector<double>(set.knobs.size(), 0.0));
  EXPECT_EQ(at.to_toml(""), set.table.to_toml(""));
}

TEST(CalibrateTraining, ChipsFollowTheirArchitecture) {
  const TrainingTable table = sample();
  const step::TuningTable& priors = step::TuningTable::embedded_priors();
  const auto cases =
      make_cases(table, catalog::Catalog::embedded(), formula::embedded_calibration(), priors);
  const KnobSet set = make_knobs(priors, cases);
  std::vector<double> z(set.knobs.size(), 0.0);
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (set.knobs[k].name == "sustained.hopper.wide") z[k] = 1;
  }
  const step::TuningTable moved = table_at(set, z);
  const auto before = set.table.tuning("hopper", "torchtitan", "h100");
  const auto after = moved.tuning("hopper", "torchtitan", "h100");
  EXPECT_GT(after->sustained.wide, before->sustained.wide);
}

TEST(CalibrateTraining, StacksFollowTheirKin) {
  const TrainingTable table = sample();
  const step::TuningTable& priors = step::TuningTable::embedded_priors();
  const auto cases =
      make_cases(table, catalog::Catalog::embedded(), formula::embedded_calibration(), priors);
  const KnobSet set = make_knobs(priors, cases);
  std::vector<double> z(set.knobs.size(), 0.0);
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (set.knobs[k].name == "kin.megatron.pass_share") z[k] = 1;
  }
  const step::TuningTable moved = table_at(set, z);
  const auto pass_share = [](const step::TuningTable& t, std::string_view stack) {
    return t.tuning("hopper", stack)->stack.pass_share;
  };
  for (const char* stack : {"megatron-core-2024", "megatron-core-2026"}) {
    EXPECT_GT(pass_share(moved, stack), pass_share(set.table, stack)) << stack;
  }
  EXPECT_EQ(pass_share(moved, "torchtitan"), pass_share(set.table, "torchtitan"));
}

TEST(CalibrateTraining, NumbersThatNoRowDependsOnAreNotFitted) {
  TrainingTable table = sample();
  for (TrainingRow& row : table.rows) row.precision = "bf16";
  const step::TuningTable& priors = step::TuningTable::embedded_priors();
  const auto cases =
      make_cases(table, catalog::Catalog::embedded(), formula::embedded_calibration(), priors);
  for (const Knob& k : make_knobs(priors, cases).knobs) {
    EXPECT_EQ(k.name.find("narrow"), std::string::npos) << k.name;
    EXPECT_FALSE(k.kind == Knob::Kind::stack && k.name.ends_with("cast_share")) << k.name;
  }
}

TEST(CalibrateTraining, RefusesATableWithoutAnyRowItCanExpress) {
  TrainingTable table = sample();
  table.rows.resize(1);
  table.rows[0].hardware = "abacus";
  CalibrateTrainingInput input;
  input.data = {table};
  input.priors = step::TuningTable::embedded_priors();
  const auto report =
      calibrate_training(input, catalog::Catalog::embedded(), formula::embedded_calibration());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, ErrorCode::range);
}

}  // namespace
}  // namespace tightrope::study
