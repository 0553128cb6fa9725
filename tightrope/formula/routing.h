// How far a token's routed copies spread.
#pragma once

namespace tightrope::formula {

/// A token's experts over the places (ranks, domains) that hold them evenly.
struct RoutingSpread {
  double places = 1;
  double experts_per_token = 1;
  double groups = 0;            ///< groups that experts are divided into; 0 or 1: no groups
  double groups_per_token = 0;  ///< groups that a token may choose from
};

/// What: places that a token is sent to when it goes once to each that holds an expert of its own.
/// Formula: r (1 - (1 - 1/r)^k) for k experts over r places in reach: all of them, or with g of G
///   groups: places g/G where places >= G, else places (1 - (1 - 1/places)^g)
/// Source: mean number of occupied boxes; group-limited routing of DeepSeek-V2 (arXiv 2405.04434).
/// Valid: places, experts_per_token >= 1; a random choice, and groups in order of the places.
/// Checked by: Routing.PlacesOfAToken
[[nodiscard]] double places_of_token(const RoutingSpread& spread) noexcept;

}  // namespace tightrope::formula
