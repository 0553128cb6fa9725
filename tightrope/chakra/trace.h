// One rank's execution trace: operations and what each waits for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/core/result.h"
#include "tightrope/core/units.h"

namespace tightrope::chakra {

/// What an operation does; the numbers are those of Chakra's files.
enum class NodeKind : std::uint8_t {
  metadata = 1,
  memory_load = 2,
  memory_store = 3,
  compute = 4,
  send = 5,
  recv = 6,
  collective = 7,
};
[[nodiscard]] const char* to_string(NodeKind kind);  ///< "compute", ...

/// Chakra's collectives under its numbers.
enum class Collective : std::uint8_t {
  all_reduce = 0,
  reduce = 1,
  all_gather = 2,
  gather = 3,
  scatter = 4,
  broadcast = 5,
  all_to_all = 6,
  reduce_scatter = 7,
  reduce_scatter_block = 8,
  barrier = 9,
};
[[nodiscard]] const char* to_string(Collective collective);

/// One operation of a rank.
struct Node {
  std::uint64_t id = 0;  ///< unique in its trace
  std::string name{};
  NodeKind kind = NodeKind::compute;
  Seconds start{};     ///< when it was measured to start; 0 where the trace is a plan
  Seconds duration{};  ///< of compute and memory; a simulator finds that of communication
  /// What is sent, received, loaded or stored, or the collective's size as Chakra counts it: that
  /// of one rank's buffer. Whole bytes from 0 to 2^53.
  Bytes bytes{};
  Collective collective = Collective::all_reduce;  ///< of a collective
  int peer = -1;        ///< send: the rank it goes to; recv: the rank it comes from
  int tag = 0;          ///< tells messages between the same two ranks apart
  std::string group{};  ///< of a collective: a name of Trace::groups; empty: all ranks
  Flops flops{};        ///< of compute; 0: not told
  std::vector<std::uint64_t> deps{};          ///< operations whose data it needs
  std::vector<std::uint64_t> control_deps{};  ///< operations that only come before it

  friend bool operator==(const Node&, const Node&) = default;
};

/// Ranks that communicate, in the order that counts for reduce, broadcast and scatter.
struct Group {
  std::string name;
  std::vector<int> ranks;
  friend bool operator==(const Group&, const Group&) = default;
};

struct Trace {
  int rank = -1;                  ///< -1: neither the file nor its name says
  std::string version = "1.0.0";  ///< of Chakra's schema
  std::vector<Group> groups;      ///< ours: Chakra's own files leave them to the simulator
  std::vector<Node> nodes;
  friend bool operator==(const Trace&, const Trace&) = default;
};

/// That ids are unique, dependencies exist and close no circle, peers and groups are named where
/// the kind needs them. Errors: conflict, not_found, range; `shown` names the trace in them.
[[nodiscard]] Result<void> check(const Trace& trace, const std::string& shown);

}  // namespace tightrope::chakra
