// Collectives as flows: schedules laid on a machine's links as tasks.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "tightrope/netsim/collective_schedule.h"
#include "tightrope/netsim/task_graph.h"
#include "tightrope/topology/router.h"

namespace tightrope::netsim {

enum class Detail : std::uint8_t {
  fluid,    ///< a phase is one flow for each pair that talks, after the latency of its hops
  stepped,  ///< every message of every round is a flow
};

/// What the wires cost beyond their nameplate. Ideal: as it stands.
struct WireTerms {
  double up_share = 1.0;   ///< of the nameplate that scale-up links reach, in (0, 1]
  double out_share = 1.0;  ///< the same of host, NIC and further links
  Seconds fixed{};         ///< once, before anything is sent
  Seconds up_step{};       ///< each message inside a unit
  Seconds out_step{};      ///< each message between units
};

/// A task graph whose resources are all links of a machine, by their numbers there. Machines of
/// more than a few hundred thousand links are better served by step_network.h.
class WireGraph {
 public:
  explicit WireGraph(const topology::Router& router);

  TaskGraph graph;

  /// A message between chips (another name of a delay on one chip). False: no way is left; `task`
  /// then is one that never starts.
  bool send(int from, int to, const WireTerms& terms, Bytes bytes, Seconds latency,
            std::uint32_t& task);
  /// From a chip to its unit's switch, or back.
  std::uint32_t send_to_switch(int chip, bool up, const WireTerms& terms, Bytes bytes,
                               Seconds latency);
  /// A task that never starts: what waits for it is reported, not waited for.
  std::uint32_t never();
  /// A barrier after `on`; the one task itself where it is one.
  std::uint32_t after(std::span<const std::uint32_t> on);

  [[nodiscard]] const topology::Router& router() const { return router_; }
  [[nodiscard]] std::size_t flows() const { return flows_; }
  /// Pairs of chips that had no way to each other so far.
  [[nodiscard]] std::size_t cut_off() const { return cut_off_; }

 private:
  using Key = std::tuple<int, int, double, double>;
  std::uint32_t add_route(std::span<const topology::Hop> hops, const WireTerms& terms);
  const topology::Router& router_;
  std::map<Key, std::uint32_t> routes_;
  std::vector<topology::Hop> hops_;
  std::vector<std::uint32_t> links_;
  std::vector<double> loads_;
  std::uint32_t unit_links_ = 0;  ///< scale-up links of one unit
  std::size_t flows_ = 0, cut_off_ = 0;
};

struct LaidOut {
  std::uint32_t begin = 0;          ///< the barrier that all members wait for
  std::vector<std::uint32_t> done;  ///< of each member: it has all that it should get
};

/// Appends a collective among `chips` (one for each member) that begins when all of `ready` have
/// ended. O(messages), in `stepped` O(messages * rounds).
LaidOut lay(WireGraph& wires, std::span<const int> chips, const Schedule& schedule,
            const WireTerms& terms, Detail detail, std::span<const std::uint32_t> ready = {});

/// Flows that `lay` adds.
[[nodiscard]] double flows_of(const Schedule& schedule, Detail detail);

}  // namespace tightrope::netsim
