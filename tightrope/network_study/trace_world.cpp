#include "tightrope/network_study/trace_world.h"

#include <deque>
#include <functional>
#include <map>
#include <numeric>
#include <queue>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

namespace tightrope::network_study {
namespace {

using chakra::Node;
using chakra::NodeKind;
using netsim::Algorithm;
using netsim::CollectiveKind;

/// Nodes of a trace so that each comes after what it waits for, otherwise in their order.
std::vector<std::uint32_t> in_order(const chakra::Trace& trace,
                                    const std::unordered_map<std::uint64_t, std::uint32_t>& place) {
  const std::size_t n = trace.nodes.size();
  std::vector<std::vector<std::uint32_t>> after(n);
  std::vector<std::uint32_t> waits(n, 0);
  for (std::uint32_t i = 0; i < n; ++i) {
    for (const auto* deps : {&trace.nodes[i].deps, &trace.nodes[i].control_deps}) {
      for (const std::uint64_t id : *deps) {
        after[place.at(id)].push_back(i);
        ++waits[i];
      }
    }
  }
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (waits[i] == 0) ready.push(i);
  }
  std::vector<std::uint32_t> order;
  while (!ready.empty()) {
    const std::uint32_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (const std::uint32_t next : after[i]) {
      if (--waits[next] == 0) ready.push(next);
    }
  }
  return order;
}

class WorldBuilder {
 public:
  WorldBuilder(const topology::Router& router, const std::vector<TraceJob>& jobs,
               const TraceWires& wires)
      : router_(router),
        jobs_(jobs),
        wires_(wires),
        world_{netsim::WireGraph(router), {}, {0}, {}, {}} {}

  Result<TraceWorld> run() {
    for (job_ = 0; job_ < static_cast<int>(jobs_.size()); ++job_) {
      const std::size_t first = world_.nodes.size();
      messages_.clear();
      joined_.clear();
      joins_.clear();
      for (int rank = 0; rank < static_cast<int>(job().ranks.size()); ++rank) {
        TR_TRY_VOID(add_rank(rank));
      }
      for (Message& m : messages_of_all()) settle(m);
      for (const Join& join : joins_) TR_TRY_VOID(expand(join));
      add_dependencies(first);
    }
    return std::move(world_);
  }

 private:
  struct Message {
    int from = 0, to = 0, tag = 0;
    std::optional<std::size_t> send, recv;  ///< places in world_.nodes
  };
  struct Join {
    const Node* node = nullptr;
    std::vector<int> ranks;
    std::vector<std::optional<std::size_t>> members;  ///< places in world_.nodes
  };
  using MessageKey = std::tuple<int, int, int>;

  [[nodiscard]] const TraceJob& job() const { return jobs_[static_cast<std::size_t>(job_)]; }
  [[nodiscard]] const Node& node_of(const TraceNode& n) const {
    return job().ranks[static_cast<std::size_t>(n.rank)].nodes[n.node];
  }
  [[nodiscard]] int chip(int rank) const { return job().chips[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] std::string named(const TraceNode& n) const {
    return fmt::format("{}, rank {}: node {} ({})", job().name, n.rank, node_of(n).id,
                       node_of(n).name);
  }

  Result<void> add_rank(int rank) {
    const chakra::Trace& trace = job().ranks[static_cast<std::size_t>(rank)];
    const std::size_t first = world_.nodes.size();
    for (std::uint32_t i = 0; i < trace.nodes.size(); ++i)
      world_.nodes.push_back({job_, rank, i, 0, 0, 0});
    world_.first.push_back(world_.nodes.size());
    place_.emplace_back();
    for (std::uint32_t i = 0; i < trace.nodes.size(); ++i) place_.back()[trace.nodes[i].id] = i;
    counted_.clear();
    for (const std::uint32_t i : in_order(trace, place_.back())) {
      TR_TRY_VOID(add_node(trace, first + i));
    }
    ++streams_;
    return {};
  }

  Result<void> add_node(const chakra::Trace& trace, std::size_t at) {
    TraceNode& n = world_.nodes[at];
    const Node& node = trace.nodes[n.node];
    netsim::TaskGraph& graph = world_.wires.graph;
    switch (node.kind) {
      case NodeKind::compute: n.entry = graph.add_compute(streams_, node.duration); break;
      case NodeKind::send:
      case NodeKind::recv: return add_message(node, at);
      case NodeKind::collective: return add_collective(trace, node, at);
      case NodeKind::metadata:
      case NodeKind::memory_load:
      case NodeKind::memory_store: n.entry = graph.add_delay(node.duration); break;
    }
    n.moves = n.exit = n.entry;
    return {};
  }

  Result<void> add_message(const Node& node, std::size_t at) {
    const TraceNode& n = world_.nodes[at];
    if (node.peer >= static_cast<int>(job().ranks.size())) return missing(n, node.peer);
    const bool sends = node.kind == NodeKind::send;
    const int from = sends ? n.rank : node.peer, to = sends ? node.peer : n.rank;
    auto& queue = messages_[MessageKey(from, to, node.tag)];
    for (Message& m : queue) {
      auto& end = sends ? m.send : m.recv;
      if (end) continue;
      end = at;
      return {};
    }
    queue.push_back({from, to, node.tag, {}, {}});
    (sends ? queue.back().send : queue.back().recv) = at;
    return {};
  }

  Result<void> add_collective(const chakra::Trace& trace, const Node& node, std::size_t at) {
    std::vector<int> ranks;
    for (const chakra::Group& g : trace.groups) {
      if (g.name == node.group) ranks = g.ranks;
    }
    const int all = static_cast<int>(job().ranks.size());
    if (ranks.empty()) {
      ranks.resize(job().ranks.size());
      std::iota(ranks.begin(), ranks.end(), 0);
    }
    const TraceNode& n = world_.nodes[at];
    std::size_t mine = ranks.size();
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      if (ranks[i] < 0 || ranks[i] >= all) return missing(n, ranks[i]);
      if (ranks[i] == n.rank) mine = i;
    }
    if (mine == ranks.size()) {
      return fail(ErrorCode::conflict, named(n) + " is of a group without its own rank");
    }
    const std::size_t turn = counted_[ranks]++;
    auto& turns = joined_[ranks];
    if (turn == turns.size()) {
      turns.push_back(joins_.size());
      joins_.push_back({&node, ranks, std::vector<std::optional<std::size_t>>(ranks.size())});
    }
    Join& join = joins_[turns[turn]];
    if (join.node->collective != node.collective || join.node->bytes != node.bytes) {
      return fail(
          ErrorCode::conflict,
          fmt::format("{}: its group's collective number {} is {} of {} bytes here and {} of "
                      "{} bytes elsewhere",
                      named(n), turn + 1, to_string(node.collective), node.bytes.raw(),
                      to_string(join.node->collective), join.node->bytes.raw()),
          {}, "members of a group run the same collectives in the same order");
    }
    join.members[mine] = at;
    return {};
  }

