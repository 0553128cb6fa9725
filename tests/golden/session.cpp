#include "tests/golden/session.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <sstream>

namespace tightrope::golden {
namespace {

constexpr std::string_view exit_mark = "--- exit ";
constexpr std::string_view err_mark = "--- stderr";
constexpr std::string_view tolerance_mark = "# tolerance: ";

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// Reads `-1,234.5e6` at the front of `text`; returns its length, 0 when there is no number.
std::size_t read_number(std::string_view text, double& value) {
  std::string digits;
  std::size_t length = 0;
  while (length < text.size()) {
    const char c = text[length];
    const bool sign = (c == '-' || c == '+') && (length == 0 || text[length - 1] == 'e');
    const bool group = c == ',' && length > 0 && is_digit(text[length - 1]) &&
                       length + 1 < text.size() && is_digit(text[length + 1]);
    const bool exponent = c == 'e' && length > 0 && is_digit(text[length - 1]) &&
                          length + 1 < text.size() && !std::isalpha(text[length + 1]);
    const bool point = c == '.' && length + 1 < text.size() && is_digit(text[length + 1]);
    if (!is_digit(c) && !sign && !group && !exponent && !point) break;
    if (!group && c != '+') digits += c;
    ++length;
  }
  const auto end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  return read.ec == std::errc() && read.ptr == end ? length : 0;
}

bool is_near(double wanted, double got, double tolerance) {
  return std::abs(wanted - got) <= tolerance * std::max(std::abs(wanted), std::abs(got));
}

bool is_marked_number(std::string_view text, std::size_t at) {
  return text[at] == '~' && at + 1 < text.size() && (is_digit(text[at + 1]) || text[at + 1] == '-');
}

bool has_marks(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_marked_number(text, i) || text.substr(i, 3) == "<*>") return true;
  }
  return false;
}

/// Runs of blanks and of table rules become one character; blanks at the end go.
std::string squeezed(std::string_view text) {
  std::string out;
  for (char c : text) {
    if ((c == ' ' || c == '-') && !out.empty() && out.back() == c) continue;
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool match_from(std::string_view expected, std::string_view actual, double tolerance) {
  while (!expected.empty()) {
    if (expected.starts_with("<*>")) {
      for (std::size_t skip = 0; skip <= actual.size(); ++skip) {
        if (match_from(expected.substr(3), actual.substr(skip), tolerance)) return true;
      }
      return false;
    }
    double wanted = 0, got = 0;
    if (is_marked_number(expected, 0) && !actual.starts_with("~")) {
      const std::size_t a = read_number(expected.substr(1), wanted);
      const std::size_t b = read_number(actual, got);
      if (b == 0 || !is_near(wanted, got, tolerance)) return false;
      expected.remove_prefix(a + 1);
      actual.remove_prefix(b);
    } else {
      if (actual.empty() || actual.front() != expected.front()) return false;
      expected.remove_prefix(1);
      actual.remove_prefix(1);
    }
  }
  return actual.empty();
}

/// Words between blanks; the blanks lead their word.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < line.size();) {
    const std::size_t word = std::min(line.find_first_not_of(' ', i), line.size());
    const std::size_t end = std::min(line.find(' ', word), line.size());
    words.push_back(line.substr(i, end - i));
    i = end;
  }
  return words;
}

/// Where the numbers of a word begin: "51.5-68.3" has two.
std::vector<std::size_t> numbers_in(std::string_view word) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < word.size();) {
    double value = 0;
    const bool sign = word[i] == '-' && places.empty() && i + 1 < word.size();
    const std::size_t length = is_digit(word[i]) || sign ? read_number(word.substr(i), value) : 0;
    if (length > 0) places.push_back(i);
    i += std::max<std::size_t>(length, 1);
  }
  return places;
}

