// Which systems, numerics and engines a request means, and what they cost.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/serving_study/serve_plan_internal.h"
#include "tightrope/study/prices.h"

namespace tightrope::serving_study::serve_internal {
namespace {

using catalog::Chip;
using catalog::System;

bool serves(const Chip& chip) {
  return chip.peak[DType::bf16].known || chip.peak[DType::fp16].known;
}

bool priced(const System& system, const catalog::Catalog& catalog) {
  return std::ranges::any_of(
      catalog.prices(), [&](const catalog::Price& price) { return price.system == system.name; });
}

bool on_offer(const ServeRequest& request, const System& system, const Chip& chip,
              const catalog::Catalog& catalog) {
  if (!serves(chip) || !priced(system, catalog)) return false;
  const bool ships =
      system.status == catalog::Status::shipping && chip.status == catalog::Status::shipping;
  return ships || (request.announced && system.status != catalog::Status::retired);
}

// What the chip multiplies natively; caches keep the width that goes with it.
std::vector<std::string> usual_numerics(const Chip& chip) {
  std::vector<std::string> list{"bf16"};
  if (chip.peak[DType::fp8].known) {
    list.emplace_back("fp8");
    list.emplace_back("fp8-block");
  }
  if (chip.peak[DType::fp4].known) list.emplace_back("nvfp4");
  return list;
}

Result<std::string> engine_of(const ServeRequest& request, const Chip& chip) {
  const bool neuron = chip.kind == "trainium";
  if (neuron) return "neuron";
  if (request.engine.empty()) return "vllm";
  if (request.engine.starts_with("neuron")) {
    return fail(ErrorCode::unsupported, "neuron runs on Trainium and Inferentia only");
  }
  if (request.engine.starts_with("tensorrt-llm") && chip.vendor != "nvidia") {
    return fail(ErrorCode::unsupported, "tensorrt-llm runs on NVIDIA chips only");
  }
  return request.engine;
}

Result<void> check(const ServeRequest& request, const catalog::Catalog& catalog) {
  const sizing::Demand& d = request.demand;
  if (!(d.input >= 1 && d.output >= 1 && d.input <= 1e7 && d.output <= 1e7)) {
    return fail(ErrorCode::range, "input and output must be from 1 to 10 million tokens");
  }
  if (!(d.cached >= 0 && d.cached < d.input)) {
    return fail(ErrorCode::range, "the cached prefix must be shorter than the input");
  }
  if (!(request.limits.percentile >= 50 && request.limits.percentile <= 99.9)) {
    return fail(ErrorCode::range, "the percentile must be from 50 to 99.9");
  }
  if (!request.yields.empty()) {
    TR_TRY([[maybe_unused]] const infer::YieldShares yields,
           infer::checked_yields(request.yields, request.drafts));
  }
  for (const std::string& name : request.systems) {
    if (catalog.find_system(name) != nullptr) continue;
    return fail(ErrorCode::not_found, fmt::format("no system \"{}\" in the catalog", name), {},
                catalog::did_you_mean(catalog.near(name)));
  }
  for (const std::string& name : request.regions) {
    if (catalog.find_region(name) != nullptr) continue;
    const std::string near = catalog::did_you_mean(catalog.near(name));
    return fail(ErrorCode::not_found, fmt::format("no region \"{}\" in the catalog", name), {},
                near.empty() ? "see `tightrope catalog list regions`" : near);
  }
  for (const std::string& name : request.numerics) {
    TR_TRY([[maybe_unused]] const infer::Numerics known, infer::find_numerics(name, false));
  }
  if (!request.engine.empty()) {
    TR_TRY([[maybe_unused]] const infer::Engine known,
           infer::ServingTuning::embedded().engine(request.engine));
  }
  return {};
}

void add_price(const ServeRequest& request, const catalog::Catalog& catalog, Seller& seller) {
  for (const catalog::Term term : study::term_order) {
    if (request.term && *request.term != term) continue;
    const catalog::Price* price = study::price_of(request.regions, *seller.system, term, catalog);
    if (price == nullptr) continue;
    seller.price = study::tag_of(*price);
    break;
  }
  seller.place = study::place_for(request.regions, *seller.system,
                                  seller.price ? &*seller.price : nullptr, catalog);
}

Result<Seller> make_seller(const ServeRequest& request, const System& system, const Chip& chip,
                           const std::string& numerics, const catalog::Catalog& catalog) {
  Seller seller;
  seller.system = &system;
  infer::ContextRequest asked;
  asked.model = request.model.model;
  asked.numerics = numerics;
  asked.drafts = request.drafts;
  asked.accepted = request.accepted;
  asked.yields = request.yields;
  TR_TRY(asked.engine, engine_of(request, chip));
  const formula::Calibration& kernels = formula::embedded_calibration();
  const auto make = [&]() -> Result<std::unique_ptr<infer::Context>> {
    TR_TRY(infer::Context context, infer::make_context(asked, system, catalog, kernels));
    // A processor's memory is the machine's.
    if (chip.kind == "cpu" && system.host_memory.known) {
      context.kernels.hbm = system.host_memory.value / std::max(1, system.chips);
    }
    return std::make_unique<infer::Context>(std::move(context));
  };
  TR_TRY(seller.context, make());
  if (request.drafts > 0) {
    asked.drafts = 0;
    asked.accepted = 0;
    asked.yields.clear();
    TR_TRY(seller.front, make());
  }
  add_price(request, catalog, seller);
  return seller;
}

void add_system(const ServeRequest& request, const System& system, const Chip& chip,
                const catalog::Catalog& catalog, Market& market) {
  market.systems.push_back(system.name);
  std::string reason = "runs none of the number formats asked for";
  bool any = false;
  const std::vector<std::string> usual = usual_numerics(chip);
  for (const std::string& name : request.numerics.empty() ? usual : request.numerics) {
    auto seller = make_seller(request, system, chip, name, catalog);
    if (!seller) {
      reason = seller.error().what;
      continue;
    }
    any = true;
    market.sellers.push_back(*std::move(seller));
    if (std::ranges::find(market.numerics, name) == market.numerics.end()) {
      market.numerics.push_back(name);
    }
  }
  if (!any) market.lost.push_back({system.name, reason});
}

}  // namespace

Result<Market> find_market(const ServeRequest& request, const catalog::Catalog& catalog) {
  TR_TRY_VOID(check(request, catalog));
  Market market;
  for (const System& system : catalog.systems()) {
    const Chip* chip = catalog.find_chip(system.chip);
    if (chip == nullptr) continue;
    const bool named = std::ranges::any_of(request.systems, [&](const std::string& name) {
      return catalog.find_system(name) == &system;
    });
    const bool wanted = request.systems.empty() ? on_offer(request, system, *chip, catalog) : named;
    if (wanted) add_system(request, system, *chip, catalog, market);
  }
  return market;
}

sizing::Tariff tariff_of(const Seller& seller) {
  sizing::Tariff t;
  t.unit_chips = std::max(1, seller.system->chips);
  t.pue = seller.place.pue;
  t.carbon = seller.place.carbon;
  if (seller.price) {
    t.priced = true;
    t.chip = seller.price->per_chip;
    if (seller.price->term == catalog::Term::purchase) t.electricity = seller.place.electricity;
  }
  return t;
}

}  // namespace tightrope::serving_study::serve_internal
