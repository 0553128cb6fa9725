#include "tightrope/search/search.h"

#include <algorithm>
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "tightrope/step/test_contexts_internal.h"

namespace tightrope::search {
namespace {

using step::Context;
using step::Estimate;
using step::Infeasible;
using step::Mapping;
using step::Schedule;
using step::Sharding;
using step::TpComm;
using step::TpOverlap;
using workload::ModuleSet;
using workload::RecomputeModule;

// ---- An oracle that shares nothing with the search but the step: it writes down every mapping,
// ---- strikes those whose options have nothing to act on, and estimates the rest one by one.

using Mappings = std::vector<Mapping>;

template <class T>
Mappings expand(const Mappings& from, const std::vector<T>& values,
                const std::function<void(Mapping&, T)>& set) {
  Mappings all;
  for (const Mapping& m : from) {
    for (const T value : values) {
      all.push_back(m);
      set(all.back(), value);
    }
  }
  return all;
}

std::vector<int> up_to(int most) {
  std::vector<int> list;
  for (int i = 1; i <= most; ++i) list.push_back(i);
  return list;
}

std::vector<int> listed(const std::vector<int>& wished, int most) {
  return wished.empty() ? up_to(most) : wished;
}

// True when no option is set that has nothing to act on.
bool plain(const Mapping& m) {
  const bool drops_all = m.recompute.meets(RecomputeModule::layer);
  const bool reduces = m.tp_comm == TpComm::all_reduce;
  if (m.tp == 1 && (reduces || m.tp_overlap != TpOverlap::none || m.tp_scaleout)) return false;
  if ((m.tp == 1 || reduces) && !m.regather) return false;
  if (!(m.tp > 1 && m.pp > 1 && reduces) && !m.p2p_scatter) return false;
  if (m.cp == 1 && m.cp_kind != step::CpKind::ring) return false;
  if (m.ep == 1 && m.ep_overlap) return false;
  if (m.pp == 1 && (m.vp > 1 || m.pp_scaleout)) return false;
  if (drops_all && m.offload_activations) return false;
  if (m.sharding == Sharding::none && m.shard_ranks > 0) return false;
  const bool data = m.dp * m.cp > 1;
  return data ? true : m.sharding == Sharding::none && m.dp_overlap && !m.dp_scaleout;
}

Mappings shapes(const Context& c, const Space& s, int ranks) {
  const int layers = c.model.layer_count();
  Mappings all;
  for (const int tp : listed(s.tp, s.max_tp)) {
    for (const int cp : listed(s.cp, ranks)) {
      for (const int pp : listed(s.pp, std::min(layers, s.max_pp))) {
        if (ranks % (tp * cp * pp) != 0 || pp > layers) continue;
        if (!s.uneven_stages && layers % pp != 0) continue;
        Mapping m;
        m.tp = tp;
        m.cp = cp;
        m.pp = pp;
        m.dp = ranks / (tp * cp * pp);
        all.push_back(m);
      }
    }
  }
  all = expand<int>(all, listed(s.ep, 8), [](Mapping& m, int v) { m.ep = v; });
  all = expand<int>(all, listed(s.etp, ranks), [](Mapping& m, int v) { m.etp = v; });
  all = expand<int>(all, listed(s.vp, s.max_vp), [](Mapping& m, int v) { m.vp = v; });
  all = expand<int>(all, listed(s.micro_batch, s.max_micro_batch),
                    [](Mapping& m, int v) { m.micro_batch = v; });
  std::erase_if(all, [&](const Mapping& m) {
    const int per_stage = (layers + m.pp - 1) / m.pp;
    if (m.tp % m.etp != 0 || (s.vp.empty() && per_stage % m.vp != 0)) return true;
    return step::check_mapping(c, m) != Infeasible::none;
  });
  return all;
}

// First and last stages spread evenly and, where the space allows, set by hand: each layout once.
Mappings with_ends(const Context& c, const Space& s, const Mappings& from) {
  Mappings all;
  const int layers = c.model.layer_count();
  for (const Mapping& m : from) {
    using Layout = std::vector<step::StageLayers>;
    std::vector<std::optional<Layout>> seen{step::spread_layers(c.model, {m.pp, m.vp, 0, 0})};
    all.push_back(m);
    if (s.end_relief == 0 || m.pp == 1 || m.vp > 1) continue;
    for (int first = 1; first < layers; ++first) {
      for (int last = 1; first + last <= layers; ++last) {
        const auto layout = step::spread_layers(c.model, {m.pp, 1, first, last});
        if (!layout) continue;
        int most = 0;
        for (const step::StageLayers& run : *layout) most = std::max(most, run.total());
        const bool inner = m.pp == 2 || (first <= most && last <= most &&
                                         most == (layers - first - last) / (m.pp - 2));
        if (!inner || std::min(first, last) < most - s.end_relief) continue;
        if (std::ranges::find(seen, layout) != seen.end()) continue;
        seen.push_back(layout);
        all.push_back(m);
        all.back().first_stage_layers = first;
        all.back().last_stage_layers = last;
      }
    }
  }
  return all;
}

// States shared by all of dp, or by groups that divide it.
Mappings with_groups(const Space& s, const Mappings& from) {
  Mappings all;
  for (const Mapping& m : from) {
    for (int ranks = 0; ranks < std::max(1, m.dp); ++ranks) {
      const bool wished =
          s.shard_ranks.empty() || std::ranges::find(s.shard_ranks, ranks) != s.shard_ranks.end();
      if (!wished && m.sharding != Sharding::none) continue;
      if (ranks > 0 && (ranks == 1 || m.dp % ranks != 0)) continue;
      all.push_back(m);
      all.back().shard_ranks = ranks;
      if (!plain(all.back())) all.pop_back();
    }
  }
  return all;
}

Mappings with_layers(const Context& c, const Space& s, const Mappings& from) {
  Mappings all;
  for (const Mapping& m : from) {
    const int per_stage = (c.model.layer_count() + m.pp - 1) / m.pp;
    std::set<int> layers{0};
    if (m.recompute.meets(RecomputeModule::layer)) {
      layers.clear();
      for (const int q : s.recompute_quarters) {
        const int some = std::max(1, per_stage * q / 4);
        layers.insert(some < per_stage ? some : 0);
      }
    }
    for (const int n : layers) {
      all.push_back(m);
      all.back().recompute_layers = n;
    }
  }
  return all;
}

Mappings every_mapping(const Context& c, const Space& s, int ranks) {
  using M = Mapping;
  Mappings all = shapes(c, s, ranks);
  auto option = [&all]<class T>(const std::vector<T>& values, T M::* member) {
    all = expand<T>(all, values, [member](M& m, T v) { m.*member = v; });
    std::erase_if(all, [](const M& m) { return !plain(m); });
  };
  // Sharding first: without data parallelism only `none` is plain, whatever the list says.
  Mappings sharded;
  for (const M& m : all) {
    for (const Sharding v :
         {Sharding::none, Sharding::optimizer, Sharding::gradients, Sharding::full}) {
      const bool wished = std::ranges::find(s.sharding, v) != s.sharding.end();
      if (m.dp * m.cp > 1 ? !wished : v != Sharding::none) continue;
      sharded.push_back(m);
      sharded.back().sharding = v;
    }
  }
  all = with_groups(s, with_ends(c, s, sharded));
  option(s.recompute, &M::recompute);
  all = with_layers(c, s, all);
  option(s.tp_comm, &M::tp_comm);
  option(s.tp_overlap, &M::tp_overlap);
  option(s.cp_kind, &M::cp_kind);
  option(s.schedule, &M::schedule);
  option(s.regather, &M::regather);
  option(s.p2p_scatter, &M::p2p_scatter);
  option(s.dp_overlap, &M::dp_overlap);
  option(s.ep_overlap, &M::ep_overlap);
  const bool routed = std::ranges::any_of(c.model.kinds, &workload::LayerKind::routed);
  if (routed) option(s.capacity, &M::capacity_factor);
  option(s.graph, &M::graph);
  option(s.offload_weights, &M::offload_weights);
  option(s.offload_activations, &M::offload_activations);
  option(s.offload_optimizer, &M::offload_optimizer);
  option(s.tp_scaleout, &M::tp_scaleout);
  option(s.pp_scaleout, &M::pp_scaleout);
  option(s.dp_scaleout, &M::dp_scaleout);
  return all;
}

struct Scored {
  double score;
  std::string text;
  Estimate estimate;
};

struct BruteForce {
  std::vector<Scored> fit;  // by score, then text
  std::uint64_t too_big = 0;
};

double score_of(const Objective& o, const Estimate& e) {
  return o.of(e.step_time, e.busy * e.step_time);
}

BruteForce brute_force(const Context& c, const Space& s, const Request& r) {
  BruteForce out;
  for (const Mapping& m : every_mapping(c, s, r.ranks)) {
    const Estimate e = step::estimate(c, m);
    if (e.infeasible == Infeasible::none || e.infeasible == Infeasible::does_not_fit) {
      if (e.memory.total() > c.kernels.hbm * r.memory_share) {
        ++out.too_big;
      } else {
        out.fit.push_back({score_of(r.objective, e), step::to_text(m), e});
      }
    }
  }
  std::ranges::sort(out.fit, [](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score < b.score : a.text < b.text;
  });
  return out;
}

// ---- The cases ------------------------------------------------------------------------------

struct SmallCase {
  std::string name;
  step::TestSetup setup;
  Space space;
  int ranks = 8;
};

const std::vector<bool> both{false, true};

Space plain_space() {
  Space s;
  s.ep = {1};
  s.max_tp = s.max_vp = s.max_micro_batch = 4;
  s.recompute = {ModuleSet(), RecomputeModule::norms | RecomputeModule::activation,
                 ModuleSet(RecomputeModule::layer)};
  return s;
}

std::vector<SmallCase> small_cases() {
  std::vector<SmallCase> list;
  {
    SmallCase c{"dense on A100: exchanges and offload", {}, plain_space(), 8};
    c.setup.system = "dgx-a100";
    c.setup.precision = "fp16";
    c.setup.stack = "megatron-2022";
    c.space.max_micro_batch = 2;
    c.space.tp_comm = {TpComm::all_reduce, TpComm::sequence_parallel};
    c.space.tp_overlap = {TpOverlap::none, TpOverlap::ring};
    c.space.regather = c.space.p2p_scatter = both;
    c.space.offload_weights = c.space.offload_activations = c.space.offload_optimizer = both;
    list.push_back(c);
  }
  {
    SmallCase c{"dense on H100: sharding, zero bubble, partial recompute", {}, plain_space(), 16};
    c.space.sharding = {Sharding::none, Sharding::optimizer, Sharding::gradients, Sharding::full};
    c.space.schedule = {Schedule::one_f_one_b, Schedule::zero_bubble};
    c.space.recompute_quarters = {1, 2, 4};
    c.space.dp_overlap = c.space.graph = both;
    c.space.shard_ranks = {0, 2};
    list.push_back(c);
  }
  {
    SmallCase c{"dense on H100: groups that share, ends set by hand", {}, plain_space(), 32};
    c.space.sharding = {Sharding::none, Sharding::optimizer, Sharding::gradients, Sharding::full};
    c.space.schedule = {Schedule::one_f_one_b, Schedule::zero_bubble};
    c.space.shard_ranks = {};
    c.space.end_relief = 2;
    c.space.cp = {1, 2};
    c.space.recompute = {ModuleSet()};
    list.push_back(c);
  }
  {
    SmallCase c{"experts on GB200 over two domains' worth of switches", {}, plain_space(), 16};
    c.setup.config = step::small_routed;
    c.setup.system = "u-p6e-gb200x72";
    c.setup.precision = "fp8";
    c.space.ep = {};
    c.space.etp = {};
    c.space.cp = {1, 2, 4};
    c.space.cp_kind = {step::CpKind::ring, step::CpKind::all_to_all};
    c.space.ep_overlap = both;
    c.space.max_micro_batch = 1;
    c.space.recompute = {ModuleSet(), ModuleSet(RecomputeModule::moe)};
    c.space.capacity = {0.0, 1.25};
    c.space.shard_ranks = {};
    c.space.sharding = {Sharding::optimizer, Sharding::full};
    list.push_back(c);
  }
  {
    SmallCase c{"experts on Trainium2: NICs chosen, even stages", {}, plain_space(), 16};
    c.setup.config = step::small_routed;
    c.setup.system = "trn2.48xlarge";
    c.setup.stack = "neuron";
    c.setup.precision = "bf16-sr";
    c.space.ep = {1, 2, 8};
    c.space.uneven_stages = false;
    c.space.tp_scaleout = c.space.pp_scaleout = c.space.dp_scaleout = both;
    c.space.sharding = {Sharding::optimizer, Sharding::full};
    list.push_back(c);
  }
  return list;
}

// A share of memory that two thirds of the mappings fit into.
Request tight_request(const Context& context, const SmallCase& c, int keep = 5) {
  Request r;
  r.ranks = c.ranks;
  r.keep = keep;
  std::vector<Bytes> needs;
  for (const Scored& s : brute_force(context, c.space, r).fit) {
    needs.push_back(s.estimate.memory.total());
  }
  std::ranges::sort(needs);
  EXPECT_GT(needs.size(), 100U);
  r.memory_share = needs.at(needs.size() * 2 / 3) / context.kernels.hbm;
  return r;
}

std::uint64_t sum(const std::array<std::uint64_t, reason_count>& list) {
  std::uint64_t total = 0;
  for (const std::uint64_t n : list) total += n;
  return total;
}

std::string best_text(const Outcome& o) {
  std::string text;
  for (const Estimate& e : o.best) {
    text += step::to_text(e.mapping) + " " + std::to_string(e.step_time.raw()) + "\n";
  }
  return text;
}

void expect_same_answer(const Outcome& found, const BruteForce& all, std::size_t keep) {
  ASSERT_EQ(found.best.size(), std::min(keep, all.fit.size()));
  for (std::size_t i = 0; i < found.best.size(); ++i) {
    EXPECT_EQ(step::to_text(found.best[i].mapping), all.fit[i].text) << "place " << i;
    EXPECT_EQ(found.best[i].mapping, all.fit[i].estimate.mapping);
    EXPECT_EQ(found.best[i].step_time, all.fit[i].estimate.step_time);
    EXPECT_EQ(found.best[i].memory.total(), all.fit[i].estimate.memory.total());
  }
}

}  // namespace

TEST(Search, EveryWayOfPruningGivesTheBruteForceAnswer) {
  for (const SmallCase& c : small_cases()) {
    SCOPED_TRACE(c.name);
    const Context context = step::test_context(c.setup);
    Request r = tight_request(context, c, 7);
    const BruteForce all = brute_force(context, c.space, r);
    ASSERT_GT(all.fit.size(), 100U);
    ASSERT_GT(all.too_big, 10U);
    for (const auto& [prune, singly] : {std::pair{true, false}, {true, true}, {false, false}}) {
      SCOPED_TRACE(prune ? (singly ? "singly" : "in bulk") : "not pruned");
      r.prune = prune;
      r.singly = singly;
      const Outcome found = search_mappings(context, c.space, r);
      expect_same_answer(found, all, 7);
      const Counters& n = found.counters;
      EXPECT_EQ(n.replayed + n.evaluated + n.bounded +
                    n.infeasible[static_cast<std::size_t>(Infeasible::does_not_fit)],
                all.fit.size() + all.too_big);
      EXPECT_EQ(n.enumerated, n.replayed + n.evaluated + n.bounded + sum(n.infeasible));
      if (!prune) {
        EXPECT_EQ(n.replayed, all.fit.size());
      } else if (singly) {
        EXPECT_EQ(n.replayed + n.evaluated, all.fit.size());
      } else {
        EXPECT_LT(n.replayed, all.fit.size() / 2);
      }
    }
  }
}

TEST(Search, TheLeastEnergyIsBruteForcesToo) {
  const SmallCase c = small_cases().front();
  const Context context = step::test_context(c.setup);
  Request r = tight_request(context, c, 3);
  r.objective = energy_objective(context);
  const BruteForce all = brute_force(context, c.space, r);
  const Outcome found = search_mappings(context, c.space, r);
  ASSERT_EQ(found.best.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(score_of(r.objective, found.best[i]), all.fit[i].score, 1e-9 * all.fit[i].score);
  }
  // The score is the energy of one chip's step.
  const Estimate& e = found.best.front();
  const double chips = static_cast<double>(r.ranks) / context.fabric.fabric.ranks_per_chip;
  const double joules = (e.power * e.step_time).raw();
  EXPECT_NEAR(score_of(r.objective, e) * chips, joules, 1e-9 * joules);
  // And no more than what the fastest plan takes.
  r.objective = {};
  const Estimate fastest = search_mappings(context, c.space, r).best.front();
  EXPECT_LE(joules, (fastest.power * fastest.step_time).raw() * (1 + 1e-9));
}

TEST(Search, TheLeastEnergyWithinADeadlineIsBruteForcesToo) {
  for (const SmallCase& c : small_cases()) {
    SCOPED_TRACE(c.name);
    const Context context = step::test_context(c.setup);
    Request r = tight_request(context, c, 3);
    const BruteForce by_time = brute_force(context, c.space, r);
    r.objective = energy_objective(context);
    BruteForce all = brute_force(context, c.space, r);
    const std::string free_best = all.fit.front().text;
    // A deadline that the fastest keeps by a little, and the thriftiest need not keep.
    const double longest = by_time.fit.at(by_time.fit.size() / 50).score;
    r.limits = {{{1, 0}, longest}};
    std::erase_if(all.fit, [&](const Scored& s) { return s.estimate.step_time.raw() > longest; });
    ASSERT_GT(all.fit.size(), 3U);
    for (const bool prune : {true, false}) {
      r.prune = prune;
      const Outcome found = search_mappings(context, c.space, r);
      ASSERT_EQ(found.best.size(), 3U);
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_LE(found.best[i].step_time.raw(), longest);
        EXPECT_NEAR(score_of(r.objective, found.best[i]), all.fit[i].score,
                    1e-9 * all.fit[i].score);
      }
    }
  }
}

