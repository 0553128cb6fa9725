// The flows that Tightrope and SimGrid are both given: a fat tree of 1,024 hosts, 50 GB/s a link.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/netsim/fat_tree.h"
#include "tightrope/netsim/task_graph.h"

namespace tightrope::bench {

inline constexpr double link_bytes_per_s = 50e9;

/// 32 hosts on each of 32 leaves, each leaf on each of 32 spines.
netsim::FatTree tree_of_1024();

/// How transfers that meet on a link share it.
enum class Sharing {
  equal,
  /// In proportion to 1/latency of their ways, as SimGrid's CM02 does whatever its factors are: a
  /// weight, so all coefficients of a route are multiplied by 1/latency and its bytes divided.
  by_latency,
};

/// Every pair of the first `hosts` at once, source by source; one transfer and one route for each.
netsim::TaskGraph all_pairs(const netsim::FatTree& tree, std::uint32_t hosts, Bytes bytes,
                            Seconds link_latency, Sharing sharing);

/// Host i sends to host (i + distance) mod hosts.
netsim::TaskGraph shifted(const netsim::FatTree& tree, std::uint32_t hosts, std::uint32_t distance,
                          Bytes bytes, Seconds link_latency);

/// Seconds after each step of `shifted` over distances, every step run on its own.
std::vector<double> run_steps(const netsim::FatTree& tree, std::uint32_t hosts,
                              const std::vector<std::uint32_t>& distances, Bytes bytes,
                              Seconds link_latency);

}  // namespace tightrope::bench
