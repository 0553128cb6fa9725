#include "tightrope/procure_study/reader.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "tightrope/catalog/fields.h"
#include "tightrope/catalog/names.h"
#include "tightrope/catalog/toml_document.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/hash.h"
#include "tightrope/procure_study/fields.h"

namespace tightrope::procure_study {
namespace {

using catalog::did_you_mean;
using catalog::joined;
using catalog::near_names;
using catalog::Spot;
using catalog::TomlNode;

template <class R>
bool has_key(std::string_view name) {
  return std::ranges::any_of(fields<R>(),
                             [&](const Field<R>& field) { return field.doc.name == name; });
}

/// Where a key belongs that stands in a table that does not have it; empty: nowhere.
std::string home_of(std::string_view key) {
  if (has_key<Header>(key)) return fmt::format("{} stands at the top of the file", key);
  std::vector<std::string> homes;
  const auto look = [&](bool has, const char* home) {
    if (has) homes.emplace_back(home);
  };
  look(has_key<WorkloadLine>(key), "[[workload]]");
  look(has_key<PortLine>(key), "[[workload.port]]");
  look(has_key<SupplyLine>(key), "[[supply]]");
  look(has_key<SystemLine>(key), "[[system]]");
  look(has_key<RouteLine>(key), "[[system.route]]");
  look(has_key<UseLine>(key), "[[system.route.use]]");
  look(has_key<RentalLine>(key), "[[rental]]");
  look(has_key<LeaseLine>(key), "[[lease]]");
  look(has_key<SiteLine>(key), "[[site]]");
  return homes.empty() ? "" : fmt::format("{} is a key of {}", key, joined(homes));
}

class Reader {
 public:
  Reader(std::string file, const catalog::Catalog& catalog, std::vector<Error>& faults)
      : file_(std::move(file)), catalog_(catalog), faults_(faults) {}

  void refuse(ErrorCode code, Spot spot, std::string what, std::string hint) {
    faults_.push_back({code, std::move(what), {file_, spot.line, spot.column}, std::move(hint)});
  }
  [[nodiscard]] Where where(Spot spot) const { return {file_, spot.line, spot.column}; }

  void wrong_kind(const TomlNode& node, std::string_view what, std::string_view wanted,
                  std::string hint) {
    refuse(ErrorCode::type, node.where,
           fmt::format("{} must be {}, not {}", what, wanted, to_string(node.kind)),
           std::move(hint));
  }

  std::optional<std::string> text(const TomlNode& node, const FieldDoc& doc) {
    if (node.kind == TomlNode::Kind::text && !node.text.empty()) return node.text;
    if (node.kind == TomlNode::Kind::text) {
      refuse(ErrorCode::range, node.where, fmt::format("{} is empty", doc.name),
             fmt::format("{}: {}", doc.name, doc.doc));
    } else {
      wrong_kind(node, doc.name, "text", fmt::format("for example {}", example_of(doc)));
    }
    return std::nullopt;
  }

  /// Names stand in tables, files of solvers and scripts of charts: no quotes, no control
  /// characters.
  void plain_name(const TomlNode& node, const std::string& name) {
    constexpr std::size_t longest = 60;
    const bool odd = std::ranges::any_of(name, [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || std::string_view("\"'`\\$@|").contains(c);
    });
    if (!odd && name.size() <= longest && name.front() != ' ' && name.back() != ' ') return;
    refuse(ErrorCode::range, node.where, "name cannot be printed everywhere",
           fmt::format("at most {} characters, none of \" ' ` \\ $ @ |, no blank at its ends",
                       longest));
  }

  void store(const TomlNode& node, const FieldDoc& doc, std::string& out) {
    if (doc.kind == FieldKind::date) {
      if (node.kind == TomlNode::Kind::date) {
        out = node.text;
      } else {
        wrong_kind(node, doc.name, "a date", "write it without quotes: 2026-04-01");
      }
      return;
    }
    const auto word = text(node, doc);
    if (!word) return;
    out = *word;
    if (doc.name == "name") plain_name(node, out);
    if (doc.kind != FieldKind::choice || std::ranges::find(doc.choices, out) != doc.choices.end()) {
      return;
    }
    refuse(ErrorCode::range, node.where, fmt::format("{} \"{}\" is not known", doc.name, out),
           fmt::format("one of: {}", joined({doc.choices.begin(), doc.choices.end()})));
  }

