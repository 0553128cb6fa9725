// Laws of the planner, on small requests against the catalog inside the binary.
#include "tightrope/study/plan.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/core/csv.h"
#include "tightrope/study/plan_internal.h"
#include "tightrope/study/plan_mapping.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::study {
namespace {

using plan_internal::judge;
using plan_internal::Verdict;

constexpr double day = 86400.0;

const catalog::Catalog& facts() { return catalog::Catalog::embedded(); }

PlannedModel public_model(const std::string& name) {
  PlannedModel out;
  out.origin = std::string(TIGHTROPE_SOURCE_DIR) + "/examples/configs/" + name + "/config.json";
  out.config = read_file(out.origin).value();
  out.model = workload::read_hf_config(out.config, out.origin).value();
  return out;
}

// Llama-3-8B on 100 B tokens, on two kinds of H100 machine and one of Trainium.
PlanRequest small_request() {
  static const PlannedModel model = public_model("Meta-Llama-3-8B");
  PlanRequest r;
  r.model = model;
  r.job.seq_len = 8192;
  r.job.global_batch = 256;
  r.tokens = Tokens(100e9);
  r.systems = {"p5.48xlarge", "p5en.48xlarge", "trn2.48xlarge"};
  r.precisions = {"bf16"};
  r.constraints.max_chips = 512;
  return r;
}

PlanResult planned(const PlanRequest& request) {
  auto result = plan(request, facts());
  EXPECT_TRUE(result.has_value()) << to_string(result.error());
  return std::move(result).value();
}

TEST(Plan, CostIsPriceTimesChipsTimesTime) {
  const PlanResult result = planned(small_request());
  ASSERT_TRUE(result.feasible());
  for (const Plan& p : result.plans) {
    ASSERT_TRUE(p.cost.has_value()) << p.system;
    const Dollars rent = p.cost->price.per_chip * p.duration * p.rented_chips;
    EXPECT_DOUBLE_EQ(p.cost->total().raw(), rent.raw());
    EXPECT_DOUBLE_EQ(p.duration.raw(), p.steps * p.estimate.step_time.raw());
    EXPECT_GE(p.rented_chips, p.chips);
  }
}

TEST(Plan, BuyersPayElectricityRentersDoNot) {
  PlanRequest r = small_request();
  r.systems = {"dgx-h100"};
  for (const Plan& p : planned(r).plans) {
    ASSERT_TRUE(p.energy.has_value());
    for (const TermCost& cost : p.costs) {
      const bool bought = cost.price.term == catalog::Term::purchase;
      const double wanted = bought ? (*p.energy * p.place.electricity).raw() : 0.0;
      EXPECT_DOUBLE_EQ(cost.electricity.raw(), wanted);
    }
  }
}

TEST(Plan, BandsAreOrderedAroundTheEstimate) {
  for (const Plan& p : planned(small_request()).plans) {
    EXPECT_LT(p.band.low90, p.band.low50);
    EXPECT_LT(p.band.low50, p.estimate.step_time);
    EXPECT_LT(p.estimate.step_time, p.band.high50);
    EXPECT_LT(p.band.high50, p.band.high90);
  }
}

// What nobody has measured is less sure, and the plan says so.
TEST(Plan, UnmeasuredChipsHaveWiderBands) {
  const PlanResult result = planned(small_request());
  double measured = 0, unmeasured = 0;
  for (const Plan& p : result.plans) {
    const double width = p.band.high90 / p.band.low90;
    if (p.chip == "h100") measured = width;
    if (p.chip != "trainium2") continue;
    unmeasured = width;
    ASSERT_FALSE(p.band.reasons.empty());
    EXPECT_NE(p.band.reasons.front().find("no published training measurement"), std::string::npos);
  }
  ASSERT_GT(measured, 1);
  EXPECT_GT(unmeasured, measured);
}

TEST(Plan, RanksByTheGoal) {
  for (const Goal goal : {Goal::time, Goal::cost, Goal::energy, Goal::carbon}) {
    PlanRequest r = small_request();
    r.goal = goal;
    r.top = 3;
    const PlanResult result = planned(r);
    ASSERT_TRUE(result.feasible());
    for (std::size_t i = 1; i < result.plans.size(); ++i) {
      EXPECT_LE(*result.plans[i - 1].score(goal), *result.plans[i].score(goal));
    }
  }
}

// The best of one goal is never beaten in it by the best of another.
TEST(Plan, EachGoalIsBestAtItself) {
  const Goal goals[] = {Goal::time, Goal::cost, Goal::energy, Goal::carbon};
  for (const Goal mine : goals) {
    PlanRequest r = small_request();
    r.goal = mine;
    const double best = *planned(r).plans.front().score(mine);
    for (const Goal other : goals) {
      r.goal = other;
      EXPECT_LE(best, *planned(r).plans.front().score(mine) * (1 + 1e-12));
    }
  }
}

TEST(Plan, NothingBeatsAPlanOnTheFront) {
  PlanRequest r = small_request();
  r.top = 50;
  const PlanResult result = planned(r);
  ASSERT_GE(result.front.size(), 2u);
  auto no_worse = [](const Plan& a, const Plan& b) {
    return a.duration <= b.duration && a.cost->total() <= b.cost->total() && *a.energy <= *b.energy;
  };
  auto equal = [&](const Plan& a, const Plan& b) { return no_worse(a, b) && no_worse(b, a); };
  for (const Plan& p : result.plans) {
    bool covered = false;
    for (const Plan& f : result.front) {
      EXPECT_FALSE(no_worse(p, f) && !equal(p, f)) << p.system << " beats " << f.system;
      covered = covered || no_worse(f, p);
    }
    EXPECT_TRUE(covered) << p.system;
  }
}

TEST(Plan, ATighterDeadlineIsNeverCheaper) {
  double cheapest = 0;
  for (const double days : {60.0, 30.0, 15.0, 8.0, 4.0}) {
    PlanRequest r = small_request();
    r.constraints.deadline = Seconds(days * day);
    const PlanResult result = planned(r);
    if (!result.feasible()) break;
    EXPECT_LE(result.plans.front().duration, *r.constraints.deadline);
    const double cost = result.plans.front().cost->total().raw();
    EXPECT_GE(cost, cheapest) << days;
    cheapest = cost;
  }
  EXPECT_GT(cheapest, 0);
}

TEST(Plan, EveryPlanKeepsEveryBound) {
  PlanRequest r = small_request();
  r.top = 20;
  r.constraints.deadline = Seconds(20 * day);
  r.constraints.budget = Dollars(400e3);
  r.constraints.memory_share = 0.8;
  const PlanResult result = planned(r);
  ASSERT_TRUE(result.feasible());
  for (const Plan& p : result.plans) {
    EXPECT_EQ(judge(p, r.constraints), Verdict::kept);
    EXPECT_LE(p.estimate.memory.total(), p.hbm * r.constraints.memory_share);
    EXPECT_EQ(p.estimate.infeasible, step::Infeasible::none);
  }
}

TEST(Plan, NothingIsFasterThanThePeakOfItsChips) {
  PlanRequest r = small_request();
  r.precisions = {"bf16", "fp8"};
  r.top = 20;
  for (const Plan& p : planned(r).plans) {
    const auto context =
        plan_context(r, {p.system, p.precision, p.stack, p.chips, p.estimate.mapping}, facts());
    ASSERT_TRUE(context.has_value());
    EXPECT_GE(p.duration, plan_internal::duration_at_peak(r, *context, p.chips));
    EXPECT_LE(p.mfu, 1.0);
  }
}

TEST(Plan, PruningChangesNoAnswer) {
  PlanRequest r = small_request();
  r.systems = {"p5.48xlarge", "trn2.48xlarge"};
  r.constraints.max_chips = 64;
  const PlanResult pruned = planned(r);
  r.prune = false;
  const PlanResult whole = planned(r);
  ASSERT_EQ(pruned.plans.size(), whole.plans.size());
  for (std::size_t i = 0; i < whole.plans.size(); ++i) {
    EXPECT_EQ(pruned.plans[i].system, whole.plans[i].system);
    EXPECT_EQ(pruned.plans[i].estimate.step_time, whole.plans[i].estimate.step_time);
  }
  EXPECT_EQ(whole.mappings.bounded, 0u);
}

// Every remedy, applied, makes the request feasible.
void expect_true_remedies(const PlanRequest& r, Remedy::Kind wanted) {
  const PlanResult result = planned(r);
  ASSERT_FALSE(result.feasible());
  bool found = false;
  for (const Remedy& remedy : result.remedies) {
    found = found || remedy.kind == wanted;
    EXPECT_TRUE(planned(applied(r, remedy)).feasible()) << to_string(remedy.kind);
  }
  EXPECT_TRUE(found) << to_string(wanted);
}

TEST(PlanRemedies, OfADeadlineTooTight) {
  PlanRequest r = small_request();
  r.constraints.deadline = Seconds(0.5 * day);
  r.constraints.max_chips = 64;
  expect_true_remedies(r, Remedy::Kind::deadline);
  expect_true_remedies(r, Remedy::Kind::chips);
}

TEST(PlanRemedies, OfABudgetTooSmall) {
  PlanRequest r = small_request();
  r.constraints.budget = Dollars(1000);
  expect_true_remedies(r, Remedy::Kind::budget);
}

TEST(PlanRemedies, OfExactCountsTooFew) {
  PlanRequest r = small_request();
  r.constraints.max_chips = 0;
  r.constraints.deadline = Seconds(4 * day);
  r.chips = {16};
  expect_true_remedies(r, Remedy::Kind::chips);
  expect_true_remedies(r, Remedy::Kind::deadline);
}

TEST(PlanRemedies, OfSeveralBoundsAtOnce) {
  PlanRequest r = small_request();
  r.constraints.deadline = Seconds(0.5 * day);
  r.constraints.budget = Dollars(1000);
  r.constraints.max_chips = 64;
  expect_true_remedies(r, Remedy::Kind::several);
}

TEST(PlanRemedies, NameTheNearestFitWhereNothingFits) {
  PlanRequest r = small_request();
  r.model = public_model("Llama-3.1-405B");
  r.systems = {"p5.48xlarge"};
  r.chips = {8};
  r.constraints.max_chips = 0;
  const PlanResult result = planned(r);
  ASSERT_FALSE(result.feasible());
  ASSERT_TRUE(result.nearest.has_value());
  EXPECT_GT(result.nearest->estimate.memory.total(), result.nearest->hbm);
  ASSERT_EQ(result.lost.size(), 1u);
  EXPECT_NE(result.lost[0].reason.find("does not fit"), std::string::npos);
  expect_true_remedies(r, Remedy::Kind::chips);
}

TEST(PlanOffers, RentsWholeUnitsEachUsedAlike) {
  for (const char* name : {"p5.48xlarge", "u-p6e-gb200x72", "u-trn2x64", "tpu-v5p-256"}) {
    const catalog::System* system = facts().find_system(name);
    ASSERT_NE(system, nullptr) << name;
    for (int chips = 1; chips < 2000; ++chips) {
      const int rented = plan_internal::rented_chips(*system, chips);
      ASSERT_GE(rented, chips);
      ASSERT_EQ(rented % system->chips, 0);
      const int units = rented / system->chips;
      ASSERT_EQ(chips % units, 0) << chips << " on " << units << " units of " << name;
    }
  }
  const catalog::System* nvl72 = facts().find_system("u-p6e-gb200x72");
  EXPECT_EQ(plan_internal::rented_chips(*nvl72, 1024), 16 * 72);  // 64 of each 72
  EXPECT_EQ(plan_internal::rented_chips(*nvl72, 144), 144);
}

TEST(PlanOffers, CountsRiseAndStayWithinTheBounds) {
  PlanRequest r = small_request();
  r.constraints.max_chips = 3000;
  for (const catalog::System& system : facts().systems()) {
    const std::vector<int> counts = plan_internal::chip_counts(r, system, 100);
    EXPECT_TRUE(std::ranges::is_sorted(counts));
    for (const int n : counts) {
      EXPECT_GE(n, 100);
      EXPECT_LE(plan_internal::rented_chips(system, n), 3000);
    }
  }
}

TEST(PlanOffers, DevelopmentMachinesAndHostsAreNoOffer) {
  PlanRequest r = small_request();
  r.systems.clear();
  const auto offers = plan_internal::find_offers(r, facts());
  ASSERT_TRUE(offers.has_value());
  EXPECT_GE(offers->size(), 20u);
  for (const plan_internal::Offer& offer : *offers) {
    EXPECT_NE(offer.chip->kind, "cpu");
    EXPECT_NE(offer.chip->name, "inferentia2");
    EXPECT_EQ(offer.system->status, catalog::Status::shipping);
  }
}

TEST(PlanErrors, NameWhatIsWrong) {
  PlanRequest r = small_request();
  r.systems = {"p5.48xlarg"};
  auto result = plan(r, facts());
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::not_found);
  EXPECT_NE(result.error().hint.find("p5.48xlarge"), std::string::npos);
  r = small_request();
  r.precisions = {"fp7"};
  EXPECT_EQ(plan(r, facts()).error().code, ErrorCode::unsupported);
  r = small_request();
  r.tokens = Tokens(0);
  EXPECT_EQ(plan(r, facts()).error().code, ErrorCode::range);
  r = small_request();
  r.constraints.memory_share = 1.5;
  EXPECT_EQ(plan(r, facts()).error().code, ErrorCode::range);
  r = small_request();
  r.regions = {"atlantis"};
  EXPECT_EQ(plan(r, facts()).error().code, ErrorCode::not_found);
}

