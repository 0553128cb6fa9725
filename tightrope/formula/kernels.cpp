#include "tightrope/formula/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tightrope::formula {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Time of one kernel from its three parts.
KernelTime compose(double math, double memory, double overhead, double overlap_loss, double flops,
                   double bytes) noexcept {
  const double longer = math > memory ? math : memory;
  const double lesser = math > memory ? memory : math;
  const double hidden = longer == infinity ? infinity : longer + overlap_loss * lesser;
  return {.time = Seconds(overhead + hidden),
          .math = Seconds(math),
          .memory = Seconds(memory),
          .overhead = Seconds(overhead),
          .flops = Flops(flops),
          .bytes = Bytes(bytes)};
}

/// Rounds a positive number up; faster than std::ceil without SSE4.1.
double round_up(double x) noexcept {
  const auto whole = static_cast<double>(static_cast<long long>(x));
  return whole < x ? whole + 1.0 : whole;
}

/// How tiles fall on compute units. `per_unit` is groups / units.
struct Spread {
  double per_unit, wave_share, split_share;
};

/// Tiles that the busiest unit works through, of rows x columns whole tiles a group.
double busy_tiles(const Spread& spread, double rows, double columns) noexcept {
  constexpr double rounding_error = 1e-9;  // 132 tiles on 132 units are one wave, not two
  const double ideal = rows * columns * spread.per_unit;
  const double share = ideal < 1.0 ? spread.split_share : spread.wave_share;
  const double whole = round_up(ideal - rounding_error);
  return whole > ideal ? ideal + share * (whole - ideal) : ideal;
}

/// The least time-equivalent area of tiles a unit, over the tiles a library would try: whole, half
/// and quarter ones, either way round. Halving a tile doubles the exact quotient.
double best_area(const GemmShape& shape, const Spread& spread, const GemmCoefficients& c) noexcept {
  const double half = 0.5 / c.small_tile_share;
  const double quarter = half * half;
  const double mm = shape.m / c.tile_m, nn = shape.n / c.tile_n;
  const double mm1 = round_up(mm), mm2 = round_up(2.0 * mm);
  const double nn1 = round_up(nn), nn2 = round_up(2.0 * nn);
  double tiles = busy_tiles(spread, mm1, nn1);
  tiles = std::min(tiles, half * busy_tiles(spread, mm1, nn2));
  tiles = std::min(tiles, quarter * busy_tiles(spread, mm2, nn2));
  // Turned round: the tile's long side along m.
  const double mn = shape.m / c.tile_n, nm = shape.n / c.tile_m;
  const double mn2 = round_up(2.0 * mn), nm1 = round_up(nm);
  tiles = std::min(tiles, half * busy_tiles(spread, mn2, nm1));
  if (c.tile_m != c.tile_n) {
    tiles = std::min(tiles, busy_tiles(spread, round_up(mn), nm1));
    tiles = std::min(tiles, quarter * busy_tiles(spread, mn2, round_up(2.0 * nm)));
  }
  return tiles * c.tile_m * c.tile_n;
}

double streaming_time(double bytes, const RankKernels& kernels) noexcept {
  const double half = kernels.hbm_half.raw();
  const double ramp = half > 0.0 ? half * bytes / (bytes + half) : 0.0;
  return (bytes + ramp) / (kernels.hbm_bandwidth.raw() * kernels.hbm_share);
}

struct AttentionWork {
  double flops_a_score;  ///< products
  double flops;          ///< products in all
  double bytes;
};

KernelTime attention(const AttentionShape& shape, double scores, const AttentionWork& work,
                     const AttentionCoefficients& c, const RankKernels& kernels) noexcept {
  const double peak = kernels.peak[shape.dtype].raw() * c.peak_share;
  const double cost = scores * (work.flops_a_score + c.softmax.raw());
  const double ramp = 1.0 + c.q_half / shape.q_len;
  const double math = peak > 0.0 ? cost * ramp / peak : infinity;
  const double memory = work.bytes / (kernels.hbm_bandwidth.raw() * kernels.hbm_read_share);
  return compose(math, memory, kernels.launch.raw(), 0.0, work.flops, work.bytes);
}

}  // namespace