  void store(const TomlNode& node, const FieldDoc& doc, std::vector<std::string>& out) {
    if (node.kind != TomlNode::Kind::array) {
      wrong_kind(node, doc.name, "an array", fmt::format("for example {}", example_of(doc)));
      return;
    }
    for (const TomlNode& item : node.items) {
      if (const auto word = text(item, doc)) out.push_back(*word);
    }
  }

  void store(const TomlNode& node, const FieldDoc& doc, bool& out) {
    if (node.kind == TomlNode::Kind::boolean) {
      out = node.flag;
    } else {
      wrong_kind(node, doc.name, "true or false", fmt::format("for example {}", example_of(doc)));
    }
  }

  void store(const TomlNode& node, const FieldDoc& doc, int& out) {
    if (node.kind == TomlNode::Kind::number) {
      refuse(ErrorCode::type, node.where,
             fmt::format("{} must be a whole number, not {:g}", doc.name, node.number),
             fmt::format("for example {}", example_of(doc)));
    } else if (node.kind != TomlNode::Kind::integer) {
      wrong_kind(node, doc.name, "a whole number", fmt::format("for example {}", example_of(doc)));
    } else if (in_range(node.number, node.where, doc)) {
      out = static_cast<int>(node.integer);
    }
  }

  void store(const TomlNode& node, const FieldDoc& doc, Given& out) { out = given(node, doc); }

  void store(const TomlNode& node, const FieldDoc& doc, Series& out) {
    if (node.kind != TomlNode::Kind::array) {
      out.push_back(given(node, doc));
      return;
    }
    if (node.items.empty()) {
      refuse(ErrorCode::range, node.where, fmt::format("{} is empty", doc.name),
             "one number for all quarters, or one a quarter");
    }
    for (const TomlNode& item : node.items) out.push_back(given(item, doc));
  }

  bool in_range(double value, Spot spot, const FieldDoc& doc) {
    if (std::isfinite(value) && value >= doc.lowest && value <= doc.highest) return true;
    const bool percent = doc.lowest == 0 && doc.highest == 1 && value > 1 && value <= 100;
    refuse(ErrorCode::range, spot,
           fmt::format("{} = {:g} lies outside {:g} to {:g}", doc.name, value, doc.lowest,
                       doc.highest),
           percent ? fmt::format("a share: {:g} percent is {:g}", value, value / 100)
                   : fmt::format("{}: {}", doc.name, doc.doc));
    return false;
  }

  std::optional<double> plain(const TomlNode& node, const FieldDoc& doc) {
    if (node.kind == TomlNode::Kind::integer || node.kind == TomlNode::Kind::number) {
      if (in_range(node.number, node.where, doc)) return node.number;
      return std::nullopt;
    }
    const bool quoted = node.kind == TomlNode::Kind::text;
    wrong_kind(node, doc.name, "a number or a table with value, source, as_of and grade",
               fmt::format("{}for example {}",
                           quoted ? "without quotes and unit, which the key's name holds; " : "",
                           example_of(doc)));
    return std::nullopt;
  }

  Given given(const TomlNode& node, const FieldDoc& doc) {
    Given out;
    out.where = where(node.where);
    if (node.kind != TomlNode::Kind::table) {
      const auto number = plain(node, doc);
      out.known = number.has_value();
      out.value = out.low = out.high = number.value_or(0);
      return out;
    }
    refuse_unknown(node, {"value", "low", "high", "source", "as_of", "grade", "note"}, "a number");
    const TomlNode* value = node.find("value");
    if (value == nullptr) {
      refuse(ErrorCode::not_found, node.where, fmt::format("{} has no \"value\"", doc.name),
             fmt::format("for example {} = {{ value = 3000, low = 2500, high = 4000 }}", doc.name));
      return out;
    }
    const auto number = plain(*value, doc);
    out.known = number.has_value();
    out.value = out.low = out.high = number.value_or(0);
    for (const auto& [key, end] : {std::pair{"low", &out.low}, std::pair{"high", &out.high}}) {
      const TomlNode* at_end = node.find(key);
      if (at_end == nullptr) continue;
      const auto bound = plain(*at_end, doc);
      if (bound && number) *end = *bound;
    }
    if (out.low > out.value || out.high < out.value) {
      refuse(ErrorCode::range, node.where,
             fmt::format("{}: low {:g}, value {:g}, high {:g}", doc.name, out.low, out.value,
                         out.high),
             "low <= value <= high must hold");
    }
    provenance(node, doc, out);
    return out;
  }

