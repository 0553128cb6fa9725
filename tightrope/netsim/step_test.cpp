// Laws of the simulated step.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/formula/pipeline.h"
#include "tightrope/netsim/step_network.h"
#include "tightrope/netsim/step_run.h"

namespace tightrope::netsim {
namespace {

using topology::Faults;
using topology::Machine;
using topology::Router;
using topology::UnitShape;
using topology::UnitSpec;

Machine switched(int chips, int units) {
  UnitSpec spec;
  spec.shape = UnitShape::switched;
  spec.chips = chips;
  spec.chip_bandwidth = BytesPerSecond(400e9);
  Machine m;
  m.unit = topology::Unit(spec);
  m.units = units;
  m.nodes_per_unit = 1;
  m.chips_per_node = chips;
  m.ports_per_node = chips;
  m.port_bandwidth = BytesPerSecond(50e9);
  m.outer.tiers = 2;
  m.outer.nodes_per_leaf = 4;
  m.outer.nodes_per_pod = m.outer.nodes_per_site = m.outer.nodes = units;
  m.outer.leaf_bandwidth = BytesPerSecond(50e9 * 4 * chips);
  return m;
}

Machine torus(int x, int y, int z, int units) {
  Machine m = switched(x * y * z, units);
  UnitSpec spec;
  spec.shape = UnitShape::torus;
  spec.chips = x * y * z;
  spec.extents = {x, y, z};
  spec.dimension_bandwidth = {BytesPerSecond(200e9), BytesPerSecond(200e9), BytesPerSecond(100e9)};
  m.unit = topology::Unit(spec);
  return m;
}

Transfer transfer(Dimension over, formula::Collective kind, double up, double out, double hidden) {
  Transfer t;
  t.over = over;
  t.kind = kind;
  t.size = Bytes(1e6);
  t.latency = Seconds(1e-6);
  t.up = Seconds(up);
  t.out = Seconds(out);
  t.hidden = Seconds(hidden);
  return t;
}

// Tensor and expert parallel work in every piece, gradients at the end, messages between stages.
StepProgram program_of(const Layout::Sizes& z, int chunks, int micro_batches) {
  using formula::Collective;
  StepProgram p;
  p.stages = z.pp;
  p.chunks = chunks;
  p.micro_batches = micro_batches;
  p.transfers = {transfer(Dimension::tp, Collective::all_gather, 3e-4, 3e-3, 1e-4),
                 transfer(Dimension::ep, Collective::all_to_all, 2e-4, 9e-4, 0),
                 transfer(Dimension::dp, Collective::reduce_scatter, 4e-4, 2e-3, 0),
                 transfer(Dimension::dp, Collective::all_gather, 4e-4, 2e-3, 0),
                 transfer(Dimension::pp, Collective::send_recv, 5e-5, 3e-4, 0),
                 transfer(Dimension::pp, Collective::send_recv, 5e-5, 3e-4, 0)};
  StageWork work;
  work.forward = {{0, Seconds(1e-3)}, {1, Seconds(5e-4)}, {1, Seconds(0)}};
  work.backward = {{0, Seconds(2e-3)}, {1, Seconds(1e-3)}, {1, Seconds(2e-4)}};
  work.reduce = {.transfers = {2}, .passes = 1, .quality = 0.5, .window = Seconds(3e-3)};
  work.gather = {.transfers = {3}, .passes = 1, .quality = 0.5, .window = Seconds(1e-3)};
  p.works = {work};
  p.work_of_stage.assign(static_cast<std::size_t>(z.pp), 0);
  if (z.pp > 1) {
    p.send_forward = 4;
    p.send_backward = 5;
  }
  return p;
}

struct Laid {
  StepNetwork network;
  StepResult result;
};

Laid run_on(const Machine& m, const Layout::Sizes& z, const StepProgram& program,
            const Faults& faults, bool merge) {
  const Layout layout(z);
  std::vector<int> chips(static_cast<std::size_t>(layout.ranks()));
  for (int r = 0; r < layout.ranks(); ++r)
    chips[static_cast<std::size_t>(r)] = r / m.ranks_per_chip;
  const Seating seating = seat(m, std::move(chips));
  const Router router(m, faults);
  Laid out;
  out.network = lay_out({&m, &layout, &seating, &program, &router, &faults, merge});
  out.result = run_step(program, out.network.loads);
  return out;
}

void expect_same(const Machine& m, const Layout::Sizes& z, const StepProgram& p, const Faults& f) {
  const Laid merged = run_on(m, z, p, f, true);
  const Laid single = run_on(m, z, p, f, false);
  EXPECT_LE(merged.network.classes.units.size(), single.network.classes.units.size());
  EXPECT_NEAR(merged.result.step, single.result.step, 1e-9 * single.result.step);
  EXPECT_NEAR(merged.result.pipeline, single.result.pipeline, 1e-9 * single.result.pipeline);
}

// A step on the reduced network takes what it takes when every unit is simulated for itself.
TEST(StepRun, ReducedEqualsUnreducedTo512Chips) {
  const Layout::Sizes shapes[] = {{.tp = 4, .dp = 32, .pp = 4, .ep = 8},
                                  {.tp = 8, .cp = 2, .dp = 16, .pp = 2, .ep = 32},
                                  {.tp = 2, .dp = 64, .pp = 1, .ep = 16},
                                  {.tp = 16, .dp = 8, .pp = 4, .ep = 16}};
  for (const Layout::Sizes& z : shapes) {
    const int ranks = z.tp * z.cp * z.dp * z.pp;
    const StepProgram p = program_of(z, z.pp > 1 ? 2 : 1, 8);
    expect_same(switched(8, ranks / 8), z, p, {});
    expect_same(torus(4, 4, 4, ranks / 64 + (ranks % 64 > 0 ? 1 : 0)), z, p, {});
  }
}

TEST(StepRun, ReducedEqualsUnreducedWithFaults) {
  const Layout::Sizes z{.tp = 4, .dp = 32, .pp = 4, .ep = 8};
  const StepProgram p = program_of(z, 1, 8);
  Faults faults;
  faults.dead_links = {3, 700};
  faults.degraded = {{1000, 0.5}};
  expect_same(torus(4, 4, 4, 8), z, p, faults);
  Faults slow;
  slow.degraded = {{0, 0.25}, {200, 0.5}};
  expect_same(switched(8, 64), z, p, slow);
}

TEST(StepRun, EqualUnitsAreOneClassAtAnySize) {
  std::size_t resources = 0;
  for (const int dp : {32, 256}) {
    const Layout::Sizes z{.tp = 8, .dp = dp, .pp = 2};
    const StepProgram p = program_of(z, 1, 4);
    const Laid laid = run_on(switched(8, 2 * dp), z, p, {}, true);
    EXPECT_LE(laid.network.classes.units.size(), 2u);  // one for each stage
    EXPECT_EQ(laid.network.classes.islands.size(), 1u);
    if (resources > 0) {
      EXPECT_EQ(laid.network.loads.resources, resources);
    }
    resources = laid.network.loads.resources;
  }
}

// Without transfers the step is the closed form's replayed pipeline.
RC_GTEST_PROP(StepRun, WithoutTransfersIsTheReplayedPipeline, ()) {
  const int stages = *rc::gen::inRange(1, 7);
  const int chunks = stages == 1 ? 1 : *rc::gen::inRange(1, 4);
  const int rounds = *rc::gen::inRange(1, 5);
  StepProgram p;
  p.stages = stages;
  p.chunks = chunks;
  p.micro_batches = rounds * stages;
  std::vector<formula::StageRun> runs;
  for (int s = 0; s < stages; ++s) {
    const double f = *rc::gen::inRange(1, 50) * 1e-3, b = *rc::gen::inRange(1, 90) * 1e-3;
    StageWork work;
    work.forward = {{-1, Seconds(f / chunks)}};
    work.backward = {{-1, Seconds(b / chunks)}};
    p.works.push_back(work);
    p.work_of_stage.push_back(s);
    runs.push_back({{Seconds(f), Seconds(b), Seconds(0)}, 1});
  }
  if (stages > 1) {
    p.transfers = {transfer(Dimension::pp, formula::Collective::send_recv, 0, 0, 0)};
    p.send_forward = p.send_backward = 0;
  }
  StepLoads loads;
  loads.stages = stages;
  loads.transfers = static_cast<int>(p.transfers.size());
  loads.island_members = {1};
  loads.row.assign(static_cast<std::size_t>(stages * loads.transfers), -1);
  loads.joint_row = loads.row;
  const StepResult r = run_step(p, loads);
  const Seconds hop(stages > 1 ? 1e-6 : 0.0);
  const double closed = formula::replay_pipeline({runs, chunks, p.micro_batches, hop}).time.raw();
  RC_ASSERT(std::abs(r.pipeline - closed) <= 1e-9 * closed);
}

// Alone on a switch every transfer takes its own time.
TEST(StepRun, TransfersAloneTakeTheirOwnTime) {
  const Layout::Sizes z{.tp = 8, .dp = 4};
  StepProgram p = program_of(z, 1, 4);
  p.works[0].forward = {{0, Seconds(1e-3)}};
  p.works[0].backward = {{0, Seconds(1e-3)}};
  p.works[0].reduce = {};
  p.works[0].gather = {};
  const Laid laid = run_on(switched(8, 4), z, p, {}, true);
  const int row = laid.network.loads.row_of(0, 0);
  ASSERT_GE(row, 0);
  EXPECT_NEAR(laid.network.loads.occupancy[static_cast<std::size_t>(row)], 3e-4, 1e-12);
  // 8 pieces: a microsecond and 300 of transfer, of which 100 hide, then a millisecond of kernels.
  EXPECT_NEAR(laid.result.pipeline, 8 * (1e-3 + 201e-6), 1e-9);
}

TEST(StepRun, DeadAndSlowLinksNeverHelp) {
  const Layout::Sizes z{.tp = 4, .dp = 16, .pp = 2, .ep = 8};
  const StepProgram p = program_of(z, 1, 8);
  const Machine m = torus(4, 4, 4, 2);
  const double sound = run_on(m, z, p, {}, true).result.step;
  for (std::uint32_t link = 0; link < m.unit_links(); link += 37) {
    Faults dead, slow;
    dead.dead_links = {link};
    slow.degraded = {{link, 0.5}};
    EXPECT_GE(run_on(m, z, p, dead, true).result.step, sound * (1 - 1e-12)) << link;
    EXPECT_GE(run_on(m, z, p, slow, true).result.step, sound * (1 - 1e-12)) << link;
  }
}

// A stage's pieces come in the order in which the closed form replays them.
TEST(StepSchedule, IsTheReplaysOrder) {
  for (const ScheduleShape shape : {ScheduleShape{4, 1, 9}, ScheduleShape{4, 3, 8}}) {
    std::vector<formula::StageRun> runs{{{Seconds(1), Seconds(2), Seconds(0)}, shape.stages}};
    std::vector<formula::PipelineEvent> events;
    (void)formula::replay_pipeline({runs, shape.chunks, shape.micro_batches, Seconds(0)}, &events);
    for (int stage = 0; stage < shape.stages; ++stage) {
      std::vector<Piece> replayed;
      for (const formula::PipelineEvent& e : events) {
        if (e.stage != stage) continue;
        replayed.push_back({e.kind == formula::PipelineEvent::Kind::forward ? PieceKind::forward
                                                                            : PieceKind::backward,
                            e.chunk, e.micro_batch});
      }
      EXPECT_EQ(piece_order(shape, stage), replayed) << stage;
    }
  }
}

TEST(Layout, GroupsPartitionTheRanks) {
  const Layout layout({.tp = 4, .cp = 2, .dp = 12, .pp = 3, .ep = 8, .etp = 2});
  std::vector<int> members;
  for (const Dimension d : {Dimension::tp, Dimension::cp, Dimension::ep, Dimension::etp,
                            Dimension::dp, Dimension::edp}) {
    for (int rank = 0; rank < layout.ranks(); rank += 7) {
      layout.group(rank, {d, 0, 1}, members);
      EXPECT_EQ(static_cast<int>(members.size()), layout.size(d));
      EXPECT_NE(std::find(members.begin(), members.end(), rank), members.end());
      std::vector<int> of_last;
      layout.group(members.back(), {d, 0, 1}, of_last);
      EXPECT_EQ(of_last, members);
      const Layout::Ring ring = layout.ring(rank, {d, 0, 1});
      EXPECT_EQ(layout.member(ring, ring.index), rank);
    }
  }
}

}  // namespace
}  // namespace tightrope::netsim
