#include "tightrope/cli/catalog_command.h"

#include <algorithm>
#include <ostream>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/catalog/fields.h"

namespace tightrope::cli {
namespace {

using catalog::Catalog;
using Json = nlohmann::ordered_json;

/// A table of texts; columns named in `right` are aligned to the right. The keys of its JSON form
/// are the column titles.
struct Listing {
  std::string kind;
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> rows;
};

void print_text(std::ostream& out, const Listing& listing) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < listing.titles.size(); ++c) {
    std::size_t width = listing.titles[c].size();
    for (const auto& row : listing.rows) width = std::max(width, row[c].size());
    widths.push_back(width);
  }
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += c + 1 == row.size() ? row[c] : fmt::format("{:<{}}", row[c], widths[c] + 2);
    }
    out << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
  };
  print(listing.titles);
  for (const auto& row : listing.rows) print(row);
}

void print_json(std::ostream& out, const Listing& listing, const Catalog& catalog) {
  Json records = Json::array();
  for (const auto& row : listing.rows) {
    Json record;
    for (std::size_t c = 0; c < row.size(); ++c) record[listing.titles[c]] = row[c];
    records.push_back(std::move(record));
  }
  const Json document = {{"schema", "tightrope.catalog.list/1"},
                         {"catalog_hash", catalog.hash()},
                         {"kind", listing.kind},
                         {"records", std::move(records)}};
  out << document.dump(2) << "\n";
}

template <class Q>
std::string shown(const catalog::Fact<Q>& fact) {
  if (!fact.known) return "-";
  if constexpr (std::is_same_v<Q, double>) {
    return catalog::quantity_text(fact.value, {});
  } else {
    return catalog::quantity_text(fact.value.raw(), dimension_of(Q()));
  }
}

const char* word(catalog::Status status) {
  switch (status) {
    case catalog::Status::shipping: return "shipping";
    case catalog::Status::announced: return "announced";
    case catalog::Status::retired: return "retired";
  }
  return "?";
}

Listing list_chips(const Catalog& catalog) {
  Listing list{
      "chips",
      {"name", "vendor", "status", "bf16", "fp8", "hbm", "hbm_bandwidth", "power", "title"},
      {}};
  for (const catalog::Chip& c : catalog.chips()) {
    list.rows.push_back({c.name, c.vendor, word(c.status), shown(c.peak[DType::bf16]),
                         shown(c.peak[DType::fp8]), shown(c.hbm), shown(c.hbm_bandwidth),
                         shown(c.power), c.title});
  }
  return list;
}

Listing list_systems(const Catalog& catalog) {
  Listing list{"systems",
               {"name", "provider", "chip", "chips", "domain", "nic_per_node", "unit_power",
                "status", "title"},
               {}};
  for (const catalog::System& s : catalog.systems()) {
    list.rows.push_back({s.name, s.provider, s.chip, std::to_string(s.chips),
                         std::to_string(s.scaleup_domain), shown(s.nic_bandwidth),
                         shown(s.unit_power), word(s.status), s.title});
  }
  return list;
}

Listing list_networks(const Catalog& catalog) {
  Listing list{"networks",
               {"name", "wiring", "tiers", "nodes_per_leaf", "nodes_per_pod",
                "leaf_oversubscription", "pod_oversubscription", "title"},
               {}};
  for (const catalog::Network& n : catalog.networks()) {
    list.rows.push_back({n.name, n.wiring == catalog::Wiring::rail ? "rail" : "multipath",
                         std::to_string(n.tiers), shown(n.nodes_per_leaf), shown(n.nodes_per_pod),
                         shown(n.leaf_oversubscription), shown(n.pod_oversubscription), n.title});
  }
  return list;
}

Listing list_prices(const Catalog& catalog) {
  Listing list{"prices",
               {"system", "provider", "region", "term", "per_chip", "as_of", "grade", "source"},
               {}};
  for (const catalog::Price& p : catalog.prices()) {
    const bool bought = p.term == catalog::Term::purchase;
    list.rows.push_back({p.system, p.provider, p.region, to_string(p.term),
                         bought ? shown(p.purchase_per_chip) : shown(p.per_chip), p.from().as_of,
                         to_string(p.from().grade), p.from().source});
  }
  return list;
}

Listing list_regions(const Catalog& catalog) {
  Listing list{"regions", {"name", "provider", "electricity", "pue", "carbon", "title"}, {}};
  for (const catalog::Region& r : catalog.regions()) {
    list.rows.push_back(
        {r.name, r.provider, shown(r.electricity), shown(r.pue), shown(r.carbon), r.title});
  }
  return list;
}

Listing list_claims(const Catalog& catalog) {
  Listing list{"claims", {"subject", "grade", "as_of", "source", "text"}, {}};
  for (const catalog::Claim& c : catalog.claims()) {
    list.rows.push_back({c.subject, to_string(c.from.grade), c.from.as_of, c.from.source, c.text});
  }
  return list;
}

