#include "tightrope/formula/pipeline.h"

#include <algorithm>
#include <cstddef>

#include "tightrope/core/check.h"

namespace tightrope::formula {
namespace {

// Rounds of p micro-batches that interleaving starts but cannot fill.
double ragged_rounds(int micro_batches, int stages, int chunks) {
  const int rest = micro_batches % stages;
  if (chunks == 1 || rest == 0) return 0.0;
  return static_cast<double>((chunks - 1) * (stages - rest)) / chunks;
}

}  // namespace

PipelineTime uniform_pipeline(const UniformPipeline& p) noexcept {
  const double m = p.micro_batches;
  const double ahead = p.stages - 1;
  const StageTime& s = p.stage;
  PipelineTime out;
  out.work = m * s.total();
  const Seconds fill = (s.forward + s.backward - s.weight) / p.chunks;
  const Seconds ramp = ahead * (max(fill, Seconds(0.0)) + 2.0 * p.hop);
  const Seconds ragged =
      p.stages > 1 ? ragged_rounds(p.micro_batches, p.stages, p.chunks) * s.total() : Seconds(0.0);
  out.time = out.work + ramp + ragged;
  out.bubble = out.time - out.work;
  return out;
}

PipelineTime pipeline_bound(const UnevenPipeline& p) noexcept {
  PipelineTime out;
  const double m = p.micro_batches;
  const double share = 1.0 / p.chunks;
  bool any_split = false;
  for (const StageRun& run : p.runs) any_split = any_split || run.time.weight > Seconds(0.0);
  Seconds ahead{};
  for (const StageRun& run : p.runs) {
    const StageTime& s = run.time;
    // Split-off weight gradients may run while the last backward drains: only the fill counts then.
    const Seconds passing =
        (any_split ? s.forward : s.forward + s.backward) * share + (any_split ? 1.0 : 2.0) * p.hop;
    const Seconds busy = m * s.total();
    out.time = max(out.time, busy + ahead + (run.count - 1.0) * passing);
    out.work = max(out.work, busy);
    ahead += run.count * passing;
  }
  out.bubble = out.time - out.work;
  return out;
}

namespace {

// The order of Megatron's schedules: stage i starts with its warm-up forwards, then alternates.
struct Slot {
  int chunk, micro_batch;
};

// The k-th forward of a stage: p micro-batches of chunk 0, the same of chunk 1, ..., next round.
Slot forward_slot(int k, int stages, int chunks, int micro_batches) {
  if (chunks == 1) return {0, k};
  const int round = k / (stages * chunks);
  const int first = round * stages;
  const int width = std::min(stages, micro_batches - first);
  const int inside = k - round * stages * chunks;
  return {inside / width, first + inside % width};
}

struct Board {
  int stages, chunks, micro_batches;
  std::vector<double> forward_end, backward_end;  // [virtual stage][micro_batch]
  std::size_t at(int stage, int chunk, int micro_batch) const {
    return (static_cast<std::size_t>(chunk) * stages + stage) * micro_batches + micro_batch;
  }
};

class Replay {
 public:
  Replay(const UnevenPipeline& p, std::vector<PipelineEvent>* events) : p_(p), events_(events) {
    for (const StageRun& run : p.runs) times_.insert(times_.end(), run.count, run.time);
    stages_ = static_cast<int>(times_.size());
    board_ = {stages_, p.chunks, p.micro_batches, {}, {}};
    const std::size_t cells = static_cast<std::size_t>(stages_) * p.chunks * p.micro_batches;
    board_.forward_end.assign(cells, -1.0);
    board_.backward_end.assign(cells, -1.0);
    free_.assign(stages_, 0.0);
    next_forward_.assign(stages_, 0);
    next_backward_.assign(stages_, 0);
    weights_due_.assign(stages_, 0);
    weights_done_.assign(stages_, 0);
  }

  double run() {
    const int pieces = p_.chunks * p_.micro_batches;
    bool moved = true;
    while (moved) {
      moved = false;
      for (int i = 0; i < stages_; ++i) {
        while (advance(i, pieces)) moved = true;
      }
    }
    double end = 0.0;
    for (int i = 0; i < stages_; ++i) {
      while (weights_done_[i] < weights_due_[i]) run_weight(i, free_[i]);
      end = std::max(end, free_[i]);
    }
    return end;
  }

 private:
  int warmup(int stage) const {
    const int pieces = p_.chunks * p_.micro_batches;
    if (p_.chunks == 1) return std::min(pieces, stages_ - stage - 1);
    return std::min(pieces, 2 * (stages_ - stage - 1) + (p_.chunks - 1) * stages_);
  }