TEST(PlanErrors, AFormatTheChipLacksIsAReasonNotAnError) {
  PlanRequest r = small_request();
  r.systems = {"p4d.24xlarge", "p5.48xlarge"};
  r.precisions = {"fp8"};
  const PlanResult result = planned(r);
  ASSERT_TRUE(result.feasible());
  ASSERT_EQ(result.lost.size(), 1u);
  EXPECT_EQ(result.lost[0].system, "p4d.24xlarge");
  EXPECT_NE(result.lost[0].reason.find("fp8"), std::string::npos);
}

// ---- Mappings as text -----------------------------------------------------------------------

step::Mapping any_mapping() {
  step::Mapping m;
  for (const MappingNumber& f : mapping_numbers()) m.*f.member = *rc::gen::inRange(1, 300);
  for (const MappingSwitch& f : mapping_switches()) m.*f.member = *rc::gen::arbitrary<bool>();
  m.schedule = *rc::gen::element(step::Schedule::one_f_one_b, step::Schedule::zero_bubble);
  m.sharding = *rc::gen::element(step::Sharding::none, step::Sharding::optimizer,
                                 step::Sharding::gradients, step::Sharding::full);
  m.tp_comm = *rc::gen::element(step::TpComm::all_reduce, step::TpComm::sequence_parallel);
  m.tp_overlap =
      *rc::gen::element(step::TpOverlap::none, step::TpOverlap::ring, step::TpOverlap::bulk);
  m.cp_kind = *rc::gen::element(step::CpKind::ring, step::CpKind::all_to_all);
  m.recompute.bits = *rc::gen::inRange<std::uint32_t>(0, 256);
  return m;
}

RC_GTEST_PROP(PlanMapping, ReadsWhatItWrites, ()) {
  const std::string text = step::to_text(any_mapping());
  const auto read = mapping_from_text(text);
  RC_ASSERT(read.has_value());
  RC_ASSERT(step::to_text(*read) == text);
}

TEST(PlanMapping, ReadsPartlyOffloadedLayers) {
  const auto read = mapping_from_text("tp2 pp2 dp2 mbs1 zero1 sp off-a8 off-o");
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->offload_activations && read->offload_optimizer);
  EXPECT_EQ(read->offload_layers, 8);
}

TEST(PlanMapping, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"tp8 pp", "tp0", "tpx", "recompute=everything", "zero4", "tp8,pp2"}) {
    const auto read = mapping_from_text(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::syntax);
    EXPECT_FALSE(read.error().hint.empty());
  }
}

}  // namespace
}  // namespace tightrope::study