TEST(Search, ALimitThatNothingKeepsLeavesNothing) {
  const SmallCase c = small_cases().front();
  const Context context = step::test_context(c.setup);
  Request r = tight_request(context, c, 3);
  const double fastest = search_mappings(context, c.space, r).best.front().step_time.raw();
  r.limits = {{{1, 0}, 0.999 * fastest}};
  EXPECT_TRUE(search_mappings(context, c.space, r).best.empty());
  r.limits = {{{1, 0}, fastest * (1 + 1e-9)}};
  EXPECT_FALSE(search_mappings(context, c.space, r).best.empty());
}

TEST(Search, GroupsAndHandSetEndsAreAmongTheMappings) {
  const SmallCase c = small_cases()[2];
  const Context context = step::test_context(c.setup);
  int groups = 0, ends = 0;
  for (const Mapping& m : every_mapping(context, c.space, c.ranks)) {
    groups += m.shard_ranks > 0 ? 1 : 0;
    ends += m.first_stage_layers > 0 && m.first_stage_layers != m.last_stage_layers ? 1 : 0;
  }
  EXPECT_GT(groups, 100);
  EXPECT_GT(ends, 100);
}

TEST(Search, TheBestAreSortedAndFitAndAreAllDifferent) {
  for (const SmallCase& c : small_cases()) {
    SCOPED_TRACE(c.name);
    const Context context = step::test_context(c.setup);
    const Request r = tight_request(context, c, 40);
    const Outcome found = search_mappings(context, c.space, r);
    ASSERT_EQ(found.best.size(), 40U);
    std::set<std::string> seen;
    for (std::size_t i = 0; i < found.best.size(); ++i) {
      const Estimate& e = found.best[i];
      EXPECT_EQ(e.infeasible, Infeasible::none);
      EXPECT_LE(e.memory.total(), context.kernels.hbm * r.memory_share);
      EXPECT_TRUE(seen.insert(step::to_text(e.mapping)).second) << step::to_text(e.mapping);
      EXPECT_GE(e.step_time, found.best[i > 0 ? i - 1 : 0].step_time);
    }
  }
}

