// The field tables: one row a field of a record. They drive loading, checking, showing and the
// printed reference, so that a field is described in one place.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tightrope/catalog/records.h"
#include "tightrope/core/unit_text.h"

namespace tightrope::catalog {

enum class FieldKind {
  text,        ///< "NVLink5"
  text_list,   ///< ["H100", "H100-SXM"]
  count,       ///< a whole number
  count_list,  ///< [4, 4, 4]
  choice,      ///< one word of a fixed list
  date,        ///< 2026-08-22
  fact,        ///< { value = ..., source = ..., as_of = ..., grade = ... }
};

/// What a field is, apart from the record type it belongs to.
struct FieldDoc {
  std::string_view name;
  FieldKind kind = FieldKind::text;
  bool required = false;
  std::string_view doc;                         ///< one line: meaning, whose, which direction
  Dimension dimension{};                        ///< of a fact; all zero: a plain number
  double lowest = 0.0;                          ///< of a fact (base units) or count
  double highest = 0.0;                         ///< of a fact (base units) or count
  std::span<const std::string_view> choices{};  ///< of a choice
};

/// A field's value without its record type; a fact is in base units. monostate: not given.
using FieldValue = std::variant<std::monostate, std::string, std::vector<std::string>, int,
                                std::vector<int>, Fact<double>>;

template <class Record>
struct Field {
  FieldDoc doc;
  void (*store)(Record&, FieldValue&&) = nullptr;  ///< takes the alternative that `kind` names
  FieldValue (*read)(const Record&) = nullptr;
};

/// The fields of Chip, System, Network, Price, Region, Claim and Source, in the order they are
/// shown.
template <class Record>
[[nodiscard]] std::span<const Field<Record>> fields();

template <>
std::span<const Field<Chip>> fields<Chip>();
template <>
std::span<const Field<System>> fields<System>();
template <>
std::span<const Field<Network>> fields<Network>();
template <>
std::span<const Field<Price>> fields<Price>();
template <>
std::span<const Field<Region>> fields<Region>();
template <>
std::span<const Field<Claim>> fields<Claim>();
template <>
std::span<const Field<Source>> fields<Source>();

/// Spellings of Grade in the order of its enumerators.
[[nodiscard]] std::span<const std::string_view> grade_words();

/// "a chip", "a system", ... for messages.
template <class Record>
[[nodiscard]] std::string_view noun();

/// The unit a person would write, with a value: "186 GB", "6.88 USD/h", "18".
[[nodiscard]] std::string quantity_text(double base_units, const Dimension& dimension);

/// The base unit that FieldValue counts in: "B/s", "USD/s", "g/J"; "1" of a plain number.
[[nodiscard]] std::string base_unit(const Dimension& dimension);

/// "text", "fact", ... for the printed reference.
[[nodiscard]] const char* to_string(FieldKind kind);

/// A sound example of a field, to copy: `hbm = { value = "80 GB", source = "...", ... }`.
[[nodiscard]] std::string example_of(const FieldDoc& doc);

}  // namespace tightrope::catalog
