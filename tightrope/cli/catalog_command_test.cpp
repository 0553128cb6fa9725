#include "tightrope/cli/catalog_command.h"

#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tightrope::cli {
namespace {

struct Captured {
  std::ostringstream out, err;
  Session session{.out = out, .err = err, .catalog_dir = {}, .threads = 0, .version = {}};
};

TEST(CatalogShow, PrintsANumberWithGradeDateSourceRangeAlternativesAndPlace) {
  Captured told;
  EXPECT_EQ(run_catalog_show(told.session, "trainium3", false), exit_ok);
  const std::string text = told.out.str();
  EXPECT_NE(text.find("scaleup_bandwidth   1.28 TB/s"), std::string::npos);
  EXPECT_NE(text.find("range  352 GB/s to 2.56 TB/s"), std::string::npos);
  EXPECT_NE(text.find("also   2.19902 TB/s (2048 GiB/s), vendor"), std::string::npos);
  EXPECT_NE(text.find("catalog/chips/trainium3.toml:"), std::string::npos);
  EXPECT_NE(text.find("claims\n"), std::string::npos);
}

TEST(CatalogShow, ShowsASystemWithItsTotalsAndPrices) {
  Captured told;
  EXPECT_EQ(run_catalog_show(told.session, "u-p6e-gb200x72", false), exit_ok);
  const std::string text = told.out.str();
  EXPECT_NE(text.find("360 PFLOP/s fp8"), std::string::npos);
  EXPECT_NE(text.find("761.904 USD/h"), std::string::npos);
}

TEST(CatalogShow, JsonHoldsValuesInBaseUnitsWithTheirSource) {
  Captured told;
  EXPECT_EQ(run_catalog_show(told.session, "b200", true), exit_ok);
  const auto json = nlohmann::json::parse(told.out.str());
  EXPECT_EQ(json["schema"], "tightrope.catalog.show/1");
  const auto& hbm = json["records"][0]["hbm"];
  EXPECT_EQ(hbm["unit"], "B");
  EXPECT_DOUBLE_EQ(hbm["value"].get<double>(), 183359.0 * 1048576.0);
  EXPECT_EQ(hbm["written"], "183359 MiB");
  EXPECT_FALSE(hbm["alternatives"].empty());
}

TEST(CatalogShow, AWrongNameIsRefusedWithNearOnes) {
  Captured told;
  EXPECT_EQ(run_catalog_show(told.session, "trainum2", false), exit_bad_input);
  EXPECT_EQ(told.err.str(),
            "tightrope: the catalog knows no \"trainum2\"\n"
            "  hint: did you mean \"trainium2\", \"trainium1\" or \"trainium3\"?\n");
}

TEST(CatalogList, EveryKindListsSomethingAsTextAndAsJson) {
  for (const char* kind :
       {"", "chips", "systems", "prices", "regions", "claims", "sources", "llms", "fields"}) {
    Captured text;
    EXPECT_EQ(run_catalog_list(text.session, kind, false), exit_ok) << kind;
    EXPECT_GT(text.out.str().size(), 100u) << kind;
    Captured json;
    EXPECT_EQ(run_catalog_list(json.session, kind, true), exit_ok) << kind;
    EXPECT_FALSE(nlohmann::json::parse(json.out.str())["records"].empty()) << kind;
  }
  Captured wrong;
  EXPECT_EQ(run_catalog_list(wrong.session, "gadgets", false), exit_bad_input);
}

TEST(CatalogCheck, PrintsEveryFaultAndTheirNumber) {
  Captured bad;
  const std::string dir =
      std::string(TIGHTROPE_SOURCE_DIR) + "/tests/bad_input/catalog/three_faults_in_order";
  EXPECT_EQ(run_catalog_check(bad.session, dir), exit_bad_input);
  EXPECT_NE(bad.err.str().find(dir + ": 3 faults\n"), std::string::npos);
  Captured good;
  EXPECT_EQ(run_catalog_check(good.session, std::string(TIGHTROPE_SOURCE_DIR) + "/catalog"),
            exit_ok);
  EXPECT_NE(good.out.str().find("sound"), std::string::npos);
}

}  // namespace
}  // namespace tightrope::cli
