#include "tightrope/netsim/step_run.h"

#include <algorithm>
#include <limits>

#include "tightrope/core/check.h"
#include "tightrope/netsim/step_events.h"
#include "tightrope/netsim/step_process.h"
#include "tightrope/netsim/transfer_pool.h"

namespace tightrope::netsim {
namespace {

constexpr double unknown = -1.0;
constexpr int nobody = -1;

/// What happens when a transfer arrives.
struct Owner {
  enum class Kind : std::uint8_t { none, process, message, reduce, gather } kind = Kind::none;
  int process = nobody;  ///< or stage of reduce and gather
  int transfer = 0;
  double start = 0;
  bool hides = false;  ///< its process went on before it arrived
  Piece piece;         ///< of a message: the piece that it lets begin
};

class Run {
 public:
  Run(const StepProgram& program, const StepLoads& loads, const StepRunOptions& options)
      : p_(program), l_(loads), options_(options), pool_(loads) {
    TR_CHECK(loads.stages == program.stages, loads.stages, program.stages);
    TR_CHECK(loads.transfers == static_cast<int>(program.transfers.size()), loads.transfers);
    const int processes = loads.islands * program.stages;
    processes_.resize(static_cast<std::size_t>(processes));
    out_.processes.resize(static_cast<std::size_t>(processes));
    out_.moved.assign(loads.rows(), 0.0);
    const std::size_t cells =
        static_cast<std::size_t>(processes) * program.chunks * program.micro_batches;
    forward_input_.assign(cells, unknown);
    backward_input_.assign(cells, unknown);
    forward_end_.assign(cells, unknown);
    last_started_.assign(static_cast<std::size_t>(program.stages), 0);
    for (int i = 0; i < processes; ++i) {
      processes_[static_cast<std::size_t>(i)].order = piece_order(shape(), i % program.stages);
    }
  }

  StepResult run() {
    for (int stage = 0; stage < p_.stages; ++stage) begin_gather(stage, 0);
    while (!events_.empty()) {
      const Event e = events_.pop();
      now_ = e.time;
      ++out_.events;
      handle(e);
    }
    return finish();
  }

 private:
  ScheduleShape shape() const { return {p_.stages, p_.chunks, p_.micro_batches}; }
  int stage_of(int process) const { return process % p_.stages; }
  int island_of(int process) const { return process / p_.stages; }
  std::size_t cell(int process, const Piece& piece) const {
    return (static_cast<std::size_t>(process) * p_.chunks + piece.chunk) * p_.micro_batches +
           piece.micro_batch;
  }
  Process& at(int process) { return processes_[static_cast<std::size_t>(process)]; }
  ProcessTime& time_of(int process) { return out_.processes[static_cast<std::size_t>(process)]; }

  void handle(const Event& e) {
    switch (e.kind) {
      case EventKind::compute_done: next_segment(e.subject); return;
      case EventKind::resume:
        if (pool_.valid(e.subject, e.version)) resume(e.subject);
        return;
      case EventKind::finish:
        if (pool_.valid(e.subject, e.version)) arrived(e.subject);
        return;
      case EventKind::latency_done: {
        const Owner owner = lone_[static_cast<std::size_t>(e.subject)];
        lone_free_.push_back(e.subject);
        complete(owner);
        return;
      }
      case EventKind::sync_start: begin_reduce(e.subject, 0); return;
    }
  }

  // --- transfers -------------------------------------------------------------------------------

  void begin_transfer(const Owner& owner, int row, double hidden) {
    const Transfer& t = p_.transfers[static_cast<std::size_t>(owner.transfer)];
    if (row < 0) {  // no wire between them: fixed time only
      int id;
      if (lone_free_.empty()) {
        id = static_cast<int>(lone_.size());
        lone_.emplace_back();
      } else {
        id = lone_free_.back();
        lone_free_.pop_back();
      }
      lone_[static_cast<std::size_t>(id)] = owner;
      events_.push(now_ + t.repeats * t.latency.raw(), EventKind::latency_done, id);
      return;
    }
    out_.moved[static_cast<std::size_t>(row)] += t.repeats;
    const bool wide =
        l_.islands > 1 && (owner.kind == Owner::Kind::reduce || owner.kind == Owner::Kind::gather);
    const int id = pool_.start({row, wide, t.repeats, t.latency.raw(), hidden}, now_);
    if (static_cast<std::size_t>(id) >= owners_.size())
      owners_.resize(static_cast<std::size_t>(id) + 1);
    owners_[static_cast<std::size_t>(id)] = owner;
    take_forecasts();
  }

