// A TOML file as a small tree that knows the line and column of every key and value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/result.h"

namespace tightrope::catalog {

/// A line and column of the file at hand, from 1; 0 means unknown.
struct Spot {
  int line = 0, column = 0;
};

/// One value of a TOML file.
struct TomlNode {
  enum class Kind { text, integer, number, boolean, date, array, table, other };

  Kind kind = Kind::other;
  std::string text;               ///< of text and date (YYYY-MM-DD)
  double number = 0.0;            ///< of integer and number
  std::int64_t integer = 0;       ///< of integer
  bool flag = false;              ///< of a boolean
  std::vector<TomlNode> items;    ///< of an array; of a table its values, in file order
  std::vector<std::string> keys;  ///< of a table, beside `items`
  std::vector<Spot> key_where;    ///< of a table, beside `items`
  Spot where;

  /// The value of a key; nullptr when this is no table or has no such key.
  [[nodiscard]] const TomlNode* find(std::string_view key) const;
};

/// "text", "an integer", ... for messages.
[[nodiscard]] const char* to_string(TomlNode::Kind kind);

/// Reads one TOML text. Errors: ErrorCode::syntax with file:line:column.
[[nodiscard]] Result<TomlNode> parse_toml(std::string_view text, const std::string& file);

}  // namespace tightrope::catalog
