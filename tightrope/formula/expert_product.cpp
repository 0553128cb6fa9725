#include "tightrope/formula/expert_product.h"

#include <algorithm>
#include <limits>

namespace tightrope::formula {

KernelTime expert_product(const ExpertProduct& product, const RankKernels& kernels) noexcept {
  const double weights = product.experts * product.n * product.k;
  if (!(weights > 0.0) || !(product.rows > 0.0)) return {};
  const ExpertCoefficients& c = kernels.experts[product.format];
  const double peak = kernels.peak[product.dtype].raw() * c.peak_share;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double math = peak > 0.0 ? 2.0 * weights * (product.rows + c.row_padding) / peak : infinity;
  const double bytes = weights * product.weight_bytes;
  const double read = bytes / (kernels.hbm_bandwidth.raw() * c.read_share);
  const double hidden =
      std::max(math, read) + (math < infinity ? c.overlap_loss : 0.0) * std::min(math, read);
  const Seconds fixed = c.launch + c.held * product.held;
  return {.time = fixed + Seconds(hidden),
          .math = Seconds(math),
          .memory = Seconds(read),
          .overhead = fixed,
          .flops = Flops(2.0 * weights * product.rows),
          .bytes = Bytes(bytes)};
}

}  // namespace tightrope::formula