  // Runs the next piece of a stage if its input is there; false when it must wait.
  bool advance(int i, int pieces) {
    const int forwards = next_forward_[i];
    const int backwards = next_backward_[i];
    if (backwards == pieces) return false;
    const bool forward_turn = forwards < pieces && forwards <= warmup(i) + backwards;
    return forward_turn ? try_forward(i, forwards) : try_backward(i, backwards);
  }

  bool try_forward(int i, int k) {
    const Slot slot = forward_slot(k, stages_, p_.chunks, p_.micro_batches);
    double ready = 0.0;
    if (i > 0 || slot.chunk > 0) {
      const bool wraps = i == 0;
      ready = board_.forward_end[board_.at(wraps ? stages_ - 1 : i - 1,
                                           wraps ? slot.chunk - 1 : slot.chunk, slot.micro_batch)];
      if (ready < 0.0) return false;
      ready += p_.hop.raw();
    }
    const double length = times_[i].forward.raw() / p_.chunks;
    const double end = place(i, slot, PipelineEvent::Kind::forward, ready, length);
    board_.forward_end[board_.at(i, slot.chunk, slot.micro_batch)] = end;
    ++next_forward_[i];
    return true;
  }

  bool try_backward(int i, int k) {
    Slot slot = forward_slot(k, stages_, p_.chunks, p_.micro_batches);
    slot.chunk = p_.chunks - 1 - slot.chunk;
    double ready = board_.forward_end[board_.at(i, slot.chunk, slot.micro_batch)];
    if (ready < 0.0) return false;
    const bool last = i == stages_ - 1;
    if (!last || slot.chunk < p_.chunks - 1) {
      const double after = board_.backward_end[board_.at(
          last ? 0 : i + 1, last ? slot.chunk + 1 : slot.chunk, slot.micro_batch)];
      if (after < 0.0) return false;
      ready = std::max(ready, after + p_.hop.raw());
    }
    const double length = times_[i].backward.raw() / p_.chunks;
    const double end = place(i, slot, PipelineEvent::Kind::backward, ready, length);
    board_.backward_end[board_.at(i, slot.chunk, slot.micro_batch)] = end;
    ++next_backward_[i];
    if (times_[i].weight > Seconds(0.0)) settle_weights(i);
    return true;
  }

  double place(int i, const Slot& slot, PipelineEvent::Kind kind, double ready, double length) {
    // Zero bubble: a stage that would wait works off a weight gradient it owes.
    const double weight = times_[i].weight.raw() / p_.chunks;
    while (weights_done_[i] < weights_due_[i] && free_[i] + weight <= ready) {
      run_weight(i, free_[i]);
    }
    const double start = std::max(free_[i], ready);
    free_[i] = start + length;
    note(i, slot, kind, start, free_[i]);
    return free_[i];
  }

  // ZB-H1 keeps 1F1B's memory: a stage may owe as many weight gradients as it is deep in the
  // pipeline, so that the first stages fill what used to be their bubble at the end.
  void settle_weights(int i) {
    ++weights_due_[i];
    while (weights_due_[i] - weights_done_[i] > i * p_.chunks + p_.chunks - 1) {
      run_weight(i, free_[i]);
    }
  }

  void run_weight(int i, double start) {
    const double length = times_[i].weight.raw() / p_.chunks;
    Slot slot = forward_slot(weights_done_[i], stages_, p_.chunks, p_.micro_batches);
    slot.chunk = p_.chunks - 1 - slot.chunk;
    free_[i] = start + length;
    ++weights_done_[i];
    note(i, slot, PipelineEvent::Kind::weight, start, free_[i]);
  }

  void note(int i, const Slot& slot, PipelineEvent::Kind kind, double start, double end) {
    if (events_ == nullptr) return;
    events_->push_back({i, slot.chunk, slot.micro_batch, kind, Seconds(start), Seconds(end)});
  }

  const UnevenPipeline& p_;
  std::vector<PipelineEvent>* events_;
  std::vector<StageTime> times_;
  int stages_ = 0;
  Board board_{};
  std::vector<double> free_;
  std::vector<int> next_forward_, next_backward_, weights_due_, weights_done_;
};

// The same replay without a board. Stage i works on its k-th forward in step k + i
// and on its k-th backward just before the forward that the schedule puts behind it. Then every
// piece's input is what a neighbour did one step earlier (the backward of plain 1F1B: in the same
// step), so that a stage needs to remember only its last forward and its last backward.
class Wave {
 public:
  explicit Wave(const UnevenPipeline& p)
      : chunks_(p.chunks), pieces_(p.chunks * p.micro_batches), hop_(p.hop.raw()) {
    for (const StageRun& run : p.runs) {
      const double share = p.chunks;
      stages_.insert(stages_.end(), run.count,
                     {run.time.forward.raw() / share, run.time.backward.raw() / share,
                      run.time.weight.raw() / share});
    }
    last_ = static_cast<int>(stages_.size()) - 1;
  }

