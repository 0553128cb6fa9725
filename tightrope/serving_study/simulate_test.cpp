#include "tightrope/serving_study/simulate.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tightrope/infer/pricing.h"
#include "tightrope/infer/steady.h"
#include "tightrope/serving_study/simulate_files.h"

namespace tightrope::serving_study {
namespace {

const catalog::Catalog& facts() { return catalog::Catalog::embedded(); }

SimulateRequest request_of(const std::string& model, const std::string& system, int tp) {
  SimulateRequest r;
  r.model = *find_served_model(model);
  PoolRequest pool;
  pool.system = system;
  pool.mapping.tp = tp;
  r.pools = {pool};
  return r;
}

SimulateResult run(const SimulateRequest& request, const RunHooks& hooks = {}) {
  auto done = simulate_serving(request, facts(), hooks);
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().what);
  return *std::move(done);
}

// One model has one shape, whatever it is called.
TEST(Simulate, FindsModelsByTheirNames) {
  const std::string wanted = find_served_model("llama3-70b")->config;
  for (const char* name : {"llama-3.1-70b", "Llama-3.1-70B", "meta-llama/Llama-3.1-70B",
                           "Meta-Llama-3-70B", "LLAMA3_70B"}) {
    const auto found = find_served_model(name);
    ASSERT_TRUE(found.has_value()) << name;
    EXPECT_EQ(found->origin, "llama3-70b") << name;
    EXPECT_EQ(found->config, wanted);
  }
  EXPECT_EQ(find_served_model("deepseek-ai/DeepSeek-V3")->origin, "deepseek-v3");
  const auto none = find_served_model("llama-9-70b");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
}

// What the closed form says of a pool's only replica.
infer::Steady closed_form(const SimulateRequest& r, const SimulateResult& told,
                          const infer::Load& load, double poll_steps = 1) {
  infer::ContextRequest wanted;
  wanted.model = r.model.model;
  wanted.engine = r.pools[0].engine.empty() ? "vllm" : r.pools[0].engine;
  const auto context = infer::make_context(wanted, *facts().find_system("p5.48xlarge"), facts(),
                                           formula::embedded_calibration());
  EXPECT_TRUE(context.has_value());
  const infer::Pricing pricing(*context, {.tp = 8});
  infer::SteadyLimits limits;
  limits.token_budget = context->engine.token_budget;
  limits.mixes_prefill = context->engine.mixes_prefill;
  limits.poll_steps = poll_steps;
  limits.ahead_steps = context->engine.ahead_steps;
  limits.cache_tokens = told.fleet.pools[0].memory.tokens;
  return infer::closed_loop(pricing, load, limits);
}

// Clients that wait for their answers: the simulator and the closed form price the same iterations,
// so that their means agree where neither queue nor cache is short.
TEST(Simulate, AgreesWithTheClosedForm) {
  for (const std::int64_t clients : {1, 8, 32, 96}) {
    SimulateRequest r = request_of("llama3-70b", "p5.48xlarge", 8);
    r.load.concurrency = clients;
    r.load.requests = std::max<std::int64_t>(40, 12 * clients);
    r.load.warm_up = 2 * clients;
    r.load.spec = plain_spec({.rate = 1, .input = 1024, .output = 256});
    // Lengths that vary keep clients from going in step, as the closed form assumes.
    traffic::Distribution& output = r.load.spec->output;
    output.shape = traffic::Shape::uniform;
    output.min = 128;
    output.max = 384;
    const SimulateResult told = run(r);
    const infer::Load load{
        .input = 1024, .output = 256, .concurrency = static_cast<double>(clients)};
    const infer::Steady steady = closed_form(r, told, load);
    EXPECT_NEAR(told.served.tpot.mean / steady.tpot, 1.0, 0.05) << clients;
    EXPECT_NEAR(told.served.ttft.mean / steady.ttft, 1.0, 0.30) << clients;
    EXPECT_NEAR(told.served.requests_per_second / steady.request_rate, 1.0, 0.10) << clients;
  }
}

// A benchmark as it is published: all clients at once, ten requests each, lengths of 80 to 100 %.
TEST(Simulate, BenchmarksAgreeWithTheClosedForm) {
  for (const std::int64_t clients : {1, 8, 32, 64, 128}) {
    for (const double input : {1024.0, 8192.0}) {
      SimulateRequest r = request_of("llama3-70b", "p5.48xlarge", 8);
      constexpr double waves = 10, output = 1024, least = 0.8, mean = 0.9;
      r.load.concurrency = clients;
      r.load.requests = static_cast<std::int64_t>(waves) * clients;
      r.load.spec = plain_spec({.rate = 1, .input = mean * input, .output = mean * output});
      const auto spread = [&](traffic::Distribution& d, double longest) {
        d.shape = traffic::Shape::uniform;
        d.min = least * longest;
        d.max = longest;
      };
      spread(r.load.spec->input, input);
      spread(r.load.spec->output, output);
      const SimulateResult told = run(r);
      const infer::Load load{.input = mean * input,
                             .output = mean * output,
                             .concurrency = static_cast<double>(clients),
                             .spread = 1.0 - least,
                             .waves = waves};
      const infer::Steady steady = closed_form(r, told, load);
      EXPECT_NEAR(told.served.ttft.mean / steady.ttft, 1.0, 0.15) << clients << " " << input;
      EXPECT_NEAR(told.served.tpot.mean / steady.tpot, 1.0, 0.05) << clients << " " << input;
    }
  }
}

// An engine that polls its queue: holding requests for half of the steps between looks is what the
// closed form adds to the first token, and fewer, larger prefills are what it takes off the rest.
TEST(Simulate, PollingAgreesWithTheClosedForm) {
  for (const std::int64_t poll : {1, 10, 30}) {
    SimulateRequest r = request_of("llama3-70b", "p5.48xlarge", 8);
    r.pools[0].engine = "sglang";
    r.pools[0].poll_steps = poll;
    r.load.concurrency = 32;
    r.load.requests = 600;
    r.load.warm_up = 64;
    r.load.spec = plain_spec({.rate = 1, .input = 1024, .output = 256});
    traffic::Distribution& output = r.load.spec->output;
    output.shape = traffic::Shape::uniform;
    output.min = 128;
    output.max = 384;
    const SimulateResult told = run(r);
    const infer::Load load{.input = 1024, .output = 256, .concurrency = 32};
    const infer::Steady steady = closed_form(r, told, load, static_cast<double>(poll));
    EXPECT_NEAR(told.served.ttft.mean / steady.ttft, 1.0, 0.10) << poll;
    EXPECT_NEAR(told.served.tpot.mean / steady.tpot, 1.0, 0.06) << poll;
    EXPECT_NEAR(told.served.requests_per_second / steady.request_rate, 1.0, 0.06) << poll;
  }
}

// A promise counts from the user's arrival, of which the scheduler sees nothing before its delay.
TEST(Simulate, DelaysCountInFirstTokensAndPromises) {
  SimulateRequest r = request_of("llama3-8b", "p5.48xlarge", 1);
  r.load.requests = 200;
  r.load.spec = plain_spec({.rate = 2, .input = 500, .output = 20});
  const SimulateResult free = run(r);
  const Seconds delay = free.fleet.front.request + free.fleet.front.token * 500.0;
  EXPECT_GT(free.fleet.front.request, Seconds(0.0));
  EXPECT_GT(free.fleet.front.token, Seconds(0.0));
  EXPECT_GT(free.served.ttft.least, delay);
  EXPECT_EQ(free.served.within_slo, free.served.finished);
  r.slo.ttft = delay;  // nothing is left for the work itself
  EXPECT_EQ(run(r).served.within_slo, 0);
  r.slo.ttft = free.served.ttft.greatest + Seconds(1e-6);
  EXPECT_EQ(run(r).served.within_slo, 200);
}

// Whole units are paid, and shared by the replicas that fit into one.
TEST(Simulate, PaysWholeUnits) {
  SimulateRequest r = request_of("llama3-8b", "p5.48xlarge", 2);
  r.pools[0].count = 3;
  const auto three = make_fleet(r, facts());
  ASSERT_TRUE(three.has_value());
  EXPECT_DOUBLE_EQ(three->pools[0].rented_chips * 3, 8);
  r.pools[0].count = 5;
  EXPECT_DOUBLE_EQ(make_fleet(r, facts())->pools[0].rented_chips * 5, 16);
  r.pools[0].mapping = {.tp = 8, .pp = 2};
  r.pools[0].count = 1;
  EXPECT_DOUBLE_EQ(make_fleet(r, facts())->pools[0].rented_chips, 16);
}

// What is stopped is told as far as it came, and says so.
TEST(Simulate, StopsWhole) {
  SimulateRequest r = request_of("llama3-8b", "p5.48xlarge", 1);
  r.load.requests = 20000;
  r.load.spec = plain_spec({.rate = 20, .input = 500, .output = 50});
  std::atomic<bool> stop = false;
  std::int64_t seen = 0;
  RunHooks hooks;
  hooks.cancel = &stop;
  hooks.on_finish = [&](const serving::RequestRecord&) { stop = ++seen >= 3000; };
  const SimulateResult told = run(r, hooks);
  EXPECT_TRUE(told.cancelled);
  EXPECT_FALSE(told.served.is_complete);
  EXPECT_GE(told.served.finished, 3000);
  EXPECT_LT(told.served.finished, 20000);
  EXPECT_EQ(told.served.ttft.count, told.served.finished);
}

TEST(Simulate, RefusesWhatDoesNotRun) {
  SimulateRequest r = request_of("llama3-70b", "p5.48xlarge", 1);
  EXPECT_EQ(make_fleet(r, facts()).error().code, ErrorCode::conflict);
  r.pools[0].mapping.tp = 3;
  EXPECT_EQ(make_fleet(r, facts()).error().code, ErrorCode::conflict);
  r.pools[0].mapping.tp = 8;
  r.pools[0].scheduler = "orca";
  EXPECT_EQ(make_fleet(r, facts()).error().code, ErrorCode::not_found);
  r.pools[0].scheduler.clear();
  r.pools[0].drafts = 2;
  r.pools[0].accepted = 3.5;
  EXPECT_EQ(make_fleet(r, facts()).error().code, ErrorCode::range);
}

// Pools scale each for itself; beside the pools it is the first one's, unless that says its own.
TEST(Simulate, ReadsHowPoolsScale) {
  const std::string pools =
      "version = 1\nmodel = \"llama-3.1-70b\"\n[[pool]]\nrole = \"prefill\"\nsystem = "
      "\"p5.48xlarge\"\n[[pool]]\nrole = \"decode\"\nsystem = \"p5.48xlarge\"\ncount = 9\n";
  const std::string own = "[pool.autoscaling]\nleast = 2\nmost = 6\n";
  const auto read = parse_fleet(pools + own, "f.toml");
  ASSERT_TRUE(read.has_value()) << to_string(read.error());
  EXPECT_FALSE(read->pools[0].autoscaling.is_on);
  EXPECT_EQ(read->pools[1].autoscaling.most, 6);
  EXPECT_EQ(read->pools[1].count, 6);
  const auto first = parse_fleet(pools + "[autoscaling]\nmost = 3\n", "f.toml");
  ASSERT_TRUE(first.has_value()) << to_string(first.error());
  EXPECT_EQ(first->pools[0].autoscaling.most, 3);
  EXPECT_FALSE(first->pools[1].autoscaling.is_on);
  const auto below = parse_fleet(pools + "[pool.autoscaling]\nleast = 3\nmost = 2\n", "f.toml");
  ASSERT_FALSE(below.has_value());
  EXPECT_NE(to_string(below.error()).find("f.toml:10:1: \"most\" is below \"least\""),
            std::string::npos)
      << to_string(below.error());
}

// Law: where a request is alone, drawn yields take what the closed form expects of them.
TEST(Simulate, DrawnYieldsAgreeWithTheClosedForm) {
  SimulateRequest r = request_of("llama3-70b", "p5.48xlarge", 8);
  r.pools[0].drafts = 3;
  r.pools[0].yields = {0.45, 0.25, 0.2, 0.1};
  r.load.spec = plain_spec({.rate = 1, .input = 1000, .output = 65});
  r.load.requests = 4000;
  r.load.concurrency = 1;
  const SimulateResult told = run(r);
  infer::ContextRequest wanted;
  wanted.model = r.model.model;
  wanted.drafts = 3;
  wanted.yields = r.pools[0].yields;
  const auto context = infer::make_context(wanted, *facts().find_system("p5.48xlarge"), facts(),
                                           formula::embedded_calibration());
  ASSERT_TRUE(context.has_value());
  const infer::Pricing pricing(*context, {.tp = 8});
  const infer::Load load{.input = 1000, .output = 65, .concurrency = 1};
  const infer::DecodeWork alone = infer::decode_work(pricing, load, 1);
  EXPECT_NEAR(told.served.tpot.mean / alone.tpot, 1.0, 0.01);
  // Nine in ten are no slower than the normal law says, about.
  const double late = context->speculation.late(64, 1.2816);
  EXPECT_NEAR(told.served.tpot.p90.value / alone.tpot, late, 0.02);
}

// A wait belongs to static batches, whose runs say no more that requests join one by one.
TEST(Simulate, StaticBatchesOnNeuron) {
  SimulateRequest r = request_of("llama3-8b", "inf2.48xlarge", 8);
  r.pools[0].batch_wait = Seconds(0.2);
  EXPECT_EQ(make_fleet(r, facts()).error().code, ErrorCode::conflict);
  r.pools[0].scheduler = "neuron-static";
  const auto fixed = make_fleet(r, facts());
  ASSERT_TRUE(fixed.has_value()) << fixed.error().what;
  EXPECT_TRUE(fixed->pools[0].scheduler.static_batches);
  EXPECT_EQ(fixed->pools[0].scheduler.batch_wait, Seconds(0.2));
  r.pools[0].batch_wait.reset();
  r.pools[0].scheduler.clear();
  const auto usual = make_fleet(r, facts());
  ASSERT_TRUE(usual.has_value());
  EXPECT_FALSE(usual->pools[0].scheduler.static_batches);
  EXPECT_EQ(usual->pools[0].borrowed.size(), fixed->pools[0].borrowed.size() + 1);
}

// Law: batches of equal requests take what the closed form has them take, cache buckets and padded
// prompts included.
TEST(Simulate, StaticBatchesAgreeWithTheClosedForm) {
  constexpr double clients = 8;
  for (const auto& [input, output] : {std::pair{100.0, 28.0}, {100.0, 400.0}, {700.0, 330.0}}) {
    SimulateRequest r = request_of("llama3-8b", "inf2.48xlarge", 8);
    r.pools[0].scheduler = "neuron-static";
    r.pools[0].max_sequences = static_cast<std::int64_t>(clients);
    r.load.spec = plain_spec({.rate = 1, .input = input, .output = output});
    r.load.concurrency = static_cast<std::int64_t>(clients);
    r.load.requests = 5 * r.load.concurrency;
    const SimulateResult told = run(r);
    EXPECT_TRUE(told.fleet.pools[0].scheduler.buckets_cache);
    infer::ContextRequest wanted;
    wanted.model = r.model.model;
    wanted.engine = "neuron";
    const auto context = infer::make_context(wanted, *facts().find_system("inf2.48xlarge"), facts(),
                                             formula::embedded_calibration());
    ASSERT_TRUE(context.has_value());
    const infer::Pricing pricing(*context, {.tp = 8});
    const infer::Steady steady =
        infer::static_loop(pricing, {.input = input, .output = output, .concurrency = clients},
                           {.mixes_prefill = false, .buckets_cache = true});
    EXPECT_NEAR(told.served.tpot.mean / steady.iteration, 1.0, 0.0005) << input;
    // A prefill's price lies between two of its table's knots.
    EXPECT_NEAR(told.served.ttft.mean / steady.ttft, 1.0, 0.03) << input;
    EXPECT_NEAR(told.served.e2e.mean / steady.e2e, 1.0, 0.006) << input;
  }
}

// A plan's pools, budgets a group of ranks, its demand and its promises.
TEST(Simulate, ReadsPlans) {
  const std::string config = find_served_model("llama3-8b")->config;
  const auto pool = [](const char* workers, const char* tp) {
    return std::string(R"({"system":"p5.48xlarge","engine":"vllm-2026","numerics":"fp8","tp":)") +
           tp + R"(,"pp":1,"dp":2,"ep":1,"workers":)" + workers + R"(,"token_budget":16384})";
  };
  const std::string text =
      R"({"schema":"tightrope.serve_plan/1","request":{"model":{"origin":"mine","config":)" +
      config +
      R"(},"input_tokens":900,"output_tokens":90,"requests_per_s":null,"ttft_limit_s":2,)"
      R"("tpot_limit_s":null,"e2e_limit_s":null,"regions":["us-east-1"],"term":"spot",)"
      R"("drafts":0,"accepted_tokens":0},"plans":[{"mode":"disaggregated","requests_per_s":7,)"
      R"("prefill":)" +
      pool("3", "1") + R"(,"decode":)" + pool("2", "4") + "}]}";
  const auto read = parse_serve_plan(text, "plan.json", 1);
  ASSERT_TRUE(read.has_value()) << read.error().what;
  ASSERT_EQ(read->pools.size(), 2U);
  EXPECT_EQ(read->pools[0].role, serving::Role::prefill);
  EXPECT_EQ(read->pools[0].count, 3);
  EXPECT_EQ(read->pools[1].mapping, (infer::Deployment{.tp = 4, .pp = 1, .dp = 2, .ep = 1}));
  EXPECT_EQ(read->pools[1].token_budget, 8192);
  EXPECT_EQ(read->load.spec->arrivals.rate.raw(), 7);
  EXPECT_EQ(read->slo.ttft, Seconds(2.0));
  EXPECT_EQ(read->term, catalog::Term::spot);
  EXPECT_TRUE(make_fleet(*read, facts()).has_value());
  EXPECT_EQ(parse_serve_plan(text, "plan.json", 2).error().code, ErrorCode::range);
  EXPECT_EQ(parse_serve_plan("{}", "plan.json", 1).error().code, ErrorCode::unsupported);
  EXPECT_EQ(parse_serve_plan("[", "plan.json", 1).error().code, ErrorCode::syntax);
}

// Layers that keep a window or a state hold a sequence's worth of it, not its length: where all do,
// so many sequences fit, and where some do, a sequence takes their share of pages beside its
// tokens.
TEST(Simulate, WindowsTakeRoomOfSequences) {
  SimulateRequest r = request_of("mistral-7b", "g6e.48xlarge", 1);
  const auto windows = make_fleet(r, facts());
  ASSERT_TRUE(windows.has_value()) << windows.error().what;
  const SimulatedPool& pool = windows->pools[0];
  EXPECT_EQ(pool.memory.token.raw(), 0);
  const double fit = std::floor(pool.memory.cache / pool.memory.sequence);
  EXPECT_EQ(pool.scheduler.max_sequences, static_cast<std::int64_t>(fit));
  EXPECT_LT(fit, 100);

  SimulateRequest beside = request_of("gpt-oss-120b", "p5.48xlarge", 2);
  beside.pools[0].numerics = "mxfp4";
  const auto some = make_fleet(beside, facts());
  ASSERT_TRUE(some.has_value()) << some.error().what;
  const formula::ReplicaLimits& limits = some->fleet.kinds[0].limits;
  const infer::ServingMemory& m = some->pools[0].memory;
  EXPECT_NEAR((limits.sequence_state / limits.kv_token) / (m.sequence / m.token), 1.0, 1e-9);
}

}  // namespace
}  // namespace tightrope::serving_study
