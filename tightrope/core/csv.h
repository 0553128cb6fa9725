// CSV tables (RFC 4180) with a header row, read whole; columns are asked for by name.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/result.h"

namespace tightrope {

/// A table of text cells. Rows shorter than the header are padded with empty cells when read.
class CsvTable {
 public:
  /// Reads a file. Errors: io, syntax (a row longer than the header, broken quoting, no header).
  [[nodiscard]] static Result<CsvTable> read(const std::string& path);
  /// Reads a text; `name` stands for the file in errors.
  [[nodiscard]] static Result<CsvTable> parse(std::string_view text, const std::string& name);

  [[nodiscard]] std::size_t rows() const { return cells_.size(); }
  [[nodiscard]] const std::vector<std::string>& header() const { return header_; }
  [[nodiscard]] bool has(std::string_view column) const;
  /// Errors: unknown_key when a column is absent, naming the ones that are there.
  [[nodiscard]] Result<void> require(const std::vector<std::string>& columns) const;
  /// The cell, or an empty text when the table has no such column.
  [[nodiscard]] const std::string& at(std::size_t row, std::string_view column) const;
  /// A number, or `absent` when the cell is empty. Errors: type, with file and row.
  [[nodiscard]] Result<double> number(std::size_t row, std::string_view column,
                                      double absent) const;
  /// Where a row begins, for error messages.
  [[nodiscard]] Where where(std::size_t row) const;

 private:
  std::string name_;
  std::vector<std::string> header_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<std::vector<std::string>> cells_;
  std::vector<int> lines_;
};

/// Reads a whole file. Errors: not_found, io.
[[nodiscard]] Result<std::string> read_file(const std::string& path);
/// Replaces a file as a whole or leaves it as it was. Errors: io.
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view text);
/// One CSV cell, quoted when it must be.
[[nodiscard]] std::string csv_cell(std::string_view text);

}  // namespace tightrope
