#include "tightrope/formula/collectives.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::formula {
namespace {

constexpr Collective all_kinds[] = {Collective::all_reduce, Collective::all_gather,
                                    Collective::reduce_scatter, Collective::all_to_all,
                                    Collective::send_recv};

double between(double low, double high) {
  const int steps = 10000;
  return low + (high - low) * *rc::gen::inRange(0, steps + 1) / steps;
}

LinkModel any_link(double low_rate, double high_rate) {
  LinkModel link;
  link.bandwidth = BytesPerSecond(between(low_rate, high_rate));
  link.share = between(0.5, 1.0);
  link.pair_loss = between(0.0, 0.9);
  link.all_to_all_share = between(0.3, 1.0);
  link.peer_loss = between(0.0, 0.9);
  link.send_share = between(0.5, 1.0);
  link.latency = Seconds(between(0.0, 3e-5));
  link.peer_latency = Seconds(between(0.0, 3e-5));
  link.step_latency = Seconds(between(0.0, 1e-6));
  link.half_size = Bytes(between(0.0, 1e8));
  link.bulk_latency = Seconds(between(0.0, 3e-5));
  link.low_share = between(0.0, 0.4);
  link.in_network_share = between(0.4, 1.0);
  link.in_network_half = Bytes(between(0.0, 1e8));
  return link;
}

/// A fabric whose scale-up links are several times quicker than its NICs, as all are.
FabricModel any_fabric() {
  FabricModel model;
  model.fabric.domain_ranks = 64;
  model.fabric.scaleup = topology::ScaleupTopology::switched;
  model.scaleup = any_link(3e11, 2e12);
  model.scaleup.in_network_reduction = *rc::gen::arbitrary<bool>();
  model.scaleout = any_link(1e9, 5e10);
  model.scaleout.step_latency = Seconds(between(1e-6, 5e-5));
  model.scaleout.lanes = *rc::gen::inRange(0, 20);
  return model;
}

/// Only bandwidth: no latencies, ramps or losses.
FabricModel ideal_fabric() {
  FabricModel model;
  model.fabric.domain_ranks = 8;
  model.fabric.scaleup = topology::ScaleupTopology::switched;
  model.scaleup = {
      .bandwidth = BytesPerSecond(1e11), .share = 1.0, .all_to_all_share = 1.0, .send_share = 1.0};
  model.scaleout = {
      .bandwidth = BytesPerSecond(1e10), .share = 1.0, .all_to_all_share = 1.0, .send_share = 1.0};
  return model;
}

topology::Group any_group() {
  const int per_domain = 1 << *rc::gen::inRange(0, 7);
  const int domains = *rc::gen::inRange(1, 65);
  return {per_domain * domains, per_domain};
}

Collective any_kind() { return all_kinds[*rc::gen::inRange(0, 5)]; }
Bytes any_size() { return Bytes(std::pow(10.0, between(0.0, 10.5))); }
bool no_less(Seconds a, Seconds b) { return a.raw() >= b.raw() * (1.0 - 1e-12); }

void more_bandwidth_is_never_slower() {
  const FabricModel model = any_fabric();
  const CollectiveCall call{any_kind(), any_size(), any_group()};
  FabricModel better = model;
  better.scaleup.bandwidth *= between(1.0, 4.0);
  better.scaleout.bandwidth *= between(1.0, 4.0);
  RC_ASSERT(no_less(collective(call, model).time, collective(call, better).time));
}

void more_bytes_are_never_quicker() {
  const FabricModel model = any_fabric();
  const CollectiveCall call{any_kind(), any_size(), any_group()};
  CollectiveCall larger = call;
  larger.size += any_size();
  RC_ASSERT(no_less(collective(larger, model).time, collective(call, model).time));
}

void nameplate_is_a_bound() {
  const FabricModel model = any_fabric();
  const CollectiveCall call{any_kind(), any_size(), any_group()};
  const CollectiveTime t = collective(call, model);
  RC_ASSERT(no_less(t.time, t.latency));
  RC_ASSERT(no_less(t.time, t.scaleup_traffic / model.scaleup.bandwidth));
  RC_ASSERT(no_less(t.time, t.scaleout_traffic / model.scaleout.bandwidth));
}

// Rings and trees gain when more of the same ranks share a domain: fewer bytes and hops over NICs.
void closer_ranks_are_never_slower() {
  FabricModel model = any_fabric();
  model.scaleup.latency = Seconds(0.0);  // a second tier's set-up is what a split may save
  model.scaleup.half_size = model.scaleout.half_size;
  const int per_domain = 1 << *rc::gen::inRange(1, 6);
  const int ranks = per_domain * 2 * *rc::gen::inRange(1, 33);
  const Collective kind =
      *rc::gen::element(Collective::all_gather, Collective::reduce_scatter, Collective::all_to_all);
  const Bytes size = any_size();
  model.scaleup.bulk_latency = model.scaleup.peer_latency = Seconds(0.0);
  const CollectiveTime apart = collective({kind, size, {ranks, per_domain}}, model);
  const CollectiveTime close = collective({kind, size, {ranks, 2 * per_domain}}, model);
  RC_ASSERT(no_less(apart.time, close.time));
}

// Gathering what was scattered is a ring all-reduce.
void halves_make_a_ring() {
  FabricModel model = any_fabric();
  model.scaleup.in_network_reduction = false;
  model.scaleup.bulk_latency = model.scaleout.bulk_latency = Seconds(0.0);
  const topology::Group group = any_group();
  const Bytes size = any_size();
  const Seconds halves = collective({Collective::all_gather, size, group}, model).time +
                         collective({Collective::reduce_scatter, size, group}, model).time;
  const Seconds whole = collective({Collective::all_reduce, size, group}, model).time;
  RC_ASSERT(no_less(halves, whole));
}

TEST(Collectives, Laws) {
  EXPECT_TRUE(rc::check("more bandwidth is never slower", more_bandwidth_is_never_slower));
  EXPECT_TRUE(rc::check("more bytes are never quicker", more_bytes_are_never_quicker));
  EXPECT_TRUE(rc::check("the nameplate is a bound", nameplate_is_a_bound));
  EXPECT_TRUE(rc::check("closer ranks are never slower", closer_ranks_are_never_slower));
  EXPECT_TRUE(rc::check("two halves take no less than a ring", halves_make_a_ring));
}

TEST(Collectives, OneRankOrNoBytesTakeNoTime) {
  for (const Collective kind : all_kinds) {
    EXPECT_EQ(collective({kind, Bytes(1e9), {1, 1}}, ideal_fabric()).time.raw(), 0.0);
    EXPECT_EQ(collective({kind, Bytes(0.0), {8, 8}}, ideal_fabric()).time.raw(), 0.0);
  }
}

TEST(Collectives, RingsMeetTheirClosedForms) {
  const FabricModel model = ideal_fabric();
  for (const int n : {2, 3, 8}) {
    const topology::Group group{n, n};
    const double once = (n - 1.0) / n * 1e9 / 1e11;
    EXPECT_NEAR(collective({Collective::all_gather, Bytes(1e9), group}, model).time.raw(), once,
                1e-12);
    EXPECT_NEAR(collective({Collective::all_reduce, Bytes(1e9), group}, model).time.raw(),
                2.0 * once, 1e-12);
    EXPECT_NEAR(collective({Collective::all_to_all, Bytes(1e9), group}, model).time.raw(), once,
                1e-12);
  }
  // Across domains of eight the NICs bind: each carries an eighth of the ring.
  const double nic = 31.0 / 32.0 * 1e9 / 8.0 / 1e10;
  EXPECT_NEAR(collective({Collective::all_gather, Bytes(1e9), {32, 8}}, model).time.raw(), nic,
              1e-12);
  EXPECT_NEAR(collective({Collective::send_recv, Bytes(1e9), {2, 1}}, model).time.raw(), 0.1,
              1e-12);
}

TEST(Collectives, SwitchReductionPaysFromFourRanks) {
  FabricModel model = ideal_fabric();
  const FabricModel plain = model;
  model.scaleup.in_network_reduction = true;
  model.scaleup.in_network_share = 1.0;
  const auto time = [](const FabricModel& m, int n) {
    return collective({Collective::all_reduce, Bytes(1e9), {n, n}}, m).time.raw();
  };
  EXPECT_DOUBLE_EQ(time(model, 2), time(plain, 2));
  EXPECT_NEAR(time(model, 8), 9.0 / 8.0 * 1e9 / 1e11, 1e-12);
  EXPECT_LT(time(model, 8), time(plain, 8));
}

TEST(Collectives, OneDomainKnowsNothingOfNics) {
  FabricModel model = ideal_fabric();
  const FabricModel with = model;
  model.scaleout.bandwidth = BytesPerSecond(0.0);
  for (const Collective kind : all_kinds) {
    const CollectiveCall call{kind, Bytes(1e8), {8, 8}};
    EXPECT_EQ(collective(call, model).time.raw(), collective(call, with).time.raw());
  }
}

TEST(Collectives, NoLinkTakesForever) {
  FabricModel model = ideal_fabric();
  model.scaleout.bandwidth = BytesPerSecond(0.0);
  const CollectiveCall call{Collective::all_reduce, Bytes(1e8), {16, 8}};
  EXPECT_TRUE(std::isinf(collective(call, model).time.raw()));
}

TEST(Collectives, MeshGivesALinkForEachPeer) {
  FabricModel model = ideal_fabric();
  model.fabric.scaleup = topology::ScaleupTopology::mesh;
  const auto rate = [&](int n) {
    return (n - 1.0) / n * 1e9 /
           collective({Collective::all_gather, Bytes(1e9), {n, n}}, model).time.raw();
  };
  EXPECT_NEAR(rate(8), 1e11, 1e3);
  EXPECT_NEAR(rate(2), 1e11 / 7.0, 1e3);
}

TEST(Collectives, NoProtocolHasMoreLinksThanLeadToTheMembers) {
  FabricModel model = ideal_fabric();
  model.fabric.scaleup = topology::ScaleupTopology::mesh;
  model.scaleup.low_share = 0.3;
  const CollectiveCall call{Collective::all_reduce, Bytes(1e9), {2, 2}};
  EXPECT_NEAR(1e9 / collective(call, model).time.raw(), 1e11 / 7.0, 1e3);
}

TEST(Collectives, TorusGivesTheDimensionsThatAGroupSpans) {
  FabricModel model = ideal_fabric();
  model.fabric.scaleup = topology::ScaleupTopology::torus3d;
  model.fabric.torus = {4, 4, 4};
  const auto rate = [&](int n) {
    return (n - 1.0) / n * 1e9 /
           collective({Collective::all_gather, Bytes(1e9), {n, n}}, model).time.raw();
  };
  EXPECT_NEAR(rate(4), 1e11 / 3.0, 1e3);
  EXPECT_NEAR(rate(16), 2e11 / 3.0, 1e3);
  EXPECT_NEAR(rate(64), 1e11, 1e3);
}

TEST(Collectives, RanksOfOneChipNeedNoLinks) {
  FabricModel model = ideal_fabric();
  model.fabric.scaleup = topology::ScaleupTopology::torus3d;
  model.fabric.torus = {4, 4, 4};
  model.fabric.ranks_per_chip = 4;
  const CollectiveTime chip = collective({Collective::all_gather, Bytes(1e9), {4, 4}}, model);
  EXPECT_NEAR(chip.time.raw(), 0.75 * 1e9 / 1e11, 1e-12);
}

TEST(Collectives, ToText) {
  std::vector<std::string_view> names;
  for (const Collective kind : all_kinds) names.push_back(to_string(kind));
  const std::vector<std::string_view> expected = {"all_reduce", "all_gather", "reduce_scatter",
                                                  "all_to_all", "send_recv"};
  EXPECT_EQ(names, expected);
}

}  // namespace
}  // namespace tightrope::formula
