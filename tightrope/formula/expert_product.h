// Time of routed experts' products, in the fused kernels that run them.
#pragma once

#include "tightrope/formula/kernels.h"

namespace tightrope::formula {

/// One of the products of the experts that a rank holds: m x k times k x n, an expert each.
struct ExpertProduct {
  double experts = 1;  ///< that have tokens at all
  double rows = 1;     ///< of one expert, on average
  double held = 0;     ///< experts that the rank holds, with tokens or without
  double n = 0, k = 0;
  DType dtype = DType::bf16;                 ///< of the multiplication
  ExpertFormat format = ExpertFormat::bf16;  ///< whose kernels run it
  // tidy-allow(raw-unit): a factor on counts of weights, like bytes_of(DType)
  double weight_bytes = 2;  ///< a stored weight takes, scales included
};

/// What: time of a grouped product of routed experts.
/// Formula: t = launch + held_us held + max(math, read) + overlap_loss min(math, read);
///   math = 2 experts (rows + row_padding) n k / (peak * share); read = experts n k weight_bytes /
///   (hbm * read_share)
/// Source: roofline with the mean padding of ragged tiles; fitted a number format on tables of
///   fused expert layers (kernels/moe.csv).
/// Valid: all >= 0; no experts or rows take no time. Activations' traffic is not in it: passes are
///   priced for themselves. dtype must have a peak, else the time is infinite.
/// Checked by: ExpertProducts.Laws
[[nodiscard]] KernelTime expert_product(const ExpertProduct& product,
                                        const RankKernels& kernels) noexcept;

}  // namespace tightrope::formula