TEST(Search, KeepingFewerKeepsTheFirstOnes) {
  const SmallCase c = small_cases().front();
  const Context context = step::test_context(c.setup);
  const Outcome many = search_mappings(context, c.space, tight_request(context, c, 9));
  const Outcome one = search_mappings(context, c.space, tight_request(context, c, 1));
  ASSERT_EQ(one.best.size(), 1U);
  EXPECT_EQ(one.best.front().mapping, many.best.front().mapping);
}

TEST(Search, TheSameSearchGivesTheSameBytes) {
  for (const SmallCase& c : small_cases()) {
    const Context context = step::test_context(c.setup);
    const Request r = tight_request(context, c);
    const Outcome first = search_mappings(context, c.space, r);
    const Outcome again = search_mappings(context, c.space, r);
    EXPECT_EQ(best_text(first), best_text(again));
    EXPECT_EQ(first.counters.replayed, again.counters.replayed);
    EXPECT_EQ(first.counters.evaluated, again.counters.evaluated);
  }
}

TEST(Search, MoreMemoryNeverWorsensTheBest) {
  for (const SmallCase& c : small_cases()) {
    SCOPED_TRACE(c.name);
    const Context context = step::test_context(c.setup);
    Request r = tight_request(context, c, 1);
    const double tight = r.memory_share;
    double before = std::numeric_limits<double>::infinity();
    for (const double share : {0.8, 0.9, 0.95, 1.0, 1.1, 1.5, 3.0}) {
      r.memory_share = share * tight;
      const Outcome found = search_mappings(context, c.space, r);
      const double now = found.best.empty() ? std::numeric_limits<double>::infinity()
                                            : found.best.front().step_time.raw();
      EXPECT_LE(now, before) << share;
      before = now;
    }
    EXPECT_LT(before, std::numeric_limits<double>::infinity());
  }
}

