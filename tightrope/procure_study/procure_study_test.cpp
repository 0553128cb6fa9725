#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "tightrope/procure/plan.h"
#include "tightrope/procure_study/break_even.h"
#include "tightrope/procure_study/fields.h"
#include "tightrope/procure_study/reader.h"
#include "tightrope/procure_study/resolve.h"

namespace tightrope::procure_study {
namespace {

const catalog::Catalog& facts() { return catalog::Catalog::embedded(); }

std::string source_file(const std::string& name) {
  return std::string(TIGHTROPE_SOURCE_DIR) + "/" + name;
}

File read_sound(const std::string& name) {
  std::vector<Error> faults;
  File file = read_scenario(source_file(name), facts(), faults);
  for (const Error& fault : faults) ADD_FAILURE() << to_string(fault);
  return file;
}

/// Speeds that need no search: 100 tokens a second on each chip.
SpeedTable flat(const File& file) {
  SpeedTable table;
  Speed speed;
  speed.feasible = true;
  speed.of_chip = TokensPerSecond(100.0);
  speed.energy = JoulesPerToken(1.0);
  table.speeds.assign(file.workloads.size(), std::vector<Speed>(file.systems.size(), speed));
  return table;
}

TEST(Scenarios, TheBundledOnesAreSound) {
  for (const char* name : {"examples/tightrope-2026.toml", "examples/rent-only-lab.toml",
                           "examples/enterprise-500.toml"}) {
    const File file = read_sound(name);
    const auto study = resolve(file, flat(file), facts());
    ASSERT_TRUE(study) << name << ": " << to_string(study.error());
    EXPECT_TRUE(procure::check_scenario(study->scenario)) << name;
  }
}

TEST(Scenarios, TheBundledCloudHasTheSizeThatWasAskedFor) {
  const File file = read_sound("examples/tightrope-2026.toml");
  EXPECT_EQ(file.header.quarters, 12);
  EXPECT_EQ(file.systems.size(), 10u);
  EXPECT_EQ(file.workloads.size(), 12u);
  EXPECT_EQ(file.sites.size(), 4u);
}

TEST(Scenarios, EveryFactOfTheBundledCloudHasASourceAndAGrade) {
  const File file = read_sound("examples/tightrope-2026.toml");
  EXPECT_GE(file.facts.size(), 20u);
  for (const FactLine& fact : file.facts) {
    EXPECT_FALSE(fact.source.empty()) << fact.name;
    EXPECT_FALSE(fact.grade.empty()) << fact.name;
    EXPECT_FALSE(fact.used_in.empty()) << fact.name;
  }
}

TEST(Scenarios, EveryFactOfTheArticleIsThere) {
  const File file = read_sound("examples/tightrope-2026.toml");
  for (const char* name :
       {"graviton4-600", "rainier-trn2", "opus-4", "hutt-trn2", "trn3-double", "alchip-exclusive",
        "alchip-tape-out", "trn3-650k", "trn3-3000", "marvell-exit", "trn4-2nm",
        "supplementary-lines", "p6e-gb200", "p6-b200", "irhx", "services"}) {
    EXPECT_NE(std::ranges::find(file.facts, std::string(name), &FactLine::name), file.facts.end())
        << name;
  }
}

TEST(Scenarios, AFactWithoutANumberHasNone) {
  const File file = read_sound("examples/tightrope-2026.toml");
  for (const FactLine& fact : file.facts) {
    if (fact.name == "opus-4") {
      EXPECT_FALSE(fact.value.known);
    }
    if (fact.name == "trn3-3000") {
      EXPECT_EQ(fact.value.value_or(0), 3000);
    }
    EXPECT_FALSE(!fact.value.known && !fact.unit.empty()) << fact.name << ": a unit of nothing";
  }
}

TEST(Scenarios, SixHundredAndFiftyThousandTrainium3ComeIn2026AtThreeThousandDollars) {
  const File file = read_sound("examples/tightrope-2026.toml");
  const auto study = resolve(file, flat(file), facts());
  ASSERT_TRUE(study);
  double chips = 0;
  for (int q = 0; q < 4; ++q) {
    chips += study->scenario.resources.front().supply[static_cast<std::size_t>(q)];
  }
  EXPECT_DOUBLE_EQ(chips, 650000);
  const auto trn3 = std::ranges::find(file.systems, std::string("trn3"), &SystemLine::name);
  ASSERT_NE(trn3, file.systems.end());
  EXPECT_DOUBLE_EQ(at(trn3->chip_usd, 0, 0), 3000);
}

TEST(Scenarios, ASeriesHoldsItsLastEntryAndGrowsFromThere) {
  const File file = read_sound("tests/golden/scenarios/tiny.toml");
  const auto study = resolve(file, flat(file), facts());
  ASSERT_TRUE(study);
  const std::vector<TokensPerSecond>& demand = study->scenario.workloads[0].demand;
  const double first = 2000e9 / study->scenario.calendar.length.raw();
  for (std::size_t q = 0; q < demand.size(); ++q) {
    EXPECT_NEAR(demand[q].raw(), first * std::pow(1.2, static_cast<double>(q)), 1e-6 * first);
  }
  EXPECT_DOUBLE_EQ(study->scenario.sites[0].power[3].raw(), 0.6e6);
}

TEST(Scenarios, ChipHoursAreTheTokensOfThatManyChips) {
  const File file = read_sound("examples/enterprise-500.toml");
  SpeedTable speeds = flat(file);
  speeds.speeds[0][0].of_chip = TokensPerSecond(250.0);
  const auto study = resolve(file, speeds, facts());
  ASSERT_TRUE(study);
  const double length = study->scenario.calendar.length.raw();
  EXPECT_NEAR(study->scenario.workloads[0].demand[0].raw(), 280e3 * 3600 * 250.0 / length, 1e-6);
}

TEST(Scenarios, ADayBeforeTheStartIsTheFirstQuarter) {
  EXPECT_EQ(quarter_of("2025-05-01", "2026-01-01"), 0);
  EXPECT_EQ(quarter_of("2026-03-31", "2026-01-01"), 0);
  EXPECT_EQ(quarter_of("2026-04-01", "2026-01-01"), 1);
  EXPECT_EQ(quarter_of("2028-12-31", "2026-01-01"), 11);
}

TEST(Scenarios, TheSchemaNamesEveryKey) {
  const std::string schema = schema_json();
  const auto holds = [&](std::string_view name) {
    EXPECT_NE(schema.find("\"" + std::string(name) + "\""), std::string::npos) << name;
  };
  for (const auto& field : fields<Header>()) holds(field.doc.name);
  for (const auto& field : fields<WorkloadLine>()) holds(field.doc.name);
  for (const auto& field : fields<SystemLine>()) holds(field.doc.name);
  for (const auto& field : fields<UseLine>()) holds(field.doc.name);
  for (const auto& field : fields<RentalLine>()) holds(field.doc.name);
  for (const auto& field : fields<LeaseLine>()) holds(field.doc.name);
  for (const auto& field : fields<SiteLine>()) holds(field.doc.name);
}

const procure::UncertainNumber* number_named(const procure::Scenario& s, const std::string& name) {
  const auto found = std::ranges::find(s.numbers, name, &procure::UncertainNumber::name);
  return found == s.numbers.end() ? nullptr : &*found;
}

TEST(Numbers, ThePartOfAPriceThatIsUncertainMovesThePriceByItsShare) {
  const File file = read_sound("examples/tightrope-2026.toml");
  const auto study = resolve(file, flat(file), facts());
  ASSERT_TRUE(study);
  // 3,000 USD (2,700 to 3,600) for the chip of a system of 3,000 + 1,480 + 4,200.
  const auto* chip = number_named(study->scenario, "chip_usd of trn3");
  ASSERT_NE(chip, nullptr);
  EXPECT_EQ(chip->scales, procure::Scales::purchase_price);
  EXPECT_EQ(study->scenario.systems[static_cast<std::size_t>(chip->index)].id, "trn3");
  EXPECT_NEAR(chip->low, 1 - 300.0 / 8680, 1e-12);
  EXPECT_NEAR(chip->high, 1 + 600.0 / 8680, 1e-12);
}

TEST(Numbers, ASupplysFirstRangeHoldsForAllQuarters) {
  const File file = read_sound("examples/tightrope-2026.toml");
  const auto study = resolve(file, flat(file), facts());
  ASSERT_TRUE(study);
  const auto* cowos = number_named(study->scenario, "per_quarter of cowos");
  ASSERT_NE(cowos, nullptr);
  EXPECT_EQ(cowos->scales, procure::Scales::resource);
  EXPECT_EQ(study->scenario.resources[static_cast<std::size_t>(cowos->index)].id, "cowos");
  EXPECT_DOUBLE_EQ(cowos->low, 1);
  EXPECT_NEAR(cowos->high, 332250.0 / 250000, 1e-12);
}

TEST(Numbers, EveryOneWithASourceIsListedByItsName) {
  const File file = read_sound("examples/tightrope-2026.toml");
  const std::vector<SourcedNumber> all = sourced_numbers(file);
  const auto has = [&](std::string_view name, double value) {
    return std::ranges::any_of(all, [&](const SourcedNumber& one) {
      return one.name == name && one.given->value == value;
    });
  };
  EXPECT_TRUE(has("chip_usd of trn3", 3000));
  EXPECT_TRUE(has("share of cowos", 0.05));
  EXPECT_TRUE(has("power_mw of new-carlisle", 2200));
  EXPECT_TRUE(has("budget_usd", 66e9));
  for (const SourcedNumber& one : all) EXPECT_FALSE(one.given->grade.empty()) << one.name;
}

TEST(Numbers, EndsThatNothingDrawsAreSaid) {
  File file = read_sound("tests/golden/scenarios/tiny.toml");
  file.header.discount_rate.low = 0.05;
  std::vector<std::string> notes;
  EXPECT_TRUE(uncertain_numbers(file, notes).empty());
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes.front(), "discount_rate: its low and high are shown, no future draws them");
}

TEST(Notes, TellWhatHasNoEffect) {
  File file = read_sound("tests/golden/scenarios/tiny.toml");
  file.header.quarters = 2;
  file.systems[1].rack_kw.value = 90;
  file.systems[1].rack_kw.known = true;
  file.sites[0].cooling_kw_per_rack.value = 30;
  file.sites[0].cooling_kw_per_rack.known = true;
  const auto study = resolve(file, flat(file), facts());
  ASSERT_TRUE(study);
  const auto said = [&](const char* note) {
    EXPECT_NE(std::ranges::find(study->notes, note), study->notes.end()) << note;
  };
  said("power_mw of hall: 4 numbers for 2 quarters, the last are not used");
  said("b200: its rack of 90 kW is above the cooling of every site");
}

TEST(BreakEvens, AreSureOnlyWhereTheBandsLeaveNoDoubt) {
  const File file = read_sound("tests/golden/scenarios/tiny.toml");
  SpeedTable speeds = flat(file);
  const auto rows_with = [&](double low, double high) {
    for (std::vector<Speed>& row : speeds.speeds) {
      row[0].low90 = low;
      row[0].high90 = high;
    }
    const auto study = resolve(file, speeds, facts());
    EXPECT_TRUE(study);
    const auto rows = sure_break_even(*study, {.challenger = 0, .incumbent = 1});
    EXPECT_TRUE(rows);
    return *rows;
  };
  const auto narrow = rows_with(0.99, 1.01);
  ASSERT_FALSE(narrow.empty());
  EXPECT_TRUE(narrow[0].sure);  // a tenth of the price at the same speed
  EXPECT_NEAR(narrow[0].ratio_low, 0.99, 1e-12);
  EXPECT_LT(narrow[0].price_low, narrow[0].at.chip_price);
  EXPECT_GT(narrow[0].price_high, narrow[0].at.chip_price);
  EXPECT_FALSE(rows_with(0.01, 100)[0].sure);
}

TEST(BreakEvens, OfWhatIsOnlyRentedAreRefused) {
  const File file = read_sound("examples/rent-only-lab.toml");
  const auto study = resolve(file, flat(file), facts());
  ASSERT_TRUE(study);
  EXPECT_FALSE(sure_break_even(*study, {.challenger = 0, .incumbent = 1}));
}

TEST(Speeds, TheBandAsOneDeviationIsThatOfItsLogarithm) {
  Speed speed;
  EXPECT_EQ(speed.spread(), 0);
  speed.low90 = 1 / 1.5;
  speed.high90 = 1.5;
  EXPECT_NEAR(speed.spread(), std::log(1.5) / 1.6449, 1e-9);
}

class SmallSpeeds : public testing::Test {
 protected:
  static File small() {
    File file = read_sound("tests/golden/scenarios/tiny.toml");
    file.workloads.resize(1);
    return file;
  }
};

TEST_F(SmallSpeeds, AreWithinTheDeviceAndItsPeak) {
  const File file = small();
  SpeedCache cache;
  const auto table = measure_speeds(file, facts(), cache, {});
  ASSERT_TRUE(table) << to_string(table.error());
  for (const Speed& speed : table->speeds[0]) {
    ASSERT_TRUE(speed.feasible);
    EXPECT_GT(speed.of_chip.raw(), 0);
    EXPECT_LT(speed.low90, 1);
    EXPECT_GT(speed.high90, 1);
    EXPECT_LE(speed.memory_share, 0.95);
    // At most what the chip's peak allows for 6 FLOP a parameter and token.
    EXPECT_LT(speed.of_chip.raw() * 6 * 8e9, 5e15);
  }
}

TEST_F(SmallSpeeds, TheSecondSearchIsAnsweredByTheCacheAndAChangedWorkloadIsNot) {
  File file = small();
  SpeedCache cache;
  const auto first = measure_speeds(file, facts(), cache, {});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->searched, 2);
  const std::string path =
      (std::filesystem::temp_directory_path() / "tightrope_speed_cache_test.json").string();
  ASSERT_TRUE(cache.write(path, "build a", ".part"));
  SpeedCache again;
  ASSERT_TRUE(again.read(path, "build a"));
  const auto second = measure_speeds(file, facts(), again, {});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->searched, 0);
  EXPECT_EQ(second->cached, 2);
  EXPECT_EQ(second->speeds[0][0].of_chip.raw(), first->speeds[0][0].of_chip.raw());
  EXPECT_EQ(second->speeds[0][1].mapping, first->speeds[0][1].mapping);
  file.workloads[0].seq_len = 4096;
  const auto third = measure_speeds(file, facts(), again, {});
  ASSERT_TRUE(third);
  EXPECT_EQ(third->searched, 2);
  std::filesystem::remove(path);
}

