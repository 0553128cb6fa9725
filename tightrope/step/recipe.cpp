#include "tightrope/step/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tightrope::step {
namespace {

using formula::Scaling;
using formula::StateBytes;

constexpr StateBytes mixed{2, 4, 12};   // bf16 weights, fp32 gradients and optimizer
constexpr StateBytes rounded{2, 2, 4};  // stochastic rounding: bf16 moments, no master copy

const std::vector<Recipe>& all() {
  static const std::vector<Recipe> recipes = {
      {"bf16", DType::bf16, Scaling::tensor, false, 2, 2, 2, 2, 4, mixed},
      {"fp16", DType::fp16, Scaling::tensor, false, 2, 2, 2, 2, 2, {2, 2, 12}},
      {"fp8", DType::fp8, Scaling::tensor, true, 1, 1, 2, 2, 4, mixed},
      {"fp8-block", DType::fp8, Scaling::block, true, 1, 2, 1, 2, 4, mixed},
      {"mxfp8", DType::fp8, Scaling::block, true, 1, 1, 1, 2, 4, mixed},
      {"nvfp4", DType::fp4, Scaling::tensor, true, 0.5625, 0.5625, 2, 2, 4, mixed},
      {"bf16-sr", DType::bf16, Scaling::tensor, false, 2, 2, 2, 2, 2, rounded},
      {"bf16-fp32-optimizer", DType::bf16, Scaling::tensor, false, 2, 2, 2, 2, 4, mixed},
  };
  return recipes;
}

}  // namespace

const std::vector<std::string>& recipe_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Recipe& r : all()) list.push_back(r.name);
    return list;
  }();
  return names;
}

Result<Recipe> find_recipe(std::string_view name) {
  for (const Recipe& r : all()) {
    if (r.name != name) continue;
    Recipe found = r;
    found.gradient_kept = r.states.gradient;
    found.optimizer_kept = r.states.optimizer;
    return found;
  }
  return fail(ErrorCode::unsupported, fmt::format("unknown precision \"{}\"", name), {},
              fmt::format("choose one of {}", fmt::join(recipe_names(), ", ")));
}

bool chip_runs(const formula::RankKernels& kernels, const Recipe& recipe) {
  return kernels.peak[recipe.product] > FlopsPerSecond(0.0);
}

}  // namespace tightrope::step
