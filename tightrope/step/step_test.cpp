// Laws of the step that hold for every mapping, whatever the fitted numbers are.
#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "tightrope/step/estimate.h"
#include "tightrope/step/test_contexts_internal.h"

namespace tightrope::step {
namespace {

using workload::ModuleSet;
using workload::RecomputeModule;

struct Setting {
  std::string name;
  Context context;
};

const std::vector<Setting>& settings() {
  static const std::vector<Setting> list = [] {
    std::vector<Setting> all;
    auto add = [&](const std::string& name, const TestSetup& setup) {
      all.push_back({name, test_context(setup)});
    };
    add("dense bf16 on H100", {});
    add("dense fp16 on A100, 2022",
        {.system = "dgx-a100", .precision = "fp16", .stack = "megatron-2022"});
    add("experts fp8 on GB200",
        {.config = small_routed, .system = "u-p6e-gb200x72", .precision = "fp8"});
    add("experts on Trainium2", {.config = small_routed,
                                 .system = "trn2.48xlarge",
                                 .precision = "bf16-sr",
                                 .stack = "neuron"});
    add("state-space hybrid mxfp8 on B200",
        {.config = small_hybrid, .system = "p6-b200.48xlarge", .precision = "mxfp8"});
    add("LoRA on B200", {.system = "p6-b200.48xlarge", .task = workload::Task::lora});
    return all;
  }();
  return list;
}

Mapping shape(int tp, int cp, int pp, int dp) {
  Mapping m;
  m.tp = tp;
  m.cp = cp;
  m.pp = pp;
  m.dp = dp;
  return m;
}

// Mappings that between them use every option, for 16 ranks and a batch of 16.
std::vector<Mapping> many_mappings(const Context& c) {
  using Change = std::function<void(Mapping&)>;
  const std::vector<Mapping> shapes = {shape(1, 1, 1, 16), shape(2, 1, 2, 4), shape(4, 2, 2, 1),
                                       shape(8, 1, 1, 2),  shape(1, 4, 1, 4), shape(2, 1, 4, 2),
                                       shape(1, 1, 4, 4)};
  const std::vector<Change> changes = {
      [](Mapping&) {},
      [](Mapping& m) { m.sharding = Sharding::none; },
      [](Mapping& m) { m.sharding = Sharding::gradients; },
      [](Mapping& m) { m.sharding = Sharding::full; },
      [](Mapping& m) { m.sharding = Sharding::full, m.shard_ranks = 2; },
      [](Mapping& m) { m.recompute = ModuleSet(RecomputeModule::layer); },
      [](Mapping& m) { m.recompute = ModuleSet(RecomputeModule::layer), m.recompute_layers = 1; },
      [](Mapping& m) { m.recompute = RecomputeModule::norms | RecomputeModule::core_attention; },
      [](Mapping& m) { m.schedule = Schedule::zero_bubble; },
      [](Mapping& m) { m.vp = 2; },
      [](Mapping& m) { m.tp_comm = TpComm::all_reduce; },
      [](Mapping& m) { m.tp_overlap = TpOverlap::ring; },
      [](Mapping& m) { m.tp_overlap = TpOverlap::bulk, m.regather = false; },
      [](Mapping& m) { m.cp_kind = CpKind::all_to_all; },
      [](Mapping& m) { m.ep = 2; },
      [](Mapping& m) { m.ep = 4, m.ep_overlap = true, m.capacity_factor = 1.25; },
      [](Mapping& m) { m.ep = 2, m.etp = 2; },
      [](Mapping& m) { m.graph = true, m.dp_overlap = false; },
      [](Mapping& m) { m.offload_weights = m.offload_activations = m.offload_optimizer = true; },
      [](Mapping& m) { m.tp_scaleout = m.pp_scaleout = m.dp_scaleout = true; },
      [](Mapping& m) { m.first_stage_layers = 1; },
      [](Mapping& m) { m.micro_batch = 2; },
  };
  std::vector<Mapping> list;
  for (const Mapping& base : shapes) {
    for (const Change& change : changes) {
      Mapping m = base;
      change(m);
      if (check_mapping(c, m) != Infeasible::none) continue;
      if (estimate(c, m).step_time > Seconds(0.0)) list.push_back(m);
    }
  }
  EXPECT_GT(list.size(), 60U);
  return list;
}

void for_all(const std::function<void(const Context&, const Mapping&, const Estimate&)>& law) {
  for (const Setting& s : settings()) {
    for (const Mapping& m : many_mappings(s.context)) {
      SCOPED_TRACE(s.name + ": " + to_text(m));
      law(s.context, m, estimate(s.context, m));
    }
  }
}

// Zero bubble fills waits greedily: where a wait gets too short for a weight gradient, that piece
// comes later, on every stage by no more than its own length.
Seconds late_piece(const Mapping& m, const Estimate& e) {
  return m.schedule == Schedule::zero_bubble ? m.pp * e.parts.backward / e.micro_batches
                                             : Seconds(0.0);
}

// Estimates under a change of the machine, at the same mappings.
void never_slower(const std::function<void(Context&)>& improve) {
  for (const Setting& s : settings()) {
    Context better = s.context;
    improve(better);
    for (const Mapping& m : many_mappings(s.context)) {
      SCOPED_TRACE(s.name + ": " + to_text(m));
      const Estimate before = estimate(s.context, m), after = estimate(better, m);
      const Seconds late = late_piece(m, before);
      EXPECT_LE(after.step_time.raw(), before.step_time.raw() * (1 + 1e-12) + late.raw());
      EXPECT_EQ(after.memory.total(), before.memory.total());
    }
  }
}

bool has_mixers(const Context& c) {
  return std::ranges::any_of(c.model.kinds, &workload::LayerKind::mixes);
}

Bytes sum_of(const Memory& m) {
  return m.weights + m.gradients + m.optimizer + m.activations + m.transient + m.reserve;
}

Seconds sum_of(const TimeParts& p) {
  return p.forward + p.backward + p.recompute + p.ends + p.tp + p.cp + p.ep + p.host + p.bubble +
         p.shard_gather + p.offload + p.dp + p.optimizer + p.straggler + p.fixed;
}

}  // namespace

TEST(Step, TimePartsSumToTheStep) {
  for_all([](const Context&, const Mapping&, const Estimate& e) {
    EXPECT_NEAR(sum_of(e.parts).raw(), e.parts.total.raw(), 1e-9 * e.parts.total.raw());
    EXPECT_EQ(e.parts.total, e.step_time);
    for (const Seconds part :
         {e.parts.forward, e.parts.backward, e.parts.recompute, e.parts.ends, e.parts.tp,
          e.parts.cp, e.parts.ep, e.parts.host, e.parts.bubble, e.parts.shard_gather,
          e.parts.offload, e.parts.dp, e.parts.optimizer, e.parts.straggler, e.parts.fixed}) {
      EXPECT_GE(part, Seconds(0.0));
    }
    EXPECT_GT(e.busy, 0.0);
    EXPECT_LE(e.busy, 1.0);
  });
}

TEST(Step, MemorySumsToItsPartsAndNoneIsNegative) {
  for_all([](const Context&, const Mapping&, const Estimate& e) {
    const Memory& m = e.memory;
    EXPECT_NEAR(sum_of(m).raw(), m.total().raw(), 1e-9 * m.total().raw());
    for (const Bytes part : {m.weights, m.gradients, m.optimizer, m.activations, m.transient}) {
      EXPECT_GE(part, Bytes(0.0));
    }
    EXPECT_GE(m.stage, 0);
    EXPECT_LT(m.stage, e.mapping.pp);
  });
}

TEST(Step, WithoutASplitItsTrafficIsGone) {
  for_all([](const Context&, const Mapping& m, const Estimate& e) {
    auto gone = [](const char* part, bool when, Seconds time) {
      if (when) {
        EXPECT_EQ(time, Seconds(0.0)) << part;
      }
    };
    gone("tp", m.tp == 1 && m.etp == 1, e.parts.tp);
    gone("cp", m.cp == 1, e.parts.cp);
    gone("ep", m.ep == 1, e.parts.ep);
    gone("dp", m.dp * m.cp == 1 && m.tp == m.ep * m.etp, e.parts.dp);
    gone("recompute", m.recompute.empty(), e.parts.recompute);
    gone("shards", m.sharding != Sharding::full, e.parts.shard_gather);
    gone("offload", !m.offload_weights && !m.offload_activations, e.parts.offload);
    gone("host", m.graph, e.parts.host);
    if (m.pp == 1) {
      EXPECT_NEAR(e.parts.bubble.raw(), 0.0, 1e-12 * e.step_time.raw());
    }
  });
}

TEST(Step, AFasterMachineIsNeverSlower) {
  never_slower([](Context& c) {
    for (const DType t : all_dtypes) c.kernels.peak[t] *= 2.0;
  });
  never_slower([](Context& c) { c.kernels.hbm_bandwidth *= 2.0; });
  never_slower([](Context& c) { c.fabric.scaleup.bandwidth *= 2.0; });
  never_slower([](Context& c) { c.fabric.scaleout.bandwidth *= 2.0; });
  never_slower([](Context& c) { c.fabric.fabric.host_bandwidth *= 2.0; });
  never_slower([](Context& c) { c.fabric.scaleout.latency = c.fabric.scaleup.latency = {}; });
  never_slower([](Context& c) { c.kernels.launch = {}; });
  never_slower([](Context& c) { c.tuning.stack.host_per_kernel_us = 0.0; });
}

TEST(Step, RecomputeKeepsNoMoreAndCostsNoLess) {
  for_all([](const Context& c, const Mapping& m, const Estimate& e) {
    if (m.recompute.empty()) return;
    Mapping none = m;
    none.recompute = {};
    none.recompute_layers = 0;
    const Estimate kept = estimate(c, none);
    EXPECT_LE(e.memory.activations, kept.memory.activations);
    EXPECT_GE(e.pipeline.work, kept.pipeline.work * (1 - 1e-12));
    // Parts are those of the busiest stage, which unlike layers may make another one.
    if (m.pp == 1 || !has_mixers(c)) {
      EXPECT_GE(e.parts.forward + e.parts.backward + e.parts.recompute + e.parts.ends,
                (kept.parts.forward + kept.parts.backward + kept.parts.ends) * (1 - 1e-12));
    }
    EXPECT_GE(e.hardware_flops, kept.hardware_flops);
  });
}

TEST(Step, RecomputingMoreLayersKeepsLessAndTakesLonger) {
  for (const Setting& s : settings()) {
    Mapping m = shape(2, 1, 2, 4);
    m.recompute = ModuleSet(RecomputeModule::layer);
    const int per_stage = (s.context.model.layer_count() + 1) / 2;
    Estimate before;
    for (int layers = 1; layers <= per_stage; ++layers) {
      SCOPED_TRACE(s.name + " x" + std::to_string(layers));
      m.recompute_layers = layers < per_stage ? layers : 0;
      const Estimate e = estimate(s.context, m);
      ASSERT_EQ(e.infeasible, Infeasible::none);
      if (layers > 1) {
        EXPECT_LE(e.memory.activations, before.memory.activations);
        EXPECT_GE(e.step_time, before.step_time);
      }
      before = e;
    }
  }
}

TEST(Step, ShardingMoreTakesNoMoreMemory) {
  for_all([](const Context& c, const Mapping& m, const Estimate&) {
    if (m.offload_weights) return;
    Mapping n = m;
    Bytes states_before{1e30};
    for (const Sharding sharding :
         {Sharding::none, Sharding::optimizer, Sharding::gradients, Sharding::full}) {
      n.sharding = sharding;
      const Memory memory = estimate(c, n).memory;
      const Bytes states = memory.weights + memory.gradients + memory.optimizer;
      EXPECT_LE(states, states_before) << to_string(sharding);
      states_before = states;
    }
  });
}

TEST(Step, EveryWeightStandsSomewhereOnce) {
  for (const Setting& s : settings()) {
    if (s.context.frozen_base()) continue;
    const workload::Model& model = s.context.model;
    for (const int pp : {1, 2, 4}) {
      const auto layout = spread_layers(model, {pp, 1, 0, 0});
      ASSERT_TRUE(layout.has_value());
      const Mapping m = shape(1, 1, pp, 1);
      const Basis basis = make_basis(s.context, m, block_costs(s.context, cost_key(m)), *layout, 4);
      double sum = 0;
      for (const RunBasis& run : basis.runs) {
        sum += run.count * (run.dense_parameters + run.expert_parameters);
      }
      const workload::ParameterCount count = workload::count_parameters(model);
      // MTP modules use the head's table once more as if it were their own.
      const double extra = model.mtp_layers * static_cast<double>(model.vocab * model.hidden);
      const auto whole = static_cast<double>(count.total() + count.mtp);
      EXPECT_NEAR(sum, whole + extra, 1e-3 * whole) << s.name << " pp" << pp;
    }
  }
}

TEST(Step, LayersSpreadSumToTheModels) {
  for (const Setting& s : settings()) {
    const workload::Model& model = s.context.model;
    for (int pp = 1; pp <= model.layer_count(); ++pp) {
      for (int vp = 1; vp <= 3; ++vp) {
        const auto runs = spread_layers(model, {pp, vp, 0, 0});
        if (!runs) continue;
        int layers = 0, stages = 0, embeddings = 0, heads = 0;
        for (const StageLayers& run : *runs) {
          EXPECT_EQ(run.first, stages);
          stages += run.count;
          layers += run.count * run.total();
          embeddings += run.embedding ? run.count : 0;
          heads += run.head ? run.count : 0;
        }
        EXPECT_EQ(stages, pp);
        EXPECT_EQ(layers, model.layer_count());
        EXPECT_EQ(embeddings, 1);
        EXPECT_EQ(heads, 1);
      }
    }
  }
}

TEST(Step, TheBubbleOfEqualStagesIsTheClosedForm) {
  // Ends that cost nothing leave equal stages.
  TestSetup setup;
  setup.batch = 32;
  Context c = test_context(setup);
  c.embedding = c.head = Part();
  for (const int pp : {2, 3, 6}) {
    for (const int vp : {1, 2}) {
      if (6 % (pp * vp) != 0) continue;
      Mapping m = shape(2, 1, pp, 1);
      m.vp = vp;
      c.job.global_batch = 8 * pp;
      const Estimate e = estimate(c, m);
      ASSERT_EQ(e.infeasible, Infeasible::none);
      const auto layout = spread_layers(c.model, {pp, vp, 0, 0});
      const Basis basis = make_basis(c, m, block_costs(c, cost_key(m)), *layout, 8 * pp);
      const formula::PipelineTime closed =
          formula::uniform_pipeline({basis.runs.front().time, pp, vp, 8 * pp, Seconds(0.0)});
      EXPECT_GE(e.parts.bubble.raw(), closed.bubble.raw() * (1 - 1e-9));
      EXPECT_LE(e.parts.bubble.raw(), closed.bubble.raw() + 16.0 * pp * vp * hop_time(c, m).raw());
      // Messages that take no time leave the closed form alone.
      Context near = c;
      near.fabric.scaleup = near.fabric.scaleout = formula::LinkModel();
      near.fabric.scaleup.bandwidth = near.fabric.scaleout.bandwidth = BytesPerSecond(1e30);
      const Basis quick = make_basis(near, m, block_costs(near, cost_key(m)), *layout, 8 * pp);
      const Seconds expected =
          formula::uniform_pipeline({quick.runs.front().time, pp, vp, 8 * pp, Seconds(0.0)}).bubble;
      EXPECT_NEAR(estimate(near, m).parts.bubble.raw(), expected.raw(), 1e-6 * expected.raw());
    }
  }
}

TEST(Step, TheBoundIsNeverAboveTheEstimate) {
  for_all([](const Context& c, const Mapping& m, const Estimate& e) {
    const auto layout =
        spread_layers(c.model, {m.pp, m.vp, m.first_stage_layers, m.last_stage_layers});
    const Basis basis = make_basis(c, m, block_costs(c, cost_key(m)), *layout, e.micro_batches);
    const formula::PipelineTime bound =
        formula::pipeline_bound({basis.stage_runs, m.vp, e.micro_batches, hop_time(c, m)});
    const TimeParts low = finish(c, m, basis, make_sync(c, m, basis), bound);
    EXPECT_LE(low.total.raw(), e.step_time.raw() * (1 + 1e-12));
    // Close enough to be worth computing.
    EXPECT_GE(low.total.raw(), 0.5 * e.step_time.raw());
  });
}

namespace {

void expect_runs_stand_for_stages(const Context& c, const Mapping& m, const Estimate& e) {
  const auto layout =
      spread_layers(c.model, {m.pp, m.vp, m.first_stage_layers, m.last_stage_layers});
  const Basis runs = make_basis(c, m, block_costs(c, cost_key(m)), *layout, e.micro_batches);
  Basis single = runs;
  single.runs.clear();
  for (const RunBasis& run : runs.runs) {
    for (int i = 0; i < run.count; ++i) {
      RunBasis stage = run;
      stage.first = run.first + i;
      stage.count = 1;
      stage.in_flight = formula::in_flight({m.pp, m.vp, e.micro_batches, stage.first});
      single.runs.push_back(stage);
    }
  }
  const SyncCost sync = make_sync(c, m, single);
  EXPECT_EQ(finish(c, m, single, sync, e.pipeline).total, e.step_time);
  EXPECT_EQ(peak_memory(c, m, single, sync).total(), e.memory.total());
}

}  // namespace

TEST(Step, ARunOfEqualStagesStandsForEachOfThem) {
  for_all(expect_runs_stand_for_stages);
  // Light ends: the exposed gradients are those of the run between them.
  TestSetup setup;
  setup.sequence = 256;
  Context c = test_context(setup);
  c.embedding = c.head = Part();
  Mapping m = shape(1, 1, 4, 4);
  m.dp_overlap = false;
  m.dp_scaleout = m.graph = true;
  const Estimate e = estimate(c, m);
  EXPECT_GT(e.parts.dp, Seconds(0.0));
  expect_runs_stand_for_stages(c, m, e);
}

TEST(Step, OffloadNeedsAHostLinkAndFreesMemory) {
  Context c = settings().front().context;
  Mapping m = shape(2, 1, 2, 4);
  const Bytes before = estimate(c, m).memory.total();
  m.offload_optimizer = m.offload_activations = m.offload_weights = true;
  EXPECT_EQ(check_mapping(c, m), Infeasible::none);
  EXPECT_LT(estimate(c, m).memory.total(), before);
  c.fabric.fabric.host_bandwidth = BytesPerSecond(0.0);
  EXPECT_EQ(check_mapping(c, m), Infeasible::no_host_link);
}

// The search skips offloads by this law.
TEST(Step, OffloadNeverMakesAStepFaster) {
  for_all([](const Context& c, const Mapping& m, const Estimate& e) {
    Mapping more = m;
    for (bool Mapping::* part :
         {&Mapping::offload_weights, &Mapping::offload_activations, &Mapping::offload_optimizer}) {
      more.*part = true;
      if (check_mapping(c, more) != Infeasible::none) continue;
      EXPECT_GE(estimate(c, more).step_time, e.step_time) << to_text(more);
    }
  });
}

TEST(Step, NoStepTakesLessThanItsPipelineAndWhatEveryStepWaitsFor) {
  for_all([](const Context& c, const Mapping& m, const Estimate& e) {
    const Seconds least = least_step(c, m.ranks(), e.pipeline.time);
    EXPECT_GT(least, e.pipeline.time);
    EXPECT_GE(e.step_time.raw(), least.raw() * (1 - 1e-12));
  });
}

// The search drops smaller groups by this law.
TEST(Step, FewerRanksThatShareStatesTakeNoLessMemory) {
  for_all([](const Context& c, const Mapping& m, const Estimate&) {
    Mapping n = m;
    for (const Sharding sharding : {Sharding::optimizer, Sharding::gradients, Sharding::full}) {
      n.sharding = sharding;
      n.shard_ranks = 0;
      const Estimate all = estimate(c, n);
      Bytes before = all.memory.total();
      for (int ranks = n.dp; ranks > 0; --ranks) {
        if (n.dp % ranks != 0) continue;
        n.shard_ranks = ranks;
        const Estimate e = estimate(c, n);
        if (ranks == n.dp) {
          EXPECT_EQ(e.step_time, all.step_time) << "a group of all is all";
          EXPECT_EQ(e.memory.total(), before);
        }
        EXPECT_GE(e.memory.total(), before) << to_text(n);
        before = e.memory.total();
      }
    }
  });
}

TEST(Step, MoreOverlapIsNeverSlower) {
  for_all([](const Context& c, const Mapping& m, const Estimate& e) {
    const Seconds late = late_piece(m, e);
    Mapping open = m, hidden = m;
    open.dp_overlap = false;
    hidden.dp_overlap = true;
    EXPECT_LE(estimate(c, hidden).step_time, estimate(c, open).step_time + late);
    open = hidden = m;
    open.ep_overlap = false;
    hidden.ep_overlap = true;
    EXPECT_LE(estimate(c, hidden).step_time, estimate(c, open).step_time + late);
    open = hidden = m;
    open.tp_overlap = TpOverlap::none;
    hidden.tp_overlap = TpOverlap::ring;
    EXPECT_LE(estimate(c, hidden).step_time, estimate(c, open).step_time + late);
  });
}

TEST(Step, ALowerPowerLimitIsNeverFaster) {
  Context context = test_context({});
  const Tuning tuning = context.tuning;
  double before = 0;
  for (const double watts : {1400.0, 700.0, 500.0, 350.0, 200.0}) {
    context.chip.power.value = Watts(watts);
    context.chip.power.known = true;
    retune(context, tuning);
    const double now = estimate(context, shape(2, 1, 2, 4)).step_time.raw();
    EXPECT_GE(now, before) << watts << " W";
    before = now;
  }
}

TEST(Step, GroupLimitedRoutingIsNeverSlower) {
  const Context free = test_context({.config = small_routed});
  Context limited = free;
  for (Part& part : limited.kinds) part.expert_groups = 4, part.groups_per_token = 1;
  Mapping m = shape(1, 1, 1, 16);
  m.ep = 8;
  EXPECT_LT(estimate(limited, m).step_time, estimate(free, m).step_time);
}

TEST(Step, WorkAndTokensDoNotDependOnTheSplit) {
  for (const Setting& s : settings()) {
    const Estimate one = estimate(s.context, shape(1, 1, 1, 16));
    for (const Mapping& m : {shape(2, 1, 2, 4), shape(4, 2, 2, 1), shape(8, 1, 1, 2)}) {
      if (check_mapping(s.context, m) != Infeasible::none) continue;
      const Estimate e = estimate(s.context, m);
      EXPECT_EQ(e.tokens, one.tokens);
      EXPECT_NEAR(e.hardware_flops / one.hardware_flops, 1.0, 0.02) << s.name << to_text(m);
    }
  }
}

}  // namespace tightrope::step
