// Rules on single C++ files: includes, sizes, header form, words.
#include <algorithm>
#include <array>
#include <cctype>
#include <regex>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace tightrope::tidy {
namespace {

constexpr std::size_t file_limit = 500;
constexpr std::size_t test_file_limit = 800;
constexpr int function_limit = 70;
constexpr std::size_t line_limit = 100;

/// Rooms of the engine floor: they exchange plain tables through `study`, never headers.
constexpr std::array<std::string_view, 5> engines = {"search", "netsim", "serving", "fleet",
                                                     "procure"};

/// Headers that cost seconds to compile stay out of ours.
constexpr std::array<std::string_view, 4> heavy_headers = {"nlohmann/json.hpp", "toml++/toml.h",
                                                           "CLI/CLI.hpp", "tbb/"};

bool is_engine(const std::string& room) {
  return std::find(engines.begin(), engines.end(), room) != engines.end();
}

/// The file an #include line names, or empty.
std::string included(const std::string& line) {
  static const std::regex form(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::smatch match;
  return std::regex_search(line, match, form) ? match[1].str() : std::string();
}

void check_include(const House& house, const SourceFile& file, int line, const std::string& target,
                   std::vector<Finding>& findings) {
  const auto report = [&](const char* rule, std::string message) {
    findings.push_back({file.path, line, rule, std::move(message)});
  };
  if (target.starts_with("CLI/") && file.path != "tightrope/cli/app.cpp") {
    report("cli11", "only tightrope/cli/app.cpp sees CLI11");
  }
  for (std::string_view heavy : heavy_headers) {
    if (file.is_header() && target.starts_with(heavy)) {
      report("heavy-header", fmt::format("{} is slow to compile: include it in a .cpp", target));
    }
  }
  if (file.room().empty() || !target.starts_with("tightrope/")) return;
  const std::vector<std::string> parts = split(target, '/');
  if (parts.size() < 3 || parts[1] == file.room()) return;
  const auto declared = house.uses.find(file.room());
  if (declared == house.uses.end()) return;  // rule `room` reports it
  if (is_engine(file.room()) && is_engine(parts[1])) {
    report("engines", fmt::format("engine {} includes engine {}: pass plain tables through study",
                                  file.room(), parts[1]));
  } else if (std::find(declared->second.begin(), declared->second.end(), parts[1]) ==
             declared->second.end()) {
    report("include",
           fmt::format("room {} does not declare that it uses {}", file.room(), parts[1]));
  }
}

std::size_t columns(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool has_line_limit(const SourceFile& file) {
  return file.is_cpp() || file.ends_with(".cmake") || file.ends_with("CMakeLists.txt");
}

/// Endings that name a unit; in C++ the type carries it.
bool ends_in_unit(const std::string& name) {
  static const std::regex unit(
      "_(k|m|g|t|p|e)?(b|ib|bytes|bit|bits|bps|flop|flops)(_per_s|_s|ps)?$|"
      "_(s|ms|us|ns|sec|secs|seconds|minutes|hours|days)$|"
      "_(k|m|g)?(w|wh|watts|j|joules)$|_(usd|dollars|usd_per_hour|usd_per_h|tco2|gco2)$|"
      "_(gib|mib|kib|tib)$");
  return std::regex_search(name, unit);
}

void check_raw_units(const SourceFile& file, std::vector<Finding>& findings) {
  static const std::regex declared(
      R"(\b(?:double|float)\s*>?\s*[&*]?\s+(\w+)|\b(?:double|float)>\s*(\w+))");
  for (std::size_t i = 0; i < file.code_lines.size(); ++i) {
    const std::string& line = file.code_lines[i];
    for (std::sregex_iterator it(line.begin(), line.end(), declared), end; it != end; ++it) {
      const std::string name = (*it)[1].matched ? (*it)[1].str() : (*it)[2].str();
      if (!ends_in_unit(name)) continue;
      findings.push_back({file.path, static_cast<int>(i) + 1, "raw-unit",
                          fmt::format("'{}' is a raw number with a unit in its name: use a type of "
                                      "core/units.h",
                                      name)});
    }
  }
}

struct BannedWord {
  std::string_view word;
  std::string_view instead;
};

constexpr std::array<BannedWord, 15> banned = {{
    {"std::cout", "write to the session's stream"},
    {"std::cerr", "return an Error"},
    {"printf(", "write to the session's stream"},
    {"std::printf(", "write to the session's stream"},
    {"std::fprintf(", "return an Error"},
    {"exit(", "return an Error, or TR_CHECK for our own bugs"},
    {"abort(", "TR_CHECK"},
    {"rand(", "results must not depend on chance"},
    {"srand(", "results must not depend on chance"},
    {"std::random_device", "results must not depend on chance"},
    {"std::time(", "results must not depend on the clock"},
    {"time(nullptr)", "results must not depend on the clock"},
    {"system_clock::now", "results must not depend on the clock"},
    {"getenv(", "results must not depend on the environment"},
    {"assert(", "TR_CHECK, which is always armed"},
}};

/// Doors talk to the world; core/check.cpp ends the program; tests may do as they like.
bool may_use_banned_words(const SourceFile& file) {
  return file.room().empty() || file.room() == "cli" || file.is_test() ||
         file.path == "tightrope/core/check.cpp";
}

void check_banned_words(const SourceFile& file, std::vector<Finding>& findings) {
  for (std::size_t i = 0; i < file.code_lines.size(); ++i) {
    for (const BannedWord& entry : banned) {
      std::size_t at = 0;
      if (!find_word(file.code_lines[i], entry.word, 0, at)) continue;
      if (at > 0 && file.code_lines[i][at - 1] == '.') continue;
      findings.push_back({file.path, static_cast<int>(i) + 1, "banned",
                          fmt::format("'{}' has no place here: {}", entry.word, entry.instead)});
    }
  }
}

}  // namespace

void check_includes(const House& house, std::vector<Finding>& findings) {
  for (const SourceFile& file : house.files) {
    if (!file.is_cpp()) continue;
    if (!file.room().empty() && !house.uses.contains(file.room())) {
      findings.push_back({file.path, 1, "room", "no tr_room() declares room " + file.room()});
    }
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::string target = included(file.lines[i]);
      const int line = static_cast<int>(i) + 1;
      if (target.empty()) continue;
      if (!file.room().empty() && file.lines[i].find('"') != std::string::npos &&
          !target.starts_with("tightrope/")) {
        findings.push_back({file.path, line, "include-path",
                            "write the whole path: #include \"tightrope/<room>/<file>.h\""});
      }
      check_include(house, file, line, target, findings);
    }
  }
}

void check_sizes(const House& house, std::vector<Finding>& findings) {
  for (const SourceFile& file : house.files) {
    const std::size_t limit = file.is_test() ? test_file_limit : file_limit;
    if (file.is_cpp() && file.lines.size() > limit) {
      findings.push_back(
          {file.path, static_cast<int>(file.lines.size()), "file-lines",
           fmt::format("{} lines, {} allowed: split by meaning", file.lines.size(), limit)});
    }
    for (const Function& f : file.functions) {
      const int length = f.last_line - f.first_line + 1;
      if (!f.has_body || length <= function_limit) continue;
      findings.push_back(
          {file.path, f.first_line, "function-lines",
           fmt::format("{} has {} lines, {} allowed", f.name, length, function_limit)});
    }
    for (std::size_t i = 0; has_line_limit(file) && i < file.lines.size(); ++i) {
      if (columns(file.lines[i]) <= line_limit) continue;
      findings.push_back(
          {file.path, static_cast<int>(i) + 1, "line-columns",
           fmt::format("{} columns, {} allowed", columns(file.lines[i]), line_limit)});
    }
  }
}

void check_headers(const House& house, std::vector<Finding>& findings) {
  for (const SourceFile& file : house.files) {
    if (!file.is_header()) continue;
    if (file.text.find("#pragma once") == std::string::npos) {
      findings.push_back({file.path, 1, "pragma-once", "a header starts with #pragma once"});
    }
    if (file.room().empty()) continue;
    const std::string space =
        file.room() == "core" ? "namespace tightrope" : "namespace tightrope::" + file.room();
    std::size_t at = 0;
    if (!find_word(file.code, space, 0, at)) {
      findings.push_back({file.path, 1, "namespace", "the folder is the namespace: " + space});
    }
    if (!file.lines.empty() && !file.lines[0].starts_with("//")) {
      findings.push_back({file.path, 1, "header-comment", "a header starts by saying what it is"});
    }
    if (!file.stem().ends_with("_internal")) check_raw_units(file, findings);
  }
}

void check_words(const House& house, std::vector<Finding>& findings) {
  static const std::regex todo(R"(\b(TODO|FIXME|XXX|HACK)\b)");
  static const std::regex issue(R"(\b(TODO|FIXME|XXX|HACK)\b\s*\(?#\d+)");
  for (const SourceFile& file : house.files) {
    if (!file.is_cpp() && !file.ends_with(".cmake")) continue;
    if (!may_use_banned_words(file)) check_banned_words(file, findings);
    if (file.under("tests/tidy/")) continue;  // its samples break the rules on purpose
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      if (!std::regex_search(file.lines[i], todo) || std::regex_search(file.lines[i], issue)) {
        continue;
      }
      findings.push_back(
          {file.path, static_cast<int>(i) + 1, "todo", "do it, or name its issue: TODO(#12)"});
    }
  }
}

}  // namespace tightrope::tidy
