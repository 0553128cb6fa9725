#include "tightrope/report/formula_cards.h"

#include <map>
#include <vector>

#include <fmt/format.h>

#include "tightrope/core/check.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_headers();  // written by cmake/embed.cmake
}

namespace tightrope::report {
namespace {

std::string trimmed(std::string_view s) {
  const std::size_t first = s.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(s.substr(first, s.find_last_not_of(' ') - first + 1));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The function a declaration declares: the word before its first parenthesis; empty for the rest.
std::string declared_name(std::string_view line) {
  if (line.starts_with("[[nodiscard]] ")) line.remove_prefix(14);
  if (line.empty() || line[0] == ' ' || line[0] == '/') return {};
  const std::size_t open = line.find('(');
  if (open == std::string_view::npos || open == 0) return {};
  const std::size_t start = line.find_last_of(" *&", open) + 1;
  const std::string_view name = line.substr(start, open - start);
  const bool plain =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
  return plain && start > 0 ? std::string(name) : std::string();
}

// Puts a comment's lines under their tags; lines without a tag continue the one before.
void read_comment(const std::vector<std::string_view>& comment, FormulaCard& card) {
  struct Tag {
    std::string_view name;
    std::string FormulaCard::* member;
  };
  static constexpr Tag tags[] = {{"What:", &FormulaCard::what},
                                 {"Formula:", &FormulaCard::formula},
                                 {"Source:", &FormulaCard::source},
                                 {"Valid:", &FormulaCard::valid},
                                 {"Checked by:", nullptr}};
  std::string FormulaCard::* into = &FormulaCard::what;
  for (std::string_view line : comment) {
    std::string text = trimmed(line.substr(std::min<std::size_t>(3, line.size())));
    for (const Tag& tag : tags) {
      if (!text.starts_with(tag.name)) continue;
      into = tag.member;
      text = trimmed(std::string_view(text).substr(tag.name.size()));
      break;
    }
    if (into == nullptr || text.empty()) continue;
    std::string& target = card.*into;
    target += target.empty() ? text : " " + text;
  }
}

using Cards = std::map<std::string, FormulaCard, std::less<>>;

void read_header(const EmbeddedFile& file, Cards& cards) {
  std::vector<std::string_view> comment;
  int line_number = 0;
  for (const std::string_view line : lines_of(file.text)) {
    ++line_number;
    if (line.starts_with("///")) {
      comment.push_back(line);
      continue;
    }
    const std::string name = declared_name(line);
    if (!name.empty()) {
      FormulaCard card;
      card.name = name;
      card.file = std::string(file.path);
      card.line = line_number;
      read_comment(comment, card);
      cards.emplace(name, std::move(card));
    }
    comment.clear();
  }
}

const Cards& all_cards() {
  static const Cards cards = [] {
    Cards read;
    for (const EmbeddedFile& file : embedded_headers()) read_header(file, read);
    return read;
  }();
  return cards;
}

}  // namespace

std::string FormulaCard::place() const { return fmt::format("{}:{}", file, line); }

const FormulaCard& formula_card(std::string_view name) {
  const auto found = all_cards().find(name);
  TR_CHECK(found != all_cards().end(), name);
  return found->second;
}

}  // namespace tightrope::report
