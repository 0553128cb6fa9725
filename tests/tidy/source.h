// Files as the tidy rules see them: text, code without comments and literals, functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tightrope::tidy {

/// Something at namespace or class scope that has a parameter list.
struct Function {
  std::string name;   ///< identifier before the parameter list
  std::string head;   ///< declaration up to `{` or `;`, comments and literals blanked
  std::string scope;  ///< enclosing namespaces and types: "tightrope::formula"
  bool in_type = false;
  bool has_body = false;
  int first_line = 0;  ///< of the declaration, from 1
  int last_line = 0;   ///< of the closing brace or the semicolon
};

/// One text file of the repository.
struct SourceFile {
  std::string path;  ///< relative to the root, with '/'
  std::string text;
  std::string code;  ///< C++ only: same length, comments and literals blanked
  std::vector<std::string> lines;
  std::vector<std::string> code_lines;
  std::vector<Function> functions;

  [[nodiscard]] bool ends_with(std::string_view ending) const { return path.ends_with(ending); }
  [[nodiscard]] bool under(std::string_view folder) const { return path.starts_with(folder); }
  [[nodiscard]] bool is_header() const { return ends_with(".h"); }
  [[nodiscard]] bool is_cpp() const { return is_header() || ends_with(".cpp"); }
  [[nodiscard]] bool is_test() const { return ends_with("_test.cpp") || under("tests/"); }
  /// The folder under tightrope/, or empty.
  [[nodiscard]] std::string room() const;
  /// "step" of "tightrope/step/step.h".
  [[nodiscard]] std::string stem() const;
};

/// Builds a file from its text; finds lines, code and functions.
[[nodiscard]] SourceFile make_file(std::string path, std::string text);

/// Comments, string and character literals (raw ones too) replaced by blanks; line breaks kept.
[[nodiscard]] std::string blank_comments_and_literals(std::string_view text);

/// Functions declared or defined outside other functions. Reads brace structure, not grammar: good
/// enough for code that compiles and is formatted by clang-format.
[[nodiscard]] std::vector<Function> find_functions(const std::string& code);

/// All text files under `root`, in path order, without build products.
[[nodiscard]] std::vector<SourceFile> read_tree(const std::string& root);

/// True when `text` holds `word` with no identifier character on either side, from `from` on;
/// `at` receives where.
bool find_word(std::string_view text, std::string_view word, std::size_t from, std::size_t& at);

[[nodiscard]] std::string trim(std::string_view text);
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

}  // namespace tightrope::tidy
