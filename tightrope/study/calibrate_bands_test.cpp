#include "tightrope/study/calibrate_bands.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tightrope/study/error_band.h"
#include "tightrope/study/plan.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::study {
namespace {

// Errors on an even ladder of quantiles of a Laplace spread: no chance in the test.
void add(std::vector<BandObservation>& into, const step::Unseen& unseen, double spread, int n) {
  for (int i = 0; i < n; ++i) {
    const double p = (i + 0.5) / n - 0.5;
    const double e = -spread * std::copysign(std::log(1 - 2 * std::abs(p)), p);
    into.push_back({unseen, e, 1.0});
  }
}

double share_held(const std::vector<BandObservation>& all, const step::Bands& bands,
                  bool chip_unseen) {
  int n = 0, held = 0;
  for (const BandObservation& o : all) {
    if (o.unseen.chip != chip_unseen) continue;
    const step::LogBand b = bands.band(o.unseen);
    ++n;
    held += o.log_error >= b.q05 && o.log_error <= b.q95 ? 1 : 0;
  }
  return static_cast<double>(held) / n;
}

TEST(CalibrateBands, FindTheSpreadOfEachThingUnseen) {
  step::Unseen known, chip;
  chip.chip = true;
  std::vector<BandObservation> all;
  add(all, known, 0.05, 400);
  add(all, chip, 0.15, 400);
  const step::Bands bands = fit_bands(all, step::Bands{});
  EXPECT_NEAR(bands.spread(known), 0.05, 0.005);
  EXPECT_NEAR(bands.spread(chip), 0.15, 0.015);
  EXPECT_NEAR(share_held(all, bands, false), 0.9, 0.02);
  EXPECT_NEAR(share_held(all, bands, true), 0.9, 0.02);
}

TEST(CalibrateBands, FollowErrorsThatLean) {
  step::Unseen source;
  source.source = true;
  std::vector<BandObservation> all;
  add(all, source, 0.1, 300);
  for (BandObservation& o : all) o.log_error += 0.05;
  const step::LogBand band = fit_bands(all, step::Bands{}).band(source);
  EXPECT_GT(band.q95, -band.q05);
}

TEST(CalibrateBands, FewErrorsChangeNothing) {
  std::vector<BandObservation> all;
  add(all, {}, 0.5, 5);
  EXPECT_EQ(fit_bands(all, step::Bands{}).base, step::Bands{}.base);
}

step::Context context_on(const char* system_name, const char* precision) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  PlanRequest request;
  auto config = catalog::llm_config("llama3-8b");
  EXPECT_TRUE(config.has_value());
  auto model = workload::read_hf_config(*config, "llama3-8b");
  EXPECT_TRUE(model.has_value());
  request.model.model = *model;
  request.job.seq_len = 8192;
  request.job.global_batch = 64;
  request.tokens = Tokens(1e12);
  PlanKey key;
  key.system = system_name;
  key.precision = precision;
  key.chips = 64;
  auto context = plan_context(request, key, catalog);
  EXPECT_TRUE(context.has_value());
  return std::move(context).value();
}

TEST(ErrorBand, Trainium2IsWiderThanH100AndSaysWhy) {
  const ErrorFactors h100 = error_factors(context_on("p5.48xlarge", "bf16"), "");
  const ErrorFactors trn2 = error_factors(context_on("u-trn2x64", "bf16"), "");
  EXPECT_GT(trn2.high90 / trn2.low90, h100.high90 / h100.low90);
  EXPECT_LT(trn2.low50, 1);
  EXPECT_GT(trn2.high50, 1);
  ASSERT_FALSE(trn2.reasons.empty());
  EXPECT_NE(trn2.reasons.front().find("no published training measurement of AWS Trainium2"),
            std::string::npos);
}

TEST(ErrorBand, AKnownSourceIsNarrowerThanAPlan) {
  const step::Context context = context_on("p5.48xlarge", "bf16");
  ASSERT_FALSE(context.tuning.evidence->sources.empty());
  const ErrorFactors plan = error_factors(context, "");
  const ErrorFactors row = error_factors(context, context.tuning.evidence->sources.front());
  EXPECT_LT(row.high90 / row.low90, plan.high90 / plan.low90);
}

}  // namespace
}  // namespace tightrope::study
