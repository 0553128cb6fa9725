#include "tightrope/step/evidence.h"

#include <gtest/gtest.h>

#include "tightrope/step/tuning.h"

namespace tightrope::step {
namespace {

Traits measured() {
  Traits t;
  t.source = "us";
  t.shape = "h8192 a64/8 f28672";
  t.chip = "h100";
  t.architecture = "hopper";
  t.peak = FlopsPerSecond(989e12);
  t.stack = "megatron";
  return t;
}

double width(const Evidence& e, const Traits& t) {
  const LogBand b = e.bands.band(e.unseen(t));
  return b.q95 - b.q05;
}

TEST(Evidence, KnowsWhatItsRowsShow) {
  const Evidence e = Evidence::of({measured()});
  const Unseen u = e.unseen(measured());
  EXPECT_FALSE(u.source || u.model || u.chip || u.generation || u.format || u.stack);
}

TEST(Evidence, EveryUnseenThingWidensTheBand) {
  const Evidence e = Evidence::of({measured()});
  const double known = width(e, measured());
  const auto widens = [&](auto change) {
    Traits t = measured();
    change(t);
    return width(e, t) > known;
  };
  EXPECT_TRUE(widens([](Traits& t) { t.source = "them"; }));
  EXPECT_TRUE(widens([](Traits& t) { t.shape = "h4096 a32/8 f14336"; }));
  EXPECT_TRUE(widens([](Traits& t) { t.chip = "h200"; }));
  EXPECT_TRUE(widens([](Traits& t) { t.format = DType::fp8; }));
  EXPECT_TRUE(widens([](Traits& t) { t.stack = "other"; }));
  EXPECT_TRUE(widens([](Traits& t) { t.routed = true; }));
  EXPECT_TRUE(widens([](Traits& t) { t.adapted = true; }));
}

TEST(Evidence, AChipOfAnotherGenerationIsWiderThanKin) {
  const Evidence e = Evidence::of({measured()});
  Traits kin = measured();
  kin.chip = "h200";
  Traits stranger = kin;
  stranger.peak = FlopsPerSecond(3 * 989e12);
  EXPECT_FALSE(e.unseen(kin).generation);
  EXPECT_TRUE(e.unseen(stranger).generation);
  EXPECT_GT(width(e, stranger), width(e, kin));
}

TEST(Evidence, ABandHoldsThePrediction) {
  Bands b;
  b.lean = 0.5;
  b.q25 = 0;  // even where all errors lean one way
  Unseen u;
  u.chip = u.stack = true;
  const LogBand band = b.band(u);
  EXPECT_LT(band.q05, band.q25);
  EXPECT_LT(band.q25, 0);
  EXPECT_GT(band.q75, 0);
  EXPECT_GT(band.q95, band.q75);
}

TEST(Evidence, WhatIsWrittenIsReadAgain) {
  Evidence e = Evidence::of({measured()});
  e.tables = {"mine.csv \"quoted\""};
  e.bands.base = 0.0625;
  e.standard_errors = {{"habits.steal", 0.031}, {"stack.megatron.pass_share", 0.25}};
  const auto again = Evidence::parse(e.to_toml(), "written");
  ASSERT_TRUE(again.has_value()) << to_string(again.error());
  EXPECT_EQ(again->to_toml(), e.to_toml());
  EXPECT_EQ(again->standard_error("stack.megatron.pass_share"), 0.25);
  EXPECT_EQ(again->bands.base, 0.0625);
  EXPECT_EQ(again->tables, e.tables);
  ASSERT_NE(again->find_chip("h100"), nullptr);
  EXPECT_EQ(again->find_chip("h100")->formats, std::vector<DType>{DType::bf16});
}

TEST(Evidence, WhatIsMistypedIsNamed) {
  const auto key = Evidence::parse("[bands]\nbase = 0.1\nbasis = 0.1\n", "mine.toml");
  ASSERT_FALSE(key.has_value());
  EXPECT_EQ(key.error().code, ErrorCode::unknown_key);
  EXPECT_EQ(key.error().where.line, 3);
  const auto range = Evidence::parse("[bands]\nbase = -1\n", "mine.toml");
  ASSERT_FALSE(range.has_value());
  EXPECT_EQ(range.error().code, ErrorCode::range);
}

TEST(Evidence, MergingAddsAndForgetsNothing) {
  Evidence e = Evidence::of({measured()});
  Traits other = measured();
  other.source = "them";
  other.format = DType::fp8;
  e.merge(Evidence::of({other}));
  EXPECT_FALSE(e.unseen(measured()).source);
  EXPECT_FALSE(e.unseen(other).source);
  EXPECT_FALSE(e.unseen(other).format);
}

TEST(Evidence, TheEmbeddedCalibrationKnowsWhatItWasFittedOn) {
  const TuningTable& table = TuningTable::embedded();
  const Evidence& e = *table.evidence;
  EXPECT_FALSE(e.tables.empty());
  EXPECT_NE(e.find_chip("h100"), nullptr);
  EXPECT_EQ(e.find_chip("trainium2"), nullptr) << "nobody has published a run on it";
  EXPECT_GT(e.standard_error("habits.steal"), 0);
  const auto again = TuningTable::parse(table.to_toml("comment"), "written");
  ASSERT_TRUE(again.has_value()) << to_string(again.error());
  EXPECT_EQ(again->to_toml("comment"), table.to_toml("comment"));
}

}  // namespace
}  // namespace tightrope::step
