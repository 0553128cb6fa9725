// The file format for editors (JSON Schema) and for people (a list).
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/catalog/fields.h"
#include "tightrope/catalog/names.h"
#include "tightrope/procure_study/fields.h"

namespace tightrope::procure_study {
namespace {

using json = nlohmann::ordered_json;

json number_schema(const FieldDoc& doc);

json type_of(const FieldDoc& doc) {
  const json number = number_schema(doc);
  switch (doc.kind) {
    case FieldKind::text: return {{"type", "string"}, {"minLength", 1}};
    case FieldKind::texts: return {{"type", "array"}, {"items", {{"type", "string"}}}};
    case FieldKind::flag: return {{"type", "boolean"}};
    case FieldKind::choice: return {{"enum", doc.choices}};
    case FieldKind::date: return {{"type", "string"}, {"format", "date"}};
    case FieldKind::count:
      return {{"type", "integer"}, {"minimum", doc.lowest}, {"maximum", doc.highest}};
    case FieldKind::number: return number;
    case FieldKind::series:
      return {{"anyOf", {number, {{"type", "array"}, {"items", number}, {"minItems", 1}}}}};
  }
  return {};
}

template <class R>
json table_of(std::initializer_list<std::pair<const char*, json>> children = {}) {
  json properties = json::object();
  json needed = json::array();
  for (const Field<R>& field : fields<R>()) {
    json one = type_of(field.doc);
    one["description"] = field.doc.doc;
    properties[std::string(field.doc.name)] = std::move(one);
    if (field.doc.required) needed.push_back(field.doc.name);
  }
  for (const auto& [name, table] : children) {
    properties[name] = {{"type", "array"}, {"items", table}};
  }
  json out = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!needed.empty()) out["required"] = needed;
  return out;
}

/// A plain number within its range, or a table with one and where it is from.
json number_schema(const FieldDoc& doc) {
  const json plain = {{"type", "number"}, {"minimum", doc.lowest}, {"maximum", doc.highest}};
  json table = {{"$ref", "#/$defs/from"}, {"type", "object"}, {"required", {"value"}}};
  for (const char* key : {"value", "low", "high"}) table["properties"][key] = plain;
  table["unevaluatedProperties"] = false;
  return {{"anyOf", {plain, table}}};
}

/// What a number's table says beside the number.
json from_schema() {
  return {{"properties",
           {{"source", {{"type", "string"}}},
            {"as_of", {{"type", "string"}, {"format", "date"}}},
            {"grade", {{"enum", catalog::grade_words()}}},
            {"note", {{"type", "string"}}}}}};
}

/// ", 0 to 1": where both ends say something.
std::string range_of(const FieldDoc& doc) {
  const bool counts = doc.kind == FieldKind::count || doc.kind == FieldKind::number ||
                      doc.kind == FieldKind::series;
  if (!counts || doc.lowest == doc.highest || doc.highest > 1e9) return {};
  return fmt::format("; {:g} to {:g}", doc.lowest, doc.highest);
}

template <class R>
void list(std::string_view title, std::string& out) {
  out += fmt::format("{}\n", title);
  for (const Field<R>& field : fields<R>()) {
    const FieldDoc& doc = field.doc;
    out += fmt::format("  {:<24} {:<20} {}{}{}\n", doc.name, to_string(doc.kind), doc.doc,
                       range_of(doc), doc.required ? " (required)" : "");
    if (doc.kind == FieldKind::choice) {
      out += fmt::format("  {:<45} {}\n", "",
                         catalog::joined({doc.choices.begin(), doc.choices.end()}));
    }
  }
  out += "\n";
}

}  // namespace

std::string schema_json() {
  json root = table_of<Header>(
      {{"fact", table_of<FactLine>()},
       {"workload", table_of<WorkloadLine>({{"port", table_of<PortLine>()}})},
       {"supply", table_of<SupplyLine>()},
       {"system",
        table_of<SystemLine>({{"route", table_of<RouteLine>({{"use", table_of<UseLine>()}})},
                              {"break", table_of<BreakLine>()},
                              {"owned", table_of<OwnedLine>()}})},
       {"rental", table_of<RentalLine>()},
       {"lease", table_of<LeaseLine>({{"break", table_of<BreakLine>()}})},
       {"site", table_of<SiteLine>()}});
  json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", "A procurement scenario of Tightrope, version 1"},
              {"$defs", {{"from", from_schema()}}}};
  out.update(root);
  return out.dump(2) + "\n";
}

std::string schema_text() {
  std::string out =
      "A number may be plain, or { value, low, high, source, as_of, grade, note }.\n\n";
  list<Header>("at the top", out);
  list<FactLine>("[[fact]]", out);
  list<WorkloadLine>("[[workload]]", out);
  list<PortLine>("[[workload.port]]", out);
  list<SupplyLine>("[[supply]]", out);
  list<SystemLine>("[[system]]", out);
  list<RouteLine>("[[system.route]]", out);
  list<UseLine>("[[system.route.use]]", out);
  list<BreakLine>("[[system.break]]", out);
  list<OwnedLine>("[[system.owned]]", out);
  list<RentalLine>("[[rental]]", out);
  list<LeaseLine>("[[lease]] (and [[lease.break]])", out);
  list<SiteLine>("[[site]]", out);
  out.pop_back();
  return out;
}

}  // namespace tightrope::procure_study
