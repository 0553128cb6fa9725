// Prices and places of a system, for every command that pays for machines.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/study/plan.h"

namespace tightrope::study {

// Rent before reservations before what may be taken away; buying last, since it needs a hall.
inline constexpr std::array<catalog::Term, 6> term_order = {
    catalog::Term::on_demand,   catalog::Term::capacity_block, catalog::Term::reserved_1y,
    catalog::Term::reserved_3y, catalog::Term::spot,           catalog::Term::purchase};

/// The price of a term, in these regions or else wherever the system's provider rents it; nullptr
/// when there is none.
[[nodiscard]] const catalog::Price* price_of(const std::vector<std::string>& regions,
                                             const catalog::System& system, catalog::Term term,
                                             const catalog::Catalog& catalog);
/// What a price says, a chip.
[[nodiscard]] PriceTag tag_of(const catalog::Price& price);
/// Where a system stands whose price is `tag` (null without one).
[[nodiscard]] Place place_for(const std::vector<std::string>& regions,
                              const catalog::System& system, const PriceTag* tag,
                              const catalog::Catalog& catalog);

}  // namespace tightrope::study
