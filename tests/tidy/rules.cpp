#include "tests/tidy/rules.h"

#include <algorithm>
#include <regex>
#include <set>
#include <tuple>
#include <utility>

namespace tightrope::tidy {
namespace {

struct Excuse {
  std::string rule;
  int line = 0;
  bool used = false;
};

std::vector<Excuse> excuses_of(const SourceFile& file, std::vector<Finding>& findings) {
  static const std::regex form(R"(tidy-allow\(([a-z0-9-]+)\)(:\s*\S+)?)");
  std::vector<Excuse> excuses;
  if (file.under("tests/tidy/") || !file.is_cpp()) return excuses;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    std::smatch match;
    if (!std::regex_search(file.lines[i], match, form)) continue;
    const int line = static_cast<int>(i) + 1;
    if (!match[2].matched) {
      findings.push_back({file.path, line, "excuse", "tidy-allow(...) needs a reason"});
    }
    excuses.push_back({match[1].str(), line, false});
  }
  return excuses;
}

void excuse(const SourceFile& file, std::vector<Finding>& findings) {
  std::vector<Excuse> excuses = excuses_of(file, findings);
  std::erase_if(findings, [&](const Finding& finding) {
    if (finding.path != file.path) return false;
    for (Excuse& e : excuses) {
      if (e.rule != finding.rule || (e.line != finding.line && e.line + 1 != finding.line))
        continue;
      e.used = true;
      return true;
    }
    return false;
  });
  for (const Excuse& e : excuses) {
    if (e.used) continue;
    findings.push_back({file.path, e.line, "excuse", "tidy-allow(" + e.rule + ") excuses nothing"});
  }
}

}  // namespace

std::map<std::string, std::vector<std::string>> parse_rooms(const std::string& text) {
  std::map<std::string, std::vector<std::string>> rooms;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::vector<std::string>& uses = rooms[line.substr(0, colon)];
    for (const std::string& room : split(trim(line.substr(colon + 1)), ' ')) {
      if (!room.empty()) uses.push_back(room);
    }
  }
  return rooms;
}

std::vector<Finding> check_house(const House& house) {
  std::vector<Finding> findings;
  for (auto* check : {check_includes, check_sizes, check_headers, check_words, check_formulas,
                      check_catalog, check_dead_files, check_papers}) {
    check(house, findings);
  }
  for (const SourceFile& file : house.files) excuse(file, findings);
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.path, a.line, a.rule) < std::tie(b.path, b.line, b.rule);
  });
  return findings;
}

}  // namespace tightrope::tidy
