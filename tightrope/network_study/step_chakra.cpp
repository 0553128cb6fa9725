#include "tightrope/network_study/step_chakra.h"

#include <cmath>
#include <map>

#include <fmt/format.h>

#include "tightrope/chakra/trace_file.h"
#include "tightrope/netsim/step_schedule.h"

namespace tightrope::network_study {
namespace {

using chakra::Node;
using chakra::NodeKind;
using netsim::Layout;
using netsim::Piece;
using netsim::PieceKind;
using netsim::Segment;
using netsim::Transfer;

chakra::Collective kind_of(formula::Collective kind) {
  switch (kind) {
    case formula::Collective::all_gather: return chakra::Collective::all_gather;
    case formula::Collective::reduce_scatter: return chakra::Collective::reduce_scatter;
    case formula::Collective::all_to_all: return chakra::Collective::all_to_all;
    case formula::Collective::all_reduce:
    case formula::Collective::send_recv: break;
  }
  return chakra::Collective::all_reduce;
}

class Writer {
 public:
  Writer(const netsim::StepProgram& program, const Layout& layout, int rank)
      : p_(program), layout_(layout), rank_(rank), stage_(layout.stage(rank)) {
    trace_.rank = rank;
  }

  chakra::Trace run() {
    const netsim::StageWork& work = p_.work(stage_);
    for (const int t : work.gather.transfers) collective(t, true);
    const auto order = netsim::piece_order({p_.stages, p_.chunks, p_.micro_batches}, stage_);
    for (const Piece& piece : order) {
      run_piece(piece, piece.kind == PieceKind::forward ? work.forward : work.backward);
      if (piece.kind == PieceKind::backward && !work.weight.empty()) {
        Piece weight = piece;
        weight.kind = PieceKind::weight;
        run_piece(weight, work.weight);
      }
    }
    for (const int t : work.reduce.transfers) collective(t, true);
    return std::move(trace_);
  }

 private:
  Node& add(NodeKind kind, std::string name) {
    Node node;
    node.id = trace_.nodes.size();
    node.kind = kind;
    node.name = std::move(name);
    trace_.nodes.push_back(std::move(node));
    return trace_.nodes.back();
  }

  void after_last(Node& node) const {
    if (last_ >= 0) node.deps.push_back(static_cast<std::uint64_t>(last_));
  }

  // The collective behind what came last; -1 for a group of one. In the chain: what follows waits.
  std::int64_t collective(int transfer, bool in_chain) {
    const Transfer& t = p_.transfers[static_cast<std::size_t>(transfer)];
    std::vector<int> members;
    layout_.group(rank_, {t.over, t.count, t.stride}, members);
    if (members.size() < 2) return -1;
    Node& node = add(NodeKind::collective,
                     fmt::format("{} {}", netsim::to_string(t.over), formula::to_string(t.kind)));
    after_last(node);
    const bool gathers = t.kind == formula::Collective::all_gather;
    node.collective = kind_of(t.kind);
    node.bytes = Bytes(std::round((t.repeats * t.size).raw() /
                                  (gathers ? static_cast<double>(members.size()) : 1.0)));
    node.group = group(t, members);
    if (in_chain) last_ = static_cast<std::int64_t>(node.id);
    return static_cast<std::int64_t>(node.id);
  }

  std::string group(const Transfer& t, const std::vector<int>& members) {
    std::string name =
        fmt::format("{}-{}x{}-{}", netsim::to_string(t.over), members.size(), t.stride, members[0]);
    if (groups_.emplace(name, 0).second) trace_.groups.push_back({name, members});
    return name;
  }

  void run_piece(const Piece& piece, const std::vector<Segment>& segments) {
    receive(piece);
    for (const Segment& segment : segments) {
      if (segment.transfer >= 0) {
        const Transfer& t = p_.transfers[static_cast<std::size_t>(segment.transfer)];
        const bool hides = t.hidden > Seconds(0.0);
        const std::int64_t id = collective(segment.transfer, !hides);
        if (hides && id >= 0) hiding_.push_back({id, t.hidden});
      }
      kernels(piece, segment.compute);
    }
    send(piece);
  }