Listing list_sources(const Catalog& catalog) {
  Listing list{"sources", {"id", "as_of", "title"}, {}};
  for (const catalog::Source& s : catalog.sources()) {
    list.rows.push_back({s.id, s.as_of, s.title});
  }
  return list;
}

Listing list_llms(const Catalog&) {
  Listing list{"llms", {"name"}, {}};
  for (const std::string& name : catalog::llm_names()) list.rows.push_back({name});
  return list;
}

template <class Record>
void add_fields(Listing& list, const std::string& record) {
  for (const catalog::Field<Record>& field : catalog::fields<Record>()) {
    const catalog::FieldDoc& doc = field.doc;
    std::string values;
    if (doc.kind == catalog::FieldKind::fact) {
      values = catalog::quantity_text(doc.lowest, doc.dimension) + " to " +
               catalog::quantity_text(doc.highest, doc.dimension);
    }
    for (const std::string_view choice : doc.choices) {
      values += (values.empty() ? "" : "|") + std::string(choice);
    }
    list.rows.push_back({record, std::string(doc.name), to_string(doc.kind),
                         doc.required ? "required" : "optional", std::move(values),
                         std::string(doc.doc)});
  }
}

Listing list_fields(const Catalog&) {
  Listing list{"fields", {"record", "key", "kind", "need", "values", "meaning"}, {}};
  add_fields<catalog::Chip>(list, "chip");
  add_fields<catalog::System>(list, "system");
  add_fields<catalog::Network>(list, "network");
  add_fields<catalog::Price>(list, "price");
  add_fields<catalog::Region>(list, "region");
  add_fields<catalog::Claim>(list, "claim");
  add_fields<catalog::Source>(list, "source");
  return list;
}

Listing list_kinds(const Catalog& catalog) {
  Listing list{"kinds", {"kind", "records", "what"}, {}};
  const auto row = [&list](const char* kind, std::size_t count, const char* what) {
    list.rows.push_back({kind, std::to_string(count), what});
  };
  row("chips", catalog.chips().size(), "accelerators and host processors");
  row("systems", catalog.systems().size(), "what one buys or rents as a unit");
  row("networks", catalog.networks().size(), "what joins nodes: tiers, widths, latencies");
  row("prices", catalog.prices().size(), "by provider, region, term and date");
  row("regions", catalog.regions().size(), "electricity price, PUE, carbon");
  row("claims", catalog.claims().size(), "what vendors say; never computed with");
  row("sources", catalog.sources().size(), "where the numbers come from");
  row("llms", catalog::llm_names().size(), "model architectures");
  row("fields", list_fields(catalog).rows.size(), "keys that catalog files may hold");
  return list;
}

struct Kind {
  std::string_view name;
  Listing (*list)(const Catalog&);
};

constexpr Kind kinds[] = {
    {"", list_kinds},        {"chips", list_chips},       {"systems", list_systems},
    {"prices", list_prices}, {"networks", list_networks}, {"regions", list_regions},
    {"claims", list_claims}, {"sources", list_sources},   {"llms", list_llms},
    {"fields", list_fields}};

}  // namespace

int run_catalog_list(const Session& session, const std::string& kind, bool json) {
  const auto found = std::ranges::find(kinds, kind, &Kind::name);
  if (found == std::end(kinds)) {
    return report_error(
        session, {ErrorCode::usage,
                  fmt::format("the catalog has no kind \"{}\"", kind),
                  {},
                  "one of: chips, systems, networks, prices, regions, claims, sources, llms, "
                  "fields"});
  }
  const auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  const Listing listing = found->list(*catalog);
  if (json) {
    print_json(session.out, listing, *catalog);
    return exit_ok;
  }
  print_text(session.out, listing);
  if (kind.empty()) session.out << "catalog " << catalog->hash() << "\n";
  return exit_ok;
}

int run_catalog_check(const Session& session, const std::string& dir) {
  const std::vector<Error> faults = catalog::check_folder(dir);
  for (const Error& fault : faults) session.err << to_string(fault) << "\n";
  if (!faults.empty()) {
    session.err << fmt::format("{}: {} {}\n", dir, faults.size(),
                               faults.size() == 1 ? "fault" : "faults");
    return exit_bad_input;
  }
  const auto catalog = Catalog::with_overrides(dir);
  if (!catalog) return report_error(session, catalog.error());
  session.out << fmt::format(
      "{}: sound. With the embedded catalog: {} chips, {} systems, {} networks, {} prices, {} "
      "regions, {} claims, {} sources; hash {}\n",
      dir, catalog->chips().size(), catalog->systems().size(), catalog->networks().size(),
      catalog->prices().size(), catalog->regions().size(), catalog->claims().size(),
      catalog->sources().size(), catalog->hash());
  return exit_ok;
}

}  // namespace tightrope::cli
