// A measured serving point as our model runs it.
#pragma once

#include "tightrope/infer/steady.h"
#include "tightrope/serving_study/mapping.h"
#include "tightrope/serving_study/rows.h"

namespace tightrope::serving_study {

/// One row, expressed or refused. `context` is the replica's, or a decode worker's.
struct ServingCase {
  std::string refused;
  std::string chip, architecture;  ///< catalog id and kin
  bool routed = false;
  infer::Context context, prefill_context;
  infer::Load load;
  infer::Deployment deployment;  ///< the row's, or the one taken for it
  LoadBounds bounds;             ///< that the load has to keep
  int replicas = 1;              ///< whose throughputs add up to the measured one
};

/// Makes a case of every row, in parallel, in row order; what cannot be expressed says why.
[[nodiscard]] std::vector<ServingCase> make_cases(const ServingTable& table,
                                                  const catalog::Catalog& catalog,
                                                  const formula::Calibration& calibration,
                                                  const infer::ServingTuning& tuning);

/// Gives an expressed case the numbers of a table (its engine's and its chip's).
void retune(ServingCase& c, const ServingRow& row, const infer::ServingTuning& tuning);

/// What the closed form says about an expressed row.
[[nodiscard]] infer::Steady predict(const ServingCase& c, const ServingRow& row);

/// Output tokens a second of all the measurement's replicas.
[[nodiscard]] TokensPerSecond output_rate(const ServingCase& c, const infer::Steady& steady);

/// The same as predict with nothing but the datasheet: weights and cache read at full HBM
/// bandwidth, products at full peak, links at nameplate, no fixed times.
[[nodiscard]] infer::Steady plain_roofline(const ServingCase& c, const ServingRow& row);

}  // namespace tightrope::serving_study
