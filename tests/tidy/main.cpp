// tidy ROOT ROOMS           checks the tree; exit 1 when a rule is broken
// tidy ROOT ROOMS --docs    prints the index of formulas (docs/formulas.md)
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "tests/tidy/rules.h"

int main(int argc, char** argv) {
  using namespace tightrope::tidy;
  if (argc < 3) {
    std::cerr << "usage: tidy ROOT ROOMS [--docs]\n";
    return 2;
  }
  std::ifstream in(argv[2]);
  std::ostringstream rooms;
  rooms << in.rdbuf();
  const House house{read_tree(argv[1]), parse_rooms(rooms.str())};
  if (house.uses.empty()) {
    std::cerr << argv[2] << ": no rooms\n";
    return 2;
  }
  if (argc > 3 && std::string(argv[3]) == "--docs") {
    std::cout << formula_index(house);
    return 0;
  }
  const std::vector<Finding> findings = check_house(house);
  for (const Finding& f : findings) {
    std::cout << f.path << ":" << f.line << ": " << f.rule << ": " << f.message << "\n";
  }
  std::cout << house.files.size() << " files, " << findings.size() << " findings\n";
  return findings.empty() ? 0 : 1;
}
