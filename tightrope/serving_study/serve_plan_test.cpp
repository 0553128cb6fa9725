#include "tightrope/serving_study/serve_plan.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tightrope/core/csv.h"
#include "tightrope/traffic/trace_file.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::serving_study {
namespace {

ServeRequest request_for(const std::string& config) {
  ServeRequest r;
  r.model.origin =
      std::string(TIGHTROPE_SOURCE_DIR) + "/examples/configs/" + config + "/config.json";
  r.model.config = read_file(r.model.origin).value();
  r.model.model = workload::read_hf_config(r.model.config, r.model.origin).value();
  return r;
}

// No system vanishes: each has a plan or a reason, whatever its silicon.
TEST(ServePlan, EverySystemHasAPlanOrAReason) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  ServeRequest r = request_for("Llama-3.1-8B");
  r.numerics = {"bf16"};
  r.disaggregated = false;
  r.space.budget_shares = {1.0};
  r.announced = true;
  r.top = 1000;
  const ServeResult result = plan_serving(r, catalog).value();
  std::set<std::string> seen, chips;
  for (const ServePlan& p : result.plans) {
    seen.insert(p.pool.system);
    chips.insert(p.pool.chip);
    EXPECT_TRUE(p.usd_output_mtoken.has_value()) << p.pool.system;
    EXPECT_GT(*p.usd_output_mtoken, *p.usd_total_mtoken);
    EXPECT_TRUE(p.pool.memory.fits());
    EXPECT_LT(p.tpot.low90, p.tpot.low50);
    EXPECT_GT(p.tpot.high90, p.tpot.high50);
    const bool nvidia = catalog.find_chip(p.pool.chip)->vendor == "nvidia";
    EXPECT_TRUE(nvidia || !p.pool.evidence.empty()) << p.pool.system;
  }
  for (const study::LostSystem& lost : result.lost) {
    EXPECT_FALSE(lost.reason.empty());
    EXPECT_TRUE(seen.insert(lost.system).second) << lost.system;
  }
  EXPECT_EQ(seen.size(), result.systems);
  for (const char* chip : {"trainium1", "trainium2", "trainium3", "inferentia2", "mi300x",
                           "tpu-v6e", "graviton4", "h100", "gb200"}) {
    EXPECT_TRUE(chips.contains(chip)) << chip;
  }
}

// Pools of unlike silicon stand with one provider, keep caches in one format, and pay for both.
TEST(ServePlan, UnlikeSiliconFitsTogether) {
  ServeRequest r = request_for("Llama-3.1-8B");
  r.systems = {"p5.48xlarge", "trn2.48xlarge", "mi300x-8"};
  r.replicas = false;
  r.top = 100;
  const ServeResult result = plan_serving(r, catalog::Catalog::embedded()).value();
  int mixed = 0;
  for (const ServePlan& p : result.plans) {
    ASSERT_TRUE(p.fleet.disaggregated);
    EXPECT_EQ(p.fleet.chips(), p.fleet.prefill.workers * p.fleet.prefill.worker_chips +
                                   p.fleet.pool.workers * p.fleet.pool.worker_chips);
    const double rent = (p.pool.price->per_chip * p.fleet.pool.rented).raw() +
                        (p.prefill.price->per_chip * p.fleet.prefill.rented).raw();
    EXPECT_NEAR(p.rent.raw() / rent, 1.0, 1e-9);
    if (!p.mixed()) continue;
    ++mixed;
    EXPECT_EQ(p.pool.provider, p.prefill.provider);
    EXPECT_NE(p.pool.system, "mi300x-8");
    EXPECT_GT(p.fleet.transfer.raw(), 0);
  }
  EXPECT_GT(mixed, 0);
}

// A looser limit never costs more, a larger rate never less, over all systems.
TEST(ServePlan, CostFollowsWhatIsAsked) {
  ServeRequest r = request_for("Llama-3.1-8B");
  r.systems = {"p5.48xlarge", "trn2.48xlarge", "inf2.48xlarge"};
  r.numerics = {"fp8"};
  r.demand.rate = 30;
  double before = 1e9;
  for (const double tpot : {0.012, 0.02, 0.05, 0.2}) {
    r.limits.tpot = Seconds(tpot);
    const ServeResult result = plan_serving(r, catalog::Catalog::embedded()).value();
    ASSERT_TRUE(result.feasible());
    EXPECT_LE(result.plans[0].fleet.score, before * (1 + 1e-3));
    before = result.plans[0].fleet.score;
  }
  double least = 0;
  for (const double rate : {5.0, 50.0, 500.0}) {
    r.demand.rate = rate;
    const ServeResult result = plan_serving(r, catalog::Catalog::embedded()).value();
    EXPECT_GE(result.fewest->fleet.rented(), least);
    least = result.fewest->fleet.rented();
  }
}

TEST(ServePlan, TraceBecomesDemand) {
  const traffic::Trace trace =
      traffic::parse_trace("arrival_s,input_tokens,output_tokens\n0,100,10\n1,300,30\n2,200,20\n",
                           "a.csv")
          .value();
  const sizing::Demand d = demand_of(trace, 90);
  EXPECT_EQ(d.input, 200);
  EXPECT_EQ(d.output, 20);
  EXPECT_GT(d.input_high, 250);
  EXPECT_EQ(d.cached, 0);
  EXPECT_EQ(d.rate, 1);
  EXPECT_GT(d.input_cv, 0.3);
}

}  // namespace
}  // namespace tightrope::serving_study
