// Precision recipe: in which formats a step multiplies, keeps, sends and updates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/dtype.h"
#include "tightrope/core/result.h"
#include "tightrope/formula/kernels.h"
#include "tightrope/formula/states.h"

namespace tightrope::step {

struct Recipe {
  std::string name;
  DType product = DType::bf16;  ///< of the linear layers' matrix products; attention stays 16-bit
  formula::Scaling scaling = formula::Scaling::tensor;
  bool quantized = false;     ///< products run below 16 bits: operands are cast on the way
  double kept_input = 2;      ///< bytes an element of a saved product input takes
  double gathered = 2;        ///< bytes an element of an all-gathered product input takes
  double dispatched = 2;      ///< bytes an element sent to an expert takes
  double parameter_sent = 2;  ///< bytes a parameter takes in an all-gather
  double gradient_sent = 2;   ///< bytes a gradient takes in a reduction
  formula::StateBytes states;
  double gradient_kept = 4;    ///< bytes a gradient takes in its buffer (the stack may halve it)
  double optimizer_kept = 12;  ///< bytes a parameter's master copy and moments take
};

/// bf16, fp16, fp8 (one scale a tensor), fp8-block, mxfp8, nvfp4, bf16-sr (stochastic rounding, no
/// fp32 master copy), bf16-fp32-optimizer. Errors: unsupported, naming these.
[[nodiscard]] Result<Recipe> find_recipe(std::string_view name);
[[nodiscard]] const std::vector<std::string>& recipe_names();
/// False with the reason in `why` when the chip has no peak for the recipe's products.
[[nodiscard]] bool chip_runs(const formula::RankKernels& kernels, const Recipe& recipe);

}  // namespace tightrope::step
