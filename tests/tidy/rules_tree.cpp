// Rules on the tree as a whole: catalog facts, dead files, the papers.
#include <algorithm>
#include <array>
#include <regex>
#include <set>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace tightrope::tidy {
namespace {

/// TOML with strings and comments blanked, line breaks kept.
std::string blank_toml(std::string_view text) {
  std::string code(text);
  char quote = 0;
  bool comment = false;
  for (char& c : code) {
    if (c == '\n') {
      comment = false;
      quote = 0;
    } else if (comment) {
      c = ' ';
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        c = ' ';
    } else if (c == '#') {
      comment = true;
      c = ' ';
    } else if (c == '"' || c == '\'') {
      quote = c;
    }
  }
  return code;
}

/// The keys that stand directly inside the braces that open at `open`; `close` receives their end.
std::set<std::string> keys_of_table(const std::string& code, std::size_t open, std::size_t& close) {
  std::set<std::string> keys;
  std::string word;
  int depth = 0;
  for (close = open; close < code.size(); ++close) {
    const char c = code[close];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth == 0) break;
    if (depth != 1) continue;
    if (c == '=') keys.insert(trim(word));
    if (c == '=' || c == ',' || c == '{')
      word.clear();
    else
      word += c;
  }
  return keys;
}

int line_at(const std::string& text, std::size_t at) {
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<long>(at), '\n'));
}

void check_facts(const SourceFile& file, std::vector<Finding>& findings) {
  const std::string code = blank_toml(file.text);
  for (std::size_t at = code.find('{'); at != std::string::npos; at = code.find('{', at + 1)) {
    std::size_t close = at;
    const std::set<std::string> keys = keys_of_table(code, at, close);
    if (!keys.contains("value")) continue;
    for (const char* needed : {"source", "as_of", "grade"}) {
      if (keys.contains(needed)) continue;
      findings.push_back(
          {file.path, line_at(code, at), "fact", fmt::format("a number without '{}'", needed)});
    }
  }
}

/// `key = "80 GB"` outside braces: a quantity with no provenance.
void check_bare_quantities(const SourceFile& file, std::vector<Finding>& findings) {
  static const std::regex bare(
      R"re(^\s*\w+\s*=\s*"[0-9][0-9.,]*\s+[A-Za-z]+(/[A-Za-z]+)?"\s*(#.*)?$)re");
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    if (!std::regex_match(file.lines[i], bare)) continue;
    findings.push_back({file.path, static_cast<int>(i) + 1, "fact",
                        "a bare quantity: write { value, source, as_of, grade }"});
  }
}

bool includes(const SourceFile& file, const std::string& header) {
  return file.text.find("#include \"" + header + "\"") != std::string::npos;
}

void check_dead_headers(const House& house, std::vector<Finding>& findings) {
  for (const SourceFile& header : house.files) {
    if (!header.is_header() || header.room().empty()) continue;
    const bool for_tests = header.stem().starts_with("test_");
    const bool used =
        std::any_of(house.files.begin(), house.files.end(), [&](const SourceFile& file) {
          return file.is_cpp() && file.path != header.path &&
                 (for_tests || !file.ends_with("_test.cpp")) && file.stem() != header.stem() &&
                 includes(file, header.path);
        });
    if (!used) {
      findings.push_back({header.path, 1, "dead", "nobody includes this header"});
    }
  }
}

/// Files that must be named by another file, since no glob picks them up.
bool must_be_named(const SourceFile& file) {
  if (file.under("examples/configs/")) return false;  // real configs, read by tests by folder
  return file.under("cmake/") || file.under("docs/") || file.under("examples/") ||
         file.under("tests/determinism/") || file.under("tests/install/") ||
         (file.under("tests/") && file.ends_with(".cmake")) || file.ends_with(".sh");
}

