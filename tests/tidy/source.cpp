#include "tests/tidy/source.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tightrope::tidy {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Blanks [from, to) but keeps line breaks.
void blank(std::string& text, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to && i < text.size(); ++i) {
    if (text[i] != '\n') text[i] = ' ';
  }
}

/// One past the end of the string or character literal whose quote stands at `at`.
std::size_t end_of_literal(std::string_view text, std::size_t at) {
  const char quote = text[at];
  std::size_t i = at + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

/// One past the end of the raw literal whose quote stands at `at` (after its R).
std::size_t end_of_raw_literal(std::string_view text, std::size_t at) {
  const std::size_t open = text.find('(', at);
  if (open == std::string_view::npos) return text.size();
  const std::string close = ")" + std::string(text.substr(at + 1, open - at - 1)) + "\"";
  const std::size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

/// A digit separator (1'000) is not a character literal.
bool is_digit_separator(std::string_view text, std::size_t at) {
  return at > 0 && std::isxdigit(static_cast<unsigned char>(text[at - 1])) != 0 &&
         at + 1 < text.size() && std::isxdigit(static_cast<unsigned char>(text[at + 1])) != 0;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool is_text_file(const std::filesystem::path& path) {
  static const std::vector<std::string> endings = {
      ".h",    ".cpp", ".cmake", ".txt", ".md",  ".toml", ".json", ".csv",
      ".test", ".sh",  ".py",    ".in",  ".apt", ".supp", "",      ".cff"};
  return std::find(endings.begin(), endings.end(), path.extension().string()) != endings.end();
}

}  // namespace

std::string SourceFile::room() const {
  if (!under("tightrope/")) return {};
  const std::size_t slash = path.find('/', 10);
  return slash == std::string::npos ? std::string() : path.substr(10, slash - 10);
}

std::string SourceFile::stem() const {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.rfind('.'));
}

std::string trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool find_word(std::string_view text, std::string_view word, std::size_t from, std::size_t& at) {
  for (at = text.find(word, from); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool starts = at == 0 || !is_word(text[at - 1]) || !is_word(word.front());
    const bool stops = end >= text.size() || !is_word(text[end]) || !is_word(word.back());
    if (starts && stops) return true;
  }
  return false;
}

std::string blank_comments_and_literals(std::string_view text) {
  std::string code(text);
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    if (text.substr(i, 2) == "//") {
      end = std::min(text.find('\n', i), text.size());
      blank(code, i, end);
    } else if (text.substr(i, 2) == "/*") {
      end = text.find("*/", i + 2);
      end = end == std::string_view::npos ? text.size() : end + 2;
      blank(code, i, end);
    } else if (text[i] == '"') {
      const bool raw = i > 0 && text[i - 1] == 'R';
      end = raw ? end_of_raw_literal(text, i) : end_of_literal(text, i);
      blank(code, i + 1, end - 1);
    } else if (text[i] == '\'' && !is_digit_separator(text, i)) {
      end = end_of_literal(text, i);
      blank(code, i + 1, end - 1);
    }
    i = end;
  }
  return code;
}

SourceFile make_file(std::string path, std::string text) {
  SourceFile file;
  file.path = std::move(path);
  file.text = std::move(text);
  file.lines = split(file.text, '\n');
  if (!file.lines.empty() && file.lines.back().empty()) file.lines.pop_back();
  if (file.is_cpp()) {
    file.code = blank_comments_and_literals(file.text);
    file.code_lines = split(file.code, '\n');
    file.functions = find_functions(file.code);
  }
  return file;
}

std::vector<SourceFile> read_tree(const std::string& root) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name == "build" || name == ".git" || name == ".cache")) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file() && is_text_file(it->path())) {
      paths.push_back(fs::relative(it->path(), root).generic_string());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<SourceFile> files;
  files.reserve(paths.size());
  for (const std::string& path : paths)
    files.push_back(make_file(path, read_text(fs::path(root) / path)));
  return files;
}

}  // namespace tightrope::tidy
