#include "tightrope/catalog/reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"

namespace tightrope::catalog {

using reader_internal::report;

void reader_internal::report(const Reading& reading, ErrorCode code, std::string what, Spot spot,
                             std::string hint) {
  reading.faults->push_back(
      {code, std::move(what), {reading.file, spot.line, spot.column}, std::move(hint)});
}

void reader_internal::refuse_unknown(const TomlNode& table,
                                     const std::vector<std::string_view>& known,
                                     std::string_view noun, const Reading& reading) {
  for (std::size_t i = 0; i < table.keys.size(); ++i) {
    if (std::ranges::find(known, table.keys[i]) != known.end()) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    std::string hint = did_you_mean(near_names(table.keys[i], names, 2));
    if (hint.empty()) hint = fmt::format("keys of {}: {}", noun, joined(names));
    report(reading, ErrorCode::unknown_key,
           fmt::format("unknown key \"{}\" in {}", table.keys[i], noun), table.key_where[i],
           std::move(hint));
  }
}

namespace {

/// What a message calls a value: "hbm" or "hbm.source"; put together only when it is needed.
struct Label {
  std::string_view name, part{};
  [[nodiscard]] std::string text() const {
    return part.empty() ? std::string(name) : fmt::format("{}.{}", name, part);
  }
};

/// Reports that a value is of the wrong kind.
void wrong_kind(const Reading& reading, const TomlNode& node, const Label& what,
                std::string_view wanted, std::string hint) {
  report(reading, ErrorCode::type,
         fmt::format("{} must be {}, not {}", what.text(), wanted, to_string(node.kind)),
         node.where, std::move(hint));
}

/// `hint` is called only when there is a fault.
template <class Hint>
std::optional<std::string> read_text(const TomlNode& node, const Label& what,
                                     const Reading& reading, Hint hint) {
  if (node.kind != TomlNode::Kind::text) {
    wrong_kind(reading, node, what, "text", hint());
    return std::nullopt;
  }
  if (node.text.empty()) {
    report(reading, ErrorCode::range, fmt::format("{} is empty", what.text()), node.where, hint());
    return std::nullopt;
  }
  return node.text;
}

std::optional<std::string> read_date(const TomlNode& node, const Label& what,
                                     const Reading& reading) {
  if (node.kind != TomlNode::Kind::date) {
    wrong_kind(reading, node, what, "a date", "write it without quotes: 2026-01-31");
    return std::nullopt;
  }
  if (node.text < "1990-01-01" || node.text > "2100-01-01") {
    report(reading, ErrorCode::range,
           fmt::format("{} {} lies outside 1990 to 2100", what.text(), node.text), node.where,
           "write the day the source said so");
    return std::nullopt;
  }
  return node.text;
}

std::optional<std::string> read_choice(const TomlNode& node, const Label& what,
                                       std::span<const std::string_view> choices,
                                       const Reading& reading) {
  const auto hint = [choices] {
    return fmt::format("one of: {}", joined({choices.begin(), choices.end()}));
  };
  auto word = read_text(node, what, reading, hint);
  if (!word) return std::nullopt;
  if (std::ranges::find(choices, *word) == choices.end()) {
    report(reading, ErrorCode::range, fmt::format("{} \"{}\" is not known", what.text(), *word),
           node.where, hint());
    return std::nullopt;
  }
  return word;
}

std::optional<int> read_count(const TomlNode& node, const FieldDoc& doc, const Reading& reading) {
  if (node.kind != TomlNode::Kind::integer) {
    wrong_kind(reading, node, {doc.name}, "a whole number",
               fmt::format("for example {} = 8", doc.name));
    return std::nullopt;
  }
  if (node.number < doc.lowest || node.number > doc.highest) {
    report(reading, ErrorCode::range,
           fmt::format("{} = {} lies outside {} to {}", doc.name, node.integer, doc.lowest,
                       doc.highest),
           node.where, fmt::format("{}: {}", doc.name, doc.doc));
    return std::nullopt;
  }
  return static_cast<int>(node.integer);
}

/// Items of an array, each by `read`; nothing when one is at fault.
template <class T, class Read>
std::optional<std::vector<T>> read_items(const TomlNode& node, const FieldDoc& doc,
                                         const Reading& reading, Read read) {
  if (node.kind != TomlNode::Kind::array) {
    wrong_kind(reading, node, {doc.name}, "an array",
               fmt::format("for example {}", example_of(doc)));
    return std::nullopt;
  }
  std::vector<T> values;
  for (const TomlNode& item : node.items) {
    auto value = read(item);
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
  }
  return values;
}

/// One number of a fact: `value`, `low` or `high`.
std::optional<double> read_number(const TomlNode& node, const Label& what, const FieldDoc& doc,
                                  const Reading& reading) {
  const bool plain = doc.dimension == Dimension{};
  const bool is_number =
      node.kind == TomlNode::Kind::integer || node.kind == TomlNode::Kind::number;
  double base = node.number;
  if (plain) {
    if (!is_number) {
      wrong_kind(reading, node, what, "a plain number", "write it without unit and quotes");
      return std::nullopt;
    }
  } else if (is_number) {
    report(reading, ErrorCode::unit, fmt::format("{} has no unit", what.text()), node.where,
           fmt::format("write it as text with its unit, for example \"80 {}\"",
                       example_unit(doc.dimension)));
    return std::nullopt;
  } else {
    auto text = read_text(node, what, reading, [&doc] {
      return fmt::format("for example \"80 {}\"", example_unit(doc.dimension));
    });
    if (!text) return std::nullopt;
    const auto parsed = parse_quantity(*text);
    if (!parsed) {
      const std::string form = fmt::format(
          "write a number, a space and a unit, for example \"80 {}\"", example_unit(doc.dimension));
      const bool is_form = parsed.error().hint.starts_with("write a number");
      report(reading, parsed.error().code, fmt::format("{}: {}", what.text(), parsed.error().what),
             node.where, is_form ? form : parsed.error().hint);
      return std::nullopt;
    }
    if (!(parsed->dimension == doc.dimension)) {
      report(reading, ErrorCode::unit,
             fmt::format("{}: \"{}\" has the wrong dimension", what.text(), *text), node.where,
             fmt::format("expected a quantity in units like {}", example_unit(doc.dimension)));
      return std::nullopt;
    }
    base = parsed->base_units;
  }
  if (!std::isfinite(base) || base < doc.lowest || base > doc.highest) {
    report(reading, ErrorCode::range,
           fmt::format("{} = {} lies outside {} to {}", what.text(),
                       quantity_text(base, doc.dimension), quantity_text(doc.lowest, doc.dimension),
                       quantity_text(doc.highest, doc.dimension)),
           node.where, fmt::format("{}: {}", doc.name, doc.doc));
    return std::nullopt;
  }
  return base;
}

/// The value of a key that a fact or alternative must have; reports its absence.
const TomlNode* needed(const TomlNode& table, std::string_view key, std::string_view what,
                       const FieldDoc& doc, const Reading& reading) {
  const TomlNode* node = table.find(key);
  if (node == nullptr) {
    report(reading, ErrorCode::not_found, fmt::format("{} has no \"{}\"", what, key), table.where,
           fmt::format("every number says where it is from: {}", example_of(doc)));
  }
  return node;
}

std::optional<Provenance> read_provenance(const TomlNode& table, std::string_view what,
                                          const FieldDoc& doc, const Reading& reading) {
  Provenance from;
  bool sound = true;
  from.where = {reading.file, table.where.line, table.where.column};
  if (const TomlNode* node = needed(table, "source", what, doc, reading)) {
    const auto id = read_text(*node, {what, "source"}, reading,
                              [] { return std::string("an id of sources.toml"); });
    sound &= id.has_value();
    if (id && !reading.sources->contains(*id)) {
      const std::vector<std::string> ids(reading.sources->begin(), reading.sources->end());
      std::string hint = did_you_mean(near_names(*id, ids, 2));
      if (hint.empty()) hint = "add it to sources.toml with title, locator and as_of";
      report(reading, ErrorCode::not_found, fmt::format("{}: unknown source \"{}\"", what, *id),
             node->where, std::move(hint));
      sound = false;
    }
    from.source = id.value_or("");
  } else {
    sound = false;
  }
  if (const TomlNode* node = needed(table, "as_of", what, doc, reading)) {
    const auto date = read_date(*node, {what, "as_of"}, reading);
    sound &= date.has_value();
    from.as_of = date.value_or("");
  } else {
    sound = false;
  }
  if (const TomlNode* node = needed(table, "grade", what, doc, reading)) {
    const auto word = read_choice(*node, {what, "grade"}, grade_words(), reading);
    sound &= word.has_value();
    for (std::size_t i = 0; word && i < grade_words().size(); ++i) {
      if (grade_words()[i] == *word) from.grade = static_cast<Grade>(i);
    }
  } else {
    sound = false;
  }
  if (const TomlNode* node = table.find("note")) {
    const auto note = read_text(*node, {what, "note"}, reading,
                                [] { return std::string("say it or leave it out"); });
    sound &= note.has_value();
    from.note = note.value_or("");
  }
  if (!sound) return std::nullopt;
  return from;
}

std::string spelled(const TomlNode& node) {
  return node.kind == TomlNode::Kind::text ? node.text : fmt::format("{}", node.number);
}

/// Reads `low` or `high`; false when it is at fault.
bool read_end(const TomlNode& table, std::string_view key, const FieldDoc& doc,
              const Reading& reading, double& end) {
  const TomlNode* node = table.find(key);
  if (node == nullptr) return true;
  const auto number = read_number(*node, {doc.name, key}, doc, reading);
  if (number) end = *number;
  return number.has_value();
}

bool read_alternatives(const TomlNode& table, const FieldDoc& doc, const Reading& reading,
                       Fact<double>& fact) {
  const TomlNode* list = table.find("alternatives");
  if (list == nullptr) return true;
  const Label label{doc.name, "alternatives"};
  const std::string what = label.text();
  if (list->kind != TomlNode::Kind::array) {
    wrong_kind(reading, *list, label, "an array of tables",
               "alternatives = [ { value = ..., source = ..., as_of = ..., grade = ... } ]");
    return false;
  }
  bool sound = true;
  for (const TomlNode& item : list->items) {
    if (item.kind != TomlNode::Kind::table) {
      wrong_kind(reading, item, label, "a table", example_of(doc));
      return false;
    }
    reader_internal::refuse_unknown(item, {"value", "source", "as_of", "grade", "note"},
                                    "an alternative", reading);
    const TomlNode* value = needed(item, "value", what, doc, reading);
    const auto number = value != nullptr ? read_number(*value, {what}, doc, reading) : std::nullopt;
    auto from = read_provenance(item, what, doc, reading);
    if (!number || !from) {
      sound = false;
      continue;
    }
    from->written = spelled(*value);
    fact.alternatives.push_back({*number, std::move(*from)});
  }
  return sound;
}

Spot table_key(const TomlNode& table, std::string_view key) {
  const TomlNode* node = table.find(key);
  return node == nullptr ? table.where : node->where;
}

std::optional<Fact<double>> read_fact(const TomlNode& node, const FieldDoc& doc,
                                      const Reading& reading) {
  const std::string_view what = doc.name;
  if (node.kind != TomlNode::Kind::table) {
    wrong_kind(reading, node, {what}, "a table with value, source, as_of and grade",
               example_of(doc));
    return std::nullopt;
  }
  reader_internal::refuse_unknown(
      node, {"value", "low", "high", "source", "as_of", "grade", "note", "alternatives"}, "a fact",
      reading);
  Fact<double> fact;
  const TomlNode* value = needed(node, "value", what, doc, reading);
  const auto number = value != nullptr ? read_number(*value, {what}, doc, reading) : std::nullopt;
  auto from = read_provenance(node, what, doc, reading);
  bool sound = number.has_value() && from.has_value();
  fact.value = fact.low = fact.high = number.value_or(0.0);
  sound &= read_end(node, "low", doc, reading, fact.low);
  sound &= read_end(node, "high", doc, reading, fact.high);
  sound &= read_alternatives(node, doc, reading, fact);
  if (!sound) return std::nullopt;
  if (fact.low > fact.value || fact.high < fact.value) {
    const bool low = fact.low > fact.value;
    report(reading, ErrorCode::range,
           fmt::format("{}: {} is {} the value {}", what,
                       quantity_text(low ? fact.low : fact.high, doc.dimension),
                       low ? "low, but above" : "high, but below",
                       quantity_text(fact.value, doc.dimension)),
           table_key(node, low ? "low" : "high"), "low <= value <= high must hold");
    return std::nullopt;
  }
  fact.known = true;
  from->written = spelled(*value);
  fact.from = std::move(*from);
  return fact;
}

template <class T>
std::optional<FieldValue> wrapped(std::optional<T> value) {
  if (!value) return std::nullopt;
  return FieldValue(std::move(*value));
}

}  // namespace

std::optional<FieldValue> reader_internal::read_field(const TomlNode& node, const FieldDoc& doc,
                                                      const Reading& reading) {
  const auto hint = [&] { return fmt::format("for example {}", example_of(doc)); };
  switch (doc.kind) {
    case FieldKind::text: return wrapped(read_text(node, {doc.name}, reading, hint));
    case FieldKind::date: return wrapped(read_date(node, {doc.name}, reading));
    case FieldKind::choice: return wrapped(read_choice(node, {doc.name}, doc.choices, reading));
    case FieldKind::count: return wrapped(read_count(node, doc, reading));
    case FieldKind::text_list:
      return wrapped(read_items<std::string>(node, doc, reading, [&](const TomlNode& item) {
        return read_text(item, {doc.name}, reading, hint);
      }));
    case FieldKind::count_list:
      return wrapped(read_items<int>(node, doc, reading, [&](const TomlNode& item) {
        return read_count(item, doc, reading);
      }));
    case FieldKind::fact: return wrapped(read_fact(node, doc, reading));
  }
  return std::nullopt;
}

}  // namespace tightrope::catalog
