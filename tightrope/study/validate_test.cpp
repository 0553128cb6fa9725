#include "tightrope/study/validate.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/study/bundled_tables.h"
#include "tightrope/study/validate_left_out.h"

namespace tightrope::study {
namespace {

constexpr double tiny = 1e-9;

TEST(Validate, FiguresByTheirDefinitions) {
  // Two rows of one source off by +10 % and -30 %, one of another off by +20 %.
  const Figures f = figures_of({{"a", 100, 110}, {"a", 100, 70}, {"b", 50, 60}});
  EXPECT_EQ(f.n, 3);
  EXPECT_NEAR(f.mape, (10 + 30 + 20) / 3.0, tiny);
  EXPECT_NEAR(f.median_ape, 20, tiny);
  EXPECT_NEAR(f.macro_mape, (20 + 20) / 2.0, tiny) << "each source counts once";
  EXPECT_NEAR(f.bias, 0, tiny) << "above and below cancel";
}

TEST(Validate, NoRowsHaveNoError) {
  const Figures f = figures_of({});
  EXPECT_EQ(f.n, 0);
  EXPECT_EQ(f.mape, 0);
}

RowOutcome outcome(const char* key, const char* text, double measured, double predicted) {
  RowOutcome r;
  r.pair_key = key;
  r.text = text;
  r.measured = measured;
  r.predicted = predicted;
  return r;
}

TEST(Validate, PairsComparePeersOnly) {
  std::vector<RowOutcome> rows = {outcome("k", "tp1", 10, 5), outcome("k", "tp2", 20, 9),
                                  outcome("k", "tp4", 20.5, 8), outcome("other", "tp8", 1, 100)};
  const PairCount p = count_pairs(rows);
  EXPECT_EQ(p.n, 3);
  EXPECT_EQ(p.ordered, 2) << "tp2 against tp4 is the wrong way round";
  EXPECT_EQ(p.apart, 2) << "20 and 20.5 are within 5 %";
  EXPECT_EQ(p.apart_ordered, 2);
  rows[1].latest = false;
  EXPECT_EQ(count_pairs(rows).n, 1) << "earlier measurements make no pair";
  rows[2].refused = "why";
  EXPECT_EQ(count_pairs(rows).n, 0);
}

class ValidateSample : public testing::Test {
 protected:
  static const ValidationReport& report() {
    static const ValidationReport made = [] {
      auto table = read_training_table(std::string(TIGHTROPE_SOURCE_DIR) +
                                       "/validation/sample_training.csv");
      EXPECT_TRUE(table.has_value());
      TrainingRow unknown = table->rows[0];
      unknown.id = "unknown";
      unknown.hardware = "abacus";
      table->rows.push_back(unknown);
      TrainingRow again = table->rows[1];
      again.id = "again";
      again.release = "2024-01";
      table->rows[1].config_key = again.config_key = "same";
      table->rows.push_back(again);
      return validate_training(*table, catalog::Catalog::embedded(),
                               formula::embedded_calibration(), step::TuningTable::embedded());
    }();
    return made;
  }
};

TEST_F(ValidateSample, ExpressesEveryRowItShould) {
  for (const RowOutcome& r : report().rows) {
    if (r.id == "unknown") continue;
    EXPECT_EQ(r.refused, "") << r.id;
  }
  EXPECT_EQ(report().refused.size(), 1U);
  EXPECT_EQ(report().expressed + 1, static_cast<int>(report().rows.size()));
}

TEST_F(ValidateSample, ARemeasurementCountsOnce) {
  EXPECT_EQ(report().overall.n + 1, report().every_row.n);
  for (const RowOutcome& r : report().rows) {
    if (r.id != "again") continue;
    EXPECT_TRUE(r.latest);
  }
  EXPECT_FALSE(report().rows[1].latest);
}

TEST_F(ValidateSample, StaysNearTheMeasurements) {
  EXPECT_LT(report().overall.mape, 12);
  EXPECT_LT(report().overall.macro_mape, report().baseline_out.macro_mape);
}

TEST_F(ValidateSample, BandsHoldThePredictionAndWiden) {
  for (const RowOutcome& r : report().rows) {
    if (!r.refused.empty()) continue;
    EXPECT_LT(r.low90, r.low50);
    EXPECT_LT(r.low50, r.predicted);
    EXPECT_LT(r.predicted, r.high50);
    EXPECT_LT(r.high50, r.high90);
  }
}

TEST_F(ValidateSample, PartsSumToTheStep) {
  for (const RowOutcome& r : report().rows) {
    if (!r.refused.empty()) continue;
    const step::TimeParts& p = r.parts;
    const Seconds sum = p.forward + p.backward + p.recompute + p.ends + p.tp + p.cp + p.ep +
                        p.host + p.bubble + p.shard_gather + p.offload + p.dp + p.optimizer +
                        p.straggler + p.fixed;
    EXPECT_NEAR(sum / p.total, 1.0, 1e-6) << r.id;
  }
}

TEST_F(ValidateSample, TheJsonHasTheFieldsAllValidateCommandsShare) {
  const auto json = nlohmann::json::parse(to_json(report()));
  EXPECT_EQ(json["rows"], report().rows.size());
  EXPECT_EQ(json["expressed"], report().expressed);
  EXPECT_EQ(json["refused"]["no chip \"abacus\" in the catalog"], 1);
  for (const char* key : {"n", "mape", "median_ape", "macro_mape", "bias"}) {
    EXPECT_TRUE(json["overall"].contains(key)) << key;
    EXPECT_TRUE(json["by"]["kind"]["moe"].contains(key)) << key;
  }
  EXPECT_TRUE(json["pairs"].contains("n"));
  EXPECT_TRUE(json["pairs"].contains("ordered"));
}

TEST_F(ValidateSample, TheRowsFileHasOneLineARow) {
  const auto csv = CsvTable::parse(rows_csv(report()), "rows");
  ASSERT_TRUE(csv.has_value());
  EXPECT_EQ(csv->header(), (std::vector<std::string>{"id", "measured", "predicted", "lo50", "hi50",
                                                     "lo90", "hi90", "refused"}));
  ASSERT_EQ(csv->rows(), report().rows.size());
  for (std::size_t i = 0; i < csv->rows(); ++i) {
    EXPECT_EQ(csv->at(i, "predicted").empty(), !csv->at(i, "refused").empty());
  }
}

TEST_F(ValidateSample, LeftOutRowsHaveFiguresAndBandsOfTheirOwn) {
  auto table =
      read_training_table(std::string(TIGHTROPE_SOURCE_DIR) + "/validation/sample_training.csv");
  ASSERT_TRUE(table.has_value());
  ValidationReport left =
      validate_training(*table, catalog::Catalog::embedded(), formula::embedded_calibration(),
                        step::TuningTable::embedded());
  const auto done =
      add_left_out(*table, {}, catalog::Catalog::embedded(), embedded_coefficients(), left);
  ASSERT_TRUE(done.has_value()) << to_string(done.error());
  ASSERT_EQ(left.left_out.size(), 4U);
  for (const LeftOutFigures& l : left.left_out) {
    ASSERT_FALSE(l.groups.empty());
    EXPECT_EQ(l.groups.front().figures.n, left.overall.n) << l.left_out;
    EXPECT_EQ(l.groups.front().coverage.n, left.overall.n) << l.left_out;
  }
  EXPECT_GT(left.left_out[1].groups.front().figures.mape, left.overall.mape)
      << "rows that the fit has not seen are harder";
  const auto json = nlohmann::json::parse(to_json(left));
  EXPECT_TRUE(json["left_out"]["source"]["overall"]["coverage"].contains("share_in_90"));
  EXPECT_TRUE(json["coverage"].contains("share_in_50"));
}

TEST_F(ValidateSample, NoPredictorIsFasterThanThePlainRooflineButPeak) {
  for (const RowOutcome& r : report().rows) {
    if (!r.refused.empty()) continue;
    EXPECT_GT(r.plain, 0) << r.id;
    EXPECT_LT(r.plain, r.roofline * 1.05) << r.id;
    EXPECT_GT(r.plain, r.measured * 0.95) << r.id << ": a bound on what was measured";
  }
  EXPECT_GT(report().fitted_numbers, 0);
}

TEST(Validate, TheBundledTableIsTheCommittedOne) {
  const auto file = read_training_table(std::string(TIGHTROPE_SOURCE_DIR) +
                                        "/validation/training_measurements.csv");
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(bundled_training_table().hash, file->hash);
}

TEST_F(ValidateSample, TheTextNamesWhatWasRefusedAndTheBaselines) {
  const std::string text = to_text(report());
  EXPECT_NE(text.find("no chip \"abacus\""), std::string::npos);
  EXPECT_NE(text.find("constant MFU, from other sources only"), std::string::npos);
}

}  // namespace
}  // namespace tightrope::study
