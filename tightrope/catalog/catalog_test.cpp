#include "tightrope/catalog/catalog.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/catalog/fields.h"
#include "tightrope/catalog/names.h"

namespace tightrope::catalog {
namespace {

const Catalog& all() { return Catalog::embedded(); }

const Chip& chip(std::string_view name) {
  const Chip* found = all().find_chip(name);
  EXPECT_NE(found, nullptr) << name;
  return found != nullptr ? *found : all().chips().front();
}

const System& system(std::string_view name) {
  const System* found = all().find_system(name);
  EXPECT_NE(found, nullptr) << name;
  return found != nullptr ? *found : all().systems().front();
}

/// Calls `visit(name, doc, fact)` for each fact of each record.
template <class Visit>
void each_fact(Visit visit) {
  const auto visit_records = [&](const auto& records, auto name_of) {
    for (const auto& record : records) {
      using Record = std::decay_t<decltype(record)>;
      for (const Field<Record>& field : fields<Record>()) {
        const FieldValue value = field.read(record);
        if (const auto* fact = std::get_if<Fact<double>>(&value)) {
          visit(name_of(record), field.doc, *fact);
        }
      }
    }
  };
  const auto by_name = [](const auto& r) { return r.name; };
  visit_records(all().chips(), by_name);
  visit_records(all().systems(), by_name);
  visit_records(all().networks(), by_name);
  visit_records(all().regions(), by_name);
  visit_records(all().prices(), [](const Price& p) { return p.system + " " + p.region; });
}

/// A folder of the user's that goes away with the test.
class Folder {
 public:
  Folder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            (std::string("tightrope_") + test->test_suite_name() + "_" + test->name());
    std::filesystem::remove_all(path_);
    put("sources.toml", "[lab]\ntitle = \"Our own\"\nlocator = \"shelf 3\"\nas_of = 2026-10-01\n");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void put(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

constexpr const char* lab_chip = R"(name = "h100"
title = "An H100 that we measured"
vendor = "nvidia"
architecture = "hopper"
kind = "gpu"
peak_bf16 = { value = "800 TFLOP/s", source = "lab", as_of = 2026-10-01, grade = "measured" }
hbm = { value = "80 GB", source = "lab", as_of = 2026-10-01, grade = "measured" }
hbm_bandwidth = { value = "3 TB/s", source = "lab", as_of = 2026-10-01, grade = "measured" }
)";

TEST(Catalog, HoldsEveryChipAndSystemThatWasAskedFor) {
  for (const char* name :
       {"trainium1",  "trainium2", "trainium3", "trainium4", "inferentia2", "h100",
        "h200",       "b200",      "gb200",     "b300",      "gb300",       "a100-40gb",
        "a100-80gb",  "graviton3", "graviton4", "graviton5", "tpu-v4",      "tpu-v5e",
        "tpu-v5p",    "tpu-v6e",   "tpu7x",     "mi300x",    "mi325x",      "mi355x",
        "h100-hbm2e", "gh200",     "l40s",      "gaudi2",    "gaudi3",      "rubin"}) {
    EXPECT_NE(all().find_chip(name), nullptr) << name;
  }
  for (const char* name :
       {"p4d.24xlarge",   "p4de.24xlarge",    "p5.48xlarge",      "p5e.48xlarge",
        "p5en.48xlarge",  "p6-b200.48xlarge", "p6-b300.48xlarge", "u-p6e-gb200x36",
        "u-p6e-gb200x72", "u-p6e-gb300x72",   "trn1.32xlarge",    "trn1n.32xlarge",
        "trn2.48xlarge",  "u-trn2x64",        "u-trn3x64",        "u-trn3x144",
        "inf2.48xlarge",  "c8g.48xlarge",     "c8gn.48xlarge",    "dgx-a100",
        "dgx-h100",       "dgx-h200",         "dgx-b200",         "gb200-nvl72",
        "gb300-nvl72",    "dgx-cloud-gb200",  "tpu-v4-128",       "tpu-v5e-256",
        "tpu-v5p-256",    "tpu-v6e-256",      "tpu7x-256",        "mi300x-8",
        "mi325x-8",       "mi355x-8"}) {
    EXPECT_NE(all().find_system(name), nullptr) << name;
  }
}

TEST(Catalog, AnAcceleratorThatShipsHasPeakMemoryBandwidthAndPower) {
  for (const Chip& c : all().chips()) {
    if (c.kind == "cpu" || c.status != Status::shipping) continue;
    EXPECT_TRUE(c.peak[DType::bf16].known) << c.name;
    EXPECT_TRUE(c.hbm.known) << c.name;
    EXPECT_TRUE(c.hbm_bandwidth.known) << c.name;
    EXPECT_TRUE(c.power.known) << c.name;
    EXPECT_TRUE(c.compute_units.known) << c.name;
    EXPECT_TRUE(c.host_bandwidth.known) << c.name;
  }
}

TEST(Catalog, ANarrowerFormatIsNeverSlower) {
  for (const Chip& c : all().chips()) {
    const double bf16 = c.peak[DType::bf16].value.raw();
    if (c.peak[DType::fp8].known) {
      EXPECT_GE(c.peak[DType::fp8].value.raw(), bf16) << c.name;
    }
    if (c.peak[DType::fp4].known) {
      EXPECT_GE(c.peak[DType::fp4].value.raw(), c.peak[DType::fp8].value.raw()) << c.name;
    }
    if (c.peak[DType::fp32].known) {
      EXPECT_LE(c.peak[DType::fp32].value.raw(), bf16) << c.name;
    }
  }
}

TEST(Catalog, ASystemNamesAChipFillsItsNodesAndHasItsLinks) {
  for (const System& s : all().systems()) {
    const Chip* c = all().find_chip(s.chip);
    ASSERT_NE(c, nullptr) << s.name;
    EXPECT_EQ(s.chips % s.chips_per_node, 0) << s.name;
    EXPECT_EQ(s.chips % s.scaleup_domain, 0) << s.name;
    EXPECT_TRUE(s.nic_bandwidth.known) << s.name;
    EXPECT_TRUE(s.unit_power.known) << s.name;
    if (s.scaleup_domain > 1) {
      EXPECT_TRUE(c->scaleup_bandwidth.known) << s.name;
    }
  }
}

TEST(Catalog, DimensionsOfATorusAddUpToTheChipsLinks) {
  const System& s = system("u-trn2x64");
  const BytesPerSecond sum =
      s.torus_x_bandwidth.value + s.torus_y_bandwidth.value + s.torus_z_bandwidth.value;
  EXPECT_DOUBLE_EQ(sum.raw(), chip(s.chip).scaleup_bandwidth.value.raw());
  EXPECT_DOUBLE_EQ((s.torus_x_bandwidth.value + s.torus_y_bandwidth.value).raw(),
                   system("trn2.48xlarge").scaleup_bandwidth.value.raw());
}

TEST(Catalog, AUnitDrawsAtLeastWhatItsChipsDraw) {
  for (const System& s : all().systems()) {
    const Chip* c = all().find_chip(s.chip);
    EXPECT_GE(s.unit_power.high.raw(), s.chips * c->power.low.raw()) << s.name;
    EXPECT_GE(s.unit_power.value.raw(), 0.9 * s.chips * c->power.value.raw()) << s.name;
    EXPECT_LE(s.unit_power.value.raw(), 3.5 * s.chips * c->power.value.raw()) << s.name;
  }
}

TEST(Catalog, TheGb200UltraServerAddsUpToWhatAwsStates) {
  const System& s = system("u-p6e-gb200x72");
  const Chip& c = chip(s.chip);
  EXPECT_EQ(s.chips, 72);
  EXPECT_EQ(s.scaleup_domain, 72);
  EXPECT_DOUBLE_EQ(c.peak[DType::fp8].value.raw() * s.chips, 360e15);
  EXPECT_GE(c.hbm.value.raw() * s.chips, 13.3e12);
  EXPECT_LT(c.hbm.value.raw() * s.chips, 14.5e12);
  EXPECT_DOUBLE_EQ(s.nic_bandwidth.value.raw() * s.chips / s.chips_per_node, 28.8e12 / 8);
}

TEST(Catalog, TheTrainiumUltraServersAddUpToWhatAwsStates) {
  const Chip& trn2 = chip("trainium2");
  EXPECT_NEAR(trn2.peak[DType::fp8].value.raw() * system("u-trn2x64").chips, 83.2e15, 0.1e15);
  EXPECT_DOUBLE_EQ(trn2.hbm.value.raw() * 64, 6144.0 * 1073741824.0);
  const Chip& trn3 = chip("trainium3");
  EXPECT_NEAR(trn3.peak[DType::fp8].value.raw() * system("u-trn3x144").chips, 362e15, 1e15);
  EXPECT_NEAR(trn3.peak[DType::bf16].value.raw() * system("u-trn3x144").chips, 96.6e15, 0.1e15);
  EXPECT_DOUBLE_EQ(trn3.hbm.value.raw() * 144, 20736.0 * 1073741824.0);
}

TEST(Catalog, EveryNumberSaysWhereItIsFromAndLiesInItsRange) {
  int facts = 0;
  each_fact([&](const std::string& name, const FieldDoc& doc, const Fact<double>& fact) {
    ++facts;
    const std::string which = name + "." + std::string(doc.name);
    EXPECT_NE(all().find_source(fact.from.source), nullptr) << which;
    EXPECT_EQ(fact.from.as_of.size(), 10u) << which;
    EXPECT_GT(fact.from.where.line, 0) << which;
    EXPECT_FALSE(fact.from.written.empty()) << which;
    EXPECT_LE(fact.low, fact.value) << which;
    EXPECT_LE(fact.value, fact.high) << which;
    EXPECT_GE(fact.value, 0.0) << which;
    for (const Alternative<double>& other : fact.alternatives) {
      EXPECT_NE(all().find_source(other.from.source), nullptr) << which;
      EXPECT_FALSE(other.from.written.empty()) << which;
    }
  });
  EXPECT_GT(facts, 1000);
}

TEST(Catalog, AnEstimateOfOursGivesItsReason) {
  each_fact([](const std::string& name, const FieldDoc& doc, const Fact<double>& fact) {
    const bool ours = fact.from.source == "tightrope-estimate";
    if (ours) {
      EXPECT_FALSE(fact.from.note.empty()) << name << "." << doc.name;
    }
  });
}

TEST(Catalog, NoSourceIsKeptThatNothingUses) {
  std::set<std::string> used;
  each_fact([&](const std::string&, const FieldDoc&, const Fact<double>& fact) {
    used.insert(fact.from.source);
    for (const Alternative<double>& other : fact.alternatives) used.insert(other.from.source);
  });
  for (const Claim& claim : all().claims()) used.insert(claim.from.source);
  for (const Source& source : all().sources()) EXPECT_TRUE(used.contains(source.id)) << source.id;
}

TEST(Catalog, ConflictsBetweenSourcesAreCarriedAndNotResolvedInSilence) {
  const Fact<BytesPerSecond>& link = chip("trainium3").scaleup_bandwidth;
  EXPECT_GE(link.alternatives.size(), 3u);
  EXPECT_GT(link.high / link.low, 3.6);
  const auto states = [](const auto& fact, double value) {
    for (const auto& other : fact.alternatives) {
      if (std::fabs(other.value.raw() - value) < 1e-3 * value) return true;
    }
    return false;
  };
  EXPECT_TRUE(states(chip("gb200").peak[DType::bf16], 2450e12));
  EXPECT_TRUE(states(chip("b300").hbm, 268e9));
  EXPECT_TRUE(states(chip("h200").hbm, 141e9));
  EXPECT_TRUE(states(chip("b200").hbm, 180e9));
  EXPECT_TRUE(states(chip("trainium2").hbm, 512.0 * 1073741824.0));
  EXPECT_TRUE(states(system("u-p6e-gb200x72").nic_bandwidth, 400e9));
  EXPECT_DOUBLE_EQ(chip("b200").hbm.value.raw(), 183359.0 * 1048576.0);
}

TEST(Catalog, TwoAnnouncedChipsCarryRanges) {
  const Chip& c = chip("trainium4");
  EXPECT_EQ(c.status, Status::announced);
  EXPECT_GE(c.peak[DType::fp8].low.raw(), 3 * chip("trainium3").peak[DType::fp8].value.raw());
  EXPECT_LT(c.hbm.low.raw(), c.hbm.high.raw());
}

TEST(Catalog, PublishedSpellingsFindTheirChip) {
  const std::pair<const char*, const char*> spellings[] = {
      {"H100", "h100"},           {"A100-80GB", "a100-80gb"},
      {"A100-40GB", "a100-40gb"}, {"GB200", "gb200"},
      {"B200", "b200"},           {"GB300", "gb300"},
      {"Trainium1", "trainium1"}, {"H100-96GB-HBM2e", "h100-hbm2e"},
      {"TPU v5e", "tpu-v5e"},     {"TPU v6e", "tpu-v6e"},
      {"TPU v4", "tpu-v4"},       {"TPU7x (Ironwood)", "tpu7x"},
      {"TPU v5p", "tpu-v5p"},     {"MI300X", "mi300x"},
      {"MI325X", "mi325x"},       {"h200_sxm", "h200"}};
  for (const auto& [spelling, name] : spellings) EXPECT_EQ(chip(spelling).name, name);
}

TEST(Catalog, PublishedSpellingsFindTheirSystem) {
  struct Case {
    const char *chip, *spelling, *name;
  };
  const Case cases[] = {
      {"H100", "DGX H100", "dgx-h100"},
      {"GB200", "GB200 NVL72", "gb200-nvl72"},
      {"A100-40GB", "8-GPU nodes (MosaicML cluster, 1600 Gbps RoCE)", "mosaicml-a100-40gb"},
      {"A100-80GB", "8-GPU nodes (MosaicML cluster, 1600 Gbps RoCE)", "mosaicml-a100-80gb"},
      {"H100", "8-GPU nodes (MosaicML cluster)", "mosaicml-h100"},
      {"Trainium1", "trn1.32xlarge/trn1n.32xlarge x32", "trn1.32xlarge"},
      {"TPU v5e", "v5e-256 x8", "tpu-v5e-256"},
      {"TPU v6e", "v6e-32", "tpu-v6e-256"},
      {"A100-80GB", "DGX A100 (Selene)", "dgx-a100"},
      {"GB300", "theia_ngpu512_ngc25.09_nemo (NVIDIA, 128 nodes x 4)", "gb300-nvl72"},
      {"H100-96GB-HBM2e", "Grand Teton 8xH100, 400 Gb/s per GPU, 500 W", "grand-teton-h100"},
      {"MI300X", "1xXE9680x8MI300X (Dell, 1 nodes x 8)", "mi300x-8"}};
  for (const Case& c : cases) {
    const System* found = all().find_system_of(c.chip, c.spelling);
    ASSERT_NE(found, nullptr) << c.spelling;
    EXPECT_EQ(found->name, c.name) << c.spelling;
  }
  EXPECT_EQ(all().find_system_of("no such chip", "DGX H100"), nullptr);
}

TEST(Catalog, NamesAreFoundInAnyCase) {
  EXPECT_EQ(all().find_chip("TRAINIUM2"), all().find_chip("trainium2"));
  EXPECT_EQ(all().find_system("P5"), all().find_system("p5.48xlarge"));
  EXPECT_EQ(all().find_chip("trainium9"), nullptr);
  EXPECT_EQ(all().near("h10").front(), "h100");
}

TEST(Prices, TheNewestOfTheRegionOrItsAreaWins) {
  const Price* p = all().find_price("p5.48xlarge", "us-east-2", Term::capacity_block);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p->region, "aws-us");
  EXPECT_EQ(p->from().as_of, "2026-07-01");
  EXPECT_NEAR((p->per_chip.value * Seconds(3600)).raw(), 5.191, 1e-9);
}

TEST(Prices, WithoutOneOfTheRegionAnotherRegionOfTheProviderStandsIn) {
  const Price* p = all().find_price("u-p6e-gb200x72", "us-west-2", Term::capacity_block);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p->region, "us-east-1-dfw-2a");
  const Price* q = all().find_price("dgx-h100", "coreweave-na", Term::on_demand);
  ASSERT_NE(q, nullptr);
  EXPECT_EQ(q->provider, "coreweave");
}

TEST(Prices, OfEquallyNewAndEquallyFarTheLowestIsTaken) {
  const Price* p = all().find_price("dgx-h100", "us-east-2", Term::on_demand);
  ASSERT_NE(p, nullptr);
  for (const Price& other : all().prices()) {
    const bool rival =
        other.system == p->system && other.term == p->term && other.from().as_of == p->from().as_of;
    if (rival) {
      EXPECT_LE(p->per_chip.value.raw(), other.per_chip.value.raw());
    }
  }
}

TEST(Prices, NothingIsInventedWhereNothingIsSold) {
  EXPECT_EQ(all().find_price("trn2.48xlarge", "us-east-2", Term::on_demand), nullptr);
  EXPECT_EQ(all().find_price("no such system", "us-east-2", Term::on_demand), nullptr);
}

TEST(Prices, AUnitPriceIsItsChipPriceTimesItsChips) {
  for (const Price& p : all().prices()) {
    const double chips = system(p.system).chips;
    if (p.per_unit.known) {
      EXPECT_DOUBLE_EQ(p.per_chip.value.raw() * chips, p.per_unit.value.raw()) << p.system;
    }
    EXPECT_TRUE(p.term == Term::purchase ? p.purchase_per_chip.known : p.per_chip.known);
  }
}

TEST(Overrides, ARecordOfTheSameNameReplacesTheEmbeddedOne) {
  const Folder folder;
  folder.put("chips/h100.toml", lab_chip);
  const auto changed = Catalog::with_overrides(folder.path());
  ASSERT_TRUE(changed.has_value()) << to_string(changed.error());
  EXPECT_EQ(changed->chips().size(), all().chips().size());
  EXPECT_DOUBLE_EQ(changed->find_chip("h100")->peak[DType::bf16].value.raw(), 800e12);
  EXPECT_DOUBLE_EQ(all().find_chip("h100")->peak[DType::bf16].value.raw(), 989e12);
  EXPECT_NE(changed->hash(), all().hash());
}

TEST(Overrides, APriceOfTheUsersReplacesAllEmbeddedOnesOfThatOffer) {
  const Folder folder;
  folder.put("prices/deal.toml",
             "[[price]]\nprovider = \"aws\"\nregion = \"us-east-1\"\nsystem = \"p5.48xlarge\"\n"
             "term = \"on_demand\"\nper_unit = { value = \"24 USD/h\", source = \"lab\", "
             "as_of = 2020-01-01, grade = \"vendor\" }\n");
  const auto changed = Catalog::with_overrides(folder.path());
  ASSERT_TRUE(changed.has_value()) << to_string(changed.error());
  const Price* p = changed->find_price("p5.48xlarge", "us-east-1", Term::on_demand);
  EXPECT_NEAR((p->per_chip.value * Seconds(3600)).raw(), 3.0, 1e-12);
}

TEST(Overrides, AFaultOfTheFolderIsTheError) {
  const Folder folder;
  folder.put("chips/h100.toml", std::string(lab_chip) + "colour = \"green\"\n");
  const auto changed = Catalog::with_overrides(folder.path());
  ASSERT_FALSE(changed.has_value());
  EXPECT_EQ(changed.error().code, ErrorCode::unknown_key);
  EXPECT_EQ(changed.error().where.line, 9);
  EXPECT_EQ(Catalog::with_overrides("/no/such/folder").error().code, ErrorCode::not_found);
}

TEST(Overrides, TheRepositorysOwnCatalogIsSoundAndChangesNothing) {
  const std::string dir = std::string(TIGHTROPE_SOURCE_DIR) + "/catalog";
  for (const Error& fault : check_folder(dir)) ADD_FAILURE() << to_string(fault);
  const auto again = Catalog::with_overrides(dir);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->chips().size(), all().chips().size());
  EXPECT_EQ(again->prices().size(), all().prices().size());
  EXPECT_EQ(again->claims().size(), all().claims().size());
}

