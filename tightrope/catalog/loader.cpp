#include "tightrope/catalog/loader.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"

namespace tightrope::catalog {
namespace {

constexpr std::string_view folders[] = {"chips",  "systems", "networks",
                                        "prices", "regions", "claims"};

/// Continues an FNV-1a 64 hash, kept as 16 hex digits, over more text.
std::string continued_hash(const std::string& hash, const std::vector<CatalogFile>& files) {
  std::uint64_t h = hash.empty() ? 14695981039346656037ull : std::stoull(hash, nullptr, 16);
  const auto feed = [&h](std::string_view text) {
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  };
  for (const CatalogFile& file : files) {
    feed(file.path);
    feed(file.text);
  }
  return fmt::format("{:016x}", h);
}

/// "chips/h100.toml" -> {"chips", "h100"}.
std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "" : path.substr(0, slash);
  std::string stem = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (stem.ends_with(".toml")) stem.resize(stem.size() - 5);
  return {std::move(folder), std::move(stem)};
}

/// One record a file, named as the file.
template <class Record>
void read_single(const TomlNode& root, const std::string& stem, const Reading& reading,
                 std::vector<Placed<Record>>& out) {
  Placed<Record> placed = read_record<Record>(root, reading);
  placed.where = {reading.file, 1, 1};
  const std::string& name = placed.record.name;
  if (!name.empty() && name != stem) {
    reading.faults->push_back(
        {ErrorCode::conflict, fmt::format("name \"{}\" is not the name of its file", name),
         placed.at("name"), fmt::format("write name = \"{}\" or rename the file", stem)});
  }
  out.push_back(std::move(placed));
}

/// Many records a file, under `[[key]]`.
template <class Record>
void read_many(const TomlNode& root, const std::string& key, const Reading& reading,
               std::vector<Placed<Record>>& out) {
  reader_internal::refuse_unknown(root, {key}, fmt::format("a file of {}s", key), reading);
  const TomlNode* list = root.find(key);
  if (list == nullptr) return;
  if (list->kind != TomlNode::Kind::array) {
    reader_internal::report(reading, ErrorCode::type,
                            fmt::format("{} must be an array of tables", key), list->where,
                            fmt::format("write [[{}]] above each one", key));
    return;
  }
  for (const TomlNode& item : list->items) {
    if (item.kind == TomlNode::Kind::table) {
      out.push_back(read_record<Record>(item, reading));
    } else {
      reader_internal::report(reading, ErrorCode::type,
                              fmt::format("{} must hold tables, not {}", key, to_string(item.kind)),
                              item.where, fmt::format("write [[{}]] above each one", key));
    }
  }
}

/// Adds a record or replaces the one of the same name.
template <class Record, class Same>
void put(std::vector<Record>& records, const Record& record, Same same) {
  const auto found =
      std::ranges::find_if(records, [&](const Record& other) { return same(other, record); });
  if (found == records.end()) {
    records.push_back(record);
  } else {
    *found = record;
  }
}

template <class Record>
void put_named(std::vector<Record>& records, const std::vector<Placed<Record>>& layer) {
  for (const Placed<Record>& placed : layer) {
    put(records, placed.record, [](const Record& a, const Record& b) { return a.name == b.name; });
  }
  std::ranges::stable_sort(records, {}, &Record::name);
}

/// True when two prices are of the same thing, at whatever date.
bool same_offer(const Price& a, const Price& b) {
  return a.provider == b.provider && a.region == b.region && a.system == b.system &&
         a.term == b.term;
}

template <class Q>
Fact<Q> divided(const Fact<Q>& fact, int chips) {
  Fact<Q> out = fact;
  out.value /= chips;
  out.low /= chips;
  out.high /= chips;
  for (Alternative<Q>& a : out.alternatives) a.value /= chips;
  return out;
}

}  // namespace

const Provenance& Price::from() const {
  if (per_unit.known) return per_unit.from;
  if (purchase_per_unit.known) return purchase_per_unit.from;
  return per_chip.known ? per_chip.from : purchase_per_chip.from;
}

