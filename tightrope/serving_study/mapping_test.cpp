#include "tightrope/serving_study/mapping.h"

#include <gtest/gtest.h>

#include "tightrope/infer/memory.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::serving_study {
namespace {

infer::Context context_of(const std::string& model, const std::string& system,
                          const std::string& numerics) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  infer::ContextRequest request;
  request.model = *workload::read_hf_config(*catalog::llm_config(model), model);
  request.numerics = numerics;
  request.engine = "tensorrt-llm";
  return *infer::make_context(request, *catalog.find_system(system), catalog,
                              formula::embedded_calibration());
}

constexpr infer::Load queue{.input = 500, .output = 300, .concurrency = 1e6};

// Bounds are kept, and cost throughput.
TEST(Mappings, BoundsAreKept) {
  const infer::Context c = context_of("llama3-70b", "dgx-h200", "fp8");
  const infer::Deployment d{.tp = 2};
  const infer::Steady free = serve(c, d, queue, {});
  double before = free.request_rate;
  for (const double tpot_ms : {60.0, 40.0, 25.0}) {
    const infer::Steady s = serve(c, d, queue, {.token = Seconds(tpot_ms * 1e-3)});
    EXPECT_LE(s.tpot.raw(), tpot_ms * 1e-3);
    EXPECT_LE(s.request_rate, before * 1.02);
    before = s.request_rate;
  }
}

// The fastest is no slower a rank than any other mapping of one stage that fits.
TEST(Mappings, FastestIsNoSlower) {
  const infer::Context c = context_of("llama3-70b", "dgx-h200", "fp8");
  const Result<infer::Deployment> best = fastest_deployment(c, 8, queue, {});
  ASSERT_TRUE(best.has_value());
  const double rate = serve(c, *best, queue, {}).request_rate / best->ranks();
  for (const int tp : {1, 2, 4, 8}) {
    const infer::Deployment d{.tp = tp};
    if (limits_of(c, d).cache_tokens < queue.input + queue.output) continue;
    EXPECT_GE(rate * 1.0000001, serve(c, d, queue, {}).request_rate / tp) << tp;
  }
}

// A balancer over many replicas evens crowds out: each may have more under way on average.
TEST(Mappings, SharedArrivalsCrowdLess) {
  const infer::Context c = context_of("llama3-70b", "dgx-h200", "fp8");
  const infer::Deployment d{.tp = 2};
  double before = 0;
  for (const int ranks : {0, 8, 512}) {
    const infer::Steady s = serve(c, d, queue, {.token = Seconds(0.04), .ranks = ranks});
    EXPECT_LE(s.tpot, Seconds(0.04));
    EXPECT_GT(s.decoding, before) << ranks;
    before = s.decoding;
  }
}

TEST(Mappings, NothingFits) {
  const infer::Context c = context_of("llama3.1-405b", "dgx-h100", "bf16");
  const Result<infer::Deployment> none = fastest_deployment(c, 1, queue, {});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().what, "the model fits no such mapping");
}

}  // namespace
}  // namespace tightrope::serving_study