  double run() {
    const int depth = chunks_ == 1 ? last_ + 1 : (chunks_ + 1) * (last_ + 1) - 1;
    for (int step = 0; step < pieces_ + depth; ++step) {
      if (chunks_ == 1) {
        step_back(step - depth);
      } else {
        step_back_interleaved(step - depth);
      }
      step_forward(step);
    }
    double end = 0.0;
    for (Stage& s : stages_) {
      while (s.owed > 0) run_weight(s);
      end = std::max(end, s.free);
    }
    return end;
  }

 private:
  struct Stage {
    double forward, backward, weight;              // length of one piece
    double free = 0.0;                             // end of the last piece of any kind
    double forward_end = 0.0, backward_end = 0.0;  // of the last of each kind
    int owed = 0;                                  // weight gradients put off
  };

  // True for pieces of the first chunk, whose input comes from outside the pipeline.
  bool first_chunk(int piece) const { return chunks_ == 1 || piece / (last_ + 1) % chunks_ == 0; }

  static void run_weight(Stage& s) {
    s.free += s.weight;
    --s.owed;
  }

  static double place(Stage& s, double ready, double length) {
    while (s.owed > 0 && s.free + s.weight <= ready) run_weight(s);
    s.free = std::max(s.free, ready) + length;
    return s.free;
  }

  void step_forward(int step) {
    const double wrapped = stages_[last_].forward_end + hop_;
    const int low = std::max(0, step - pieces_ + 1), high = std::min(last_, step);
    for (int i = high; i > 0 && i >= low; --i) {
      stages_[i].forward_end =
          place(stages_[i], stages_[i - 1].forward_end + hop_, stages_[i].forward);
    }
    if (low == 0) {
      Stage& s = stages_[0];
      s.forward_end = place(s, first_chunk(step) ? 0.0 : wrapped, s.forward);
    }
  }

  void step_back(int piece) {
    if (piece < 0) return;
    double ready = 0.0;
    for (int i = last_; i >= 0; --i) {
      back(i, ready);
      ready = stages_[i].backward_end + hop_;
    }
  }

  // `piece` is the first stage's; the others are ahead of it.
  void step_back_interleaved(int piece) {
    const double wrapped = stages_[0].backward_end + hop_;
    const int low = std::max(0, -piece), high = std::min(last_, pieces_ - 1 - piece);
    for (int i = low; i <= high; ++i) {
      if (i < last_) {
        back(i, stages_[i + 1].backward_end + hop_);
      } else {
        back(i, first_chunk(piece + i) ? 0.0 : wrapped);
      }
    }
  }

  void back(int i, double ready) {
    Stage& s = stages_[i];
    s.backward_end = place(s, ready, s.backward);
    if (s.weight <= 0.0) return;
    ++s.owed;
    while (s.owed > i * chunks_ + chunks_ - 1) run_weight(s);
  }

  int chunks_, pieces_, last_ = 0;
  double hop_;
  std::vector<Stage> stages_;
};

double replay_time(const UnevenPipeline& p, std::vector<PipelineEvent>* events) {
  int stages = 0;
  for (const StageRun& run : p.runs) stages += run.count;
  TR_CHECK(stages > 0);
  TR_CHECK(p.chunks == 1 || p.micro_batches % stages == 0, p.chunks, p.micro_batches, stages);
  return events == nullptr ? Wave(p).run() : Replay(p, events).run();
}

}  // namespace

PipelineTime replay_pipeline(const UnevenPipeline& pipeline,
                             std::vector<PipelineEvent>* events) noexcept {
  PipelineTime out;
  for (const StageRun& run : pipeline.runs) {
    out.work = max(out.work, pipeline.micro_batches * run.time.total());
  }
  // Adding up piece by piece may end a rounding error before the sum.
  out.time = max(Seconds(replay_time(pipeline, events)), out.work);
  out.bubble = out.time - out.work;
  return out;
}

double in_flight(const InFlight& at) noexcept {
  const int behind = at.stages - at.stage - 1;
  if (at.chunks == 1) return std::min(at.micro_batches, behind + 1);
  const int held = 2 * behind + (at.chunks - 1) * at.stages + 1;
  return static_cast<double>(std::min(at.micro_batches * at.chunks, held)) / at.chunks;
}

}  // namespace tightrope::formula
