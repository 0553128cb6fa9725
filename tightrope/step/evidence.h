// What a training calibration has seen, and how far it was off where it had not: the error bands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/dtype.h"
#include "tightrope/workload/model.h"

namespace tightrope::step {

/// What of a case decides how far its prediction may be off.
struct Traits {
  std::string source;        ///< who measured it; empty for a plan
  std::string shape;         ///< model_shape() of the network
  std::string chip;          ///< catalog id
  std::string architecture;  ///< its kin
  std::string stack;
  DType format = DType::bf16;  ///< of the products
  bool routed = false;         ///< mixture of experts
  bool borrowed = false;       ///< kernel coefficients are those of kin
};

struct Context;
/// Traits of a resolved case; no source.
[[nodiscard]] Traits traits_of(const Context& context);

/// A network by its widths, not its depth or name: "h8192 a64/8 f28672", experts as "e256/8".
[[nodiscard]] std::string model_shape(const workload::Model& model);

}  // namespace tightrope::step