TEST(Search, OneMoreOptionNeverWorsensTheBest) {
  SmallCase c = small_cases()[1];
  const Context context = step::test_context(c.setup);
  const Request r = tight_request(context, c, 1);
  c.space = plain_space();
  c.space.recompute = {ModuleSet()};
  using Change = std::function<void(Space&)>;
  const std::vector<Change> changes = {
      [](Space& s) { s.recompute.emplace_back(RecomputeModule::layer); },
      [](Space& s) { s.recompute_quarters = {1, 2, 4}; },
      [](Space& s) { s.sharding.push_back(Sharding::full); },
      [](Space& s) { s.schedule.push_back(Schedule::zero_bubble); },
      [](Space& s) { s.tp_comm.push_back(TpComm::all_reduce); },
      [](Space& s) { s.tp_overlap.push_back(TpOverlap::ring); },
      [](Space& s) { s.tp_overlap.push_back(TpOverlap::bulk); },
      [](Space& s) { s.regather = both; },
      [](Space& s) { s.graph = both; },
      [](Space& s) { s.cp = {1, 2, 4}; },
      [](Space& s) { s.cp_kind = {step::CpKind::ring, step::CpKind::all_to_all}; },
      [](Space& s) { s.max_tp = 16; },
      [](Space& s) { s.max_micro_batch = 16; },
      [](Space& s) { s.offload_optimizer = both; },
      [](Space& s) { s.shard_ranks = {}; },
      [](Space& s) { s.end_relief = 2; },
  };
  double before = std::numeric_limits<double>::infinity();
  std::uint64_t listed_before = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    changes[i](c.space);
    const Outcome found = search_mappings(context, c.space, r);
    EXPECT_GE(found.counters.enumerated, listed_before) << i;
    listed_before = found.counters.enumerated;
    if (found.best.empty()) continue;
    EXPECT_LE(found.best.front().step_time.raw(), before) << i;
    before = found.best.front().step_time.raw();
  }
  EXPECT_LT(before, std::numeric_limits<double>::infinity());
}

