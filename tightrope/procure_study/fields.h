// The field tables of a scenario file: one row a key. They drive reading, checking, the printed
// schema and the reference, so that a key is described in one place.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tightrope/procure_study/records.h"

namespace tightrope::procure_study {

enum class FieldKind {
  text,    ///< "deepseek-v3"
  texts,   ///< ["gpu", "trainium"]
  flag,    ///< true
  choice,  ///< one word of a fixed list
  date,    ///< 2026-04-01
  count,   ///< a whole number
  number,  ///< 3000, or { value = 3000, low = ..., high = ..., source = ..., grade = ... }
  series,  ///< a number, or [12, 20, 35] by quarter: the last one holds on
};
[[nodiscard]] std::string_view to_string(FieldKind kind);

/// What a key is, apart from the table it stands in. A name carries its unit.
struct FieldDoc {
  std::string_view name;
  FieldKind kind = FieldKind::text;
  bool required = false;
  std::string_view doc;                         ///< one line
  double lowest = 0.0, highest = 0.0;           ///< of count, number and series
  std::span<const std::string_view> choices{};  ///< of a choice
};

template <class R>
struct Field {
  FieldDoc doc;
  std::variant<std::string R::*, std::vector<std::string> R::*, bool R::*, int R::*, Given R::*,
               Series R::*>
      member;
};

/// The keys of a table, in the order they are shown.
template <class R>
[[nodiscard]] std::span<const Field<R>> fields();
template <>
std::span<const Field<Header>> fields<Header>();
template <>
std::span<const Field<FactLine>> fields<FactLine>();
template <>
std::span<const Field<WorkloadLine>> fields<WorkloadLine>();
template <>
std::span<const Field<PortLine>> fields<PortLine>();
template <>
std::span<const Field<SupplyLine>> fields<SupplyLine>();
template <>
std::span<const Field<SystemLine>> fields<SystemLine>();
template <>
std::span<const Field<RouteLine>> fields<RouteLine>();
template <>
std::span<const Field<UseLine>> fields<UseLine>();
template <>
std::span<const Field<BreakLine>> fields<BreakLine>();
template <>
std::span<const Field<OwnedLine>> fields<OwnedLine>();
template <>
std::span<const Field<RentalLine>> fields<RentalLine>();
template <>
std::span<const Field<LeaseLine>> fields<LeaseLine>();
template <>
std::span<const Field<SiteLine>> fields<SiteLine>();

/// A sound example of a key, to copy.
[[nodiscard]] std::string example_of(const FieldDoc& doc);

/// The whole file format as a JSON Schema (draft 2020-12).
[[nodiscard]] std::string schema_json();

/// The same as a list for people: a table a block, a key a line.
[[nodiscard]] std::string schema_text();

}  // namespace tightrope::procure_study