KernelTime gemm(const GemmShape& shape, const RankKernels& kernels) noexcept {
  const double outputs = shape.m * shape.n * shape.groups;
  if (!(outputs > 0.0) || !(shape.k > 0.0)) return {};
  const GemmCoefficients& c =
      shape.scaling == Scaling::block ? kernels.gemm_block[shape.dtype] : kernels.gemm[shape.dtype];
  const double units = kernels.compute_units;
  const Spread spread{shape.groups / units, c.wave_share, c.split_share};
  const double peak = kernels.peak[shape.dtype].raw() * c.peak_share;
  const double busy_flops = 2.0 * best_area(shape, spread, c) * (shape.k + c.k_half) * units;
  const double math = peak > 0.0 ? busy_flops / peak : infinity;

  const double element = bytes_of(shape.dtype);
  const double weight = shape.weight_element > 0.0 ? shape.weight_element : element;
  const double operands = (shape.m * element + shape.n * weight) * shape.k * shape.groups;
  const double results = outputs * shape.out_element * (shape.accumulate ? 2.0 : 1.0);
  const double bytes = operands + results;
  const double memory = bytes / (kernels.hbm_bandwidth.raw() * kernels.hbm_read_share);
  return compose(math, memory, kernels.launch.raw() + c.launch.raw(), c.overlap_loss,
                 2.0 * outputs * shape.k, bytes);
}

FlopsPerSecond sustained_rate(const SustainedLimits& limits) noexcept {
  const double clock = limits.clock.raw();
  const double power = limits.power.raw() * limits.flops_per_joule;
  if (!(power > 0.0) || !(clock > 0.0)) return limits.clock;
  // The lesser of both, rounded off where they are near: not every product draws the same.
  const double low = std::min(clock, power), high = std::max(clock, power);
  const double ratio2 = (low / high) * (low / high), ratio8 = ratio2 * ratio2 * ratio2 * ratio2;
  return FlopsPerSecond(low / std::sqrt(std::sqrt(std::sqrt(1.0 + ratio8))));
}

double attention_scores(const AttentionShape& shape) noexcept {
  const double q = shape.q_len, kv = shape.kv_len;
  if (shape.window > 0.0 && shape.window < kv) {
    const double w = shape.window;
    if (!shape.causal) return q * w;
    // Query i (from 0) sits at position kv - q + i and sees min(w, position + 1) keys.
    const double ramp = std::clamp(w - (kv - q) - 1.0, 0.0, q);  // queries that see fewer than w
    return ramp * (kv - q) + 0.5 * ramp * (ramp + 1.0) + (q - ramp) * w;
  }
  if (!shape.causal) return q * kv;
  const double masked = 0.5 * (std::min(q, kv) - 1.0);
  return q * (kv - masked);
}

KernelTime attention_forward(const AttentionShape& shape, const RankKernels& kernels) noexcept {
  const double scores = shape.batch * shape.heads * attention_scores(shape);
  if (!(scores > 0.0)) return {};
  const double products = 2.0 * (shape.qk_dim + shape.v_dim);
  const double query = shape.batch * shape.heads * shape.q_len * (shape.qk_dim + shape.v_dim);
  const double keys = shape.batch * shape.kv_heads * shape.kv_len * (shape.qk_dim + shape.v_dim);
  const AttentionWork work{.flops_a_score = products,
                           .flops = products * scores,
                           .bytes = (query + keys) * bytes_of(shape.dtype)};
  return attention(shape, scores, work, kernels.attention_forward, kernels);
}

KernelTime attention_backward(const AttentionShape& shape, const RankKernels& kernels) noexcept {
  const double scores = shape.batch * shape.heads * attention_scores(shape);
  if (!(scores > 0.0)) return {};
  // S = QK', dP = dO V', dV = P' dO, dQ = dS K, dK = dS' Q: three over qk_dim, two over v_dim.
  const double products = 2.0 * (3.0 * shape.qk_dim + 2.0 * shape.v_dim);
  const double query = shape.batch * shape.heads * shape.q_len * (shape.qk_dim + shape.v_dim);
  const double keys = shape.batch * shape.kv_heads * shape.kv_len * (shape.qk_dim + shape.v_dim);
  // Reads q, k, v, o, do and writes dq, dk, dv: twice forward's tensors, and dQ's atomics in fp32.
  const double bytes = 2.0 * (query + keys) * bytes_of(shape.dtype) +
                       8.0 * shape.batch * shape.heads * shape.q_len * shape.qk_dim;
  const AttentionWork work{.flops_a_score = products, .flops = products * scores, .bytes = bytes};
  return attention(shape, scores, work, kernels.attention_backward, kernels);
}

KernelTime stream(Bytes traffic, const RankKernels& kernels) noexcept {
  const double bytes = traffic.raw();
  if (!(bytes > 0.0)) return {};
  return compose(0.0, streaming_time(bytes, kernels), kernels.launch.raw(), 0.0, 0.0, bytes);
}

}  // namespace tightrope::formula
