// Names that .lp and .mps accept.
#include <cctype>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tightrope/milp/library_internal.h"

namespace tightrope::milp {
namespace {

constexpr std::size_t longest = 90;  // CoinLpIO stops at 100

/// Letters, digits, `_` and `.`; does not start like a number (`e5` is one, in .lp).
std::string plain(const std::string& name, char prefix) {
  std::string out;
  for (char c : name) {
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
    if (kept) out += c;
    if (!kept && !out.empty() && out.back() != '_') out += '_';
  }
  while (out.ends_with('_')) out.pop_back();
  const bool bad = out.empty() || std::isalpha(static_cast<unsigned char>(out[0])) == 0 ||
                   out[0] == 'e' || out[0] == 'E' || out.size() < 4;
  if (bad) out = fmt::format("{}_{}", prefix, out);
  if (out.size() > longest) out.resize(longest);
  return out;
}

class Unique {
 public:
  std::string operator()(const std::string& name, char prefix, std::size_t index) {
    std::string out = plain(name, prefix);
    if (!seen_.insert(out).second) {
      out = fmt::format("{}_{}{}", out, prefix, index);
      seen_.insert(out);
    }
    return out;
  }

 private:
  std::set<std::string> seen_;
};

}  // namespace

std::vector<std::string> variable_names(const Model& model) {
  Unique unique;
  std::vector<std::string> names;
  for (const Variable& v : model.variables()) names.push_back(unique(v.name, 'x', names.size()));
  return names;
}

std::vector<std::string> row_names(const Model& model) {
  Unique unique;
  std::vector<std::string> names;
  for (const Row& r : model.rows()) names.push_back(unique(r.name, 'r', names.size()));
  return names;
}

}  // namespace tightrope::milp