  [[nodiscard]] Failure missing(const TraceNode& n, int rank) const {
    return fail(ErrorCode::not_found,
                fmt::format("{} is with rank {}, of which there is no trace", named(n), rank), {},
                fmt::format("the job has ranks 0 to {}", job().ranks.size() - 1));
  }

  std::vector<Message> messages_of_all() const {
    std::vector<Message> all;
    for (const auto& [key, queue] : messages_) all.insert(all.end(), queue.begin(), queue.end());
    return all;
  }

  void settle(const Message& m) {
    netsim::WireGraph& wires = world_.wires;
    std::uint32_t task = 0;
    if (m.send) {
      TraceNode& n = world_.nodes[*m.send];
      const std::vector<int> ends{chip(m.from), chip(m.to)};
      netsim::CollectiveQuestion q = wires_.question;
      q.kind = CollectiveKind::send_recv;
      q.size = node_of(n).bytes;
      const netsim::WireTerms terms =
          netsim::wire_terms(q, Algorithm::direct, router_.machine(), ends);
      const int chips = router_.machine().unit.chips();
      const bool out = ends[0] / chips != ends[1] / chips;
      wires.send(ends[0], ends[1], terms, q.size, out ? terms.out_step : terms.up_step, task);
      n.entry = n.moves = n.exit = task;
    } else {
      task = wires.never();
      world_.lonely.push_back(fmt::format("{} waits for rank {}, which never sends tag {} so often",
                                          named(world_.nodes[*m.recv]), m.from, m.tag));
    }
    if (!m.recv) return;
    TraceNode& n = world_.nodes[*m.recv];
    n.entry = n.exit = wires.graph.add_delay(Seconds());
    n.moves = task;
    wires.graph.add_dependency(n.exit, task);
  }

  Result<void> expand(const Join& join) {
    netsim::WireGraph& wires = world_.wires;
    std::vector<int> chips;
    for (const int rank : join.ranks) chips.push_back(chip(rank));
    TR_TRY(const netsim::CollectiveQuestion q, question_of(join));
    netsim::Schedule schedule;
    netsim::WireTerms terms;
    if (q.size.raw() > 0.0 && chips.size() > 1) {
      const Algorithm algorithm = choose(q, chips);
      schedule = netsim::schedule_for(q, algorithm, router_.machine(), chips);
      terms = netsim::wire_terms(q, algorithm, router_.machine(), chips);
    }
    std::vector<std::uint32_t> ready;
    for (std::size_t i = 0; i < join.members.size(); ++i) {
      if (join.members[i]) continue;
      ready.push_back(wires.never());
      for (const auto& other : join.members) {
        if (!other) continue;
        world_.lonely.push_back(fmt::format("{} waits for rank {}, which does not join it",
                                            named(world_.nodes[*other]), join.ranks[i]));
        break;
      }
    }
    const netsim::LaidOut laid = netsim::lay(wires, chips, schedule, terms, q.detail, ready);
    for (std::size_t i = 0; i < join.members.size(); ++i) {
      if (!join.members[i]) continue;
      TraceNode& n = world_.nodes[*join.members[i]];
      n.entry = n.moves = laid.begin;
      n.exit = laid.done[i];
    }
    return {};
  }