  /// A word of a number's table; empty where it is not there or was refused.
  std::string word_of(const TomlNode& table, std::string_view key, TomlNode::Kind kind,
                      std::string_view wanted, std::string hint) {
    const TomlNode* node = table.find(key);
    if (node == nullptr) return {};
    if (node->kind == kind && !node->text.empty()) return node->text;
    wrong_kind(*node, key, wanted, std::move(hint));
    return {};
  }

  void provenance(const TomlNode& node, const FieldDoc& doc, Given& out) {
    const auto kind = TomlNode::Kind::text;
    out.source = word_of(node, "source", kind, "text", "an id of catalog/sources.toml");
    out.as_of = word_of(node, "as_of", TomlNode::Kind::date, "a date",
                        "write it without quotes: 2026-04-01");
    const auto grades = catalog::grade_words();
    const std::string words = fmt::format("one of: {}", joined({grades.begin(), grades.end()}));
    out.grade = word_of(node, "grade", kind, "text", words);
    out.note = word_of(node, "note", kind, "text", "say it or leave it out");
    if (!out.grade.empty() && std::ranges::find(grades, out.grade) == grades.end()) {
      refuse(ErrorCode::range, node.find("grade")->where,
             fmt::format("{}: grade \"{}\" is not known", doc.name, out.grade), words);
    }
    if (out.source.empty()) return;
    known_source(out.source, node.find("source")->where, doc.name);
    for (const auto& [key, hint] :
         {std::pair{"as_of", std::string("for example as_of = 2026-04-01")},
          std::pair{"grade", words}}) {
      if (node.find(key) != nullptr) continue;
      refuse(ErrorCode::not_found, node.where,
             fmt::format("{}: a number with a source needs {}", doc.name, key), hint);
    }
  }

  void known_source(const std::string& id, Spot spot, std::string_view what) {
    if (catalog_.find_source(id) != nullptr) return;
    std::vector<std::string> ids;
    for (const catalog::Source& source : catalog_.sources()) ids.push_back(source.id);
    std::string hint = did_you_mean(near_names(id, ids, 2));
    if (hint.empty()) hint = "an id of catalog/sources.toml (`tightrope catalog list sources`)";
    refuse(ErrorCode::not_found, spot, fmt::format("{}: unknown source \"{}\"", what, id),
           std::move(hint));
  }

  void refuse_unknown(const TomlNode& table, const std::vector<std::string>& known,
                      std::string_view noun) {
    for (std::size_t i = 0; i < table.keys.size(); ++i) {
      if (std::ranges::find(known, table.keys[i]) != known.end()) continue;
      std::string hint = did_you_mean(near_names(table.keys[i], known, 2));
      if (hint.empty()) hint = home_of(table.keys[i]);
      if (hint.empty()) hint = fmt::format("keys of {}: {}", noun, joined(known));
      refuse(ErrorCode::unknown_key, table.key_where[i],
             fmt::format("unknown key \"{}\" in {}", table.keys[i], noun), std::move(hint));
    }
  }

  /// A table by its field table; `children` are keys that the caller reads.
  template <class R>
  R record(const TomlNode& table, std::string_view noun, std::vector<std::string> children) {
    R out{};
    std::vector<std::string> known;
    for (const Field<R>& field : fields<R>()) {
      known.emplace_back(field.doc.name);
      const TomlNode* node = table.find(field.doc.name);
      if (node != nullptr) {
        out.places.emplace(field.doc.name, where(node->where));
        std::visit([&](auto member) { store(*node, field.doc, out.*member); }, field.member);
      } else if (field.doc.required) {
        refuse(ErrorCode::not_found, table.where,
               fmt::format("{} needs \"{}\" ({})", noun, field.doc.name, field.doc.doc),
               fmt::format("add: {}", example_of(field.doc)));
      }
    }
    known.insert(known.end(), children.begin(), children.end());
    refuse_unknown(table, known, noun);
    out.where = where(table.where);
    return out;
  }

  /// The tables under [[key]].
  std::vector<const TomlNode*> tables(const TomlNode& parent, std::string_view key) {
    std::vector<const TomlNode*> out;
    const TomlNode* list = parent.find(key);
    if (list == nullptr) return out;
    for (const TomlNode& item : list->items) {
      if (list->kind == TomlNode::Kind::array && item.kind == TomlNode::Kind::table) {
        out.push_back(&item);
      }
    }
    if (out.size() != list->items.size() || list->kind != TomlNode::Kind::array) {
      refuse(ErrorCode::type, list->where, fmt::format("{} must be an array of tables", key),
             fmt::format("write [[{}]] above each one", key));
    }
    return out;
  }

