// Which messages an algorithm for a collective sends, before they are laid on wires.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/topology/machine.h"

namespace tightrope::netsim {

enum class CollectiveKind : std::uint8_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  all_to_all,
  broadcast,  ///< from the first member
  send_recv,  ///< from the first member to the last
};
inline constexpr int collective_kinds = 6;
[[nodiscard]] std::string_view to_string(CollectiveKind kind);
[[nodiscard]] Result<CollectiveKind> read_collective_kind(std::string_view text);

/// How it is carried out. On a torus rings follow the snake walk, so that they run from neighbour
/// to neighbour.
enum class Algorithm : std::uint8_t {
  ring,              ///< channels of a ring; a chain, piece by piece, for broadcast
  tree,              ///< two complementary binary trees over units (over ranks in one unit), chains
                     ///< inside units, piece by piece, as NCCL's
  halving_doubling,  ///< pairs at distance n/2, n/4, ... (a power of two)
  direct,            ///< everyone to everyone at once
  torus,             ///< rings along each dimension in turn, both ways, every dimension first once
  hierarchical,      ///< in the unit, then rail by rail across units, then in the unit again; an
                     ///< exchange goes along the rails first
  in_network,        ///< the unit's switch adds and copies (NVLink SHARP); rails across units
  rail_aligned,      ///< an exchange inside the unit first, then along the rails (NCCL's PXN)
};
inline constexpr int algorithms = 8;
[[nodiscard]] std::string_view to_string(Algorithm algorithm);
[[nodiscard]] Result<Algorithm> read_algorithm(std::string_view text);

/// The other end of a message from or to the switch of its unit.
inline constexpr int switch_end = -1;

/// `bytes` from member to member, in each of the rounds first .. first + count - 1 of its phase.
struct Message {
  int from = 0, to = 0;  ///< places in the group, or switch_end
  double bytes = 0.0;
  int first = 0, count = 1;
};

/// A member's next round begins when all that it sent and got in earlier rounds is done.
struct Phase {
  std::vector<Message> messages;
  double hops = 1.0;  ///< messages one after the other before the last arrives, with many pieces
  bool passes_on =
      false;            ///< a ring: each piece crosses every link once, so hops are of mean latency
  bool joined = false;  ///< members of a unit end it together: their switch works for all
};

/// Phases one after the other, of a part of the data that goes its own way.
struct Lane {
  std::vector<Phase> phases;
};

struct Schedule {
  std::string reason;  ///< why the algorithm does not apply; empty: it does
  std::vector<Lane> lanes;
  [[nodiscard]] bool applies() const { return reason.empty(); }
};

/// Size: as formula::CollectiveCall::size (the full tensor; what one rank sends in all in an
/// exchange), of a broadcast the message.
struct ScheduleSpec {
  CollectiveKind kind = CollectiveKind::all_reduce;
  Algorithm algorithm = Algorithm::ring;
  Bytes size{};
  int channels = 0;  ///< of rings and trees; 0: as many as use all links or ports
  int pieces = 16;   ///< that trees and chains cut a channel's data into, >= 1
};

/// Messages of a collective among chips, one for each member in rank order; several members may be
/// on a chip. At least one member. Allocates what it returns; O(messages).
[[nodiscard]] Schedule schedule_of(const topology::Machine& machine, std::span<const int> chips,
                                   const ScheduleSpec& spec);

/// Members of a group by unit.
struct UnitGroups {
  std::vector<std::vector<int>>
      members;       ///< of each unit, by first appearance; places in the group
  bool even = true;  ///< all units have as many
  [[nodiscard]] int per_unit() const { return static_cast<int>(members.front().size()); }
  [[nodiscard]] int units() const { return static_cast<int>(members.size()); }
};
[[nodiscard]] UnitGroups unit_groups(const topology::Machine& machine, std::span<const int> chips);

}  // namespace tightrope::netsim