TEST(Search, WhereNothingFitsTheNearestIsTheOneThatNeedsLeast) {
  const SmallCase c = small_cases().front();
  const Context context = step::test_context(c.setup);
  Request r = tight_request(context, c);
  r.memory_share = 0.001;
  const Outcome found = search_mappings(context, c.space, r);
  ASSERT_TRUE(found.best.empty());
  ASSERT_TRUE(found.nearest.has_value());
  Bytes least(std::numeric_limits<double>::infinity());
  for (const Mapping& m : every_mapping(context, c.space, c.ranks)) {
    const Estimate e = step::estimate(context, m);
    if (e.step_time > Seconds(0.0)) least = min(least, e.memory.total());
  }
  EXPECT_EQ(found.nearest->memory.total(), least);
}

TEST(Search, AnEmptyListOfRecomputeStandsForWhatTheModelCanDrop) {
  const SmallCase c = small_cases().front();
  const Context context = step::test_context(c.setup);
  Request r;
  r.ranks = c.ranks;
  Space space = plain_space();
  space.recompute = {};
  const Outcome found = search_mappings(context, space, r);
  space.recompute = default_space(context).recompute;
  EXPECT_GT(space.recompute.size(), 1U);
  EXPECT_EQ(best_text(found), best_text(search_mappings(context, space, r)));
}

