// The house rules that no compiler checks. Each is a function from the tree to findings.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/tidy/source.h"

namespace tightrope::tidy {

/// One breach: where, which rule, and what to do.
struct Finding {
  std::string path;
  int line = 0;
  std::string rule;
  std::string message;
};

/// Everything the rules look at.
struct House {
  std::vector<SourceFile> files;
  std::map<std::string, std::vector<std::string>> uses;  ///< rooms.txt: room -> rooms it may use
};

/// Reads `room: used used` lines.
[[nodiscard]] std::map<std::string, std::vector<std::string>> parse_rooms(const std::string& text);

/// All rules; findings in file order. A line that holds (or follows one that holds)
/// `tidy-allow(rule): reason` is excused; an excuse that excuses nothing is a finding itself.
[[nodiscard]] std::vector<Finding> check_house(const House& house);

// The groups, for tests. None of them honours tidy-allow.
void check_includes(const House& house, std::vector<Finding>& findings);
void check_sizes(const House& house, std::vector<Finding>& findings);
void check_headers(const House& house, std::vector<Finding>& findings);
void check_words(const House& house, std::vector<Finding>& findings);
void check_formulas(const House& house, std::vector<Finding>& findings);
void check_catalog(const House& house, std::vector<Finding>& findings);
void check_dead_files(const House& house, std::vector<Finding>& findings);
void check_papers(const House& house, std::vector<Finding>& findings);

/// What the five tags of a formula say.
struct FormulaTags {
  std::string what, formula, source, valid, checked_by;
};
struct Formula {
  std::string path, name;
  int line = 0;
  FormulaTags tags;
};
/// Every public function of tightrope/formula that must carry tags, in file order.
[[nodiscard]] std::vector<Formula> find_formulas(const House& house);

/// docs/formulas.md: one row a formula.
[[nodiscard]] std::string formula_index(const House& house);

}  // namespace tightrope::tidy
