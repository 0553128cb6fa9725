// Time of one kernel on one rank: matrix products, attention, memory-bound passes.
//
// Roofline with an efficiency that depends on shape, number format and chip. The few coefficients
// have physical meaning and are fitted from measured kernel tables (calibration/kernels.toml).
#pragma once

#include <string>

#include "tightrope/core/dtype.h"
#include "tightrope/core/units.h"
#include "tightrope/formula/expert_coefficients.h"

namespace tightrope::formula {

/// How the operands of a narrow product carry their scales.
enum class Scaling {
  tensor,  ///< none (16-bit formats), one a tensor (fp8), or the format's only way (NVFP4)
  block,   ///< fp8 with a scale a block: 128 wide on Hopper, MXFP8's 32 on Blackwell
};

/// What one number format's matrix unit really does, on one chip.
struct GemmCoefficients {
  double peak_share = 0.75;  ///< of the dense peak, reached by large products (clocks, power)
  double tile_m = 128, tile_n = 128;  ///< the largest output tile one compute unit works on
  double small_tile_share = 0.8;      ///< speed of half a tile, relative to the whole tile
  double k_half = 512;        ///< inner length that costs as much again as filling the pipeline
  double wave_share = 1.0;    ///< 1: whole waves of tiles; 0: tiles spread ideally (stream-k)
  double split_share = 0.5;   ///< the same below one wave: 0 where splitting k fills all units
  double overlap_loss = 0.1;  ///< share of the lesser of math and memory time that is not hidden
  Seconds launch{};           ///< start and end of the kernel, beyond RankKernels::launch
};

struct AttentionCoefficients {
  double peak_share = 0.6;  ///< of the peak, long sequences
  double q_half = 512;      ///< query length at which half of that is reached
  Flops softmax{128.0};     ///< work a score costs beside its products, in product flops
};

/// One rank's silicon: catalog facts divided by ranks_per_chip, with fitted coefficients.
struct RankKernels {
  PerDType<FlopsPerSecond> peak{};  ///< dense; 0 where the chip lacks the format
  Bytes hbm{};
  BytesPerSecond hbm_bandwidth{};
  double compute_units = 1;
  Seconds launch{};                   ///< fixed time of one kernel on the device
  double hbm_share = 0.85;            ///< of hbm_bandwidth that passes reach which read and write
  Bytes hbm_half{};                   ///< traffic at which half of that is reached
  double hbm_read_share = 0.9;        ///< of hbm_bandwidth that products reach, which mostly read
  PerDType<GemmCoefficients> gemm{};  ///< Scaling::tensor
  PerDType<GemmCoefficients> gemm_block{};  ///< Scaling::block
  AttentionCoefficients attention_forward{}, attention_backward{};
  PerExpertFormat<ExpertCoefficients> experts{};
};

/// Breakdown of one kernel's time; time >= max(math, memory).
struct KernelTime {
  Seconds time{}, math{}, memory{}, overhead{};
  Flops flops{};
  Bytes bytes{};  ///< HBM traffic
};

/// m x k times k x n, `groups` independent equal products in one kernel (experts).
struct GemmShape {
  double m = 0, n = 0, k = 0;
  double groups = 1;
  DType dtype = DType::bf16;
  Scaling scaling = Scaling::tensor;
  double out_element = 2;     ///< bytes an output element takes
  double weight_element = 0;  ///< bytes a stored weight (n x k) takes, when not dtype's; 0: dtype's
  bool accumulate = false;    ///< reads the output too (weight gradients into fp32)
};

struct AttentionShape {
  double batch = 1;
  double q_len = 0, kv_len = 0;  ///< tokens
  double heads = 0, kv_heads = 0;
  double qk_dim = 0, v_dim = 0;
  bool causal = true;  ///< square causal mask halves the work
  double window = 0;   ///< 0: unlimited
  DType dtype = DType::bf16;
};

/// What: time of a (grouped) matrix product.
/// Formula: t = launch + max(math, memory) + overlap_loss min(math, memory);
///   math = waves * 2 tile_m tile_n (k + k_half) / (peak/units * share), the best of whole, half
///   and quarter tiles either way round; waves = tiles/units, of which wave_share (split_share
///   below one) rounds up; memory = (A + B + out bytes, out twice when accumulating) / (hbm *
///   share)
/// Source: roofline (Williams et al. 2009); tile and wave quantisation; fitted on kernel tables.
/// Valid: m, n, k, groups >= 0; a zero product takes no time. dtype must have a peak, else the
///   time is infinite. Inputs are stored in dtype; quantising or widening is not included.
/// Checked by: Kernels.GemmLaws
[[nodiscard]] KernelTime gemm(const GemmShape& shape, const RankKernels& kernels) noexcept;

/// Two limits of what matrix units keep up for hours.
struct SustainedLimits {
  FlopsPerSecond clock{};        ///< rate of the kernel tables at the clock that a long run holds
  Watts power{};                 ///< what the chip may draw; 0: not known
  double flops_per_joule = 0.0;  ///< products a joule of the whole chip; 0: not known
};

/// What: rate of matrix products that a chip keeps up for hours under its power limit.
/// Formula: r = (clock^-8 + (power * flops_per_joule)^-8)^(-1/8); clock alone where either of
///   power and flops_per_joule is 0
/// Source: fitted: 16-bit products on B200, GB200 and GB300 (1000, 1200, 1400 W) run at 1.04
///   TFLOP/s a watt, whatever their kernel tables say.
/// Valid: all >= 0; never above either limit.
/// Checked by: Kernels.SustainedRateKeepsBothLimits
[[nodiscard]] FlopsPerSecond sustained_rate(const SustainedLimits& limits) noexcept;

/// What: time of fused attention, forward.
/// Formula: t = launch + max(scores * (2 (qk + v) + softmax) / (peak * share
///   * q/(q + q_half)), bytes / (hbm * share)); scores halve under a causal mask
/// Source: FlashAttention's traffic (Dao et al. 2022); fitted on kernel tables.
/// Valid: all sizes >= 0; q_len <= kv_len when causal or windowed.
/// Checked by: Kernels.AttentionLaws
[[nodiscard]] KernelTime attention_forward(const AttentionShape& shape,
                                           const RankKernels& kernels) noexcept;

/// What: time of fused attention, backward (2.5 times the products of forward).
/// Formula: as attention_forward with five products for two and its own coefficients
/// Source: FlashAttention-2 (Dao 2023), five products against two.
/// Valid: all sizes >= 0; q_len <= kv_len when causal or windowed.
/// Checked by: Kernels.AttentionLaws
[[nodiscard]] KernelTime attention_backward(const AttentionShape& shape,
                                            const RankKernels& kernels) noexcept;

/// What: scores (query-key pairs) that attention has to compute for one head of one sequence.
/// Formula: causal q (kv - (q - 1)/2); window w: min(w, position) keys a query; else q kv
/// Source: definition of causal and sliding-window masks.
/// Valid: sizes >= 0; under a mask the queries are the last q_len positions of kv_len.
/// Checked by: Kernels.AttentionScores
[[nodiscard]] double attention_scores(const AttentionShape& shape) noexcept;

/// What: time of a kernel that only moves bytes through HBM.
/// Formula: t = launch + (bytes + hbm_half * bytes / (bytes + hbm_half)) / (hbm * share)
/// Source: bandwidth ramp of streaming kernels; fitted on kernel tables.
/// Valid: bytes >= 0.
/// Checked by: Kernels.StreamLaws
[[nodiscard]] KernelTime stream(Bytes traffic, const RankKernels& kernels) noexcept;

}  // namespace tightrope::formula
