#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/core/csv.h"
#include "tightrope/sizing/pairing.h"
#include "tightrope/sizing/percentile.h"
#include "tightrope/sizing/survey.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::sizing {
namespace {

infer::Context context_of(const std::string& config, const std::string& system,
                          const std::string& numerics = "fp8") {
  const std::string path =
      std::string(TIGHTROPE_SOURCE_DIR) + "/examples/configs/" + config + "/config.json";
  infer::ContextRequest request;
  request.model = workload::read_hf_config(read_file(path).value(), path).value();
  request.numerics = numerics;
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  return infer::make_context(request, *catalog.find_system(system), catalog,
                             formula::embedded_calibration())
      .value();
}

const infer::Context& dense() {
  static const infer::Context c = context_of("Llama-3.1-8B", "p5.48xlarge");
  return c;
}
const infer::Context& routed() {
  static const infer::Context c = context_of("Qwen3-30B-A3B", "p5.48xlarge");
  return c;
}

Offer offer_of(const infer::Context& context) {
  return {&context,
          nullptr,
          {.priced = true,
           .chip = DollarsPerSecond(1e-3),
           .unit_chips = 8,
           .pue = 1.2,
           .carbon = GramsPerJoule(1e-4)}};
}

Settings small(Objective objective) {
  Settings s;
  s.objective = objective;
  s.space.tp = {1, 2, 4};
  s.space.pp = {1};
  s.space.dp = {1, 2};
  s.space.budget_shares = {1.0, 0.25};
  s.limits.ttft = Seconds(1.0);
  s.limits.tpot = Seconds(0.03);
  return s;
}

bool same(const Fleet& a, const Fleet& b) {
  return a.score == b.score && a.pool.deployment == b.pool.deployment &&
         a.prefill.deployment == b.prefill.deployment && a.pool.workers == b.pool.workers &&
         a.prefill.workers == b.prefill.workers && a.concurrency == b.concurrency;
}

constexpr Objective all_objectives[] = {Objective::usd, Objective::throughput, Objective::energy,
                                        Objective::carbon};

// A search with bounds gives what a search of everything gives: winners and front.
TEST(Sizing, PrunedEqualsBruteForce) {
  std::uint64_t cut = 0;
  for (const infer::Context* context : {&dense(), &routed()}) {
    for (const Objective objective : all_objectives) {
      for (const double rate : {0.0, 40.0}) {
        Settings s = small(objective);
        s.space.tp = {1, 2, 4, 8};  // some of them hopeless
        s.space.pp = {1, 2, 4};
        s.demand.rate = rate;
        s.keep = 1;
        const Offer offer = offer_of(*context);
        const Survey pruned = survey(offer, 0, s, false);
        s.prune = false;
        const Survey whole = survey(offer, 0, s, false);
        ASSERT_EQ(pruned.best.fleets().size(), whole.best.fleets().size());
        for (std::size_t i = 0; i < whole.best.fleets().size(); ++i) {
          EXPECT_TRUE(same(pruned.best.fleets()[i], whole.best.fleets()[i]));
        }
        ASSERT_EQ(pruned.front.fleets().size(), whole.front.fleets().size());
        for (std::size_t i = 0; i < whole.front.fleets().size(); ++i) {
          EXPECT_TRUE(same(pruned.front.fleets()[i], whole.front.fleets()[i]));
        }
        EXPECT_EQ(whole.counters.bounded, 0U);
        cut += pruned.counters.bounded;
      }
    }
  }
  EXPECT_GT(cut, 0U);
}

// Workers that another beats in all never make a better fleet.
TEST(Sizing, PairsOfKeptWorkersEqualPairsOfAll) {
  for (const Objective objective : all_objectives) {
    for (const double rate : {0.0, 60.0}) {
      Settings s = small(objective);
      s.space.budget_shares = {1.0};
      s.space.max_sequences = 256;
      s.demand.rate = rate;
      s.keep = 1;
      const std::vector<Offer> offers{offer_of(dense())};
      const Survey pruned = survey(offers[0], 0, s, true);
      Pairing few(offers, s);
      few.add(pruned.prefill, pruned.decode);
      s.prune = false;
      const Survey whole = survey(offers[0], 0, s, true);
      Pairing all(offers, s);
      all.add(whole.prefill, whole.decode);
      ASSERT_FALSE(all.best().fleets().empty());
      EXPECT_LE(pruned.decode.size(), whole.decode.size());
      EXPECT_NEAR(few.best().fleets()[0].score / all.best().fleets()[0].score, 1.0, 1e-12);
    }
  }
}

// Looser limits allow all that tighter ones allow.
RC_GTEST_PROP(Sizing, LooserLimitsNeverCostMore, ()) {
  Settings s =
      small(*rc::gen::elementOf(std::vector<Objective>{Objective::usd, Objective::throughput}));
  s.demand.rate = *rc::gen::elementOf(std::vector<double>{0.0, 5.0, 100.0});
  const auto draw = [](double low, double high) {
    return low + (high - low) * *rc::gen::inRange(0, 1000) * 1e-3;
  };
  s.limits.ttft = Seconds(draw(0.05, 1.0));
  s.limits.tpot = Seconds(draw(0.008, 0.05));
  const Offer offer = offer_of(dense());
  const Survey tight = survey(offer, 0, s, false);
  s.limits.ttft = *s.limits.ttft * draw(1.0, 3.0);
  s.limits.tpot = *s.limits.tpot * draw(1.0, 3.0);
  const Survey loose = survey(offer, 0, s, false);
  if (tight.best.fleets().empty()) return;
  RC_ASSERT(!loose.best.fleets().empty());
  RC_ASSERT(loose.best.fleets()[0].score <= tight.best.fleets()[0].score * (1 + 1e-3));
}

TEST(Sizing, MoreBandwidthIsNeverSlower) {
  double before = 0;
  for (const double factor : {1.0, 1.2, 2.0, 4.0}) {
    infer::Context c = dense();
    c.kernels.hbm_bandwidth = c.kernels.hbm_bandwidth * factor;
    const Survey found = survey(offer_of(c), 0, small(Objective::throughput), false);
    ASSERT_FALSE(found.best.fleets().empty());
    const double now = found.best.fleets()[0].output_tokens_a_s_chip(Demand{});
    EXPECT_GE(now, before * (1 - 1e-3));
    before = now;
  }
}

// Winners are what the closed loop without tables says, and keep their limits.
TEST(Sizing, WinnersAreExact) {
  for (const infer::Context* context : {&dense(), &routed()}) {
    const Settings s = small(Objective::usd);
    const Survey found = survey(offer_of(*context), 0, s, false);
    ASSERT_FALSE(found.best.fleets().empty());
    for (const Fleet& f : found.best.fleets()) {
      const infer::Pricing pricing(*context, f.pool.deployment);
      infer::SteadyLimits limits;
      limits.token_budget = f.pool.token_budget;
      limits.mixes_prefill = context->engine.mixes_prefill;
      limits.ahead_steps = context->engine.ahead_steps;
      const infer::Steady exact =
          infer::closed_loop(pricing, load_at(s.demand, f.concurrency), limits);
      EXPECT_EQ(exact.ttft.raw(), f.mean.ttft.raw());
      EXPECT_EQ(exact.tpot.raw(), f.mean.tpot.raw());
      EXPECT_EQ(exact.request_rate, f.rate);
      EXPECT_LE(tightest(f.high, s.limits).share, 1.0);
      EXPECT_GE(f.high.ttft, f.mean.ttft);
      EXPECT_GE(f.high.tpot, f.mean.tpot);
    }
  }
}

// Tables follow the prices' jumps: what the search ranks by is within 2 % everywhere, and within
// 0.5 % on average.
TEST(Sizing, TablesFollowPrices) {
  for (const infer::Context* context : {&dense(), &routed()}) {
    const infer::Pricing exact(*context, {.tp = 2});
    infer::Pricing table(*context, {.tp = 2});
    table.tabulate(16384, 2048);
    double worst = 0, sum = 0, count = 0;
    for (double n = 1; n < 16000; n *= 1.017) {
      const double off = std::abs(table.tokens(n).time / exact.tokens(n).time - 1);
      worst = std::max(worst, off);
      sum += off;
      count += 1;
      if (n > 2000) continue;
      EXPECT_NEAR(table.yields(n).time / exact.yields(n).time, 1.0, 0.02) << n;
    }
    EXPECT_LT(worst, 0.03);
    EXPECT_LT(sum / count, 0.005);
  }
}

// A disaggregated fleet is what the loop of both pools gives, its chips are both pools', and no
// pool serves more than it can.
TEST(Sizing, FleetsOfTwoPoolsAddUp) {
  Settings s = small(Objective::usd);
  s.keep = 20;
  const std::vector<Offer> offers{offer_of(dense())};
  const Survey found = survey(offers[0], 0, s, true);
  Pairing pairing(offers, s);
  pairing.add(found.prefill, found.decode);
  ASSERT_GE(pairing.best().fleets().size(), 3U);
  for (const Fleet& f : pairing.best().fleets()) {
    EXPECT_EQ(f.chips(), f.prefill.workers * f.prefill.deployment.ranks() +
                             f.pool.workers * f.pool.deployment.ranks());
    infer::Pricing front(dense(), f.prefill.deployment), back(dense(), f.pool.deployment);
    infer::SteadyLimits limits;
    limits.token_budget = f.prefill.token_budget;
    const infer::PrefillWork prefill = infer::prefill_work(front, load_at(s.demand, 1), limits);
    EXPECT_LE(f.rate, f.prefill.workers * prefill.rate * 1.02);
    infer::Disaggregated fleet;
    fleet.prefill = &front;
    fleet.decode = &back;
    fleet.prefill_workers = f.prefill.workers;
    fleet.decode_workers = f.pool.workers;
    fleet.prefill_limits = fleet.decode_limits = limits;
    const double under_way = f.rate * (f.mean.e2e - f.transfer).raw();
    const infer::Steady loop = infer::disaggregated_loop(fleet, load_at(s.demand, under_way));
    EXPECT_NEAR(loop.tpot / f.mean.tpot, 1.0, 0.05);
    EXPECT_NEAR(loop.request_rate / f.rate, 1.0, 0.05);
  }
}

// Asked for a rate, pools are told as full as the rate makes them: the decoding workers at their
// concurrency serve it, no slower than at the level they could hold, and within the limits.
TEST(Sizing, PoolsAreAsFullAsTheRateMakesThem) {
  Settings s = small(Objective::usd);
  s.keep = 8;
  s.limits.tpot = Seconds(0.05);
  s.demand.rate = 3;
  const std::vector<Offer> offers{offer_of(dense())};
  const Survey found = survey(offers[0], 0, s, true);
  Pairing pairing(offers, s);
  pairing.add(found.prefill, found.decode);
  const Best settled = pairing.settled();
  ASSERT_FALSE(settled.fleets().empty());
  ASSERT_EQ(settled.fleets().size(), pairing.best().fleets().size());
  for (const Fleet& f : settled.fleets()) {
    const infer::Pricing back(dense(), f.pool.deployment);
    const double busy = std::max(1.0, f.concurrency);
    const infer::DecodeWork work = infer::decode_work(back, load_at(s.demand, busy), busy);
    const double share = f.concurrency / busy;
    EXPECT_NEAR(f.pool.workers * work.rate * share / s.demand.rate, 1.0, 1e-3);
    EXPECT_NEAR(f.mean.tpot / work.tpot, 1.0, 0.02);
    EXPECT_LE(f.high.tpot, *s.limits.tpot);
    EXPECT_GE(f.high.tpot, f.mean.tpot);
    for (const Fleet& full : pairing.best().fleets()) {
      if (full.pool.deployment != f.pool.deployment ||
          full.prefill.deployment != f.prefill.deployment) {
        continue;
      }
      EXPECT_LE(f.mean.tpot, full.mean.tpot);
      EXPECT_LE(f.concurrency, full.concurrency * 1.001);
    }
  }
}

// Static batches, where an engine runs them: the static loop's throughput and tokens, and half of a
// batch to wait on average, nearly a whole one at a high percentile. Other engines go on as they
// do.
TEST(Sizing, StaticBatchesWaitForTheBatchBefore) {
  infer::Context batches = dense();
  batches.engine.static_batches = true;
  Settings s = small(Objective::throughput);
  s.limits.ttft = Seconds(60.0);
  s.limits.percentile = 90;
  s.keep = 1;
  s.static_batches = true;
  const Survey found = survey(offer_of(batches), 0, s, false);
  ASSERT_FALSE(found.best.fleets().empty());
  const Fleet& f = found.best.fleets()[0];
  const infer::Pricing pricing(batches, f.pool.deployment);
  infer::SteadyLimits limits;
  limits.sequences = 1e6;
  limits.token_budget = f.pool.token_budget;
  const infer::Steady alone = infer::static_loop(pricing, load_at(s.demand, f.concurrency), limits);
  const Seconds batch(f.concurrency / alone.request_rate);
  EXPECT_NEAR(f.rate / alone.request_rate, 1.0, 1e-6);
  EXPECT_NEAR(f.mean.tpot / alone.tpot, 1.0, 1e-6);
  EXPECT_NEAR((f.mean.ttft - alone.ttft) / batch, 0.5, 1e-6);
  EXPECT_NEAR((f.high.ttft - alone.ttft) / batch, 0.9, 1e-6);
  EXPECT_LE(f.high.ttft, *s.limits.ttft);
  const Survey plain = survey(offer_of(dense()), 0, s, false);
  s.static_batches = false;
  const Survey as_ever = survey(offer_of(dense()), 0, s, false);
  EXPECT_EQ(plain.best.fleets()[0].mean.ttft, as_ever.best.fleets()[0].mean.ttft);
}

TEST(Sizing, InfeasibleNamesTheLimitThatBinds) {
  Settings s = small(Objective::usd);
  s.limits.tpot = Seconds(1e-6);
  const Survey slow = survey(offer_of(dense()), 0, s, false);
  EXPECT_TRUE(slow.best.fleets().empty());
  ASSERT_TRUE(slow.reach.nearest.has_value());
  EXPECT_EQ(slow.reach.tightest.limit, Limit::tpot);
  EXPECT_GT(slow.reach.tightest.share, 1.0);
  EXPECT_EQ(slow.reach.tpot->raw(), slow.reach.nearest->high.tpot.raw());
  s.limits.tpot.reset();
  s.limits.ttft = Seconds(1e-4);
  EXPECT_EQ(survey(offer_of(dense()), 0, s, false).reach.tightest.limit, Limit::ttft);

  const infer::Context big = context_of("DeepSeek-V3", "p5.48xlarge", "bf16");
  Settings open;
  open.space.pp = {1};
  const Survey none = survey(offer_of(big), 0, open, false);
  EXPECT_TRUE(none.best.fleets().empty());
  EXPECT_GT(none.counters.refused.at("do not fit in memory"), 0U);
}

// Half of a unit's chips are paid for when the rest has no use.
TEST(Sizing, RentIsOfWholeUnits) {
  EXPECT_EQ(rented_chips(3, 2, 8), 8);
  EXPECT_EQ(rented_chips(5, 2, 8), 16);
  EXPECT_EQ(rented_chips(2, 16, 8), 32);
  EXPECT_EQ(rented_chips(1, 12, 8), 16);
  EXPECT_EQ(rented_share(3, 8), 4);
  EXPECT_EQ(rented_share(5, 8), 8);
}

TEST(Sizing, FrontKeepsWhatIsNotBeaten) {
  Front front;
  Demand unit;
  unit.output = 1;
  const auto add = [&](double interactivity, double throughput) {
    Fleet f;
    f.pool.workers = 1;
    f.mean.tpot = Seconds(1.0 / interactivity);
    f.rate = throughput;
    front.add(f, unit);
  };
  add(10, 5);
  add(20, 3);
  add(15, 2);  // beaten by 20, 3
  add(15, 4);
  add(12, 6);  // beats 10, 5
  ASSERT_EQ(front.fleets().size(), 3U);
  EXPECT_TRUE(front.covers(12, 5.9));
  EXPECT_FALSE(front.covers(12, 6.1));
  EXPECT_FALSE(front.covers(21, 1));
}

TEST(Percentile, Laws) {
  EXPECT_NEAR(normal_deviate(0.5), 0.0, 1e-9);
  EXPECT_NEAR(normal_deviate(0.9), 1.2815515655, 1e-8);
  EXPECT_NEAR(normal_deviate(0.999), 3.0902323062, 1e-8);
  EXPECT_NEAR(normal_deviate(0.01), -2.3263478740, 1e-8);
  EXPECT_NEAR(fullness(100, 90), 112.8155, 1e-3);
  EXPECT_EQ(fullness(100, 50), 100);
  // M/M/1: P(wait > t) = u exp(-(1 - u) t / S).
  const Queue q{.service = Seconds(2.0), .utilisation = 0.8, .service_cv = 1, .percentile = 95};
  const double wait = queue_wait(q).raw();
  EXPECT_NEAR(0.8 * std::exp(-0.2 * wait / 2.0), 0.05, 1e-12);
  Queue idle = q;
  idle.utilisation = 0.05;
  EXPECT_EQ(queue_wait(idle).raw(), 0);
  const double most = bearable_utilisation(q, Seconds(wait));
  EXPECT_NEAR(most, 0.80, 0.0101);
  EXPECT_EQ(bearable_utilisation(q, Seconds(-1.0)), 0);
}

// Every deployment divides the model, fills chips and stays in its domain; the others are counted.
TEST(Space, Deployments) {
  const infer::Context trn = context_of("Llama-3.1-8B", "trn2.48xlarge", "bf16");
  for (const infer::Context* c : {&dense(), &routed(), &trn}) {
    Refusals refused;
    const auto list = deployments(*c, Space{}, refused);
    ASSERT_GT(list.size(), 3U);
    for (const infer::Deployment& d : list) {
      EXPECT_EQ(infer::why_not(*c, d), "");
      EXPECT_EQ(d.ranks() % c->chip.ranks_per_chip, 0);
      EXPECT_LE(d.tp * d.dp, c->fabric.fabric.domain_ranks);
    }
  }
}

}  // namespace
}  // namespace tightrope::sizing
