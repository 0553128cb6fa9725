#include <algorithm>
#include <array>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

using formula::GemmCoefficients;
using formula::RankKernels;
using formula::Scaling;

/// Output tiles that libraries use, per compute unit.
struct Tile {
  double m, n;
};
constexpr std::array<Tile, 4> tiles = {{{128, 128}, {128, 192}, {128, 256}, {256, 256}}};

/// Places of the coefficients in a fit's vector; the last four are nuisance.
enum Place : std::size_t {
  peak_share,
  k_half,
  wave_share,
  split_share,
  small_tile_share,
  launch_us,
  overlap_loss,
  quantise_us,
  quantise_bytes,
  burst,
  burst_tflop,
  places
};
constexpr std::size_t first_nuisance = quantise_us;

/// Products of this size and more count fully in the fit; the smallest for a quarter.
constexpr double full_weight_flops = 5e11;

GemmCoefficients coefficients_of(const std::vector<double>& x, const Tile& tile) {
  GemmCoefficients c;
  c.peak_share = x[peak_share];
  c.k_half = x[k_half];
  c.wave_share = x[wave_share];
  c.split_share = x[split_share];
  c.small_tile_share = x[small_tile_share];
  c.launch = Seconds(x[launch_us] * 1e-6);
  c.overlap_loss = x[overlap_loss];
  c.tile_m = tile.m;
  c.tile_n = tile.n;
  return c;
}

/// What the benchmark measured beside the product: the pass that quantises its input, and clocks
/// that a short kernel finds higher than hours of training would leave them.
double measured_time(double seconds, const formula::GemmShape& shape, const RankKernels& kernels,
                     const std::vector<double>& x) {
  const double flops = 2.0 * shape.m * shape.n * shape.k;
  const double boost = 1.0 + x[burst] / (1.0 + flops / (x[burst_tflop] * 1e12));
  const double rate = kernels.hbm_bandwidth.raw() * kernels.hbm_read_share;
  const double pass = x[quantise_us] * 1e-6 + x[quantise_bytes] * shape.m * shape.k / rate;
  return seconds / boost + pass;
}

std::vector<FitParameter> parameters_for(bool quantised) {
  const double on = quantised ? 1.0 : 0.0;
  return {{"peak_share", 0.75, 0.2, 1.0},
          {"k_half", 100.0, 0.0, 1500.0},
          {"wave_share", 0.5, 0.0, 1.0},
          {"split_share", 0.3, 0.0, 1.0},
          {"small_tile_share", 0.8, 0.3, 1.0},
          {"launch_us", 0.0, 0.0, quantised ? 0.0 : 8.0},
          {"overlap_loss", 0.2, 0.0, 1.0},
          {"quantise_us", 3.0 * on, 0.0, 30.0 * on},
          {"quantise_bytes", 3.0 * on, 0.0, 12.0 * on},
          {"burst", 0.05, 0.0, 0.2},
          {"burst_tflop", 1.0, 0.02, 10.0}};
}

GemmCoefficients& slot(RankKernels& kernels, const formula::GemmShape& shape) {
  return (shape.scaling == Scaling::block ? kernels.gemm_block : kernels.gemm)[shape.dtype];
}

}  // namespace

GemmCoefficients gemm_of(const std::vector<FittedNumber>& numbers) {
  std::vector<double> x(places, 0.0);
  Tile tile{128, 128};
  const std::vector<FitParameter> names = parameters_for(false);
  for (const FittedNumber& number : numbers) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].name == number.name) x[i] = number.value;
    }
    if (number.name == "tile_m") tile.m = number.value;
    if (number.name == "tile_n") tile.n = number.value;
  }
  return coefficients_of(x, tile);
}

FittedNumber hbm_read_share(const GemmTable& table, const catalog::Chip& facts) {
  std::vector<double> shares;
  for (const GemmRow& row : table.memory_bound) {
    const auto& s = row.shape;
    const double bytes = (s.m + s.n) * s.k * bytes_of(s.dtype) + s.m * s.n * s.out_element;
    shares.push_back(bytes / row.time.raw() / facts.hbm_bandwidth.value.raw());
  }
  TR_CHECK(!shares.empty(), table.chip);
  std::sort(shares.begin(), shares.end());
  const double median = shares[shares.size() / 2];
  std::vector<double> deviations;
  for (const double share : shares) deviations.push_back(std::abs(share - median));
  std::sort(deviations.begin(), deviations.end());
  constexpr double normal_from_median = 1.4826, median_from_mean = 1.2533;
  const double spread = normal_from_median * deviations[deviations.size() / 2];
  return {"hbm_read_share", std::min(1.0, median),
          median_from_mean * spread / std::sqrt(static_cast<double>(shares.size()))};
}

KernelFit fit_gemm(const GemmTable& table, const RankKernels& kernels,
                   const GemmCoefficients& before, int folds) {
  TR_CHECK(!table.rows.empty(), table.chip, table.format);
  std::vector<FitRow> rows;
  for (const GemmRow& row : table.rows) {
    const double flops = 2.0 * row.shape.m * row.shape.n * row.shape.k;
    rows.push_back({row.time.raw(), 0.25 + 0.75 * std::min(1.0, flops / full_weight_flops)});
  }
  const auto predictor = [&](const Tile& tile) -> Predictor {
    return [&table, tile, trial = kernels](std::size_t i, const std::vector<double>& x) mutable {
      const formula::GemmShape& shape = table.rows[i].shape;
      slot(trial, shape) = coefficients_of(x, tile);
      return measured_time(gemm(shape, trial).time.raw(), shape, trial, x);
    };
  };

  // Tiles and rounding trade against each other: try every tile from three corners.
  struct Corner {
    double wave, small;
  };
  constexpr std::array<Corner, 3> corners = {{{0.2, 0.9}, {0.9, 0.75}, {0.5, 0.5}}};
  std::vector<FitParameter> parameters = parameters_for(table.format != "bf16");
  KernelFit best;
  Tile chosen = tiles.front();
  for (const Tile& tile : tiles) {
    for (const Corner& corner : corners) {
      parameters[wave_share].start = corner.wave;
      parameters[small_tile_share].start = corner.small;
      FitResult trial = fit(rows, parameters, predictor(tile), 0);
      if (best.after.numbers.empty() || trial.loss < best.after.loss) {
        best.after = std::move(trial);
        chosen = tile;
      }
    }
  }
  for (std::size_t i = 0; i < places; ++i) parameters[i].start = best.after.numbers[i].value;
  best.after = fit(rows, parameters, predictor(chosen), folds);

  const std::vector<double> x = best.after.values();
  best.subject = table.chip + " gemm " + table.format;
  best.engines = table.engines;
  best.before = judge(rows,
                      [&, trial = kernels](std::size_t i, const std::vector<double>&) mutable {
                        const formula::GemmShape& shape = table.rows[i].shape;
                        slot(trial, shape) = before;
                        return measured_time(gemm(shape, trial).time.raw(), shape, trial, x);
                      },
                      {});
  best.nuisance.assign(best.after.numbers.begin() + first_nuisance, best.after.numbers.end());
  best.after.numbers.resize(first_nuisance);
  best.after.numbers.push_back({"tile_m", chosen.m, 0.0});
  best.after.numbers.push_back({"tile_n", chosen.n, 0.0});
  return best;
}

}  // namespace tightrope::study
