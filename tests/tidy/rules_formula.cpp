// The golden rule of tightrope/formula: five tags on every function, and a test that exists.
#include <algorithm>
#include <array>
#include <regex>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace tightrope::tidy {
namespace {

struct Tag {
  std::string_view name;
  std::string FormulaTags::* text;
};

constexpr std::array<Tag, 5> tags = {{{"What:", &FormulaTags::what},
                                      {"Formula:", &FormulaTags::formula},
                                      {"Source:", &FormulaTags::source},
                                      {"Valid:", &FormulaTags::valid},
                                      {"Checked by:", &FormulaTags::checked_by}}};

/// Files of the room that hold no formulas: they hand coefficients to those that do.
constexpr std::array<std::string_view, 4> not_formulas = {
    "tightrope/formula/calibration.h", "tightrope/formula/network_calibration.h",
    "tightrope/formula/kernel_power_calibration.h", "tightrope/formula/expert_kernels.h"};

/// The `///` lines right above a line, first to last, without their slashes.
std::vector<std::string> comment_above(const SourceFile& file, int line) {
  std::vector<std::string> comment;
  for (int i = line - 2; i >= 0; --i) {
    const std::string text = trim(file.lines[static_cast<std::size_t>(i)]);
    if (!text.starts_with("//")) break;
    comment.push_back(trim(text.substr(text.starts_with("///") ? 3 : 2)));
  }
  std::reverse(comment.begin(), comment.end());
  return comment;
}

FormulaTags read_tags(const std::vector<std::string>& comment) {
  FormulaTags found;
  std::string* current = nullptr;
  for (const std::string& line : comment) {
    const auto* tag = std::find_if(tags.begin(), tags.end(),
                                   [&](const Tag& t) { return line.starts_with(t.name); });
    if (tag != tags.end()) {
      current = &(found.*(tag->text));
      *current = trim(line.substr(tag->name.size()));
    } else if (current != nullptr) {
      *current += (current->empty() ? "" : " ") + line;
    }
  }
  return found;
}

bool needs_tags(const Function& f) {
  return !f.in_type && f.scope.find("internal") == std::string::npos &&
         f.scope.find("(anonymous)") == std::string::npos && f.name != "to_string" &&
         !f.name.ends_with("_from") && f.name.find("operator") == std::string::npos;
}

/// "Suite.Name" of every GoogleTest or rapidcheck case in the tree.
std::set<std::string> test_names(const House& house) {
  static const std::regex form(
      R"(\b(?:TEST|TEST_F|TEST_P|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP)\(\s*(\w+)\s*,\s*(\w+))");
  std::set<std::string> names;
  for (const SourceFile& file : house.files) {
    if (!file.ends_with("_test.cpp")) continue;
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), form), end; it != end; ++it) {
      names.insert((*it)[1].str() + "." + (*it)[2].str());
    }
  }
  return names;
}

void check_test(const Formula& formula, const std::set<std::string>& tests,
                std::vector<Finding>& findings) {
  static const std::regex form(R"(\b([A-Z]\w*)\.([A-Z]\w*)\b)");
  const std::string& text = formula.tags.checked_by;
  int named = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), form), end; it != end; ++it) {
    ++named;
    const std::string name = (*it)[0].str();
    if (tests.contains(name)) continue;
    findings.push_back(
        {formula.path, formula.line, "formula-test",
         fmt::format("{} is checked by {}, which no *_test.cpp defines", formula.name, name)});
  }
  if (named == 0 && !text.empty()) {
    findings.push_back({formula.path, formula.line, "formula-test",
                        formula.name + ": 'Checked by:' names no test (Suite.Name)"});
  }
}

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.replace(at, 1, "\\|");
  }
  return text;
}

}  // namespace

std::vector<Formula> find_formulas(const House& house) {
  std::vector<Formula> formulas;
  for (const SourceFile& file : house.files) {
    if (file.room() != "formula" || !file.is_header() || file.stem().ends_with("_internal")) {
      continue;
    }
    if (std::find(not_formulas.begin(), not_formulas.end(), file.path) != not_formulas.end()) {
      continue;
    }
    for (const Function& f : file.functions) {
      if (!needs_tags(f)) continue;
      formulas.push_back(
          {file.path, f.name, f.first_line, read_tags(comment_above(file, f.first_line))});
    }
  }
  return formulas;
}

void check_formulas(const House& house, std::vector<Finding>& findings) {
  const std::set<std::string> tests = test_names(house);
  for (const Formula& formula : find_formulas(house)) {
    for (const Tag& tag : tags) {
      if (!(formula.tags.*(tag.text)).empty()) continue;
      findings.push_back({formula.path, formula.line, "formula-tags",
                          fmt::format("{} has no '{}' line above it", formula.name, tag.name)});
    }
    check_test(formula, tests, findings);
  }
  for (const SourceFile& file : house.files) {
    if (file.room() != "formula" || !file.is_header()) continue;
    const auto& lines = not_formulas;
    if (std::find(lines.begin(), lines.end(), file.path) != lines.end()) continue;
    for (const Function& f : file.functions) {
      if (!needs_tags(f) || f.head.find("noexcept") != std::string::npos) continue;
      findings.push_back({file.path, f.first_line, "formula-pure",
                          f.name + " is not noexcept: formulas cannot fail"});
    }
  }
}

std::string formula_index(const House& house) {
  std::string text =
      "# Formulas\n\nWritten by `make docs` from the comments in `tightrope/formula`; a test "
      "checks "
      "that it is fresh.\n\n| function | file | what | formula | source | valid | checked by |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const Formula& f : find_formulas(house)) {
    text += fmt::format("| `{}` | {} | {} | `{}` | {} | {} | {} |\n", f.name, f.path,
                        cell(f.tags.what), cell(f.tags.formula), cell(f.tags.source),
                        cell(f.tags.valid), cell(f.tags.checked_by));
  }
  return text;
}

}  // namespace tightrope::tidy
