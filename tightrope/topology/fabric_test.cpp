#include "tightrope/topology/fabric.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::topology {
namespace {

catalog::Chip chip_with(double scaleup, int ranks_per_chip) {
  catalog::Chip chip;
  chip.ranks_per_chip = ranks_per_chip;
  chip.scaleup_bandwidth.value = BytesPerSecond(scaleup);
  chip.scaleup_bandwidth.known = true;
  return chip;
}

TEST(Fabric, RankGetsItsShareOfChipAndNode) {
  catalog::System system;
  system.chips = 64;
  system.chips_per_node = 16;
  system.scaleup_domain = 64;
  system.topology = ScaleupTopology::torus3d;
  system.torus = {4, 4, 4};
  system.nic_bandwidth.value = BytesPerSecond(400e9);
  system.nic_bandwidth.known = true;
  const Fabric fabric = fabric_of(system, chip_with(512e9, 4));
  EXPECT_EQ(fabric.node_ranks, 64);
  EXPECT_EQ(fabric.domain_ranks, 256);
  EXPECT_EQ(fabric.torus, (std::array<int, 3>{4, 4, 4}));
  EXPECT_DOUBLE_EQ(fabric.scaleup_bandwidth.raw(), 128e9);
  EXPECT_DOUBLE_EQ(fabric.scaleout_bandwidth.raw(), 400e9 / 64);
}

TEST(Fabric, UnknownNicMeansNoClusterBeyondTheDomain) {
  catalog::System system;
  system.chips_per_node = 8;
  system.scaleup_domain = 8;
  EXPECT_EQ(fabric_of(system, chip_with(1e9, 1)).scaleout_bandwidth.raw(), 0.0);
}

RC_GTEST_PROP(Fabric, GroupsFillDomainsEvenly, ()) {
  const int ranks = *rc::gen::inRange(1, 4096);
  const int stride = *rc::gen::inRange(1, 256);
  const int domain = *rc::gen::inRange(1, 256);
  const Group group = group_of(ranks, stride, domain);
  RC_ASSERT(group.ranks == ranks);
  RC_ASSERT(group.per_domain >= 1);
  RC_ASSERT(group.ranks % group.per_domain == 0);
  RC_ASSERT(group.per_domain == 1 || group.per_domain * stride <= domain);
}

}  // namespace
}  // namespace tightrope::topology