TEST(Hash, IsStableAndSixteenHexDigits) {
  EXPECT_EQ(all().hash().size(), 16u);
  EXPECT_EQ(all().hash().find_first_not_of("0123456789abcdef"), std::string::npos);
  const Folder folder;
  folder.put("chips/h100.toml", lab_chip);
  EXPECT_EQ(Catalog::with_overrides(folder.path())->hash(),
            Catalog::with_overrides(folder.path())->hash());
}

TEST(Llms, AConfigIsFoundByNameAndAWrongNameIsCorrected) {
  const std::vector<std::string> names = llm_names();
  ASSERT_FALSE(names.empty());
  for (const std::string& name : names) {
    const auto text = llm_config(name);
    ASSERT_TRUE(text.has_value()) << name;
    EXPECT_EQ(text->front(), '{') << name;
  }
  const auto wrong = llm_config(names.front() + "x");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_NE(wrong.error().hint.find(names.front()), std::string::npos);
}

TEST(Text, AWrittenValueReadsBackAsItsNumber) {
  each_fact([](const std::string& name, const FieldDoc& doc, const Fact<double>& fact) {
    const bool divided = doc.name == "per_chip" || doc.name == "purchase_per_chip";
    if (doc.dimension == Dimension{} || divided) return;
    const auto parsed = parse_quantity(fact.from.written);
    ASSERT_TRUE(parsed.has_value()) << name;
    EXPECT_EQ(parsed->dimension, doc.dimension) << name << "." << doc.name;
    EXPECT_DOUBLE_EQ(parsed->base_units, fact.value) << name << "." << doc.name;
  });
}

