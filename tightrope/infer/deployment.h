// How a model is split over the chips of one serving replica, and in which formats it is kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/dtype.h"
#include "tightrope/core/result.h"
#include "tightrope/formula/kernels.h"

namespace tightrope::infer {

/// One replica's mapping. Ranks = tp * dp * pp. Experts lie on all tp * dp ranks of a stage: ep
/// groups of them, each expert cut over tp * dp / ep ranks.
struct Deployment {
  int tp = 1;  ///< tensor parallel, of attention and dense layers
  int pp = 1;  ///< pipeline stages
  int dp = 1;  ///< attention data parallel: groups of tp ranks that see different sequences
  int ep = 1;  ///< expert parallel, divides tp * dp
  [[nodiscard]] int ranks() const { return tp * pp * dp; }
  [[nodiscard]] int etp() const { return tp * dp / ep; }
  friend bool operator==(const Deployment&, const Deployment&) = default;
};

/// "tp8", "dp8 ep8", "tp2 pp4": the parts above 1, or "tp1".
[[nodiscard]] std::string to_string(const Deployment& deployment);

/// One kind of weights: how they are stored and multiplied.
struct WeightFormat {
  DType product = DType::bf16;
  formula::Scaling scaling = formula::Scaling::tensor;
  // tidy-allow(raw-unit): a factor on counts of weights, like bytes_of(DType)
  double weight_bytes = 2;  ///< a stored weight takes, scales included
  formula::ExpertFormat experts = formula::ExpertFormat::bf16;  ///< whose kernels run experts
};

/// The formats a served model is kept and computed in.
struct Numerics {
  std::string name;
  WeightFormat attention;      ///< projections of attention and mixers
  WeightFormat attention_out;  ///< attention's output projection
  WeightFormat feed;           ///< dense FFNs, experts, shared experts
  // tidy-allow(raw-unit): a factor on counts of elements, like bytes_of(DType)
  double kv_bytes = 2;  ///< an element of the key-value cache takes
};

/// bf16, fp8 (one scale a tensor), fp8-block, nvfp4, mxfp4, int8, int4 (weights only); a suffix
/// "+kv8" keeps keys and values in 8 bits, "+kv16" in 16 (the default but for fp8 and nvfp4 of
/// dense models, which published checkpoints serve with 8-bit caches).
/// `routed`: with experts, checkpoints in nvfp4 and mxfp4 narrow the experts only.
/// Errors: unsupported, naming these.
[[nodiscard]] Result<Numerics> find_numerics(std::string_view name, bool routed);
[[nodiscard]] const std::vector<std::string>& numerics_names();

/// The same on a chip: formats it has no matrix unit for are widened when multiplied (weights stay
/// narrow), as engines do with fp4 on Hopper and fp8 on Ampere. Errors: unsupported, when not even
/// 16-bit products run.
[[nodiscard]] Result<Numerics> on_chip(const Numerics& numerics,
                                       const formula::RankKernels& kernels);

}  // namespace tightrope::infer
