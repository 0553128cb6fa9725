// The closed form of a disaggregated fleet beside the request-level simulation of the same one.
#include "tightrope/infer/disaggregated.h"

#include <gtest/gtest.h>

#include "tightrope/serving_study/simulate.h"

namespace tightrope::serving_study {
namespace {

constexpr double input = 1024, output = 1024, least = 0.8, mean = 0.9;
constexpr double waves = 10, prefill_workers = 1, decode_workers = 3, places = 8;

SimulateRequest benchmark(std::int64_t clients) {
  SimulateRequest r;
  r.model = *find_served_model("llama3-70b");
  PoolRequest prefill;
  prefill.role = serving::Role::prefill;
  prefill.system = "p5.48xlarge";
  prefill.numerics = "fp8";
  prefill.mapping.tp = 4;
  prefill.token_budget = 8192;
  prefill.prefix_cache = false;
  PoolRequest decode = prefill;
  decode.role = serving::Role::decode;
  decode.count = static_cast<std::int64_t>(decode_workers);
  decode.max_sequences = static_cast<std::int64_t>(places);
  r.pools = {prefill, decode};
  r.load.concurrency = clients;
  r.load.requests = static_cast<std::int64_t>(waves) * clients;
  r.load.spec = plain_spec({.rate = 1, .input = mean * input, .output = mean * output});
  const auto spread = [](traffic::Distribution& d, double longest) {
    d.shape = traffic::Shape::uniform;
    d.min = least * longest;
    d.max = longest;
  };
  spread(r.load.spec->input, input);
  spread(r.load.spec->output, output);
  return r;
}

infer::Steady closed_form(std::int64_t clients) {
  infer::ContextRequest wanted;
  wanted.model = find_served_model("llama3-70b")->model;
  wanted.numerics = "fp8";
  const catalog::Catalog& facts = catalog::Catalog::embedded();
  const auto context = infer::make_context(wanted, *facts.find_system("p5.48xlarge"), facts,
                                           formula::embedded_calibration());
  EXPECT_TRUE(context.has_value());
  const infer::Pricing pricing(*context, {.tp = 4});
  infer::Disaggregated fleet;
  fleet.prefill = fleet.decode = &pricing;
  fleet.prefill_workers = prefill_workers;
  fleet.decode_workers = decode_workers;
  fleet.prefill_limits.token_budget = 8192;
  fleet.decode_limits.sequences = places;
  return infer::disaggregated_loop(fleet, {.input = mean * input,
                                           .output = mean * output,
                                           .concurrency = static_cast<double>(clients),
                                           .spread = 1.0 - least,
                                           .waves = waves});
}

constexpr double groups = 8, budget = 16384, prompt = 4096;

// DeepSeek-V3, one worker that prefills, with attention split by sequences over eight ranks, and
// one that decodes.
SimulateRequest grouped(std::int64_t clients) {
  SimulateRequest r = benchmark(clients);
  r.model = *find_served_model("deepseek-v3");
  for (PoolRequest& pool : r.pools) {
    pool.system = "p5en.48xlarge";
    pool.numerics = "fp8-block";
    pool.mapping = {.tp = 1, .dp = static_cast<int>(groups), .ep = static_cast<int>(groups)};
    pool.token_budget = static_cast<std::int64_t>(budget);
    pool.max_sequences = 64;
    pool.count = 1;
  }
  r.load.spec->input.min = least * prompt;
  r.load.spec->input.max = prompt;
  return r;
}

infer::Steady grouped_closed_form(std::int64_t clients) {
  infer::ContextRequest wanted;
  wanted.model = find_served_model("deepseek-v3")->model;
  wanted.numerics = "fp8-block";
  const catalog::Catalog& facts = catalog::Catalog::embedded();
  const auto context = infer::make_context(wanted, *facts.find_system("p5en.48xlarge"), facts,
                                           formula::embedded_calibration());
  EXPECT_TRUE(context.has_value());
  const infer::Deployment split{
      .tp = 1, .dp = static_cast<int>(groups), .ep = static_cast<int>(groups)};
  const infer::Pricing pricing(*context, split);
  infer::Disaggregated fleet;
  fleet.prefill = fleet.decode = &pricing;
  fleet.prefill_limits.token_budget = budget * groups;
  fleet.decode_limits.sequences = 64 * groups;
  return infer::disaggregated_loop(fleet, {.input = mean * prompt,
                                           .output = mean * output,
                                           .concurrency = static_cast<double>(clients),
                                           .spread = 1.0 - least,
                                           .waves = waves});
}

// A prompt is one attention group's, alone or beside others: so both price it.
TEST(DisaggregatedFleets, GroupsDoNotShareAPrompt) {
  for (const std::int64_t clients : {1, 8, 32, 128}) {
    const auto told = simulate_serving(grouped(clients), catalog::Catalog::embedded());
    ASSERT_TRUE(told.has_value()) << told.error().what;
    EXPECT_EQ(told->fleet.fleet.kinds[0].times.groups, 8);
    EXPECT_EQ(told->fleet.fleet.kinds[1].times.groups, 1);
    const infer::Steady steady = grouped_closed_form(clients);
    EXPECT_NEAR(told->served.e2e.mean / steady.e2e, 1.0, 0.03) << clients;
    // By parts: whole prompts on groups are less even than their mean, most where they queue a
    // little. Shared by all groups a lone prompt would take less than half.
    EXPECT_NEAR(told->served.ttft.mean / steady.ttft, 1.0, clients == 32 ? 0.4 : 0.3) << clients;
  }
}

// With fewer clients than places and with more: the same requests a second, the same time from
// end to end. (The simulator counts the wait for a place after the first token, the closed form
// before it.)
TEST(DisaggregatedFleets, SimulationAndClosedFormAgree) {
  for (const std::int64_t clients : {3, 12, 24, 36, 60}) {
    const auto told = simulate_serving(benchmark(clients), catalog::Catalog::embedded());
    ASSERT_TRUE(told.has_value()) << told.error().what;
    const infer::Steady steady = closed_form(clients);
    EXPECT_NEAR(told->served.e2e.mean / steady.e2e, 1.0, 0.06) << clients;
    const double rate = told->served.requests_per_second;
    EXPECT_NEAR(rate / steady.request_rate, 1.0, 0.1) << clients;
    if (static_cast<double>(clients) <= decode_workers * places) {
      EXPECT_NEAR(told->served.tpot.mean / steady.tpot, 1.0, 0.05) << clients;
      EXPECT_NEAR(told->served.ttft.mean / steady.ttft, 1.0, 0.25) << clients;
    }
  }
}

}  // namespace
}  // namespace tightrope::serving_study
