#include <algorithm>

#include "tightrope/core/check.h"
#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

using formula::AttentionCoefficients;
using formula::RankKernels;

enum Place : std::size_t { peak_share, q_half, softmax_flops, extra_us, passes };
constexpr std::size_t first_nuisance = extra_us;
constexpr double full_weight_flops = 1e12;

AttentionCoefficients coefficients_of(const std::vector<double>& x) {
  return {.peak_share = x[peak_share], .q_half = x[q_half], .softmax = Flops(x[softmax_flops])};
}

std::vector<FitRow> fit_rows(const std::vector<AttentionRow>& rows) {
  std::vector<FitRow> out;
  for (const AttentionRow& row : rows) {
    const double flops = 2.0 * row.shape.batch * row.shape.heads *
                         (row.shape.qk_dim + row.shape.v_dim) * attention_scores(row.shape);
    out.push_back({row.time.raw(), 0.25 + 0.75 * std::min(1.0, flops / full_weight_flops)});
  }
  return out;
}

/// Predicts `rows` with `at(x)` for coefficients. Beside the kernel, the engines that were measured
/// take `extra_us` to set up and pass `passes` times over queries, keys and values (rotation, the
/// key-value cache), which training has as kernels of its own.
template <class At>
Predictor predictor(const std::vector<AttentionRow>& rows, const RankKernels& kernels, At at) {
  return [&rows, at, trial = kernels](std::size_t i, const std::vector<double>& x) mutable {
    const formula::AttentionShape& s = rows[i].shape;
    trial.attention_forward = at(x);
    const double elements =
        s.batch * s.q_len * (s.heads * s.qk_dim + s.kv_heads * (s.qk_dim + s.v_dim));
    const double rate = trial.hbm_bandwidth.raw() * trial.hbm_share;
    return attention_forward(s, trial).time.raw() + x[extra_us] * 1e-6 +
           x[passes] * elements * bytes_of(s.dtype) / rate;
  };
}

}  // namespace

AttentionCoefficients attention_of(const std::vector<FittedNumber>& numbers) {
  TR_CHECK(numbers.size() >= first_nuisance, numbers.size());
  std::vector<double> x;
  for (const FittedNumber& number : numbers) x.push_back(number.value);
  return coefficients_of(x);
}

KernelFit fit_attention(const AttentionTable& table, const RankKernels& kernels,
                        const AttentionCoefficients& before, int folds) {
  TR_CHECK(!table.rows.empty(), table.chip);
  const std::vector<FitRow> rows = fit_rows(table.rows);
  const std::vector<FitParameter> parameters = {{"peak_share", 0.7, 0.2, 1.0},
                                                {"q_half", 400.0, 0.0, 4000.0},
                                                {"softmax_flops", 100.0, 0.0, 1000.0},
                                                {"extra_us", 5.0, 0.0, 30.0},
                                                {"passes", 2.0, 0.0, 10.0}};
  KernelFit out;
  out.subject = table.chip + " attention_forward";
  out.engines = table.engines;
  out.after = fit(rows, parameters, predictor(table.rows, kernels, coefficients_of), folds);
  const std::vector<double> x = out.after.values();
  const auto fixed = [&before](const std::vector<double>&) { return before; };
  out.before = judge(rows, predictor(table.rows, kernels, fixed), x);
  if (!table.mla.empty()) {
    // Its kernel's coefficients are not fitted, only how often the engine passes over its input.
    const Predictor latent = predictor(table.mla, kernels, coefficients_of);
    out.unseen = fit(
                     fit_rows(table.mla), {{"passes", 1.0, 0.0, 10.0}},
                     [&](std::size_t i, const std::vector<double>& p) {
                       std::vector<double> y = x;
                       y[passes] = p[0];
                       return latent(i, y);
                     },
                     0)
                     .quality;
  }
  out.nuisance.assign(out.after.numbers.begin() + first_nuisance, out.after.numbers.end());
  out.after.numbers.resize(first_nuisance);
  return out;
}

}  // namespace tightrope::study