/// `actual` with a `~` before each number that has one in the same word and place of `expected`.
std::string carry_marks(const std::string& expected, const std::string& actual) {
  const std::vector<std::string> old_words = words_of(expected);
  std::vector<std::string> new_words = words_of(actual);
  if (old_words.size() != new_words.size()) return actual;
  std::string line;
  for (std::size_t i = 0; i < new_words.size(); ++i) {
    const std::vector<std::size_t> was = numbers_in(old_words[i]), is = numbers_in(new_words[i]);
    for (std::size_t n = std::min(was.size(), is.size()); n-- > 0;) {
      const bool marked = was[n] > 0 && is_marked_number(old_words[i], was[n] - 1);
      if (marked) new_words[i].insert(is[n], "~");
    }
    line += new_words[i];
  }
  return line;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

Session parse_session(std::string_view text) {
  Session session;
  std::vector<std::string>* target = nullptr;
  int number = 0;
  for (const std::string& line : lines_of(text)) {
    ++number;
    if (line.starts_with("$ ")) {
      session.steps.push_back({line.substr(2), number, {}});
      target = &session.steps.back().expected.out;
    } else if (target == nullptr) {
      session.comment.push_back(line);
      if (line.starts_with(tolerance_mark)) {
        read_number(line.substr(tolerance_mark.size()), session.tolerance);
        session.tolerance /= 100.0;
      }
    } else if (line == err_mark) {
      target = &session.steps.back().expected.err;
    } else if (line.starts_with(exit_mark)) {
      session.steps.back().expected.exit_code = std::stoi(line.substr(exit_mark.size()));
      target = &session.steps.back().expected.out;
    } else {
      target->push_back(line);
    }
  }
  for (Step& step : session.steps) {  // a blank line before the next command is for the eye
    Output& output = step.expected;
    auto& last = output.err.empty() ? output.out : output.err;
    while (!last.empty() && last.back().empty()) last.pop_back();
    while (!output.out.empty() && output.out.back().empty()) output.out.pop_back();
  }
  return session;
}

std::string to_text(const Session& session) {
  std::string text;
  for (const std::string& line : session.comment) text += line + "\n";
  for (std::size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    text += (i > 0 ? "\n$ " : "$ ") + step.command + "\n";
    for (const std::string& line : step.expected.out) text += line + "\n";
    if (!step.expected.err.empty()) text += std::string(err_mark) + "\n";
    for (const std::string& line : step.expected.err) text += line + "\n";
    if (step.expected.exit_code != 0) {
      text += std::string(exit_mark) + std::to_string(step.expected.exit_code) + "\n";
    }
  }
  return text;
}

bool matches(const std::string& expected, const std::string& actual, double tolerance) {
  if (expected == actual) return true;
  return has_marks(expected) && match_from(squeezed(expected), squeezed(actual), tolerance);
}

bool matches(const std::vector<std::string>& expected, const std::vector<std::string>& actual,
             double tolerance) {
  // reach[j]: the expected lines so far can stand for the first j actual lines.
  std::vector<bool> reach(actual.size() + 1, false);
  reach[0] = true;
  for (const std::string& line : expected) {
    std::vector<bool> next(actual.size() + 1, false);
    for (std::size_t j = 0; j <= actual.size(); ++j) {
      if (line == "...") {
        next[j] = reach[j] || (j > 0 && next[j - 1]);
      } else if (j > 0 && reach[j - 1]) {
        next[j] = matches(line, actual[j - 1], tolerance);
      }
    }
    reach = std::move(next);
  }
  return reach[actual.size()];
}

std::vector<std::string> merge(const std::vector<std::string>& expected,
                               const std::vector<std::string>& actual, double tolerance) {
  if (matches(expected, actual, tolerance)) return expected;
  std::vector<std::string> merged;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (i >= expected.size()) {
      merged.push_back(actual[i]);
    } else if (matches(expected[i], actual[i], tolerance)) {
      merged.push_back(expected[i]);
    } else {
      merged.push_back(carry_marks(expected[i], actual[i]));
    }
  }
  return merged;
}

std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual, double tolerance) {
  std::string text;
  const std::size_t count = std::max(expected.size(), actual.size());
  for (std::size_t i = 0; i < count; ++i) {
    const bool both = i < expected.size() && i < actual.size();
    if (both && matches(expected[i], actual[i], tolerance)) {
      text += "  " + actual[i] + "\n";
      continue;
    }
    if (i < expected.size()) text += "- " + expected[i] + "\n";
    if (i < actual.size()) text += "+ " + actual[i] + "\n";
  }
  return text;
}

}  // namespace tightrope::golden
