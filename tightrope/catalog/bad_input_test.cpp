// Every folder under tests/bad_input/catalog is a faulty catalog; its expected.txt holds, to the
// letter, what a stranger is told. Paths in it are relative to the corpus.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tightrope/catalog/catalog.h"

namespace tightrope::catalog {
namespace {

namespace fs = std::filesystem;

const std::string& corpus() {
  static const std::string path = std::string(TIGHTROPE_SOURCE_DIR) + "/tests/bad_input/catalog/";
  return path;
}

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(corpus())) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

std::string without_corpus_path(std::string text) {
  for (std::size_t at = text.find(corpus()); at != std::string::npos; at = text.find(corpus())) {
    text.erase(at, corpus().size());
  }
  return text;
}

class BadCatalog : public testing::TestWithParam<std::string> {};

TEST_P(BadCatalog, IsRefusedWithItsExactMessages) {
  std::string told;
  for (const Error& fault : check_folder(corpus() + GetParam())) told += to_string(fault) + "\n";
  std::ostringstream expected;
  expected << std::ifstream(corpus() + GetParam() + "/expected.txt").rdbuf();
  EXPECT_FALSE(expected.str().empty());
  EXPECT_EQ(without_corpus_path(told), expected.str());
  EXPECT_FALSE(Catalog::with_overrides(corpus() + GetParam()).has_value());
}

INSTANTIATE_TEST_SUITE_P(Corpus, BadCatalog, testing::ValuesIn(cases()),
                         [](const auto& one) { return one.param; });

TEST(BadCatalogCorpus, HoldsAtLeastThirtyFiveCases) { EXPECT_GE(cases().size(), 35u); }

}  // namespace
}  // namespace tightrope::catalog
