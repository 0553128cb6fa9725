#include <gtest/gtest.h>

#include "tightrope/infer/steady.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::infer {
namespace {

Context neuron(const std::string& model, const std::string& system) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  ContextRequest request;
  request.model = *workload::read_hf_config(*catalog::llm_config(model), model);
  request.engine = "neuron";
  return *make_context(request, *catalog.find_system(system), catalog,
                       formula::embedded_calibration());
}

constexpr SteadyLimits compiled{.mixes_prefill = false, .buckets_cache = true};

// A step costs what its bucket costs: equal lengths inside one bucket cost the same, the next one
// more; without buckets every further token costs.
TEST(Steady, StaticBatches) {
  const Context c = neuron("llama3-8b", "trn1.32xlarge");
  const Pricing pricing(c, {.tp = 32});
  const auto tpot = [&](double input, double output, bool buckets) {
    SteadyLimits limits = compiled;
    limits.buckets_cache = buckets;
    return static_loop(pricing, {.input = input, .output = output, .concurrency = 8}, limits).tpot;
  };
  EXPECT_EQ(tpot(4096, 4096, true).raw(), tpot(5000, 3000, true).raw());
  EXPECT_LT(tpot(128, 3968, true).raw(), tpot(128, 8064, true).raw());
  EXPECT_LT(tpot(2000, 1000, false).raw(), tpot(2010, 1000, false).raw());
  EXPECT_LE(tpot(2000, 1000, false).raw(), tpot(2000, 1000, true).raw());
}

// Throughput is the batch over its own length; no step that begins in a lower bucket costs more.
TEST(Steady, StaticBatchesAddUp) {
  const Context c = neuron("llama3-8b", "trn1.32xlarge");
  const Pricing pricing(c, {.tp = 32});
  const auto run = [&](double input, double output, double batch) {
    return static_loop(pricing, {.input = input, .output = output, .concurrency = batch}, compiled);
  };
  const Steady s = run(4096, 4096, 8);
  EXPECT_NEAR(s.request_rate, 8 / (s.ttft + s.tpot * 4095.0).raw(), 1e-9 * s.request_rate);
  // From 128 tokens on, the same end is reached through cheaper buckets.
  const Steady early = run(128, 8064, 8);
  EXPECT_GT(8064 * early.request_rate * 1.0001, 8 / early.tpot.raw());
  EXPECT_GT(run(128, 512, 8).request_rate, run(128, 512, 1).request_rate);
}

// Heads that do not divide are padded, which costs no less than the next count that divides.
TEST(Steady, PaddedHeads) {
  const Context c = neuron("llama2-70b", "inf2.48xlarge");
  EXPECT_EQ(why_not(c, {.tp = 24}), "");
  const Pricing even(c, {.tp = 8}), padded(c, {.tp = 24});
  const double eighth = even.attention().decode_key.time.raw();
  EXPECT_NEAR(padded.attention().decode_key.time.raw(), eighth * 3 / 8, 1e-6 * eighth);
  Context gpu = c;
  gpu.engine.copies_heads = false;
  EXPECT_EQ(why_not(gpu, {.tp = 24}), "64 attention heads do not divide by tp 24");
}

// Equal requests that all come at once run in equal waves.
TEST(Steady, EqualWaves) {
  const Context c = neuron("llama3-8b", "trn1.32xlarge");
  const Pricing pricing(c, {.tp = 32});
  const auto decoding = [&](double requests) {
    SteadyLimits limits = compiled;
    limits.sequences = 8;
    const Load load{.input = 128, .output = 128, .concurrency = 1e6, .requests = requests};
    return static_loop(pricing, load, limits).decoding;
  };
  EXPECT_EQ(decoding(0), 8);
  EXPECT_EQ(decoding(16), 8);
  EXPECT_EQ(decoding(12), 6);
  EXPECT_EQ(decoding(5), 5);
}

}  // namespace
}  // namespace tightrope::infer
