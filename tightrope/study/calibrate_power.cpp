// What chips draw, from products that were timed and metered at once.
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

}  // namespace tightrope::study