  void take_forecasts() {
    for (const TransferPool::Forecast& f : pool_.forecasts()) {
      if (f.finish == std::numeric_limits<double>::infinity()) continue;
      const Owner& owner = owners_[static_cast<std::size_t>(f.id)];
      const bool resumes = owner.kind == Owner::Kind::process || owner.kind == Owner::Kind::gather;
      if (resumes && !f.resumed && f.resume < f.finish) {
        events_.push(std::max(now_, f.resume), EventKind::resume, f.id, f.version);
      }
      events_.push(f.finish, EventKind::finish, f.id, f.version);
    }
  }

  void resume(int id) {
    Owner& owner = owners_[static_cast<std::size_t>(id)];
    if (owner.hides) return;
    owner.hides = true;
    pool_.resumed(id);
    release(owner);
  }

  void arrived(int id) {
    const Owner owner = owners_[static_cast<std::size_t>(id)];
    pool_.finish(id, now_);
    take_forecasts();
    complete(owner);
  }

  // The part that hides is over: its process goes on.
  void release(const Owner& owner) {
    if (owner.kind == Owner::Kind::process) {
      time_of(owner.process).exposed[over(owner)] += now_ - at(owner.process).since;
      kernels(owner.process);
    } else if (owner.kind == Owner::Kind::gather) {
      open(owner.process);
    }
  }

  std::size_t over(const Owner& owner) const {
    return static_cast<std::size_t>(p_.transfers[static_cast<std::size_t>(owner.transfer)].over);
  }

  void complete(const Owner& owner) {
    keep({owner.process,
          owner.kind == Owner::Kind::reduce || owner.kind == Owner::Kind::gather
              ? StepSpan::Kind::sync
              : StepSpan::Kind::transfer,
          owner.piece, owner.transfer, owner.start, now_});
    switch (owner.kind) {
      case Owner::Kind::none: return;
      case Owner::Kind::process:
        if (!owner.hides) release(owner);
        return;
      case Owner::Kind::message: deliver(owner); return;
      case Owner::Kind::reduce: reduced(owner); return;
      case Owner::Kind::gather: gathered(owner); return;
    }
  }

  void keep(const StepSpan& span) {
    if (out_.spans.size() < options_.most_spans) out_.spans.push_back(span);
  }

  // --- pieces ----------------------------------------------------------------------------------

  // Begins the next piece whose input is there; a stage that must wait works off what it owes.
  void next_piece(int process) {
    Process& s = at(process);
    if (!s.ready || s.busy) return;
    if (s.next == s.order.size()) {
      if (s.owed > 0) {
        begin_weight(process);
      } else if (!s.ended) {
        s.ended = true;
        stage_ended(process);
      }
      return;
    }
    const Piece& piece = s.order[s.next];
    const bool here = piece.kind == PieceKind::forward ? input_there(process, piece)
                                                       : backward_there(process, piece);
    if (!here) {
      if (s.owed > 0) begin_weight(process);
      return;
    }
    ++s.next;
    begin_piece(process, piece);
  }

  bool input_there(int process, const Piece& piece) const {
    if (stage_of(process) == 0 && piece.chunk == 0) return true;
    return forward_input_[cell(process, piece)] >= 0.0;
  }
  bool backward_there(int process, const Piece& piece) const {
    if (forward_end_[cell(process, piece)] < 0.0) return false;
    if (stage_of(process) == p_.stages - 1 && piece.chunk == p_.chunks - 1) return true;
    return backward_input_[cell(process, piece)] >= 0.0;
  }

  void begin_weight(int process) {
    Process& s = at(process);
    --s.owed;
    Piece piece = s.order[0];
    piece.kind = PieceKind::weight;
    piece.micro_batch = s.weights++;
    begin_piece(process, piece);
  }

  void begin_piece(int process, const Piece& piece) {
    Process& s = at(process);
    time_of(process).waiting += now_ - s.since;
    const StageWork& work = p_.work(stage_of(process));
    s.segments = piece.kind == PieceKind::forward    ? &work.forward
                 : piece.kind == PieceKind::backward ? &work.backward
                                                     : &work.weight;
    s.running = piece;
    s.segment = 0;
    s.busy = true;
    s.piece_start = now_;
    if (piece.kind == PieceKind::backward) watch_for_reduce(process);
    begin_segment(process);
  }

  void begin_segment(int process) {
    Process& s = at(process);
    if (s.segment == s.segments->size()) {
      end_piece(process);
      return;
    }
    s.since = now_;
    const int transfer = (*s.segments)[s.segment].transfer;
    if (transfer < 0) {
      kernels(process);
      return;
    }
    const Transfer& t = p_.transfers[static_cast<std::size_t>(transfer)];
    const int row = l_.row_of(process, transfer);
    if (row < 0 && !(t.latency > Seconds(0.0))) {
      kernels(process);
      return;
    }
    Owner owner{Owner::Kind::process, process, transfer, now_, false, s.running};
    begin_transfer(owner, row, t.hidden.raw());
  }

