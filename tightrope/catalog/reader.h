// Turns a TOML table into a record by its field table, and reports every fault it meets.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tightrope/catalog/fields.h"
#include "tightrope/catalog/toml_document.h"

namespace tightrope::catalog {

/// What reading one file needs and collects.
struct Reading {
  std::string file;                                ///< as messages name it
  const std::set<std::string>* sources = nullptr;  ///< known source ids
  std::vector<Error>* faults = nullptr;
};

/// A record with the place of each key it was read from.
template <class Record>
struct Placed {
  Record record;
  std::string file;
  Where where;                            ///< the table itself
  std::map<std::string_view, Spot> keys;  ///< the value of each key of the field table
  std::set<std::string> broken;           ///< keys whose value was at fault

  /// The place of a key, or of the record when it has none.
  [[nodiscard]] Where at(std::string_view key) const {
    const auto found = keys.find(key);
    if (found == keys.end()) return where;
    return {file, found->second.line, found->second.column};
  }
};

/// Reads a table; faults go to `reading.faults`, and fields at fault stay unset.
template <class Record>
[[nodiscard]] Placed<Record> read_record(const TomlNode& table, const Reading& reading);

namespace reader_internal {
std::optional<FieldValue> read_field(const TomlNode& node, const FieldDoc& doc,
                                     const Reading& reading);
void refuse_unknown(const TomlNode& table, const std::vector<std::string_view>& known,
                    std::string_view noun, const Reading& reading);
void report(const Reading& reading, ErrorCode code, std::string what, Spot spot, std::string hint);
}  // namespace reader_internal

template <class Record>
Placed<Record> read_record(const TomlNode& table, const Reading& reading) {
  Placed<Record> placed;
  placed.file = reading.file;
  placed.where = {reading.file, table.where.line, table.where.column};
  std::vector<std::string_view> known;
  known.reserve(fields<Record>().size());
  for (const Field<Record>& field : fields<Record>()) {
    known.push_back(field.doc.name);
    const TomlNode* node = table.find(field.doc.name);
    if (node == nullptr) {
      if (field.doc.required) {
        reader_internal::report(reading, ErrorCode::not_found,
                                std::string(noun<Record>()) + " needs \"" +
                                    std::string(field.doc.name) + "\" (" +
                                    std::string(field.doc.doc) + ")",
                                table.where, "add: " + example_of(field.doc));
      }
      continue;
    }
    placed.keys[field.doc.name] = node->where;
    auto value = reader_internal::read_field(*node, field.doc, reading);
    if (value) {
      field.store(placed.record, std::move(*value));
    } else {
      placed.broken.insert(std::string(field.doc.name));
    }
  }
  reader_internal::refuse_unknown(table, known, noun<Record>(), reading);
  return placed;
}

}  // namespace tightrope::catalog
