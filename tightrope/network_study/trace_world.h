// Execution traces of all ranks of some jobs as one task graph on a machine's wires.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tightrope/chakra/trace.h"
#include "tightrope/netsim/collective_run.h"

namespace tightrope::network_study {

/// Traces of one job, by rank, and where its ranks stand.
struct TraceJob {
  std::string name;
  std::vector<chakra::Trace> ranks;
  std::vector<int> chips;  ///< of each rank
};

/// How communication is carried out; the question's kind and size are ours.
struct TraceWires {
  netsim::CollectiveQuestion question;
  std::optional<netsim::Algorithm> only;  ///< where it applies
};

/// One operation of a rank among the tasks.
struct TraceNode {
  int job = 0, rank = 0;
  std::uint32_t node = 0;   ///< place in its trace
  std::uint32_t entry = 0;  ///< the task that waits for what the operation waits for
  std::uint32_t moves = 0;  ///< the task whose start is that of the bytes
  std::uint32_t exit = 0;   ///< the task that ends it
};

/// A kind of collective on the wires, by what was taken for it.
struct TraceChoice {
  netsim::CollectiveKind kind = netsim::CollectiveKind::all_reduce;
  Bytes size{};
  int ranks = 0;
  netsim::Algorithm algorithm = netsim::Algorithm::ring;
  std::uint64_t times = 0;
};

struct TraceWorld {
  netsim::WireGraph wires;
  std::vector<TraceNode> nodes;     ///< by job, rank, place in the trace
  std::vector<std::size_t> first;   ///< of each rank of each job in turn, and the end
  std::vector<std::string> lonely;  ///< operations whose partners are missing: they never end
  std::vector<TraceChoice> choices;
};

/// What: computations of a rank run on one stream in the order of its trace. A send goes out when
/// what it waits for is done, whether or not its receive waits already, and is matched with the
/// receive of the same ranks and tag, the first with the first. Collectives join the n-th of every
/// member of a group, begin when the last of them is ready, and expand to flows. Loads and stores
/// last as long as they say. A reduce counts as a broadcast the other way round.
/// Errors: conflict when members disagree on a collective's kind or size; not_found for ranks that
/// are not there; unsupported for gather and scatter.
[[nodiscard]] Result<TraceWorld> trace_world(const topology::Router& router,
                                             const std::vector<TraceJob>& jobs,
                                             const TraceWires& wires);

}  // namespace tightrope::network_study
