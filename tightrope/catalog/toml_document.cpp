#include "tightrope/catalog/toml_document.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace tightrope::catalog {
namespace {

Spot spot_of(const toml::source_region& region) {
  return {static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

TomlNode convert(const toml::node& node);

void convert_table(const toml::table& table, TomlNode& out) {
  struct Member {
    Spot key_where;
    std::string_view key;
    const toml::node* value;
  };
  std::vector<Member> members;
  members.reserve(table.size());
  for (const auto& [key, value] : table) {
    Spot spot = spot_of(key.source());
    if (spot.line == 0) spot = spot_of(value.source());
    members.push_back({spot, key.str(), &value});
  }
  std::ranges::sort(members, [](const Member& a, const Member& b) {
    return std::tie(a.key_where.line, a.key_where.column, a.key) <
           std::tie(b.key_where.line, b.key_where.column, b.key);
  });
  out.keys.reserve(members.size());
  out.key_where.reserve(members.size());
  out.items.reserve(members.size());
  for (const Member& member : members) {
    out.keys.emplace_back(member.key);
    out.key_where.push_back(member.key_where);
    out.items.push_back(convert(*member.value));
  }
}

void convert_scalar(const toml::node& node, TomlNode& out) {
  if (const auto* text = node.as_string()) {
    out.kind = TomlNode::Kind::text;
    out.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.kind = TomlNode::Kind::integer;
    out.integer = integer->get();
    out.number = static_cast<double>(integer->get());
  } else if (const auto* number = node.as_floating_point()) {
    out.kind = TomlNode::Kind::number;
    out.number = number->get();
  } else if (const auto* date = node.as_date()) {
    out.kind = TomlNode::Kind::date;
    const toml::date& d = date->get();
    out.text = fmt::format("{:04}-{:02}-{:02}", d.year, d.month, d.day);
  } else if (node.is_boolean()) {
    out.kind = TomlNode::Kind::boolean;
    out.flag = node.as_boolean()->get();
  }
}

TomlNode convert(const toml::node& node) {
  TomlNode out;
  out.where = spot_of(node.source());
  if (const toml::table* table = node.as_table()) {
    out.kind = TomlNode::Kind::table;
    convert_table(*table, out);
  } else if (const toml::array* array = node.as_array()) {
    out.kind = TomlNode::Kind::array;
    out.items.reserve(array->size());
    for (const toml::node& item : *array) out.items.push_back(convert(item));
  } else {
    convert_scalar(node, out);
  }
  return out;
}

}  // namespace

const TomlNode* TomlNode::find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) return &items[i];
  }
  return nullptr;
}

const char* to_string(TomlNode::Kind kind) {
  switch (kind) {
    case TomlNode::Kind::text: return "text";
    case TomlNode::Kind::integer: return "an integer";
    case TomlNode::Kind::number: return "a number";
    case TomlNode::Kind::boolean: return "a boolean";
    case TomlNode::Kind::date: return "a date";
    case TomlNode::Kind::array: return "an array";
    case TomlNode::Kind::table: return "a table";
    case TomlNode::Kind::other: return "a time";
  }
  return "?";
}

Result<TomlNode> parse_toml(std::string_view text, const std::string& file) {
  try {
    return convert(toml::parse(text));
  } catch (const toml::parse_error& error) {
    const Spot spot = spot_of(error.source());
    return fail(ErrorCode::syntax, fmt::format("not valid TOML: {}", error.description()),
                {file, spot.line, spot.column},
                "each file of the catalog is TOML 1.0; see https://toml.io");
  }
}

}  // namespace tightrope::catalog
