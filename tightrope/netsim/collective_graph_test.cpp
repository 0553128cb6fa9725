#include "tightrope/netsim/collective_graph.h"

#include <cmath>
#include <map>
#include <numeric>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/netsim/collective_run.h"
#include "tightrope/netsim/graph_symmetry.h"
#include "tightrope/topology/test_machines_internal.h"

namespace tightrope::netsim {
namespace {

using topology::Machine;
using topology::Router;
using topology::UnitShape;

constexpr double rate = 100e9;    // of a chip, bytes/s
constexpr double size = 1 << 30;  // bytes
constexpr double alpha = 3e-6;

Machine one_unit(UnitShape shape, std::array<int, 3> extents) {
  Machine m;
  topology::UnitSpec spec;
  spec.shape = shape;
  spec.extents = shape == UnitShape::torus ? extents : std::array{1, 1, 1};
  spec.chips = extents[0] * extents[1] * extents[2];
  spec.chip_bandwidth = BytesPerSecond(rate);
  int dimensions = 0;
  for (const int e : extents) dimensions += e > 1 ? 1 : 0;
  for (std::size_t d = 0; d < 3; ++d) {
    if (extents[d] > 1) spec.dimension_bandwidth[d] = BytesPerSecond(rate / dimensions);
  }
  m.unit = topology::Unit(spec);
  m.chips_per_node = spec.chips;
  return m;
}

Machine switched(int chips) { return one_unit(UnitShape::switched, {chips, 1, 1}); }

std::vector<int> all_chips(const Machine& m) {
  std::vector<int> chips(static_cast<std::size_t>(m.chips()));
  std::iota(chips.begin(), chips.end(), 0);
  return chips;
}

CollectiveQuestion question(CollectiveKind kind, Detail detail) {
  CollectiveQuestion q;
  q.kind = kind;
  q.size = Bytes(size);
  q.detail = detail;
  q.latency = Seconds(alpha);
  return q;
}

double time_of(const Machine& m, Algorithm algorithm, const CollectiveQuestion& q,
               const topology::Faults& faults = {}) {
  const Router router(m, faults);
  const CollectiveAnswer a = run_collective(router, all_chips(m), q, algorithm);
  return a.answered() ? a.time.raw() : std::numeric_limits<double>::infinity();
}

// Law: `expected` within 1e-9, both as single messages and as one fluid.
void expect_closed_form(const Machine& m, Algorithm algorithm, CollectiveKind kind,
                        double expected) {
  for (const Detail detail : {Detail::fluid, Detail::stepped}) {
    const double t = time_of(m, algorithm, question(kind, detail));
    EXPECT_NEAR(t / expected, 1.0, 1e-9)
        << to_string(algorithm) << ' ' << to_string(kind) << " of " << m.chips()
        << (detail == Detail::fluid ? " fluid" : " stepped");
  }
}

TEST(CollectiveGraph, RingsOnASwitchTakeWhatTheTextbookSays) {
  for (const int n : {2, 3, 8, 24}) {
    const Machine m = switched(n);
    const double once = (n - 1.0) / n * size / rate + (n - 1) * alpha;
    expect_closed_form(m, Algorithm::ring, CollectiveKind::all_reduce, 2.0 * once);
    expect_closed_form(m, Algorithm::ring, CollectiveKind::all_gather, once);
    expect_closed_form(m, Algorithm::ring, CollectiveKind::reduce_scatter, once);
  }
}

TEST(CollectiveGraph, HalvingAndDoublingTakesLogManyLatencies) {
  for (const int n : {2, 8, 32}) {
    const double once = (n - 1.0) / n * size / rate + std::log2(n) * alpha;
    expect_closed_form(switched(n), Algorithm::halving_doubling, CollectiveKind::all_reduce,
                       2.0 * once);
    expect_closed_form(switched(n), Algorithm::halving_doubling, CollectiveKind::all_gather, once);
  }
}

TEST(CollectiveGraph, DirectAndExchangesTakeOneLatencyEach) {
  for (const int n : {2, 5, 16}) {
    const double once = (n - 1.0) / n * size / rate + alpha;
    expect_closed_form(switched(n), Algorithm::direct, CollectiveKind::all_reduce, 2.0 * once);
    expect_closed_form(switched(n), Algorithm::direct, CollectiveKind::all_to_all, once);
    const Machine mesh = one_unit(UnitShape::mesh, {n, 1, 1});
    expect_closed_form(mesh, Algorithm::direct, CollectiveKind::all_reduce, 2.0 * once);
    expect_closed_form(mesh, Algorithm::direct, CollectiveKind::all_to_all, once);
    expect_closed_form(switched(n), Algorithm::direct, CollectiveKind::send_recv,
                       size / rate + alpha);
  }
}

TEST(CollectiveGraph, BucketsOnACubeUseAllLinksAllTheTime) {
  for (const std::array<int, 3> extents : {std::array{3, 1, 1}, {4, 4, 1}, {3, 3, 3}, {4, 4, 4}}) {
    const Machine m = one_unit(UnitShape::torus, extents);
    const double n = m.chips();
    double hops = 0;
    for (const int e : extents) hops += e - 1;
    const double once = (n - 1.0) / n * size / rate + hops * alpha;
    expect_closed_form(m, Algorithm::torus, CollectiveKind::all_reduce, 2.0 * once);
    expect_closed_form(m, Algorithm::torus, CollectiveKind::reduce_scatter, once);
  }
}

TEST(CollectiveGraph, InNetworkReductionMovesTheSizeAndAShare) {
  const int n = 8;
  expect_closed_form(switched(n), Algorithm::in_network, CollectiveKind::all_reduce,
                     (n + 1.0) / n * size / rate + alpha);
  expect_closed_form(switched(n), Algorithm::in_network, CollectiveKind::all_gather,
                     size / rate + alpha);
}

TEST(CollectiveGraph, HierarchiesAddTheirTiers) {
  for (const int units : {2, 4, 6}) {
    const Machine m = topology::test::units_of("p5.48xlarge", units);
    const double p = m.unit.chips(), q = units;
    const double up = m.unit.spec().chip_bandwidth.raw(), out = m.port_bandwidth.raw();
    ASSERT_EQ(m.ports_per_unit(), m.unit.chips());
    const double once =
        (p - 1) / p * size / up + (p - 1) * alpha + (q - 1) / q * size / p / out + (q - 1) * alpha;
    expect_closed_form(m, Algorithm::hierarchical, CollectiveKind::all_reduce, 2.0 * once);
    expect_closed_form(m, Algorithm::hierarchical, CollectiveKind::all_gather, once);
    const double exchange = (p - 1) / p * size / up + alpha + (q - 1) / q * size / out + alpha;
    expect_closed_form(m, Algorithm::hierarchical, CollectiveKind::all_to_all, exchange);
    expect_closed_form(m, Algorithm::rail_aligned, CollectiveKind::all_to_all, exchange);
    // Everyone to everyone: the NICs carry (n-p)/n of it, NVLink in its shadow.
    const double n = p * q;
    expect_closed_form(m, Algorithm::direct, CollectiveKind::all_to_all,
                       (n - p) / n * size / out + alpha);
    // Rings by as many channels as NICs fill all NICs.
    const double ring = 2.0 * ((n - 1) / n * size / p / out + (n - 1) * alpha);
    expect_closed_form(m, Algorithm::ring, CollectiveKind::all_reduce, ring);
  }
}

// Most that any chip sends or gets in a round of a lane set, over all rounds: what synchronous
// rounds on a switch take.
double by_rounds(const Machine& m, const CollectiveQuestion& q, Algorithm algorithm) {
  const auto chips = all_chips(m);
  const Schedule s = schedule_of(m, chips, {q.kind, algorithm, q.size, q.channels, q.pieces});
  std::map<int, std::map<std::pair<int, bool>, double>> port;
  for (const Lane& lane : s.lanes) {
    for (const Message& message : lane.phases.front().messages) {
      for (int r = message.first; r < message.first + message.count; ++r) {
        port[r][{message.from, true}] += message.bytes;
        port[r][{message.to, false}] += message.bytes;
      }
    }
  }
  double time = 0.0;
  for (const auto& [round, loads] : port) {
    double most = 0.0;
    for (const auto& [at, bytes] : loads) most = std::max(most, bytes);
    time += alpha + most / rate;
  }
  return time;
}

TEST(CollectiveGraph, DoubleTreesMoveTheSizeTwiceThroughEveryPort) {
  for (const int n : {4, 8, 16, 32}) {
    const Machine m = switched(n);
    CollectiveQuestion q = question(CollectiveKind::all_reduce, Detail::fluid);
    // Inner nodes of one tree are leaves of the other: four halves of the size leave a port.
    const double hops = 2.0 * std::log2(n);
    EXPECT_NEAR(time_of(m, Algorithm::tree, q) / (2.0 * size / rate + hops * alpha), 1.0, 1e-9);
    // In pieces the pipeline fills and drains; no later than rounds that all begin together, no
    // earlier than the fluid, and close to it with many small pieces.
    q.latency = Seconds(alpha);
    q.detail = Detail::stepped;
    q.pieces = 64;
    const double stepped = time_of(m, Algorithm::tree, q);
    EXPECT_LE(stepped, by_rounds(m, q, Algorithm::tree) * (1.0 + 1e-9)) << n;
    EXPECT_GE(stepped, 2.0 * size / rate) << n;
    EXPECT_LE(stepped, 1.15 * (2.0 * size / rate + 64 * alpha)) << n;
  }
}

TEST(CollectiveGraph, ChainsBroadcastPieceByPiece) {
  const int n = 6;
  CollectiveQuestion q = question(CollectiveKind::broadcast, Detail::stepped);
  q.pieces = 8;
  // The last of n-1 links gets its last piece after pieces + n - 2 rounds.
  const double round = alpha + size / q.pieces / rate;
  EXPECT_NEAR(time_of(switched(n), Algorithm::ring, q) / ((q.pieces + n - 2) * round), 1.0, 1e-9);
  q.detail = Detail::fluid;
  EXPECT_NEAR(time_of(switched(n), Algorithm::ring, q) / (size / rate + (n - 1) * alpha), 1.0,
              1e-9);
}

// What each member sent and got, bytes.
struct Moved {
  std::vector<double> sent, got;
};
Moved moved(const Schedule& s, int n) {
  Moved m{std::vector<double>(static_cast<std::size_t>(n)),
          std::vector<double>(static_cast<std::size_t>(n))};
  for (const Lane& lane : s.lanes) {
    for (const Phase& phase : lane.phases) {
      for (const Message& message : phase.messages) {
        const double bytes = message.bytes * message.count;
        if (message.from >= 0) m.sent[static_cast<std::size_t>(message.from)] += bytes;
        if (message.to >= 0) m.got[static_cast<std::size_t>(message.to)] += bytes;
      }
    }
  }
  return m;
}

TEST(CollectiveGraph, EveryMemberGetsWhatTheCollectiveGivesIt) {
  const Machine machines[] = {topology::test::units_of("p5.48xlarge", 4),
                              topology::test::units_of("u-trn2x64", 1), switched(8),
                              one_unit(UnitShape::mesh, {8, 1, 1})};
  for (const Machine& m : machines) {
    const auto chips = all_chips(m);
    const int n = m.chips();
    for (int a = 0; a < algorithms; ++a) {
      for (const auto kind : {CollectiveKind::all_gather, CollectiveKind::reduce_scatter,
                              CollectiveKind::all_reduce, CollectiveKind::broadcast}) {
        const auto algorithm = static_cast<Algorithm>(a);
        if (algorithm == Algorithm::in_network) continue;  // the switch adds and copies
        const Schedule s = schedule_of(m, chips, {kind, algorithm, Bytes(size), 0, 4});
        if (!s.applies()) continue;
        const Moved b = moved(s, n);
        const double other = (n - 1.0) / n * size;  // what the others hold, or sum up
        for (std::size_t i = 0; i < b.got.size(); ++i) {
          if (kind == CollectiveKind::broadcast) {
            EXPECT_NEAR(b.got[i], i == 0 ? 0.0 : size, 1e-3) << to_string(algorithm) << i;
          } else if (algorithm != Algorithm::tree) {
            EXPECT_NEAR(b.got[i], (kind == CollectiveKind::all_reduce ? 2 : 1) * other, 1e-3)
                << to_string(algorithm) << ' ' << to_string(kind) << i;
          }
        }
        // Nothing is lost: as much is sent as is got.
        EXPECT_NEAR(std::accumulate(b.sent.begin(), b.sent.end(), 0.0),
                    std::accumulate(b.got.begin(), b.got.end(), 0.0), 1.0);
      }
    }
  }
}

TEST(CollectiveGraph, BothTreesReachEveryoneAndShareTheInnerWork) {
  for (const int n : {2, 3, 5, 8, 13, 16, 31, 64}) {
    const Machine m = switched(n);
    const Schedule s = schedule_of(
        m, all_chips(m), {CollectiveKind::all_reduce, Algorithm::tree, Bytes(size), 0, 1});
    ASSERT_EQ(s.lanes.size(), 2u);
    for (const Lane& lane : s.lanes) EXPECT_EQ(lane.phases[0].messages.size(), 2u * (n - 1));
    const Moved b = moved(s, n);
    for (const double got : b.got) EXPECT_LE(got, 2.0 * size * (1.0 + 1e-12)) << n;
  }
}

struct Shape {
  const char* system;
  int units;
};
constexpr Shape shapes[] = {{"p5.48xlarge", 1},  {"p5.48xlarge", 8}, {"p5.48xlarge", 64},
                            {"u-trn2x64", 1},    {"u-trn2x64", 4},   {"gb200-nvl72", 2},
                            {"trn2.48xlarge", 4}};

TEST(CollectiveGraph, ReducedBySymmetryIsTheSameUpTo512Chips) {
  for (const Shape& shape : shapes) {
    const Machine m = topology::test::units_of(shape.system, shape.units);
    ASSERT_LE(m.chips(), 512);
    for (int a = 0; a < algorithms; ++a) {
      for (const auto kind : {CollectiveKind::all_reduce, CollectiveKind::all_to_all}) {
        const auto algorithm = static_cast<Algorithm>(a);
        if (algorithm == Algorithm::direct && m.chips() > 144) continue;  // seconds each
        for (const Detail detail : {Detail::fluid, Detail::stepped}) {
          if (detail == Detail::stepped && m.chips() > 64) continue;
          CollectiveQuestion q = question(kind, detail);
          const double reduced = time_of(m, algorithm, q);
          q.reduce = false;
          const double whole = time_of(m, algorithm, q);
          if (std::isinf(whole)) {
            EXPECT_TRUE(std::isinf(reduced));
          } else {
            EXPECT_NEAR(reduced / whole, 1.0, 1e-11) << shape.system << to_string(algorithm);
          }
        }
      }
    }
  }
}

RC_GTEST_PROP(CollectiveGraph, ADeadLinkNeverMakesItFaster, ()) {
  const Shape& shape = shapes[*rc::gen::inRange(0, 4)];
  const Machine m = topology::test::units_of(shape.system, std::min(shape.units, 8));
  const auto algorithm = static_cast<Algorithm>(*rc::gen::inRange(0, algorithms));
  const auto kind = *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather,
                                      CollectiveKind::all_to_all);
  RC_PRE(m.chips() <= 64);
  topology::Faults faults;
  faults.dead_links.push_back(*rc::gen::inRange(0u, m.links()));
  const CollectiveQuestion q = question(kind, Detail::fluid);
  RC_ASSERT(time_of(m, algorithm, q, faults) >= time_of(m, algorithm, q) * (1.0 - 1e-9));
}

RC_GTEST_PROP(CollectiveGraph, MoreBandwidthIsNeverSlower, ()) {
  const Shape& shape = shapes[*rc::gen::inRange(0, 4)];
  const Machine m = topology::test::units_of(shape.system, std::min(shape.units, 8));
  RC_PRE(m.chips() <= 64);
  const auto algorithm = static_cast<Algorithm>(*rc::gen::inRange(0, algorithms));
  topology::Faults narrow;
  narrow.degraded.push_back({*rc::gen::inRange(0u, m.links()), 0.1 * *rc::gen::inRange(1, 10)});
  const auto kind = *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_to_all);
  const CollectiveQuestion q = question(kind, Detail::fluid);
  RC_ASSERT(time_of(m, algorithm, q) <= time_of(m, algorithm, q, narrow) * (1.0 + 1e-9));
}

TEST(CollectiveGraph, SmallSizesAreChosenByLatencyAndLargeByBandwidth) {
  const Machine m = topology::test::units_of("p5.48xlarge", 8);
  const Router router(m);
  CollectiveQuestion q = question(CollectiveKind::all_reduce, Detail::fluid);
  q.size = Bytes(1024.0);
  EXPECT_EQ(chosen(run_all(router, all_chips(m), q)), Algorithm::tree);
  q.size = Bytes(16e9);
  EXPECT_EQ(chosen(run_all(router, all_chips(m), q)), Algorithm::ring);
}

TEST(CollectiveGraph, NoWayIsAnAnswer) {
  const Machine m = switched(4);
  topology::Faults faults;
  faults.dead_links.push_back(0);
  const Router router(m, faults);
  const auto a = run_collective(
      router, all_chips(m), question(CollectiveKind::all_reduce, Detail::fluid), Algorithm::ring);
  EXPECT_FALSE(a.answered());
}

}  // namespace
}  // namespace tightrope::netsim