  // The kernels of a segment; what hides beside them slows them down.
  void kernels(int process) {
    Process& s = at(process);
    const Segment& segment = (*s.segments)[s.segment];
    double length = segment.compute.raw();
    if (segment.transfer >= 0) {
      const Transfer& t = p_.transfers[static_cast<std::size_t>(segment.transfer)];
      if (t.slowdown > 0.0 && t.hidden > Seconds(0.0)) {
        const int row = l_.row_of(process, segment.transfer);
        const double alone =
            t.repeats *
            (t.latency.raw() + (row < 0 ? 0.0 : l_.occupancy[static_cast<std::size_t>(row)]));
        const double lost = t.slowdown * std::min(t.hidden.raw(), alone);
        time_of(process).exposed[static_cast<std::size_t>(t.over)] += lost;
        time_of(process).compute -= lost;
        length += lost;
      }
    }
    time_of(process).compute += length;
    if (length > 0.0) {
      events_.push(now_ + length, EventKind::compute_done, process);
    } else {
      next_segment(process);
    }
  }

  void next_segment(int process) {
    ++at(process).segment;
    begin_segment(process);
  }

  void end_piece(int process) {
    Process& s = at(process);
    const Piece piece = s.running;
    s.busy = false;
    s.since = now_;
    keep({process, StepSpan::Kind::piece, piece, -1, s.piece_start, now_});
    if (piece.kind == PieceKind::forward) {
      forward_end_[cell(process, piece)] = now_;
      send(process, piece);
    } else if (piece.kind == PieceKind::backward) {
      send(process, piece);
      if (!p_.work(stage_of(process)).weight.empty()) {
        ++s.owed;
        if (s.owed > most_owed(shape(), stage_of(process))) {
          begin_weight(process);
          return;
        }
      }
    }
    next_piece(process);
  }

  // --- messages between stages -------------------------------------------------------------------

  void send(int process, const Piece& piece) {
    const int stage = stage_of(process), last = p_.stages - 1;
    const bool forward = piece.kind == PieceKind::forward;
    const bool wraps = forward ? stage == last : stage == 0;
    if (wraps && piece.chunk == (forward ? p_.chunks - 1 : 0)) return;
    Piece to = piece;
    int to_stage = forward ? stage + 1 : stage - 1;
    if (wraps) {
      to.chunk += forward ? 1 : -1;
      to_stage = forward ? 0 : last;
    }
    Owner owner{Owner::Kind::message,
                l_.process(island_of(process), to_stage),
                forward ? p_.send_forward : p_.send_backward,
                now_,
                false,
                to};
    if (p_.stages == 1) {
      deliver(owner);
      return;
    }
    begin_transfer(owner, l_.row_of(process, owner.transfer), 0.0);
  }

  void deliver(const Owner& owner) {
    std::vector<double>& input =
        owner.piece.kind == PieceKind::forward ? forward_input_ : backward_input_;
    input[cell(owner.process, owner.piece)] = now_;
    next_piece(owner.process);
  }

  // --- once a step -------------------------------------------------------------------------------

  void begin_gather(int stage, std::size_t index) {
    const Sync& sync = p_.work(stage).gather;
    if (index == sync.transfers.size()) {
      open(stage);
      return;
    }
    const int transfer = sync.transfers[index];
    const bool last = index + 1 == sync.transfers.size();
    Owner owner{Owner::Kind::gather, stage, transfer, now_, false, {}};
    const double hidden = last ? sync.quality * sync.window.raw() : 0.0;
    begin_transfer(owner, l_.joint_of(stage, transfer), hidden);
  }

  void gathered(const Owner& owner) {
    const Sync& sync = p_.work(owner.process).gather;
    for (std::size_t i = 0; i + 1 < sync.transfers.size(); ++i) {
      if (sync.transfers[i] == owner.transfer) {
        begin_gather(owner.process, i + 1);
        return;
      }
    }
    if (!owner.hides) open(owner.process);
  }

  void open(int stage) {
    for (int island = 0; island < l_.islands; ++island) {
      const int process = l_.process(island, stage);
      at(process).ready = true;
      at(process).since = now_;
      time_of(process).gather = now_;
      next_piece(process);
    }
  }