class CacheFile : public testing::Test {
 protected:
  ~CacheFile() override { std::filesystem::remove(path_); }
  static SpeedCache holding(const std::string& key) {
    SpeedCache cache;
    cache.put(key, Speed{});
    return cache;
  }
  const std::string path_ =
      (std::filesystem::temp_directory_path() / "tightrope_cache_file_test.json").string();
};

TEST_F(CacheFile, TwoRunsThatWriteOneFileKeepEachOthersAnswers) {
  ASSERT_TRUE(holding("a").write(path_, "build a", ".1"));
  ASSERT_TRUE(holding("b").write(path_, "build a", ".2"));
  SpeedCache both;
  EXPECT_EQ(both.read(path_, "build a").value_or(-1), 0);
  EXPECT_NE(both.find("a"), nullptr);
  EXPECT_NE(both.find("b"), nullptr);
}

TEST_F(CacheFile, AnswersOfAnotherBuildAreLeftAside) {
  ASSERT_TRUE(holding("a").write(path_, "build a", ".1"));
  SpeedCache later;
  EXPECT_EQ(later.read(path_, "build b").value_or(-1), 1);
  EXPECT_EQ(later.find("a"), nullptr);
  ASSERT_TRUE(holding("c").write(path_, "build b", ".1"));
  SpeedCache old;
  EXPECT_EQ(old.read(path_, "build a").value_or(-1), 1);
}

TEST_F(CacheFile, AWriteLeavesNoScratchFile) {
  ASSERT_TRUE(holding("a").write(path_, "build a", ".scratch"));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".scratch"));
  EXPECT_FALSE(holding("a").write("/nowhere/at/all.json", "build a", ".scratch"));
}

TEST_F(SmallSpeeds, AStopIsToldAndWhatWasFoundIsKept) {
  const File file = small();
  SpeedCache cache;
  std::atomic<bool> stop = false;
  const auto after_one = [&](std::size_t done, std::size_t, const std::string&) {
    if (done == 1) stop = true;
  };
  const auto table = measure_speeds(file, facts(), cache, after_one, &stop);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().what, "stopped after 1 of 2 speeds");
  EXPECT_EQ(cache.size(), 1u);
}

TEST(Speeds, ACacheThatIsNoneIsRefused) {
  SpeedCache cache;
  EXPECT_TRUE(cache.read("/nowhere/at/all.json", ""));
  EXPECT_FALSE(cache.read(source_file("README.md"), ""));
}

}  // namespace
}  // namespace tightrope::procure_study
