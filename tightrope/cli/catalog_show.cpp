// `tightrope catalog show NAME`: one record, each number with where it comes from.
#include <algorithm>
#include <ostream>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/catalog/fields.h"
#include "tightrope/catalog/names.h"
#include "tightrope/cli/catalog_command.h"

namespace tightrope::cli {
namespace {

using catalog::Catalog;
using catalog::Fact;
using catalog::FieldDoc;
using catalog::FieldValue;
using Json = nlohmann::ordered_json;

/// A record without its type: what `show` prints.
struct Sheet {
  std::string kind, name;
  std::vector<std::pair<const FieldDoc*, FieldValue>> fields;  ///< those that are given
};

template <class Record>
Sheet sheet_of(std::string kind, std::string name, const Record& record) {
  Sheet sheet{std::move(kind), std::move(name), {}};
  for (const catalog::Field<Record>& field : catalog::fields<Record>()) {
    FieldValue value = field.read(record);
    if (!std::holds_alternative<std::monostate>(value)) {
      sheet.fields.emplace_back(&field.doc, std::move(value));
    }
  }
  return sheet;
}

std::vector<Sheet> sheets_named(const Catalog& catalog, const std::string& name) {
  std::vector<Sheet> sheets;
  const catalog::Chip* chip = catalog.find_chip(name);
  if (chip != nullptr) sheets.push_back(sheet_of("chip", chip->name, *chip));
  const catalog::System* system = catalog.find_system(name);
  if (system != nullptr) {
    sheets.push_back(sheet_of("system", system->name, *system));
    for (const catalog::Price& price : catalog.prices()) {
      if (price.system == system->name) sheets.push_back(sheet_of("price", price.system, price));
    }
  }
  const catalog::Network* network = catalog.find_network(name);
  if (network != nullptr) sheets.push_back(sheet_of("network", network->name, *network));
  const catalog::Region* region = catalog.find_region(name);
  if (region != nullptr) sheets.push_back(sheet_of("region", region->name, *region));
  const catalog::Source* source = catalog.find_source(name);
  if (source != nullptr) sheets.push_back(sheet_of("source", source->id, *source));
  const std::string subject = catalog::folded(name);
  for (const catalog::Claim& claim : catalog.claims()) {
    const bool about = catalog::folded(claim.subject) == subject ||
                       (chip != nullptr && claim.subject == chip->name) ||
                       (system != nullptr && claim.subject == system->name);
    if (about) sheets.push_back(sheet_of("claim", claim.subject, claim));
  }
  return sheets;
}

std::string place(const catalog::Provenance& from) {
  return fmt::format("{}:{}", from.where.file, from.where.line);
}

std::string title_of(const Catalog& catalog, const std::string& id) {
  const catalog::Source* source = catalog.find_source(id);
  return source == nullptr ? id : fmt::format("{} [{}]", source->title, id);
}

/// The value for people, with the file's own spelling when that differs.
std::string value_text(double value, const FieldDoc& doc, const std::string& written) {
  std::string text = catalog::quantity_text(value, doc.dimension);
  if (written.empty() || written == text || doc.dimension == Dimension{}) return text;
  const auto spelled = parse_quantity(written);
  const auto shown = parse_quantity(text);
  const bool same = spelled && shown && spelled->base_units == shown->base_units;
  const bool bits_or_binary =
      written.find("bit") != std::string::npos || written.find("iB") != std::string::npos;
  return same && !bits_or_binary ? text : fmt::format("{} ({})", text, written);
}

void print_fact(std::ostream& out, const Catalog& catalog, const FieldDoc& doc,
                const Fact<double>& fact) {
  const std::string indent(22, ' ');
  out << fmt::format("  {:<20}{:<30}{:<10}{:<12}{}\n", doc.name,
                     value_text(fact.value, doc, fact.from.written), to_string(fact.from.grade),
                     fact.from.as_of, place(fact.from));
  if (fact.low != fact.value || fact.high != fact.value) {
    out << indent << "range  " << catalog::quantity_text(fact.low, doc.dimension) << " to "
        << catalog::quantity_text(fact.high, doc.dimension) << "\n";
  }
  out << indent << "from   " << title_of(catalog, fact.from.source) << "\n";
  if (!fact.from.note.empty()) out << indent << "note   " << fact.from.note << "\n";
  for (const catalog::Alternative<double>& other : fact.alternatives) {
    out << indent << "also   " << value_text(other.value, doc, other.from.written) << ", "
        << to_string(other.from.grade) << ", " << other.from.as_of << ": "
        << title_of(catalog, other.from.source);
    if (!other.from.note.empty()) out << "; " << other.from.note;
    out << "\n";
  }
}

std::string plain_text(const FieldValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* count = std::get_if<int>(&value)) return std::to_string(*count);
  std::string joined;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    joined = catalog::joined(*texts);
  } else if (const auto* counts = std::get_if<std::vector<int>>(&value)) {
    for (const int count : *counts) joined += (joined.empty() ? "" : " x ") + std::to_string(count);
  }
  return joined;
}