/// True when `other` names the file; one with a common name goes by its folder.
bool names(const SourceFile& other, const SourceFile& file) {
  const std::string name = file.path.substr(file.path.rfind('/') + 1);
  const std::string folder = file.path.substr(0, file.path.rfind('/'));
  const bool common = name == "config.json" || name == "README.md" || name == "CMakeLists.txt";
  const std::string needle = common ? folder.substr(folder.rfind('/') + 1) : name;
  return other.text.find(needle) != std::string::npos;
}

void check_paper_size(const SourceFile& file, std::string_view path, std::size_t limit,
                      std::vector<Finding>& findings) {
  if (file.path != path || file.lines.size() <= limit) return;
  findings.push_back({file.path, static_cast<int>(file.lines.size()), "paper",
                      fmt::format("{} lines, {} allowed", file.lines.size(), limit)});
}

void check_decision(const SourceFile& file, std::vector<Finding>& findings) {
  if (!file.under("docs/decisions/0")) return;
  for (const char* part : {"## Context", "## Choice", "## Rejected", "## Price"}) {
    if (file.text.find(part) != std::string::npos) continue;
    findings.push_back({file.path, 1, "paper", fmt::format("a decision has a part '{}'", part)});
  }
}

/// Paths in backticks must exist, so that the papers do not rot.
void check_paths(const House& house, const SourceFile& file, std::vector<Finding>& findings) {
  static const std::regex form(
      "`((?:tightrope|tests|cmake|docs|catalog|calibration|examples|validation|bench)"
      "/[\\w./-]+)`");
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& line = file.lines[i];
    for (std::sregex_iterator it(line.begin(), line.end(), form), end; it != end; ++it) {
      const std::string path = (*it)[1].str();
      const bool exists = std::any_of(house.files.begin(), house.files.end(), [&](const auto& f) {
        return f.path == path || f.path.starts_with(path.ends_with("/") ? path : path + "/");
      });
      if (exists) continue;
      findings.push_back({file.path, static_cast<int>(i) + 1, "paper",
                          fmt::format("names {}, which does not exist", path)});
    }
  }
}

void check_formula_index(const House& house, std::vector<Finding>& findings) {
  if (find_formulas(house).empty()) return;
  const std::string path = "docs/formulas.md";
  const auto file = std::find_if(house.files.begin(), house.files.end(),
                                 [&](const SourceFile& f) { return f.path == path; });
  if (file != house.files.end() && file->text == formula_index(house)) return;
  findings.push_back({path, 1, "paper", "not what the comments say: run `make docs`"});
}

}  // namespace

void check_catalog(const House& house, std::vector<Finding>& findings) {
  for (const SourceFile& file : house.files) {
    if (!file.under("catalog/") || !file.ends_with(".toml")) continue;
    check_facts(file, findings);
    check_bare_quantities(file, findings);
  }
}

void check_dead_files(const House& house, std::vector<Finding>& findings) {
  check_dead_headers(house, findings);
  for (const SourceFile& file : house.files) {
    if (!must_be_named(file)) continue;
    const bool named =
        std::any_of(house.files.begin(), house.files.end(), [&](const SourceFile& other) {
          return other.path != file.path && !other.ends_with(".csv") && names(other, file);
        });
    if (!named) findings.push_back({file.path, 1, "dead", "no other file names this one"});
  }
}

void check_papers(const House& house, std::vector<Finding>& findings) {
  check_formula_index(house, findings);
  for (const SourceFile& file : house.files) {
    check_paper_size(file, "ARCHITECTURE.md", 250, findings);
    check_paper_size(file, "STYLE.md", 150, findings);
    check_paper_size(file, "setup", 120, findings);
    check_decision(file, findings);
    const bool paper = file.ends_with(".md") && file.path.find('/') == std::string::npos;
    if (paper && file.path != "CHANGELOG.md") check_paths(house, file, findings);
    if (file.path != "ARCHITECTURE.md") continue;
    for (const auto& [room, uses] : house.uses) {
      if (file.text.find("`" + room + "`") != std::string::npos) continue;
      findings.push_back({file.path, 1, "paper", "the code map leaves out room `" + room + "`"});
    }
  }
}

}  // namespace tightrope::tidy