  // The reduction starts where it can hide: when the last passes begin on every island.
  void watch_for_reduce(int process) {
    const int stage = stage_of(process);
    const Sync& sync = p_.work(stage).reduce;
    if (sync.transfers.empty() || !(sync.quality > 0.0)) return;
    Process& s = at(process);
    std::size_t left = 0;
    for (std::size_t i = s.next; i < s.order.size(); ++i) {
      left += s.order[i].kind == PieceKind::backward ? 1 : 0;
      if (left > static_cast<std::size_t>(sync.passes)) return;
    }
    if (static_cast<int>(left) + 1 != std::min(sync.passes, p_.chunks * p_.micro_batches)) return;
    if (++last_started_[static_cast<std::size_t>(stage)] < l_.islands) return;
    events_.push(now_ + (1.0 - sync.quality) * sync.window.raw(), EventKind::sync_start, stage);
  }

  void stage_ended(int process) {
    const int stage = stage_of(process);
    time_of(process).end = now_;
    const Sync& sync = p_.work(stage).reduce;
    if (sync.transfers.empty() || sync.quality > 0.0) return;
    if (++last_started_[static_cast<std::size_t>(stage)] < l_.islands) return;
    begin_reduce(stage, 0);
  }

  void begin_reduce(int stage, std::size_t index) {
    const int transfer = p_.work(stage).reduce.transfers[index];
    Owner owner{Owner::Kind::reduce, stage, transfer, now_, false, {}};
    begin_transfer(owner, l_.joint_of(stage, transfer), 0.0);
  }

  void reduced(const Owner& owner) {
    const Sync& sync = p_.work(owner.process).reduce;
    for (std::size_t i = 0; i + 1 < sync.transfers.size(); ++i) {
      if (sync.transfers[i] == owner.transfer) {
        begin_reduce(owner.process, i + 1);
        return;
      }
    }
    for (int island = 0; island < l_.islands; ++island) {
      time_of(l_.process(island, owner.process)).reduce_end = now_;
    }
  }

  StepResult finish() {
    double pipeline = 0.0, all = 0.0;
    double begin = std::numeric_limits<double>::infinity();  // the first piece of all
    for (std::size_t i = 0; i < out_.processes.size(); ++i) {
      ProcessTime& t = out_.processes[i];
      const Process& s = processes_[i];
      TR_CHECK(s.next == s.order.size() && !s.busy, static_cast<int>(i), s.next);
      pipeline = std::max(pipeline, t.end);
      begin = std::min(begin, t.gather);
      // What hid beside the last passes slowed them down.
      const Sync& sync = p_.work(stage_of(static_cast<int>(i))).reduce;
      const double alone = reduce_alone(static_cast<int>(i));
      const double lost = sync.slowdown * std::min(alone, sync.quality * sync.window.raw());
      all = std::max(all, std::max(t.end, t.reduce_end) + lost);
    }
    out_.pipeline = pipeline - begin;
    out_.sync = all - out_.pipeline;
    out_.straggler = p_.straggler_share * out_.pipeline;
    out_.after = p_.after_reduce.raw();
    out_.step = all + out_.straggler + out_.after;
    out_.solves = pool_.solves();
    return std::move(out_);
  }

  double reduce_alone(int process) const {
    const int stage = stage_of(process);
    double sum = 0.0;
    for (const int t : p_.work(stage).reduce.transfers) {
      const Transfer& transfer = p_.transfers[static_cast<std::size_t>(t)];
      const int row = l_.joint_of(stage, t);
      sum += transfer.repeats * (transfer.latency.raw() +
                                 (row < 0 ? 0.0 : l_.occupancy[static_cast<std::size_t>(row)]));
    }
    return sum;
  }

  const StepProgram& p_;
  const StepLoads& l_;
  StepRunOptions options_;
  TransferPool pool_;
  std::vector<Process> processes_;
  std::vector<double> forward_input_, backward_input_, forward_end_;
  std::vector<int> last_started_;  ///< islands of a stage that are in their last passes
  std::vector<Owner> owners_, lone_;
  std::vector<int> lone_free_;
  EventQueue events_;
  double now_ = 0;
  StepResult out_;
};

}  // namespace

std::string_view to_string(Dimension dimension) {
  switch (dimension) {
    case Dimension::tp: return "tp";
    case Dimension::cp: return "cp";
    case Dimension::ep: return "ep";
    case Dimension::etp: return "etp";
    case Dimension::dp: return "dp";
    case Dimension::edp: return "edp";
    case Dimension::pp: return "pp";
  }
  return "?";
}

StepResult run_step(const StepProgram& program, const StepLoads& loads,
                    const StepRunOptions& options) {
  return Run(program, loads, options).run();
}

}  // namespace tightrope::netsim
