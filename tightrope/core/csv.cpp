#include "tightrope/core/csv.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <csv.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tightrope {
namespace {

struct Reader {
  std::vector<std::vector<std::string>> rows;
  std::vector<int> lines;
  std::vector<std::string> current;
  int line = 1;
  int row_line = 1;
};

void on_field(void* data, std::size_t size, void* user) {
  auto& reader = *static_cast<Reader*>(user);
  std::string cell(static_cast<const char*>(data), size);
  for (char c : cell) reader.line += c == '\n' ? 1 : 0;
  reader.current.push_back(std::move(cell));
}

void on_row(int, void* user) {
  auto& reader = *static_cast<Reader*>(user);
  reader.rows.push_back(std::move(reader.current));
  reader.lines.push_back(reader.row_line);
  reader.current.clear();
  reader.row_line = ++reader.line;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path)) {
    return fail(ErrorCode::not_found, fmt::format("cannot read \"{}\"", path), {},
                "check the path and its permissions");
  }
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Result<void> write_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".part";
  {
    std::ofstream out(temporary, std::ios::binary);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.flush();
    if (!out) {
      std::remove(temporary.c_str());
      return fail(ErrorCode::io, fmt::format("cannot write \"{}\"", path), {},
                  "check that the folder exists and is writable");
    }
  }
  std::error_code status;
  std::filesystem::rename(temporary, path, status);
  if (status) {
    std::remove(temporary.c_str());
    return fail(ErrorCode::io, fmt::format("cannot write \"{}\": {}", path, status.message()));
  }
  return {};
}

Result<CsvTable> CsvTable::read(const std::string& path) {
  TR_TRY(const std::string text, read_file(path));
  return parse(text, path);
}

Result<CsvTable> CsvTable::parse(std::string_view text, const std::string& name) {
  Reader reader;
  csv_parser parser;
  csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL);
  const std::size_t used = csv_parse(&parser, text.data(), text.size(), on_field, on_row, &reader);
  const bool complete = used == text.size() && csv_fini(&parser, on_field, on_row, &reader) == 0;
  csv_free(&parser);
  if (!complete) {
    return fail(ErrorCode::syntax, "a quoted cell is broken or never closed",
                {name, reader.row_line, 0}, "quote cells as RFC 4180 does: \"a \"\"b\"\" c\"");
  }
  if (reader.rows.empty()) {
    return fail(ErrorCode::syntax, "the table is empty", {name, 1, 0},
                "the first row names the columns");
  }
  CsvTable table;
  table.name_ = name;
  table.header_ = std::move(reader.rows.front());
  for (std::size_t i = 0; i < table.header_.size(); ++i) table.index_[table.header_[i]] = i;
  for (std::size_t i = 1; i < reader.rows.size(); ++i) {
    auto& row = reader.rows[i];
    if (row.size() > table.header_.size()) {
      return fail(
          ErrorCode::syntax,
          fmt::format("row has {} cells, the header names {}", row.size(), table.header_.size()),
          {name, reader.lines[i], 0}, "quote cells that contain commas");
    }
    row.resize(table.header_.size());
    table.cells_.push_back(std::move(row));
    table.lines_.push_back(reader.lines[i]);
  }
  return table;
}

bool CsvTable::has(std::string_view column) const { return index_.find(column) != index_.end(); }

Result<void> CsvTable::require(const std::vector<std::string>& columns) const {
  for (const std::string& column : columns) {
    if (!has(column)) {
      return fail(ErrorCode::unknown_key, fmt::format("column \"{}\" is missing", column),
                  {name_, 1, 0}, fmt::format("the header names: {}", fmt::join(header_, ", ")));
    }
  }
  return {};
}

const std::string& CsvTable::at(std::size_t row, std::string_view column) const {
  static const std::string none;
  const auto found = index_.find(column);
  return found == index_.end() ? none : cells_[row][found->second];
}

Result<double> CsvTable::number(std::size_t row, std::string_view column, double absent) const {
  const std::string& cell = at(row, column);
  if (cell.empty()) return absent;
  double value = 0.0;
  const auto [end, status] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (status != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value)) {
    return fail(ErrorCode::type, fmt::format("column \"{}\": \"{}\" is not a number", column, cell),
                where(row));
  }
  return value;
}

Where CsvTable::where(std::size_t row) const { return {name_, lines_[row], 0}; }

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    quoted += c;
    if (c == '"') quoted += '"';
  }
  return quoted + "\"";
}

}  // namespace tightrope