 private:
  std::string file_;
  const catalog::Catalog& catalog_;
  std::vector<Error>& faults_;
};

RouteLine read_route(const TomlNode& node, Reader& reader) {
  auto out = reader.record<RouteLine>(node, "a route", {"use"});
  for (const TomlNode* one : reader.tables(node, "use")) {
    out.uses.push_back(reader.record<UseLine>(*one, "a use", {}));
  }
  return out;
}

SystemLine read_system(const TomlNode& node, Reader& reader) {
  auto out = reader.record<SystemLine>(node, "a system", {"route", "break", "owned"});
  for (const TomlNode* one : reader.tables(node, "route")) {
    out.routes.push_back(read_route(*one, reader));
  }
  for (const TomlNode* one : reader.tables(node, "break")) {
    out.breaks.push_back(reader.record<BreakLine>(*one, "a price break", {}));
  }
  for (const TomlNode* one : reader.tables(node, "owned")) {
    out.owned.push_back(reader.record<OwnedLine>(*one, "what is owned", {}));
  }
  return out;
}

File read_root(const TomlNode& root, Reader& reader) {
  File out;
  out.header = reader.record<Header>(
      root, "a scenario", {"fact", "workload", "supply", "system", "rental", "lease", "site"});
  out.header.where = reader.where({});
  for (const TomlNode* one : reader.tables(root, "fact")) {
    out.facts.push_back(reader.record<FactLine>(*one, "a fact", {}));
    const TomlNode* source = one->find("source");
    if (source != nullptr && !out.facts.back().source.empty()) {
      reader.known_source(out.facts.back().source, source->where, "a fact");
    }
  }
  for (const TomlNode* one : reader.tables(root, "workload")) {
    out.workloads.push_back(reader.record<WorkloadLine>(*one, "a workload", {"port"}));
    for (const TomlNode* port : reader.tables(*one, "port")) {
      out.workloads.back().ports.push_back(reader.record<PortLine>(*port, "a port", {}));
    }
  }
  for (const TomlNode* one : reader.tables(root, "supply")) {
    out.supplies.push_back(reader.record<SupplyLine>(*one, "a supply", {}));
  }
  for (const TomlNode* one : reader.tables(root, "system")) {
    out.systems.push_back(read_system(*one, reader));
  }
  for (const TomlNode* one : reader.tables(root, "rental")) {
    out.rentals.push_back(reader.record<RentalLine>(*one, "a rental", {}));
  }
  for (const TomlNode* one : reader.tables(root, "lease")) {
    out.leases.push_back(reader.record<LeaseLine>(*one, "a lease", {"break"}));
    for (const TomlNode* step : reader.tables(*one, "break")) {
      out.leases.back().breaks.push_back(reader.record<BreakLine>(*step, "a price break", {}));
    }
  }
  for (const TomlNode* one : reader.tables(root, "site")) {
    out.sites.push_back(reader.record<SiteLine>(*one, "a site", {}));
  }
  return out;
}

}  // namespace

double at(const Series& series, int quarter, double otherwise) {
  if (series.empty()) return otherwise;
  return series[std::min(series.size() - 1, static_cast<std::size_t>(quarter))].value;
}

File parse_scenario(std::string_view text, const std::string& name, const catalog::Catalog& catalog,
                    std::vector<Error>& faults) {
  auto root = catalog::parse_toml(text, name);
  if (!root) {
    faults.push_back(root.error());
    faults.back().hint = "a scenario is TOML 1.0; see https://toml.io";
    return {};
  }
  Reader reader(name, catalog, faults);
  File file = read_root(*root, reader);
  file.path = name;
  file.hash = fmt::format("{:016x}", fnv1a(text));
  if (faults.empty()) check_file(file, catalog, faults);
  std::ranges::stable_sort(faults, [](const Error& a, const Error& b) {
    return std::tie(a.where.line, a.where.column) < std::tie(b.where.line, b.where.column);
  });
  return file;
}

File read_scenario(const std::string& path, const catalog::Catalog& catalog,
                   std::vector<Error>& faults) {
  const auto text = read_file(path);
  if (!text) {
    faults.push_back(text.error());
    return {};
  }
  return parse_scenario(*text, path, catalog, faults);
}

}  // namespace tightrope::procure_study