/// The published number of a price on one line; what the loader derived stays out of the text.
void print_price(std::ostream& out, const Catalog& catalog, const Sheet& sheet) {
  std::string line = " ";
  const FieldDoc* published_doc = nullptr;
  const Fact<double>* published = nullptr;
  for (const auto& [doc, value] : sheet.fields) {
    if (const auto* fact = std::get_if<Fact<double>>(&value)) {
      published_doc = doc;
      published = fact;
    } else if (doc->name != "system") {
      line += " " + plain_text(value);
    }
  }
  out << line << "\n";
  if (published != nullptr) print_fact(out, catalog, *published_doc, *published);
}

/// A claim is a sentence and who says it.
void print_claim(std::ostream& out, const Catalog& catalog, const Sheet& sheet) {
  std::string source, as_of, grade, note;
  for (const auto& [doc, value] : sheet.fields) {
    const std::string text = plain_text(value);
    if (doc->name == "text") out << "  " << text << "\n";
    if (doc->name == "source") source = text;
    if (doc->name == "as_of") as_of = text;
    if (doc->name == "grade") grade = text;
    if (doc->name == "note") note = text;
  }
  out << fmt::format("    {}, {}: {}\n", grade, as_of, title_of(catalog, source));
  if (!note.empty()) out << "    note   " << note << "\n";
}

void print_sheet(std::ostream& out, const Catalog& catalog, const Sheet& sheet) {
  if (sheet.kind == "price") return print_price(out, catalog, sheet);
  if (sheet.kind == "claim") return print_claim(out, catalog, sheet);
  out << sheet.kind << " " << sheet.name << "\n";
  for (const auto& [doc, value] : sheet.fields) {
    if (const auto* fact = std::get_if<Fact<double>>(&value)) {
      print_fact(out, catalog, *doc, *fact);
    } else if (doc->name != "name") {
      out << fmt::format("  {:<20}{}\n", doc->name, plain_text(value));
    }
  }
}

/// What the chips of one unit add up to.
void print_totals(std::ostream& out, const Catalog& catalog, const catalog::System& system) {
  const catalog::Chip* chip = catalog.find_chip(system.chip);
  if (chip == nullptr) return;
  std::string text;
  for (const DType t : all_dtypes) {
    if (!chip->peak[t].known) continue;
    text += fmt::format(", {} {}", to_text(chip->peak[t].value * system.chips), to_string(t));
  }
  if (chip->hbm.known) text += ", " + to_text(chip->hbm.value * system.chips) + " of device memory";
  out << fmt::format("  {:<20}{} chips{}\n", "in all", system.chips, text);
}

Json to_json(const catalog::Provenance& from) {
  return {{"written", from.written},        {"source", from.source}, {"as_of", from.as_of},
          {"grade", to_string(from.grade)}, {"note", from.note},     {"file", from.where.file},
          {"line", from.where.line}};
}

Json to_json(const FieldDoc& doc, const FieldValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) return *texts;
  if (const auto* count = std::get_if<int>(&value)) return *count;
  if (const auto* counts = std::get_if<std::vector<int>>(&value)) return *counts;
  const auto& fact = std::get<Fact<double>>(value);
  Json json = {{"value", fact.value},
               {"low", fact.low},
               {"high", fact.high},
               {"unit", catalog::base_unit(doc.dimension)}};
  json.update(to_json(fact.from));
  json["alternatives"] = Json::array();
  for (const catalog::Alternative<double>& other : fact.alternatives) {
    Json item = {{"value", other.value}};
    item.update(to_json(other.from));
    json["alternatives"].push_back(std::move(item));
  }
  return json;
}

void print_json(std::ostream& out, const Catalog& catalog, const std::vector<Sheet>& sheets) {
  Json records = Json::array();
  for (const Sheet& sheet : sheets) {
    Json record = {{"record", sheet.kind}};
    for (const auto& [doc, value] : sheet.fields) {
      record[std::string(doc->name)] = to_json(*doc, value);
    }
    records.push_back(std::move(record));
  }
  const Json document = {{"schema", "tightrope.catalog.show/1"},
                         {"catalog_hash", catalog.hash()},
                         {"records", std::move(records)}};
  out << document.dump(2) << "\n";
}

}  // namespace

int run_catalog_show(const Session& session, const std::string& name, bool json) {
  const auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  const std::vector<Sheet> sheets = sheets_named(*catalog, name);
  if (sheets.empty()) {
    if (const auto model = catalog::llm_config(name)) {
      session.out << *model;
      return exit_ok;
    }
    std::string hint = catalog::did_you_mean(catalog->near(name));
    if (hint.empty()) hint = "`tightrope catalog list chips` and `list systems` name them";
    return report_error(session, {ErrorCode::not_found,
                                  fmt::format("the catalog knows no \"{}\"", name),
                                  {},
                                  std::move(hint)});
  }
  if (json) {
    print_json(session.out, *catalog, sheets);
    return exit_ok;
  }
  std::string kind;
  for (const Sheet& sheet : sheets) {
    if (!kind.empty() && sheet.kind != kind) session.out << "\n";
    const bool in_list = sheet.kind == "price" || sheet.kind == "claim";
    if (in_list && kind != sheet.kind) session.out << sheet.kind << "s\n";
    print_sheet(session.out, *catalog, sheet);
    if (sheet.kind == "system") {
      print_totals(session.out, *catalog, *catalog->find_system(sheet.name));
    }
    kind = sheet.kind;
  }
  return exit_ok;
}

}  // namespace tightrope::cli
