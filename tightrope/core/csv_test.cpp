#include "tightrope/core/csv.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope {
namespace {

CsvTable parsed(std::string_view text) { return CsvTable::parse(text, "t.csv").value(); }

Error refused(std::string_view text) { return CsvTable::parse(text, "t.csv").error(); }

TEST(Csv, AsksForCellsByColumnName) {
  const CsvTable table = parsed("name,chips\np5,8\n\"a, \"\"b\"\"\",16\n");
  EXPECT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.at(0, "name"), "p5");
  EXPECT_EQ(table.at(1, "name"), "a, \"b\"");
  EXPECT_EQ(table.number(1, "chips", 0).value(), 16.0);
  EXPECT_EQ(table.at(0, "price"), "");
}

TEST(Csv, PadsShortRowsAndTellsAbsentFromZero) {
  const CsvTable table = parsed("a,b\n1\n1,0\n");
  EXPECT_EQ(table.at(0, "b"), "");
  EXPECT_EQ(table.number(0, "b", -1).value(), -1.0);
  EXPECT_EQ(table.number(1, "b", -1).value(), 0.0);
}

TEST(Csv, KnowsTheLineOfARowAfterCellsWithLineBreaks) {
  const CsvTable table = parsed("a\n\"x\ny\"\nz\n");
  EXPECT_EQ(table.where(0).line, 2);
  EXPECT_EQ(table.where(1).line, 4);
}

TEST(Csv, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(to_string(refused("a,b\n1,2\n1,2,3\n")),
            "t.csv:3: row has 3 cells, the header names 2\n"
            "  hint: quote cells that contain commas");
  EXPECT_EQ(refused("").what, "the table is empty");
  EXPECT_EQ(refused("a\n\"x").code, ErrorCode::syntax);
  const CsvTable table = parsed("a\nmany\ninf\n1e3x\n");
  EXPECT_EQ(to_string(table.number(0, "a", 0).error()),
            "t.csv:2: column \"a\": \"many\" is not a number");
  EXPECT_FALSE(table.number(1, "a", 0).has_value());
  EXPECT_FALSE(table.number(2, "a", 0).has_value());
  EXPECT_EQ(to_string(table.require({"a", "b"}).error()),
            "t.csv:1: column \"b\" is missing\n  hint: the header names: a");
}

RC_GTEST_PROP(Csv, AnyCellSurvivesWritingAndReading, ()) {
  const auto cell = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab,\"\n ;'")));
  const CsvTable table = parsed("x,y\n" + csv_cell(cell) + ",end\n");
  RC_ASSERT(table.at(0, "y") == "end");
  // Blanks at the ends of an unquoted cell are not data.
  if (csv_cell(cell) != cell) RC_ASSERT(table.at(0, "x") == cell);
}

TEST(Files, AreReplacedWholeOrLeftAlone) {
  const auto folder = std::filesystem::temp_directory_path() / "tightrope-csv-test";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "a.txt").string();
  ASSERT_TRUE(write_file(path, "one").has_value());
  ASSERT_TRUE(write_file(path, "two").has_value());
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  EXPECT_EQ(read_file((folder / "none").string()).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_file(folder.string()).error().code, ErrorCode::not_found);
  EXPECT_EQ(write_file((folder / "none" / "a.txt").string(), "x").error().code, ErrorCode::io);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tightrope
