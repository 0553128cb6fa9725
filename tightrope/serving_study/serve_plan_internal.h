// The parts of the serving planner that only serve_plan*.cpp share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tightrope/serving_study/serve_plan.h"

namespace tightrope::serving_study::serve_internal {

/// A system in one numerics, ready to search.
struct Seller {
  const catalog::System* system = nullptr;
  std::unique_ptr<infer::Context> context, front;
  std::optional<study::PriceTag> price;
  study::Place place;
};

struct Market {
  std::vector<Seller> sellers;          ///< by system, then numerics
  std::vector<study::LostSystem> lost;  ///< systems that cannot be tried, and why
  std::vector<std::string> numerics;    ///< tried
  std::vector<std::string> systems;     ///< tried
};
[[nodiscard]] Result<Market> find_market(const ServeRequest& request,
                                         const catalog::Catalog& catalog);

[[nodiscard]] sizing::Tariff tariff_of(const Seller& seller);

/// A fleet with money, energy, memory and bands.
[[nodiscard]] ServePlan make_serve_plan(const ServeRequest& request, const sizing::Fleet& fleet,
                                        const Market& market);

/// The errors on rows left out of "agg_tpot_ms" and the like; a guess where none were fitted.
[[nodiscard]] infer::ServingBand fitted_band(const std::string& key);
/// What of a pool's prices nobody measured; each item widens its band by half.
[[nodiscard]] std::vector<std::string> borrowed(const infer::Context& context);
[[nodiscard]] std::string calibration_hash();

}  // namespace tightrope::serving_study::serve_internal
