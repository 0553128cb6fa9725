// Plain text tables with aligned columns.
#pragma once

#include <string>
#include <vector>

namespace tightrope::report {

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

/// Collects rows and prints them as wide as they need, two blanks between columns, no blanks at the
/// end of a line. Rows shorter than the header are padded with empty cells.
class TextTable {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// `indent` blanks in front of each line.
  [[nodiscard]] std::string text(int indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Breaks a text at blanks into lines of at most `width` columns; lines after the first are
/// indented. A word that is longer than a line stays whole.
[[nodiscard]] std::string wrapped(const std::string& text, int width, int indent);

}  // namespace tightrope::report
