// `simulate trace`: execution traces of whole jobs on a system's wires.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/network_study/trace_world.h"
#include "tightrope/topology/placement.h"

namespace tightrope::network_study {

struct TraceScene {
  std::vector<std::string> prefixes;         ///< of the jobs; the same one may come twice
  topology::MachineOptions machine;          ///< units 0: as many as the jobs need
  std::vector<int> first_chips;              ///< of each job; empty: one job behind the other
  std::optional<topology::AxisOrder> order;  ///< with `sizes`: how a job's ranks are placed
  topology::AxisSizes sizes{1, 1, 1, 1};
  topology::Walk walk = topology::Walk::rows;
  std::vector<std::string> faults;
  bool ideal = false;
  TraceWires wires;
};

/// Time of one rank between things, seconds, on the chain of what it waited for from its end back.
struct RankTime {
  double end = 0;
  double compute = 0;                     ///< busy
  double waiting = 0;                     ///< for other ranks that were not there yet
  std::map<std::string, double> exposed;  ///< communication under way and nothing computed, by kind
};

struct TraceLink {
  topology::LinkKind kind = topology::LinkKind::mesh;
  int links = 0;    ///< that carry anything
  double mean = 0;  ///< of these, share of the time at full speed
  double busiest = 0;
  std::uint32_t link = 0;  ///< the busiest
};

struct TraceSpan {
  std::string name;
  int job = 0, rank = 0;
  bool compute = false;
  double start = 0, end = 0;
};

struct TraceStudy {
  topology::Machine machine;
  topology::Faults faults;
  bool ideal = false;
  std::vector<std::string> jobs;
  std::vector<int> job_ranks;
  std::vector<std::size_t> job_nodes;
  std::vector<double> job_end;
  double end = 0;
  std::vector<std::vector<RankTime>> ranks;  ///< of each job
  std::vector<TraceLink> links;              ///< by kind, those with traffic
  std::vector<TraceChoice> choices;
  std::vector<std::string> stalled;  ///< why something never ends; the first few
  std::size_t never = 0;             ///< operations that never end
  std::size_t tasks = 0, classes = 0;
  std::vector<TraceSpan> spans;  ///< at most most_trace_spans
};
inline constexpr std::size_t most_trace_spans = 200'000;

/// All PREFIX.RANK.et from rank 0 on. Errors: io when there is none, and those of read_trace.
[[nodiscard]] Result<std::vector<chakra::Trace>> read_job(const std::string& prefix);

/// Errors: those of read_job, machine_of, read_fault, trace_world; unsupported when ranks cannot be
/// placed.
[[nodiscard]] Result<TraceStudy> simulate_trace(const catalog::Catalog& catalog,
                                                const catalog::System& system,
                                                const TraceScene& scene);

}  // namespace tightrope::network_study
