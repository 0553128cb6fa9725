#include "tightrope/study/prices.h"

#include <algorithm>
#include <string_view>

namespace tightrope::study {
namespace {

using catalog::Term;

// Where a provider's machines stand unless the request says otherwise.
struct Home {
  std::string_view provider, region;
};
constexpr std::array<Home, 1> homes = {{{"aws", "us-east-1"}}};

const catalog::Region* home_of(const std::string& provider, const catalog::Catalog& catalog) {
  for (const Home& home : homes) {
    if (home.provider == provider) return catalog.find_region(home.region);
  }
  for (const catalog::Region& region : catalog.regions()) {
    if (region.provider == provider) return &region;
  }
  return nullptr;
}

bool covers(const catalog::Price& price, const catalog::Region& region) {
  return price.region == region.name ||
         std::ranges::find(region.within, price.region) != region.within.end();
}

const catalog::Region* region_of(const std::vector<std::string>& regions,
                                 const catalog::System& system, const PriceTag* tag,
                                 const catalog::Catalog& catalog) {
  if (tag != nullptr) {
    for (const std::string& name : regions) {
      const catalog::Region* region = catalog.find_region(name);
      if (region == nullptr) continue;
      if (region->name == tag->region ||
          std::ranges::find(region->within, tag->region) != region->within.end()) {
        return region;
      }
    }
    const catalog::Region* home = home_of(system.provider, catalog);
    if (home != nullptr && std::ranges::find(home->within, tag->region) != home->within.end()) {
      return home;
    }
    if (const catalog::Region* region = catalog.find_region(tag->region)) {
      if (region->carbon.known) return region;
    }
    if (home != nullptr) return home;
  }
  for (const std::string& name : regions) {
    const catalog::Region* region = catalog.find_region(name);
    if (region != nullptr && (region->provider == system.provider || system.provider == "any")) {
      return region;
    }
  }
  const catalog::Region* home = home_of(system.provider, catalog);
  return home != nullptr ? home : catalog.find_region("any");
}

Place place_of(const catalog::Region* region) {
  Place place;
  if (region == nullptr) return place;
  place.region = region->name;
  place.pue = region->pue.value_or(1.0);
  place.electricity = region->electricity.value_or(DollarsPerJoule(0.0));
  place.carbon = region->carbon.value_or(GramsPerJoule(0.0));
  place.known = region->carbon.known;
  return place;
}

}  // namespace

const catalog::Price* price_of(const std::vector<std::string>& regions,
                               const catalog::System& system, Term term,
                               const catalog::Catalog& catalog) {
  if (regions.empty()) {
    const catalog::Region* home = home_of(system.provider, catalog);
    return catalog.find_price(system.name, home == nullptr ? "" : home->name, term);
  }
  const catalog::Price* best = nullptr;
  for (const std::string& name : regions) {
    const catalog::Region* region = catalog.find_region(name);
    if (region == nullptr) continue;
    const catalog::Price* price = catalog.find_price(system.name, region->name, term);
    if (price == nullptr || !covers(*price, *region)) continue;
    const bool cheaper =
        best == nullptr ||
        (term == Term::purchase ? price->purchase_per_chip.value < best->purchase_per_chip.value
                                : price->per_chip.value < best->per_chip.value);
    if (cheaper) best = price;
  }
  return best;
}

PriceTag tag_of(const catalog::Price& price) {
  PriceTag tag;
  const catalog::Provenance& from = price.from();
  tag.term = price.term;
  tag.provider = price.provider;
  tag.region = price.region;
  tag.per_chip = price.term == Term::purchase ? price.purchase_per_chip.value / ownership
                                              : price.per_chip.value;
  tag.written = from.written;
  tag.source = from.source;
  tag.as_of = from.as_of;
  tag.grade = catalog::to_string(from.grade);
  tag.note = from.note;
  tag.file = from.where.file;
  tag.line = from.where.line;
  return tag;
}

Place place_for(const std::vector<std::string>& regions, const catalog::System& system,
                const PriceTag* tag, const catalog::Catalog& catalog) {
  return place_of(region_of(regions, system, tag, catalog));
}

}  // namespace tightrope::study
