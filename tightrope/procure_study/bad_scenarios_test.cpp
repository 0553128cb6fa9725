// Scenarios that cannot be used: one change to a sound one, and exactly what is said of it first.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/catalog/fields.h"
#include "tightrope/core/csv.h"
#include "tightrope/procure_study/fields.h"
#include "tightrope/procure_study/reader.h"

namespace tightrope::procure_study {
namespace {

struct BadScenario {
  const char* sound;  ///< what stands in tests/golden/scenarios/tiny.toml
  const char* bad;    ///< what stands there instead
  const char* what;
  const char* hint;
};

constexpr BadScenario bad_scenarios[] = {
    {"start = 2027-01-01", "start = 2027-02-01",
     "s.toml:4:9: start 2027-02-01 is not the first day of a quarter",
     "hint: for example start = 2027-01-01"},
    {"start = 2027-01-01", "start = 2027-13-01",
     "s.toml:4:16: not valid TOML: Error while parsing date: expected month between 1 and 12 "
     "(inclusive), saw 13",
     "hint: a scenario is TOML 1.0; see https://toml.io"},
    {"start = 2027-01-01", "start = \"2027-01-01\"", "s.toml:4:9: start must be a date, not text",
     "hint: write it without quotes: 2026-04-01"},
    {"quarters = 4", "quarters = 400", "s.toml:5:12: quarters = 400 lies outside 1 to 40",
     "hint: quarters: how many are planned"},
    {"quarters = 4", "quarters = 4.5", "s.toml:5:12: quarters must be a whole number, not 4.5",
     "hint: for example quarters = 1"},
    {"quarters = 4", "quarters = 4\ngoal = \"served\"",
     "s.toml:6:8: goal \"served\" needs budget_usd: without one everything is served",
     "hint: add: budget_usd = [1e9, 1e9, 1e9]"},
    {"quarters = 4", "quarters = 4\ngoal = \"cheapest\"",
     "s.toml:6:8: goal \"cheapest\" is not known",
     "hint: one of: cost, carbon, served, independence"},
    {"quarters = 4", "quarters = 4\nown_share = 0.5\nown_share_from = 2029-01-01",
     "s.toml:7:18: own_share_from 2029-01-01 lies after the plan's last quarter",
     "hint: the plan has 4 quarters from 2027-01-01"},
    {"quarters = 4", "quarters = 4\nremainder_worth = 1.5",
     "s.toml:6:19: remainder_worth = 1.5 lies outside 0 to 1",
     "hint: a share: 1.5 percent is 0.015"},
    {"quarters = 4", "quarters = 4\nbudget_usd = -1e6",
     "s.toml:6:14: budget_usd = -1e+06 lies outside 0 to 1e+13",
     "hint: budget_usd: by year of the plan, all cash"},
    {"own_silicon = true", "own_silicon = \"yes\"",
     "s.toml:11:15: own_silicon must be true or false, not text",
     "hint: for example own_silicon = true"},
    {"own_silicon = true\n", "own_share = 0.5\n",
     "s.toml:11:1: unknown key \"own_share\" in a system",
     "hint: own_share stands at the top of the file"},
    {"discount_rate = 0.08", "discount_rate = nan",
     "s.toml:6:17: discount_rate = nan lies outside 0 to 1",
     "hint: discount_rate: a year, of later money"},
    {"discount_rate = 0.08", "discount_rate = inf",
     "s.toml:6:17: discount_rate = inf lies outside 0 to 1",
     "hint: discount_rate: a year, of later money"},
    {"discount_rate = 0.08", "discount_rate = 8",
     "s.toml:6:17: discount_rate = 8 lies outside 0 to 1", "hint: a share: 8 percent is 0.08"},
    {"discount_rate = 0.08", "discount = 0.08",
     "s.toml:6:1: unknown key \"discount\" in a scenario", "hint: did you mean \"discount_rate\"?"},
    {"chip_usd = 6000", "chip_usd = 1e300",
     "s.toml:12:12: chip_usd = 1e+300 lies outside 0 to 1e+13",
     "hint: chip_usd: price of one chip by quarter of the order; the catalog's purchase price "
     "without it"},
    {"chip_usd = 6000", "chip_usd = 99999999999999999999",
     "s.toml:12:32: not valid TOML: Error while parsing decimal integer: '99999999999999999999' is "
     "not representable in 64 bits",
     "hint: a scenario is TOML 1.0; see https://toml.io"},
    {"chip_usd = 6000", "chip_usd = -6000",
     "s.toml:12:12: chip_usd = -6000 lies outside 0 to 1e+13",
     "hint: chip_usd: price of one chip by quarter of the order; the catalog's purchase price "
     "without it"},
    {"chip_usd = 6000", "chip_usd = \"6000 USD\"",
     "s.toml:12:12: chip_usd must be a number or a table with value, source, as_of and grade, not "
     "text",
     "hint: without quotes and unit, which the key's name holds; for example chip_usd = [1, 2, 4]"},
    {"chip_usd = 6000", "chip_usd = []", "s.toml:12:12: chip_usd is empty",
     "hint: one number for all quarters, or one a quarter"},
    {"chip_usd = 6000", "chip_usd = { value = 6000, low = 7000 }",
     "s.toml:12:12: chip_usd: low 7000, value 6000, high 6000",
     "hint: low <= value <= high must hold"},
    {"chip_usd = 6000", "chip_usd = { low = 5000, high = 7000 }",
     "s.toml:12:12: chip_usd has no \"value\"",
     "hint: for example chip_usd = { value = 3000, low = 2500, high = 4000 }"},
    {"chip_usd = 6000",
     "chip_usd = { value = 6000, source = \"aim-traniu\", as_of = 2025-07-15, grade = \"press\" }",
     "s.toml:12:37: chip_usd: unknown source \"aim-traniu\"",
     "hint: did you mean \"aim-trainium\"?"},
    {"chip_usd = 6000", "chip_usd = { value = 6000, source = \"aim-trainium\" }",
     "s.toml:12:12: chip_usd: a number with a source needs as_of",
     "hint: for example as_of = 2026-04-01"},
    {"chip_usd = 6000", "chip_usd = { value = 6000, source = 5 }",
     "s.toml:12:37: source must be text, not an integer", "hint: an id of catalog/sources.toml"},
    {"chip_usd = 6000",
     "chip_usd = { value = 6000, source = \"aim-trainium\", as_of = \"July\", grade = \"press\" }",
     "s.toml:12:61: as_of must be a date, not text", "hint: write it without quotes: 2026-04-01"},
    {"chip_usd = 6000", "chip_usd = { value = 6000, grade = \"sure\" }",
     "s.toml:12:36: chip_usd: grade \"sure\" is not known",
     "hint: one of: measured, vendor, press, derived, estimate"},
    {"name = \"b200\"", "name = \"trn2\"", "s.toml:16:8: two systems are called \"trn2\"",
     "hint: the first stands in line 9"},
    {"name = \"b200\"", "name = \"b\\\"200`id`\"", "s.toml:16:8: name cannot be printed everywhere",
     "hint: at most 60 characters, none of \" ' ` \\ $ @ |, no blank at its ends"},
    {"system = \"trn2.48xlarge\"", "system = \"trn2.48xl\"",
     "s.toml:10:10: unknown system \"trn2.48xl\"", "hint: did you mean \"trn2.48xlarge\"?"},
    {"region = \"us-east-2\"", "region = \"us-east-22\"",
     "s.toml:22:10: unknown region \"us-east-22\"",
     "hint: did you mean \"us-east-2\" or \"us-east-1\"?"},
    {"power_mw = [0.3, 0.4, 0.5, 0.6]", "power_mw = \"0.3 MW\"",
     "s.toml:23:12: power_mw must be a number or a table with value, source, as_of and grade, not "
     "text",
     "hint: without quotes and unit, which the key's name holds; for example power_mw = [1, 2, 4]"},
    {"power_mw = [0.3, 0.4, 0.5, 0.6]", "power_kw = 300",
     "s.toml:20:1: a site needs \"power_mw\" (of the facility)", "hint: add: power_mw = [1, 2, 4]"},
    {"resale_by_age = [0.8, 0.7, 0.6, 0.5]", "resale_by_age = [0.5, 0.7]",
     "s.toml:13:23: resale_by_age of \"trn2\" rises from 0.5 to 0.7",
     "hint: machines lose value with age"},
    {"kind = \"train\"", "kind = \"tune\"", "s.toml:27:8: kind \"tune\" is not known",
     "hint: one of: train, serve"},
    {"task = \"sft\"", "task = \"sft\"\nttft_s = 2",
     "s.toml:31:10: workload \"tuning\" trains: ttft_s says nothing there",
     "hint: leave it out, or write kind = \"serve\""},
    {"input = 1000", "input = 1000\nrun_tokens = 1e9",
     "s.toml:47:14: workload \"assistant\" serves: run_tokens says nothing there",
     "hint: leave it out, or write kind = \"train\""},
    {"input = 1000", "input = 1000\ncached = 2000",
     "s.toml:47:10: cached = 2000 is more than the prompt of 1000 tokens",
     "hint: cached counts tokens of the prompt"},
    {"must_serve = true", "must_serve = false",
     "s.toml:41:1: workload \"assistant\" costs nothing when it is not served",
     "hint: add unserved_usd_per_mtoken, or must_serve = true"},
    {"demand_gtokens = 900", "demand_gtokens = 900\ndemand_chip_hours = 10",
     "s.toml:41:1: workload \"assistant\" needs either demand_gtokens or demand_chip_hours",
     "hint: keep one of the two"},
    {"demand_gtokens = 900", "demand_chip_hours = 10",
     "s.toml:50:21: workload \"assistant\": chip-hours of which system?",
     "hint: add: demand_system = \"NAME\", the name of a [[system]]"},
    {"demand_gtokens = 900", "demand_chip_hours = 10\ndemand_system = \"h100\"",
     "s.toml:51:17: no system is called \"h100\"", "hint: systems of this file: trn2, b200"},
    {"[[workload.port]]\narchitecture = \"neuron\"\ncost_usd = 10e3",
     "[[workload.port]]\narchitecture = \"cuda\"",
     "s.toml:55:16: workload \"assistant\" is ported to what it runs on already",
     "hint: leave this port out"},
    {"[[workload.port]]\narchitecture = \"neuron\"\ncost_usd = 10e3",
     "[[workload.port]]\narchitecture = \"tpu\"",
     "s.toml:55:16: workload \"assistant\" is ported to tpu, which no system is",
     "hint: add a [[system]] of it, or leave this port out"},
    {"[[workload.port]]\narchitecture = \"neuron\"\ncost_usd = 10e3",
     "[[workload.port]]\narchitecture = \"neuron\"\n[[workload.port]]\narchitecture = \"neuron\"",
     "s.toml:57:16: workload \"assistant\" is ported to neuron twice",
     "hint: the first stands in line 54"},
    {"[[site]]\nname = \"hall\"\nregion = \"us-east-2\"\npower_mw = [0.3, 0.4, 0.5, 0.6]\n", "",
     "s.toml: what is bought or owned has no [[site]] to stand at",
     "hint: add a [[site]], or can_buy = false to what is only rented"},
    {"[[site]]", "[site]", "s.toml:20:1: site must be an array of tables",
     "hint: write [[site]] above each one"},
    {"[[site]]", "[[rental]]\nname = \"r\"\nsystem = \"b200\"\nkind = \"reserved\"\n[[site]]",
     "s.toml:20:1: rental \"r\" needs either usd_per_chip_hour or the catalog's term",
     "hint: add: usd_per_chip_hour = 3.50"},
    {"[[site]]",
     "[[rental]]\nname = \"r\"\nsystem = \"b300\"\nkind = \"spot\"\nusd_per_chip_hour = "
     "3\n[[site]]",
     "s.toml:22:10: no system is called \"b300\"", "hint: did you mean \"b200\"?"},
    {"[[site]]",
     "[[rental]]\nname = \"r\"\nsystem = \"b200\"\nkind = \"spot\"\nterm = \"spot\"\n[[site]]",
     "s.toml:24:8: rental \"r\": the catalog's price of which region?",
     "hint: add: region = \"us-east-1\" (`tightrope catalog list prices` shows them)"},
    {"[[site]]", "[[lease]]\nname = \"l\"\nusd_per_chip_month = 9\nterm_quarters = 4\n[[site]]",
     "s.toml:20:1: a lease needs \"system\" (name of a [[system]])", "hint: add: system = \"...\""},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn22\"\nusd_per_chip_month = 9\nterm_quarters = "
     "4\n[[site]]",
     "s.toml:22:10: no system is called \"trn22\"", "hint: did you mean \"trn2\"?"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "30\n[[site]]",
     "s.toml:24:17: lease \"l\" runs 30 quarters, the life of \"trn2\" is 24",
     "hint: give a shorter term, or the system a longer life_quarters"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = -9\nterm_quarters = "
     "4\n[[site]]",
     "s.toml:23:22: usd_per_chip_month = -9 lies outside 0 to 1e+13",
     "hint: usd_per_chip_month: by quarter of signing; paid from arrival to the end of the term, "
     "used or not"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "0\n[[site]]",
     "s.toml:24:17: term_quarters = 0 lies outside 1 to 40",
     "hint: term_quarters: from arrival on"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "4\nleast_lots = 0\n[[site]]",
     "s.toml:25:14: least_lots = 0 lies outside 1 to 100000",
     "hint: least_lots: a lease is nothing or at least these"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "4\npurchase_share = 30\n[[site]]",
     "s.toml:25:18: purchase_share = 30 lies outside 0 to 1", "hint: a share: 30 percent is 0.3"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "4\nhand_back_usd = -1\n[[site]]",
     "s.toml:25:17: hand_back_usd = -1 lies outside 0 to 1e+13",
     "hint: hand_back_usd: of one lot that goes back at the end of the term"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "4\nservice = true\n[[site]]",
     "s.toml:25:1: unknown key \"service\" in a lease", "hint: did you mean \"serviced\"?"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = 4\nfrom "
     "= 2027-04-01\nuntil = 2027-04-01\n[[site]]",
     "s.toml:26:9: lease \"l\" can be signed from 2027-04-01 and no more on 2027-04-01",
     "hint: until is the first day on which it can be signed no more"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "4\n[[lease.break]]\nfrom_chips = 100\nprice_multiplier = 0.9\n[[lease.break]]\nfrom_chips = "
     "50\nprice_multiplier = 0.8\n[[site]]",
     "s.toml:28:1: price breaks of \"l\" must fall as chips rise",
     "hint: write them from the smallest number of chips to the largest"},
    {"[[site]]",
     "[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "4\n[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = 9\nterm_quarters = "
     "4\n[[site]]",
     "s.toml:26:8: two leases are called \"l\"", "hint: the first stands in line 21"},
    {"own_silicon = true",
     "can_buy = false\n[[lease]]\nname = \"l\"\nsystem = \"trn2\"\nusd_per_chip_month = "
     "9\nterm_quarters = 4\n[[system]]\nname = \"x\"\nsystem = \"trn2.48xlarge\"",
     "s.toml:12:1: lease \"l\" needs the price of \"trn2\", which cannot be bought",
     "hint: write serviced = true and leave purchase_share out, or let the system be bought"},
    {"[[site]]", "[[system.owned]]\nlots = 3\nage_quarters = 30\n[[site]]",
     "s.toml:22:16: owned lots of \"b200\" are 30 quarters old, their life is 24",
     "hint: leave them out, or give a longer life_quarters"},
    {"[[site]]",
     "[[system.route]]\nname = \"m\"\ntape_out = 2027-05-01\nfrom = 2027-01-01\n[[site]]",
     "s.toml:23:8: \"b200\" of \"m\" arrives on 2027-01-01, before its tape-out on 2027-05-01",
     "hint: chips come after their tape-out"},
    {"[[site]]",
     "[[system.route]]\nname = \"m\"\n[[system.route.use]]\nsupply = \"cowos\"\nper_chip = "
     "1\n[[site]]",
     "s.toml:23:10: no supply is called \"cowos\"", "hint: write [[supply]] first"},
    {"[[site]]",
     "[[system.break]]\nfrom_chips = 100\nprice_multiplier = 0.9\n[[system.break]]\nfrom_chips = "
     "50\nprice_multiplier = 0.8\n[[site]]",
     "s.toml:23:1: price breaks of \"b200\" must fall as chips rise",
     "hint: write them from the smallest number of chips to the largest"},
    {"[[site]]", "[[fact]]\nname = \"f\"\ntext = \"something\"\n[[site]]",
     "s.toml:20:1: a fact needs \"source\" (id of catalog/sources.toml)",
     "hint: add: source = \"...\""},
    {"[[site]]",
     "[[fact]]\nname = \"f\"\ntext = \"something\"\nsource = \"nobody\"\nas_of = 2026-01-01\ngrade "
     "= \"press\"\n[[site]]",
     "s.toml:23:10: a fact: unknown source \"nobody\"",
     "hint: an id of catalog/sources.toml (`tightrope catalog list sources`)"},
    {"quarters = 4", "quarters = 4\nquarters = 5",
     "s.toml:6:12: not valid TOML: Error while parsing key-value pair: cannot redefine existing "
     "integer 'quarters'",
     "hint: a scenario is TOML 1.0; see https://toml.io"},
    {"quarters = 4", "quarters =",
     "s.toml:5:11: not valid TOML: Error while parsing key-value pair: expected value, saw '\\n'",
     "hint: a scenario is TOML 1.0; see https://toml.io"},
};

std::vector<Error> faults_of(std::string_view text) {
  std::vector<Error> faults;
  (void)parse_scenario(text, "s.toml", catalog::Catalog::embedded(), faults);
  return faults;
}

TEST(BadScenarios, AreToldExactlyWhereAndWhy) {
  const auto sound =
      read_file(std::string(TIGHTROPE_SOURCE_DIR) + "/tests/golden/scenarios/tiny.toml");
  ASSERT_TRUE(sound);
  ASSERT_TRUE(faults_of(*sound).empty());
  for (const BadScenario& one : bad_scenarios) {
    std::string text = *sound;
    const std::size_t at = text.find(one.sound);
    ASSERT_NE(at, std::string::npos) << one.sound;
    text.replace(at, std::string(one.sound).size(), one.bad);
    const std::vector<Error> faults = faults_of(text);
    ASSERT_FALSE(faults.empty()) << one.bad;
    EXPECT_EQ(to_string(faults.front()), std::string(one.what) + "\n  " + one.hint) << one.bad;
  }
}

TEST(BadScenarios, AnEmptyFileNeedsItsFourKeys) {
  const std::vector<Error> faults = faults_of("");
  ASSERT_EQ(faults.size(), 4u);
  EXPECT_EQ(
      to_string(faults.front()),
      "s.toml:1:1: a scenario needs \"version\" (of the format: 1)\n  hint: add: version = 1");
}

TEST(BadScenarios, EveryFaultOfAFileIsToldInTheOrderOfItsLines) {
  const std::vector<Error> faults =
      faults_of("version = 1\ntitle = 5\nstart = 2027-01-01\nquarters = 0\nsite = 3\n[[supply]]\n");
  ASSERT_GE(faults.size(), 5u);
  for (std::size_t i = 1; i < faults.size(); ++i) {
    EXPECT_LE(faults[i - 1].where.line, faults[i].where.line);
  }
}

TEST(BadScenarios, AJunkFileIsNoToml) {
  const std::vector<Error> faults = faults_of(std::string_view("\0\xff\xfe junk", 8));
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults.front().code, ErrorCode::syntax);
}

TEST(BadScenarios, GradesAreThoseOfTheCatalog) {
  for (const auto& field : fields<FactLine>()) {
    if (field.doc.name != "grade") continue;
    const auto words = catalog::grade_words();
    EXPECT_TRUE(std::ranges::equal(field.doc.choices, words));
  }
}

}  // namespace
}  // namespace tightrope::procure_study
