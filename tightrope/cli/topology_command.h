// `tightrope topology show SYSTEM`: the wires of a cluster.
#pragma once

#include <string>
#include <vector>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct TopologyOptions {
  std::string system;
  int units = 1;
  int sites = 1;
  std::string site_bandwidth;
  double site_distance_km = 0, leaf_oversubscription = 0, pod_oversubscription = 0;
  std::vector<std::string> faults;
  std::string order = "tp-cp-dp-pp";
  int tp = 0, cp = 0, dp = 0, pp = 0;  ///< 0: not given; any given: ranks are placed
  bool snake = false;
  int chips_per_unit = 0;
  std::string search;  ///< "TP,CP,DP,PP": what a rank sends along each axis
  std::string json;    ///< file, or "-" for standard output instead of the text
  std::string svg;     ///< file
  std::string csv;     ///< file
};

/// Prints counts, links with their sources, bisection, diameter, tiers and limits; what faults do;
/// where ranks lie. Exit 1 when ranks cannot be placed.
int run_topology_show(const Session& session, const TopologyOptions& options);

}  // namespace tightrope::cli
