#include "tightrope/catalog/catalog.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "tightrope/catalog/loader.h"
#include "tightrope/catalog/names.h"
#include "tightrope/core/check.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_catalog();  // written by cmake/embed.cmake
}

namespace tightrope::catalog {
namespace {

template <class Record>
const Record* find_named(const std::vector<Record>& records, std::string_view name) {
  for (const Record& r : records) {
    if (r.name == name) return &r;
  }
  const std::string wanted = folded(name);
  for (const Record& r : records) {
    if (folded(r.name) == wanted) return &r;
  }
  if constexpr (requires(const Record& r) { r.aliases; }) {
    for (const Record& r : records) {
      for (const std::string& alias : r.aliases) {
        if (folded(alias) == wanted) return &r;
      }
    }
  }
  return nullptr;
}

Catalog load_embedded() {
  std::vector<CatalogFile> files;
  for (const EmbeddedFile& file : embedded_catalog()) {
    files.push_back({std::string(file.path), "catalog/" + std::string(file.path), file.text});
  }
  Loader loader;
  loader.add(files);
  for (const Error& fault : loader.faults()) {
    TR_CHECK(loader.faults().empty(), to_string(fault), loader.faults().size());
  }
  return loader.take();
}

/// How well a price fits a wish for a region: 0 the region or an area that holds it, 1 the same
/// provider, 2 any other.
int distance(const Price& price, const Region* region, std::string_view region_name,
             std::string_view provider) {
  if (price.region == region_name) return 0;
  if (region != nullptr) {
    const auto& areas = region->within;
    if (std::ranges::find(areas, price.region) != areas.end()) return 0;
  }
  return price.provider == provider ? 1 : 2;
}

Dollars amount(const Price& price) {
  if (price.term == Term::purchase) return price.purchase_per_chip.value;
  return price.per_chip.value * Seconds(3600.0);
}

/// True when `a` is the better answer of two at the same distance: newer, then cheaper.
bool better(const Price& a, const Price& b) {
  if (a.from().as_of != b.from().as_of) return a.from().as_of > b.from().as_of;
  return amount(a) < amount(b);
}

}  // namespace

const Catalog& Catalog::embedded() {
  static const Catalog catalog = load_embedded();
  return catalog;
}

Result<Catalog> Catalog::with_overrides(const std::string& dir) {
  TR_TRY(const Folder folder, read_folder(dir));
  Loader loader(embedded());
  loader.add(folder.files);
  if (!folder.faults.empty()) return Failure(folder.faults.front());
  if (!loader.faults().empty()) return Failure(loader.faults().front());
  return loader.take();
}

std::vector<Error> check_folder(const std::string& dir) {
  auto folder = read_folder(dir);
  if (!folder) return {folder.error()};
  Loader loader(Catalog::embedded());
  loader.add(folder->files);
  std::vector<Error> faults = std::move(folder->faults);
  faults.insert(faults.end(), loader.faults().begin(), loader.faults().end());
  std::ranges::stable_sort(faults, [](const Error& a, const Error& b) {
    return std::tie(a.where.file, a.where.line, a.where.column) <
           std::tie(b.where.file, b.where.line, b.where.column);
  });
  return faults;
}

const Chip* Catalog::find_chip(std::string_view name) const { return find_named(chips_, name); }
const System* Catalog::find_system(std::string_view name) const {
  return find_named(systems_, name);
}
const System* Catalog::find_system_of(std::string_view chip, std::string_view spelling) const {
  const Chip* wanted = find_chip(chip);
  if (wanted == nullptr) return nullptr;
  const std::string text = folded(spelling);
  const System* best = nullptr;
  std::size_t best_length = 0;
  for (const System& system : systems_) {
    if (system.chip != wanted->name) continue;
    std::vector<std::string> names = system.aliases;
    names.push_back(system.name);
    for (const std::string& name : names) {
      if (name.size() > best_length && text.starts_with(folded(name))) {
        best = &system;
        best_length = name.size();
      }
    }
  }
  return best != nullptr ? best : find_system(wanted->reference_system);
}
const Network* Catalog::find_network(std::string_view name) const {
  return find_named(networks_, name);
}
const Region* Catalog::find_region(std::string_view name) const {
  return find_named(regions_, name);
}
const Source* Catalog::find_source(std::string_view id) const {
  const auto found = std::ranges::find(sources_, id, &Source::id);
  return found == sources_.end() ? nullptr : &*found;
}

const Price* Catalog::find_price(std::string_view system, std::string_view region,
                                 Term term) const {
  const System* wanted = find_system(system);
  if (wanted == nullptr) return nullptr;
  const Region* place = find_region(region);
  const std::string_view provider = place != nullptr ? place->provider : wanted->provider;
  const std::string_view place_name = place != nullptr ? std::string_view(place->name) : region;
  const Price* best = nullptr;
  int best_distance = 3;
  for (const Price& price : prices_) {
    if (price.system != wanted->name || price.term != term) continue;
    const int d = distance(price, place, place_name, provider);
    if (d < best_distance || (d == best_distance && better(price, *best))) {
      best = &price;
      best_distance = d;
    }
  }
  return best;
}

std::vector<std::string> Catalog::near(std::string_view name) const {
  std::vector<std::string> known;
  const auto add = [&known](const auto& records) {
    for (const auto& r : records) known.push_back(r.name);
  };
  add(chips_);
  add(systems_);
  add(networks_);
  add(regions_);
  for (const std::string& model : llm_names()) known.push_back(model);
  return near_names(name, known);
}

}  // namespace tightrope::catalog