  Result<netsim::CollectiveQuestion> question_of(const Join& join) const {
    netsim::CollectiveQuestion q = wires_.question;
    q.size = join.node->bytes;
    switch (join.node->collective) {
      case chakra::Collective::all_reduce: q.kind = CollectiveKind::all_reduce; break;
      case chakra::Collective::all_gather:
        q.kind = CollectiveKind::all_gather;
        q.size *= static_cast<double>(join.ranks.size());  // a rank's part there, the whole here
        break;
      case chakra::Collective::all_to_all: q.kind = CollectiveKind::all_to_all; break;
      case chakra::Collective::reduce_scatter:
      case chakra::Collective::reduce_scatter_block: q.kind = CollectiveKind::reduce_scatter; break;
      case chakra::Collective::reduce:
      case chakra::Collective::broadcast: q.kind = CollectiveKind::broadcast; break;
      case chakra::Collective::barrier: q.size = Bytes(); break;
      case chakra::Collective::gather:
      case chakra::Collective::scatter:
        return fail(ErrorCode::unsupported,
                    fmt::format("node {} is a {}, which is not simulated", join.node->id,
                                to_string(join.node->collective)),
                    {}, "write it as sends and receives");
    }
    return q;
  }

  /// The algorithm for a group, asked for once for each size and layout.
  Algorithm choose(const netsim::CollectiveQuestion& q, const std::vector<int>& chips) {
    std::vector<int> layout;
    for (const int c : chips) layout.push_back(c - chips.front());
    const auto [it, fresh] = chosen_.try_emplace({static_cast<int>(q.kind), q.size.raw(), layout},
                                                 world_.choices.size());
    if (!fresh) {
      ++world_.choices[it->second].times;
      return world_.choices[it->second].algorithm;
    }
    Algorithm algorithm = Algorithm::ring;
    const bool forced =
        wires_.only && netsim::schedule_for(q, *wires_.only, router_.machine(), chips).applies();
    if (forced) {
      algorithm = *wires_.only;
    } else {
      std::vector<netsim::CollectiveAnswer> answers;
      const int units = netsim::unit_groups(router_.machine(), chips).units();
      for (int a = 0; a < netsim::algorithms; ++a) {
        const auto one = static_cast<Algorithm>(a);
        if (netsim::library_has(q, one, router_.machine(), units))
          answers.push_back(netsim::run_collective(router_, chips, q, one));
      }
      algorithm = netsim::chosen(answers).value_or(
          q.kind == CollectiveKind::all_to_all ? Algorithm::direct : Algorithm::ring);
    }
    world_.choices.push_back({q.kind, q.size, static_cast<int>(chips.size()), algorithm, 1});
    return algorithm;
  }

  void add_dependencies(std::size_t first) {
    netsim::TaskGraph& graph = world_.wires.graph;
    const std::size_t ranks = job().ranks.size(), begin = world_.first.size() - 1 - ranks;
    for (std::size_t at = first; at < world_.nodes.size(); ++at) {
      const TraceNode& n = world_.nodes[at];
      const std::size_t rank = begin + static_cast<std::size_t>(n.rank);
      const Node& node = node_of(n);
      for (const auto* deps : {&node.deps, &node.control_deps}) {
        for (const std::uint64_t id : *deps) {
          const TraceNode& on = world_.nodes[world_.first[rank] + place_[rank].at(id)];
          graph.add_dependency(n.entry, on.exit);
        }
      }
    }
  }

  const topology::Router& router_;
  const std::vector<TraceJob>& jobs_;
  const TraceWires& wires_;
  TraceWorld world_;
  int job_ = 0;
  std::uint32_t streams_ = 0;
  std::vector<std::unordered_map<std::uint64_t, std::uint32_t>> place_;  ///< of each rank, by id
  std::map<MessageKey, std::deque<Message>> messages_;
  std::map<std::vector<int>, std::vector<std::size_t>> joined_;  ///< group: its joins
  std::map<std::vector<int>, std::size_t> counted_;              ///< of the rank being read
  std::vector<Join> joins_;
  std::map<std::tuple<int, double, std::vector<int>>, std::size_t> chosen_;
};

}  // namespace

Result<TraceWorld> trace_world(const topology::Router& router, const std::vector<TraceJob>& jobs,
                               const TraceWires& wires) {
  return WorldBuilder(router, jobs, wires).run();
}

}  // namespace tightrope::network_study