RC_GTEST_PROP(Text, AShownQuantityReadsBackToSixDigits, ()) {
  struct Kind {
    Dimension dimension;
    double smallest;
  };
  const Kind kinds[] = {{dimension_of(Bytes()), 1e3},
                        {dimension_of(BytesPerSecond()), 1e3},
                        {dimension_of(FlopsPerSecond()), 1e9},
                        {dimension_of(Watts()), 1.0},
                        {dimension_of(DollarsPerSecond()), 1e-6},
                        {dimension_of(DollarsPerJoule()), 1e-12},
                        {dimension_of(GramsPerJoule()), 1e-9}};
  const Kind kind = kinds[*rc::gen::inRange<std::size_t>(0, std::size(kinds))];
  const Dimension d = kind.dimension;
  const double value = *rc::gen::inRange(1, 1'000'000'000) * kind.smallest;
  const std::string text = quantity_text(value, d);
  const auto parsed = parse_quantity(text);
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(parsed->dimension == d);
  RC_ASSERT(std::fabs(parsed->base_units - value) <= 1e-5 * value);
}

RC_GTEST_PROP(Names, EditDistanceIsSymmetricAndZeroOnlyForEquals, ()) {
  const auto a = *rc::gen::container<std::string>(rc::gen::inRange('a', 'e'));
  const auto b = *rc::gen::container<std::string>(rc::gen::inRange('a', 'e'));
  RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
  RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
}

TEST(Fields, NamesAreUniqueAndEveryOneIsDocumented) {
  const auto check = [](auto table) {
    std::set<std::string_view> names;
    for (const auto& field : table) {
      EXPECT_TRUE(names.insert(field.doc.name).second) << field.doc.name;
      EXPECT_FALSE(field.doc.doc.empty()) << field.doc.name;
      if (field.doc.kind == FieldKind::fact) {
        EXPECT_LT(field.doc.lowest, field.doc.highest);
      }
    }
  };
  check(fields<Chip>());
  check(fields<System>());
  check(fields<Network>());
  check(fields<Price>());
  check(fields<Region>());
  check(fields<Claim>());
  check(fields<Source>());
}

}  // namespace
}  // namespace tightrope::catalog