  // Kernels, cut where a transfer has hidden beside them for as long as it may: the rest waits.
  void kernels(const Piece& piece, Seconds left) {
    while (left > Seconds(0.0)) {
      Node& node = add(NodeKind::compute, name_of(piece));
      after_last(node);
      Seconds length = left;
      std::erase_if(hiding_, [&](const Hiding& h) {
        if (h.left > Seconds(0.0)) {
          length = min(length, h.left);
          return false;
        }
        node.deps.push_back(static_cast<std::uint64_t>(h.node));
        return true;
      });
      node.duration = length;
      for (Hiding& h : hiding_) h.left -= length;
      left -= length;
      last_ = static_cast<std::int64_t>(node.id);
    }
  }

  static std::string name_of(const Piece& piece) {
    const char* pass = piece.kind == PieceKind::forward    ? "forward"
                       : piece.kind == PieceKind::backward ? "backward"
                                                           : "weight gradients";
    return fmt::format("{} {} chunk {}", pass, piece.micro_batch, piece.chunk);
  }

  int tag(const Piece& piece) const {
    const int place = piece.chunk * p_.micro_batches + piece.micro_batch;
    return 2 * place + (piece.kind == PieceKind::forward ? 0 : 1);
  }

  void receive(const Piece& piece) {
    const bool forward = piece.kind == PieceKind::forward;
    if (p_.stages == 1 || piece.kind == PieceKind::weight) return;
    const int end = forward ? 0 : p_.stages - 1;
    const bool wraps = stage_ == end;
    if (wraps && piece.chunk == (forward ? 0 : p_.chunks - 1)) return;
    const int from = wraps ? p_.stages - 1 - end : stage_ + (forward ? -1 : 1);
    message(NodeKind::recv, from, tag(piece));
  }

  void send(const Piece& piece) {
    const bool forward = piece.kind == PieceKind::forward;
    if (p_.stages == 1 || piece.kind == PieceKind::weight) return;
    const int end = forward ? p_.stages - 1 : 0;
    const bool wraps = stage_ == end;
    if (wraps && piece.chunk == (forward ? p_.chunks - 1 : 0)) return;
    Piece next = piece;
    if (wraps) next.chunk += forward ? 1 : -1;
    message(NodeKind::send, wraps ? p_.stages - 1 - end : stage_ + (forward ? 1 : -1), tag(next));
  }

  // A send follows what came last and nothing waits for it; what follows a receive waits.
  void message(NodeKind kind, int stage, int tag) {
    const Transfer& t = p_.transfers[static_cast<std::size_t>(p_.send_forward)];
    Node& node = add(kind, kind == NodeKind::send ? "send" : "receive");
    node.peer = layout_.at_stage(rank_, stage);
    node.tag = tag;
    node.bytes = Bytes(std::round(t.size.raw()));
    after_last(node);
    if (kind == NodeKind::recv) last_ = static_cast<std::int64_t>(node.id);
  }

  const netsim::StepProgram& p_;
  const Layout& layout_;
  int rank_, stage_;
  /// A transfer under way, and how much longer it may run beside kernels.
  struct Hiding {
    std::int64_t node = -1;
    Seconds left{};
  };
  std::int64_t last_ = -1;
  std::vector<Hiding> hiding_;
  std::map<std::string, int> groups_;
  chakra::Trace trace_;
};

}  // namespace

chakra::Trace chakra_trace(const netsim::StepProgram& program, const Layout& layout, int rank) {
  return Writer(program, layout, rank).run();
}

Result<void> write_chakra(const StepSimulation& simulation, const step::Mapping& mapping,
                          const std::string& prefix) {
  if (mapping.ranks() > most_chakra_ranks) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} ranks are too many files of traces", mapping.ranks()), {},
                fmt::format("export a plan of at most {} ranks", most_chakra_ranks));
  }
  const Layout layout(layout_of(mapping));
  for (int rank = 0; rank < layout.ranks(); ++rank) {
    TR_TRY_VOID(chakra::write_trace(chakra::trace_name(prefix, rank),
                                    chakra_trace(simulation.built.program, layout, rank)));
  }
  return {};
}

}  // namespace tightrope::network_study