TEST(Search, OffloadIsRefusedWhereNoHostLinkIsKnown) {
  const SmallCase c = small_cases().front();
  Context context = step::test_context(c.setup);
  context.fabric.fabric.host_bandwidth = BytesPerSecond(0.0);
  const Outcome found = search_mappings(context, c.space, tight_request(context, c));
  EXPECT_GT(found.counters.infeasible[static_cast<std::size_t>(Infeasible::no_host_link)], 0U);
  ASSERT_FALSE(found.best.empty());
  for (const Estimate& e : found.best) EXPECT_FALSE(e.mapping.offload_weights);
}

TEST(Search, MoreRanksThanTheLinksReachAreRefusedAndCounted) {
  SmallCase c = small_cases().front();
  c.ranks = 16;
  Context context = step::test_context(c.setup);
  context.fabric.fabric.scaleout_bandwidth = BytesPerSecond(0.0);
  Request r;
  r.ranks = c.ranks;
  const Outcome found = search_mappings(context, c.space, r);
  EXPECT_TRUE(found.best.empty());
  const auto reason = static_cast<std::size_t>(Infeasible::no_scaleout);
  const auto uneven = static_cast<std::size_t>(Infeasible::does_not_divide);
  EXPECT_GT(found.counters.infeasible[reason], 0U);
  EXPECT_EQ(found.counters.enumerated,
            found.counters.infeasible[reason] + found.counters.infeasible[uneven]);
}

TEST(Search, TheDefaultSpaceHoldsItsLawsOnEveryKindOfMachine) {
  for (const char* system : {"p5.48xlarge", "u-p6e-gb200x72", "trn2.48xlarge", "dgx-a100"}) {
    for (const char* config : {step::small_dense, step::small_routed}) {
      step::TestSetup setup;
      setup.system = system;
      setup.config = config;
      const Context context = step::test_context(setup);
      Request r;
      r.ranks = 16;
      r.memory_share = 0.3;
      const Space space = default_space(context);
      const Outcome pruned = search_mappings(context, space, r);
      r.prune = false;
      const Outcome all = search_mappings(context, space, r);
      SCOPED_TRACE(std::string(system) + " " + context.model.name);
      EXPECT_FALSE(all.best.empty());
      EXPECT_EQ(best_text(pruned), best_text(all));
      EXPECT_EQ(pruned.counters.enumerated, all.counters.enumerated);
      const auto uneven = static_cast<std::size_t>(Infeasible::does_not_divide);
      EXPECT_EQ(pruned.counters.infeasible[uneven], all.counters.infeasible[uneven]);
    }
  }
}

}  // namespace tightrope::search
