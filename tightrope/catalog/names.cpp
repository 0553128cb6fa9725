#include "tightrope/catalog/names.h"

#include <algorithm>
#include <cctype>

namespace tightrope::catalog {

std::string folded(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

int edit_distance(std::string_view left, std::string_view right) {
  const std::string a = folded(left);
  const std::string b = folded(right);
  std::vector<std::vector<int>> cost(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = static_cast<int>(i);
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::vector<std::string> near_names(std::string_view name, const std::vector<std::string>& known,
                                    std::size_t most) {
  struct Candidate {
    int distance;
    const std::string* name;
  };
  const std::string wanted = folded(name);
  std::vector<Candidate> candidates;
  for (const std::string& k : known) {
    const std::string other = folded(k);
    const bool holds =
        wanted.size() >= 2 && other.size() >= 2 &&
        (other.find(wanted) != std::string::npos || wanted.find(other) != std::string::npos);
    const int distance = edit_distance(wanted, other);
    const int allowed = std::max(1, static_cast<int>(std::max(wanted.size(), other.size()) / 3));
    if (holds || distance <= allowed) candidates.push_back({distance, &k});
  }
  std::ranges::stable_sort(candidates, {}, &Candidate::distance);
  std::vector<std::string> names;
  for (const Candidate& c : candidates) {
    if (names.size() == most) break;
    if (std::ranges::find(names, *c.name) == names.end()) names.push_back(*c.name);
  }
  return names;
}

std::string did_you_mean(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::string text = "did you mean ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += '"' + names[i] + '"';
  }
  return text + "?";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace tightrope::catalog