void Loader::add(const std::vector<CatalogFile>& files) {
  source_ids_.clear();
  for (const Source& source : catalog_.sources_) source_ids_.insert(source.id);
  for (const CatalogFile& file : files) {
    if (file.path == "sources.toml") read_sources(file);
  }
  Layer layer;
  for (const CatalogFile& file : files) {
    if (file.path != "sources.toml") read_file(file, layer);
  }
  merge(layer);
  check_layer(layer, catalog_, faults_);
  divide_prices();
  catalog_.hash_ = continued_hash(catalog_.hash_, files);
  std::ranges::stable_sort(faults_, [](const Error& a, const Error& b) {
    return std::tie(a.where.file, a.where.line, a.where.column) <
           std::tie(b.where.file, b.where.line, b.where.column);
  });
}

void Loader::read_sources(const CatalogFile& file) {
  auto root = parse_toml(file.text, file.shown);
  if (!root) {
    faults_.push_back(root.error());
    return;
  }
  const Reading reading{file.shown, &source_ids_, &faults_};
  for (std::size_t i = 0; i < root->keys.size(); ++i) {
    if (root->items[i].kind != TomlNode::Kind::table) {
      reader_internal::report(
          reading, ErrorCode::type, fmt::format("source \"{}\" must be a table", root->keys[i]),
          root->items[i].where,
          fmt::format("write [{}] with title, locator and as_of", root->keys[i]));
      continue;
    }
    Placed<Source> placed = read_record<Source>(root->items[i], reading);
    placed.record.id = root->keys[i];
    placed.record.where = {file.shown, root->key_where[i].line, root->key_where[i].column};
    put(catalog_.sources_, placed.record,
        [](const Source& a, const Source& b) { return a.id == b.id; });
    source_ids_.insert(root->keys[i]);
  }
  std::ranges::stable_sort(catalog_.sources_, {}, &Source::id);
}

void Loader::read_file(const CatalogFile& file, Layer& layer) {
  if (!file.path.ends_with(".toml")) return;
  auto root = parse_toml(file.text, file.shown);
  if (!root) {
    faults_.push_back(root.error());
    return;
  }
  const Reading reading{file.shown, &source_ids_, &faults_};
  const auto [folder, stem] = split_path(file.path);
  if (folder == "chips") {
    read_single(*root, stem, reading, layer.chips);
  } else if (folder == "systems") {
    read_single(*root, stem, reading, layer.systems);
  } else if (folder == "networks") {
    read_single(*root, stem, reading, layer.networks);
  } else if (folder == "regions") {
    read_single(*root, stem, reading, layer.regions);
  } else if (folder == "prices") {
    read_many(*root, "price", reading, layer.prices);
  } else if (folder == "claims") {
    read_many(*root, "claim", reading, layer.claims);
  } else {
    const std::vector<std::string> known(std::begin(folders), std::end(folders));
    std::string hint = did_you_mean(near_names(folder, known, 1));
    if (hint.empty()) hint = fmt::format("sources.toml, or a folder of: {}", joined(known));
    faults_.push_back({ErrorCode::unknown_key,
                       fmt::format("\"{}\" is no place of a catalog", file.path),
                       {file.shown, 0, 0},
                       std::move(hint)});
  }
}

void Loader::merge(const Layer& layer) {
  put_named(catalog_.chips_, layer.chips);
  put_named(catalog_.systems_, layer.systems);
  put_named(catalog_.networks_, layer.networks);
  put_named(catalog_.regions_, layer.regions);
  std::erase_if(catalog_.prices_, [&](const Price& old) {
    return std::ranges::any_of(
        layer.prices, [&](const Placed<Price>& placed) { return same_offer(old, placed.record); });
  });
  for (const Placed<Price>& placed : layer.prices) catalog_.prices_.push_back(placed.record);
  for (const Placed<Claim>& placed : layer.claims) {
    put(catalog_.claims_, placed.record,
        [](const Claim& a, const Claim& b) { return a.subject == b.subject && a.text == b.text; });
  }
}

void Loader::divide_prices() {
  for (Price& price : catalog_.prices_) {
    const System* system = catalog_.find_system(price.system);
    if (system == nullptr || system->chips <= 0) continue;
    if (price.per_unit.known) price.per_chip = divided(price.per_unit, system->chips);
    if (price.purchase_per_unit.known) {
      price.purchase_per_chip = divided(price.purchase_per_unit, system->chips);
    }
  }
}

}  // namespace tightrope::catalog
