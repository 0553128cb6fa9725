// Which systems, chip counts, precisions and stacks a request means.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/catalog/names.h"
#include "tightrope/study/plan_internal.h"

namespace tightrope::study::plan_internal {
namespace {

using catalog::Chip;
using catalog::System;

// Fewer chips than this in a unit is a machine to develop on; it is planned only when named.
constexpr int least_unit = 4;
// An 8-bit format that is hardly faster than bf16 is no reason to train in it.
constexpr double worthwhile_speed = 1.2;

bool trains(const Chip& chip) {
  return chip.kind != "cpu" && !chip.name.starts_with("inferentia") && chip.peak[DType::bf16].known;
}

bool sold(const System& system, const catalog::Catalog& catalog) {
  if (system.provider != "any") return true;
  return std::ranges::any_of(
      catalog.prices(), [&](const catalog::Price& price) { return price.system == system.name; });
}

bool on_offer(const PlanRequest& request, const System& system, const Chip& chip,
              const catalog::Catalog& catalog) {
  if (!trains(chip) || system.chips < least_unit || !sold(system, catalog)) return false;
  const bool ships =
      system.status == catalog::Status::shipping && chip.status == catalog::Status::shipping;
  return ships || (request.announced && system.status != catalog::Status::retired);
}

// bf16, and in 8 bits what the chip does best: microscaled formats came with 4-bit units.
std::vector<std::string> usual_precisions(const Chip& chip) {
  std::vector<std::string> list{"bf16"};
  const auto& narrow = chip.peak[DType::fp8];
  if (!narrow.known || narrow.value < worthwhile_speed * chip.peak[DType::bf16].value) return list;
  list.emplace_back(chip.peak[DType::fp4].known ? "mxfp8" : "fp8");
  return list;
}

std::string usual_stack(const PlanRequest& request, const Chip& chip) {
  const step::TuningTable& table = coefficients_or_embedded(request.coefficients).tuning;
  std::string wished = chip.kind == "trainium" ? "neuron"
                       : chip.kind == "tpu"    ? "maxtext"
                                               : "megatron-core-2025";
  for (const step::Stack& stack : table.stacks) {
    if (stack.name == wished) return wished;
  }
  return table.stacks.front().name;
}

Result<void> check_names(const PlanRequest& request, const catalog::Catalog& catalog) {
  for (const std::string& name : request.systems) {
    const System* system = catalog.find_system(name);
    if (system == nullptr) {
      return fail(ErrorCode::not_found, fmt::format("no system \"{}\" in the catalog", name), {},
                  catalog::did_you_mean(catalog.near(name)));
    }
    const Chip* chip = catalog.find_chip(system->chip);
    if (chip == nullptr || !trains(*chip)) {
      return fail(ErrorCode::unsupported,
                  fmt::format("\"{}\" has no chips to train on", system->name));
    }
  }
  for (const std::string& name : request.precisions) {
    TR_TRY([[maybe_unused]] const step::Recipe recipe, step::find_recipe(name));
  }
  if (!request.stack.empty()) {
    TR_TRY([[maybe_unused]] const step::Tuning tuning,
           coefficients_or_embedded(request.coefficients).tuning.tuning("", request.stack));
  }
  for (const std::string& name : request.regions) {
    if (catalog.find_region(name) != nullptr) continue;
    const std::string near = catalog::did_you_mean(catalog.near(name));
    return fail(ErrorCode::not_found, fmt::format("no region \"{}\" in the catalog", name), {},
                near.empty() ? "see `tightrope catalog list regions`" : near);
  }
  return {};
}

bool named(const PlanRequest& request, const System& system, const catalog::Catalog& catalog) {
  return std::ranges::any_of(request.systems, [&](const std::string& name) {
    return catalog.find_system(name) == &system;
  });
}

int power_of_two_below(int n) {
  int p = 1;
  while (p * 2 <= n) p *= 2;
  return p;
}

}  // namespace

Result<std::vector<Offer>> find_offers(const PlanRequest& request,
                                       const catalog::Catalog& catalog) {
  TR_TRY_VOID(check_names(request, catalog));
  std::vector<Offer> offers;
  for (const System& system : catalog.systems()) {
    const Chip* chip = catalog.find_chip(system.chip);
    if (chip == nullptr) continue;
    const bool wanted = request.systems.empty() ? on_offer(request, system, *chip, catalog)
                                                : named(request, system, catalog);
    if (!wanted) continue;
    offers.push_back({&system, chip,
                      request.stack.empty() ? usual_stack(request, *chip) : request.stack,
                      request.precisions.empty() ? usual_precisions(*chip) : request.precisions});
  }
  if (offers.empty()) {
    return fail(ErrorCode::not_found, "no system in the catalog can train", {},
                "see `tightrope catalog list systems`");
  }
  return offers;
}

int rented_chips(const System& system, int chips) {
  const int unit = std::max(1, system.chips);
  if (chips % unit == 0) return chips;
  int used = std::min(unit, chips);  // in each unit
  while (chips % used != 0) --used;
  return chips / used * unit;
}

std::vector<int> exact_counts(const PlanRequest& request, const System& system) {
  std::vector<int> counts = request.chips;
  for (const int n : request.units) counts.push_back(n * std::max(1, system.chips));
  std::ranges::sort(counts);
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

bool may_rent(const PlanRequest& request, const System& system, int chips) {
  const int rented = rented_chips(system, chips);
  const int cap = request.constraints.max_chips;
  return rented <= std::max(cap, grid_ceiling) && (cap == 0 || rented <= cap) &&
         (!system.max_chips.known || rented <= system.max_chips.value);
}

std::vector<int> chip_counts(const PlanRequest& request, const System& system, int least) {
  const int unit = std::max(1, system.chips);
  const long most = std::max(request.constraints.max_chips, grid_ceiling);
  const int whole = power_of_two_below(unit);  // 64 of an NVL72: batches divide by it
  std::vector<int> counts;
  auto offer = [&](long n) {
    if (n >= least && n <= most && may_rent(request, system, static_cast<int>(n))) {
      counts.push_back(static_cast<int>(n));
    }
  };
  for (long n = whole; n <= most; n *= 2) {
    offer(n);
    if (n > whole) offer(n / 2 * 3);
    if (unit != whole) offer(n / whole * unit);
  }
  std::ranges::sort(counts);
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

int least_chips(const PlanRequest& request, const step::Context& context) {
  const workload::ParameterCount parameters = workload::count_parameters(context.model);
  const formula::StateBytes& bytes = context.recipe.states;
  const double each = bytes.weight + (context.frozen_base() ? 0.0 : bytes.gradient);
  const double ranks = static_cast<double>(parameters.total()) * each /
                       (context.kernels.hbm * request.constraints.memory_share).raw();
  return std::max(1, static_cast<int>(ranks / context.chip.ranks_per_chip));
}

Seconds duration_at_peak(const PlanRequest& request, const step::Context& context, int chips) {
  const FlopsPerSecond peak =
      max(context.kernels.peak[context.recipe.product], context.kernels.peak[DType::bf16]);
  const Flops work(
      request.tokens.raw() *
      workload::job_flops_per_token(context.model, context.job, workload::FlopConvention::causal));
  return work / (peak * (static_cast<double>(chips) * context.chip.ranks_per_chip));
}

}  // namespace tightrope::study::plan_internal
