// What chips draw, from products that were timed and metered at once.
#include <algorithm>
#include <cmath>
#include <map>

#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {

KernelFit fit_power(const std::vector<PowerRow>& rows, const formula::PowerShares& before,
                    int folds) {
  std::vector<FitRow> targets;
  for (const PowerRow& row : rows) targets.push_back({row.share, row.weight});
  const Predictor predict = [&rows](std::size_t i, const std::vector<double>& x) {
    return formula::power_share({x[0], x[1]}, rows[i].rate);
  };
  KernelFit out;
  out.subject = "gpu power";
  out.before = judge(targets, predict, {before.active, before.waiting});
  const std::vector<FitParameter> parameters = {{"active_share", before.active, 0.5, 1.0},
                                                {"waiting_share", before.waiting, 0.05, 0.6}};
  out.after = fit(targets, parameters, predict, folds);
  return out;
}

namespace {

/// waiting, math of bf16, fp8, fp4, memory, cap
formula::KernelPower kernel_power_of(const std::vector<double>& x) {
  formula::KernelPower p;
  p.waiting = x[0];
  p.math[DType::bf16] = x[1];
  p.math[DType::fp8] = x[2];
  p.math[DType::fp4] = x[3];
  p.memory = x[4];
  p.cap = x[5];
  return p;
}

/// Standard deviation between tables of their median log error.
double spread_of(const std::vector<PowerRow>& rows, const Predictor& predict,
                 const std::vector<double>& x) {
  std::map<std::string, std::vector<double>> errors;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    errors[rows[i].table].push_back(std::log(predict(i, x) / rows[i].share));
  }
  double sum = 0.0, square = 0.0;
  for (auto& [table, list] : errors) {
    const auto middle = list.begin() + static_cast<std::ptrdiff_t>(list.size() / 2);
    std::nth_element(list.begin(), middle, list.end());
    sum += *middle;
    square += *middle * *middle;
  }
  const double n = std::max(1.0, static_cast<double>(errors.size()));
  return std::sqrt(std::max(0.0, square / n - sum * sum / (n * n)));
}

}  // namespace

KernelPowerDraft fit_kernel_power(const std::vector<PowerRow>& rows,
                                  const std::vector<catalog::Chip>& chips, int folds) {
  std::vector<PowerRow> known;
  std::vector<formula::KernelUse> uses;
  std::vector<FitRow> targets;
  for (const PowerRow& row : rows) {
    for (const catalog::Chip& chip : chips) {
      const FlopsPerSecond peak = chip.peak[row.dtype].value_or(FlopsPerSecond(0.0));
      const BytesPerSecond hbm = chip.hbm_bandwidth.value_or(BytesPerSecond(0.0));
      if (chip.name != row.chip || !(peak.raw() > 0.0) || !(hbm.raw() > 0.0)) continue;
      known.push_back(row);
      uses.push_back({row.dtype, row.math / peak, row.memory / hbm});
      targets.push_back({row.share, row.weight});
    }
  }
  const Predictor predict = [&uses](std::size_t i, const std::vector<double>& x) {
    const formula::KernelPower p = kernel_power_of(x);
    return p.waiting + dynamic_share(p, uses[i]);
  };
  KernelPowerDraft out;
  out.fit.subject = "gpu power by kernel";
  if (targets.empty()) return out;
  out.fit.after = fit(targets,
                      {{"waiting", 0.25, 0.05, 0.6},
                       {"math_bf16", 1.0, 0.0, 3.0},
                       {"math_fp8", 1.2, 0.0, 3.0},
                       {"math_fp4", 1.2, 0.0, 3.0},
                       {"memory", 0.4, 0.0, 2.0},
                       {"cap", 0.98, 0.7, 1.05}},
                      predict, folds);
  const std::vector<double> x = out.fit.after.values();
  out.power = kernel_power_of(x);
  out.power.spread = spread_of(known, predict, x);
  return out;
}

}  // namespace tightrope::study
