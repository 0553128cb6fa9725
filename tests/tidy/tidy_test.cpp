// Every rule must be able to fail: each gets a bad sample and the good one beside it.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/tidy/rules.h"

namespace tightrope::tidy {
namespace {

using Check = void (*)(const House&, std::vector<Finding>&);

/// "line rule" of each finding, in order.
std::vector<std::string> findings_of(Check check, std::vector<SourceFile> files,
                                     const std::string& rooms = "core: \nformula: core\n") {
  std::vector<Finding> findings;
  check({std::move(files), parse_rooms(rooms)}, findings);
  std::vector<std::string> text;
  for (const Finding& f : findings) text.push_back(std::to_string(f.line) + " " + f.rule);
  return text;
}

using Lines = std::vector<std::string>;

std::string lines_of(int count, const std::string& line) {
  std::string text;
  for (int i = 0; i < count; ++i) text += line + "\n";
  return text;
}

TEST(Source, BlanksCommentsAndLiteralsButKeepsLines) {
  EXPECT_EQ(blank_comments_and_literals("a // {\nb"), "a     \nb");
  EXPECT_EQ(blank_comments_and_literals("a /* {\n */ b"), "a     \n    b");
  EXPECT_EQ(blank_comments_and_literals(R"(f("{\"}", '{');)"), R"(f("    ", ' ');)");
  EXPECT_EQ(blank_comments_and_literals("R\"x({)\" )x\" {"), "R\"        \" {");
  EXPECT_EQ(blank_comments_and_literals("1'000'000 {"), "1'000'000 {");
}

TEST(Source, FindsFunctionsWhereverTheyStand) {
  const SourceFile file = make_file("tightrope/core/x.h", R"(
namespace tightrope {
struct Point {
  int x = 0;
  [[nodiscard]] int sum() const { return x; }
};
enum class Kind { a, b };
template <class T>
T twice(T value) {
  if (value) {
    return value;
  }
  return value;
}
inline constexpr int table[] = {1, 2};
const int answer = twice(21);
void declared(int a,
              int b);
Point::Point(int a) : x{a} {
}
}
)");
  Lines seen;
  for (const Function& f : file.functions) {
    seen.push_back(f.name + " " + std::to_string(f.first_line) + "-" + std::to_string(f.last_line));
  }
  EXPECT_EQ(seen, (Lines{"sum 5-5", "twice 8-14", "declared 17-18", "Point::Point 19-20"}));
  EXPECT_TRUE(file.functions[0].in_type);
  EXPECT_FALSE(file.functions[2].has_body);
}

TEST(Include, MayOnlyNameRoomsThatAreDeclared) {
  const std::string text = "#include \"tightrope/core/x.h\"\n#include \"tightrope/step/y.h\"\n";
  EXPECT_EQ(findings_of(check_includes, {make_file("tightrope/formula/a.cpp", text)}),
            Lines{"2 include"});
  EXPECT_EQ(findings_of(check_includes, {make_file("tightrope/attic/a.cpp", "")}), Lines{"1 room"});
}

TEST(Include, EnginesNeverSeeEachOther) {
  const auto file = make_file("tightrope/search/a.cpp", "#include \"tightrope/fleet/x.h\"\n");
  EXPECT_EQ(findings_of(check_includes, {file}, "fleet: \nsearch: fleet\n"), Lines{"1 engines"});
}

TEST(Include, WritesTheWholePathAndKeepsHeavyHeadersOut) {
  EXPECT_EQ(findings_of(check_includes, {make_file("tightrope/core/a.h", "#include \"b.h\"\n")}),
            Lines{"1 include-path"});
  const auto heavy = make_file("tightrope/core/a.h", "#include <nlohmann/json.hpp>\n");
  EXPECT_EQ(findings_of(check_includes, {heavy}), Lines{"1 heavy-header"});
  const auto cli = make_file("tightrope/core/a.cpp", "#include <CLI/CLI.hpp>\n");
  EXPECT_EQ(findings_of(check_includes, {cli}), Lines{"1 cli11"});
}

TEST(Size, LimitsFilesFunctionsAndLines) {
  EXPECT_TRUE(
      findings_of(check_sizes, {make_file("tightrope/core/a.h", lines_of(500, ""))}).empty());
  EXPECT_EQ(findings_of(check_sizes, {make_file("tightrope/core/a.h", lines_of(501, ""))}),
            Lines{"501 file-lines"});
  EXPECT_TRUE(findings_of(check_sizes, {make_file("tightrope/core/a_test.cpp", lines_of(800, ""))})
                  .empty());
  const auto function = [](int body) {
    return make_file("tightrope/core/a.cpp",
                     "\nint f(int a) {\n" + lines_of(body, "  ++a;") + "}\n");
  };
  EXPECT_TRUE(findings_of(check_sizes, {function(68)}).empty());
  EXPECT_EQ(findings_of(check_sizes, {function(69)}), Lines{"2 function-lines"});
  EXPECT_TRUE(
      findings_of(check_sizes, {make_file("tightrope/core/a.h", std::string(100, '/'))}).empty());
  EXPECT_EQ(findings_of(check_sizes, {make_file("tightrope/core/a.h", std::string(101, '/'))}),
            Lines{"1 line-columns"});
}

TEST(Header, SaysWhatItIsOnceInItsNamespace) {
  const std::string good = "// A header.\n#pragma once\nnamespace tightrope::formula {\n}\n";
  EXPECT_TRUE(findings_of(check_headers, {make_file("tightrope/formula/a.h", good)}).empty());
  EXPECT_EQ(findings_of(check_headers, {make_file("tightrope/core/a.h", "int x;\n")}),
            (Lines{"1 pragma-once", "1 namespace", "1 header-comment"}));
}

TEST(Header, CarriesUnitsInTypesNotInNames) {
  const std::string top = "// A header.\n#pragma once\nnamespace tightrope {\n";
  const auto bad = make_file("tightrope/core/a.h", top +
                                                       "double size_gb = 0;\nfloat t_ms;\n"
                                                       "std::vector<double> step_time_s;\n"
                                                       "double link_gbps(int a);\n}");
  EXPECT_EQ(findings_of(check_headers, {bad}),
            (Lines{"4 raw-unit", "5 raw-unit", "6 raw-unit", "7 raw-unit"}));
  const auto good = make_file("tightrope/core/a.h", top +
                                                        "double share = 0;\nBytes size;\n"
                                                        "double words; // double x_gb\n}");
  EXPECT_TRUE(findings_of(check_headers, {good}).empty());
  const auto internal = make_file("tightrope/core/a_internal.h", top + "double size_gb = 0;\n}");
  EXPECT_TRUE(findings_of(check_headers, {internal}).empty());
}

TEST(Words, KeepsTheWorldOutsideTheDoors) {
  const std::string text =
      "std::cout << 1;\nexit(1);\nint x = rand();\nstd::time(0);\n// exit(1)\n";
  EXPECT_EQ(findings_of(check_words, {make_file("tightrope/core/a.cpp", text)}),
            (Lines{"1 banned", "2 banned", "3 banned", "4 banned"}));
  EXPECT_TRUE(findings_of(check_words, {make_file("tightrope/cli/a.cpp", text)}).empty());
  const auto fine = make_file("tightrope/core/a.cpp", "on_exit(1); plan.exit(2); operand(3);\n");
  EXPECT_TRUE(findings_of(check_words, {fine}).empty());
}

TEST(Words, WantsAnIssueForWorkLeftUndone) {
  EXPECT_EQ(findings_of(check_words, {make_file("tightrope/core/a.h", "// TODO: later\n")}),
            Lines{"1 todo"});
  EXPECT_TRUE(findings_of(check_words, {make_file("tightrope/core/a.h", "// TODO(#7)\n")}).empty());
}

constexpr const char* sound_formula = R"(
/// What: time to move a size.
/// Formula: t = S / B
/// Source: definition
/// Valid: B > 0,
///   S >= 0
/// Checked by: Move.IsLinear
[[nodiscard]] MoveTime move(const Move& m) noexcept;
)";
const SourceFile move_test = make_file("tightrope/formula/m_test.cpp", "TEST(Move, IsLinear) {}\n");

TEST(Formula, CarriesFiveTagsAndATestThatExists) {
  const auto header = make_file("tightrope/formula/m.h", sound_formula);
  EXPECT_TRUE(findings_of(check_formulas, {header, move_test}).empty());
  EXPECT_EQ(findings_of(check_formulas, {header}), Lines{"8 formula-test"});
  const auto bare = make_file("tightrope/formula/m.h", "int move(int a) noexcept;\n");
  EXPECT_EQ(findings_of(check_formulas, {bare}).size(), 5u);
}

TEST(Formula, IsFreeOfFailure) {
  std::string text = sound_formula;
  text.replace(text.find(" noexcept"), 9, "");
  EXPECT_EQ(findings_of(check_formulas, {make_file("tightrope/formula/m.h", text), move_test}),
            Lines{"8 formula-pure"});
}

TEST(Formula, IndexHasARowForEach) {
  const House house{{make_file("tightrope/formula/m.h", sound_formula)}, {}};
  EXPECT_NE(formula_index(house).find("| `move` | tightrope/formula/m.h | time to move a size. | "
                                      "`t = S / B` | definition | B > 0, S >= 0 | Move.IsLinear |"),
            std::string::npos);
}

TEST(Catalog, EveryNumberSaysWhereItCameFrom) {
  const auto fact = [](const std::string& line) {
    return findings_of(check_catalog, {make_file("catalog/chips/x.toml", line)});
  };
  EXPECT_TRUE(fact("hbm = { value = \"80 GB\", source = \"a\", as_of = 2025-01-01, "
                   "grade = \"vendor\" }")
                  .empty());
  EXPECT_EQ(fact("hbm = { value = \"80 GB\", source = \"a\", grade = \"vendor\" }"),
            Lines{"1 fact"});
  EXPECT_EQ(fact("\nhbm = \"80 GB\""), Lines{"2 fact"});
  EXPECT_EQ(
      fact("hbm = { value = 1, source = \"a\", as_of = 2025-01-01, grade = \"vendor\", "
           "alternatives = [\n  { value = 2, source = \"grade = 1\", as_of = 2025-01-01 }] }"),
      Lines{"2 fact"});
  EXPECT_TRUE(fact("title = \"NVIDIA H100 SXM 80GB\"\nchips = 8\n").empty());
}

TEST(DeadFiles, AreFound) {
  const auto header = make_file("tightrope/core/a.h", "");
  const auto own = make_file("tightrope/core/a.cpp", "#include \"tightrope/core/a.h\"\n");
  const auto user = make_file("tightrope/core/b.cpp", "#include \"tightrope/core/a.h\"\n");
  EXPECT_EQ(findings_of(check_dead_files, {header, own}), Lines{"1 dead"});
  EXPECT_TRUE(findings_of(check_dead_files, {header, own, user}).empty());
  const auto script = make_file("tests/determinism/x.sh", "");
  EXPECT_EQ(findings_of(check_dead_files, {script}), Lines{"1 dead"});
  EXPECT_TRUE(findings_of(check_dead_files, {script, make_file("Makefile", "x.sh")}).empty());
}

TEST(Papers, AreShortTrueAndWhole) {
  EXPECT_EQ(findings_of(check_papers, {make_file("STYLE.md", lines_of(151, "x"))}),
            Lines{"151 paper"});
  EXPECT_EQ(findings_of(check_papers, {make_file("README.md", "\nsee `tightrope/gone/`\n")}),
            Lines{"2 paper"});
  EXPECT_EQ(findings_of(check_papers, {make_file("ARCHITECTURE.md", "`core`")}), Lines{"1 paper"});
  EXPECT_EQ(findings_of(check_papers, {make_file("docs/decisions/0001-x.md", "## Context")}).size(),
            3u);
  const auto formula = make_file("tightrope/formula/m.h", sound_formula);
  EXPECT_EQ(findings_of(check_papers, {formula}), Lines{"1 paper"});
  const House house{{formula}, {}};
  EXPECT_TRUE(
      findings_of(check_papers, {formula, make_file("docs/formulas.md", formula_index(house))})
          .empty());
}

TEST(Excuse, NeedsAReasonAndSomethingToExcuse) {
  const auto rules_of = [](const std::string& line) {
    const auto user = make_file("tightrope/core/b.cpp", "#include \"tightrope/core/a.h\"\n");
    Lines rules;
    for (const Finding& f :
         check_house({{make_file("tightrope/core/a.h",
                                 "// A.\n#pragma once\nnamespace tightrope {\n" + line + "\n}\n"),
                       user},
                      parse_rooms("core: \n")})) {
      rules.push_back(f.rule);
    }
    return rules;
  };
  EXPECT_EQ(rules_of("double a_gb = 0;"), Lines{"raw-unit"});
  EXPECT_TRUE(rules_of("double a_gb = 0;  // tidy-allow(raw-unit): text edge").empty());
  EXPECT_TRUE(rules_of("// tidy-allow(raw-unit): text edge\ndouble a_gb = 0;").empty());
  EXPECT_EQ(rules_of("double a_gb = 0;  // tidy-allow(raw-unit)"), Lines{"excuse"});
  EXPECT_EQ(rules_of("double a = 0;  // tidy-allow(raw-unit): no need"), Lines{"excuse"});
}

}  // namespace
}  // namespace tightrope::tidy
