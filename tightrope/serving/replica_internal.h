// One replica: the scheduler of its engine, the pages of its memory, the iteration under way.
//
// Time passes in segments. A segment is one iteration with prefills, or a run of iterations in
// which the same sequences decode and nothing else happens; a run's time, energy and pages have
// closed forms in whole numbers, so a run of k equals k runs of one to the last bit. The engine
// ends a segment at its end, cuts a run short when a request arrives, and asks for the next plan.
#pragma once

#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "tightrope/formula/iteration_times.h"
#include "tightrope/serving/block_pool_internal.h"
#include "tightrope/serving/decode_clock_internal.h"
#include "tightrope/serving/flight_internal.h"
#include "tightrope/serving/recorder_internal.h"
#include "tightrope/serving/result.h"
#include "tightrope/serving/scheduler.h"

namespace tightrope::serving {

/// What a replica needs to know to work.
struct ReplicaModel {
  formula::IterationTimes times;
  formula::ReplicaLimits limits;
  SchedulerOptions scheduler;
  std::int64_t content_tokens = 512;  ///< of one block of a request's content
  bool hands_over = false;            ///< only prefills; others decode
  bool takes_over = false;            ///< only decodes what others prefilled
};

/// What became of a request at the end of a segment.
struct Leaving {
  std::uint32_t flight = 0;
  bool moving = false;  ///< prefilled, to be sent on; otherwise done
};

class Replica {
 public:
  Replica(const ReplicaModel& model, std::uint32_t index, FlightTable& flights, Recorder& recorder,
          bool stepping);

  /// False: it could never be served here, even alone.
  [[nodiscard]] bool fits(const Flight& f) const;
  /// Appends to the queue. The caller cuts a run, or plans if idle.
  void enqueue(std::uint32_t flight, Ticks now);
  /// Makes the run under way end at the first boundary not before `now`, if a request that has just
  /// been enqueued might enter there.
  void cut(Ticks now);
  /// Brings the segment under way to its end; `left` receives who is done, in a fixed order.
  void end_segment(std::vector<Leaving>& left);
  /// Schedules the next segment; idle when there is none.
  void plan(Ticks now);
  /// Frees the pages of a request whose keys and values have been sent.
  void sent(Flight& parcel);
  /// Requests that got room in the last plan and wait for their keys and values.
  [[nodiscard]] const std::vector<std::uint32_t>& pulls() const { return pulls_; }
  /// They are here: the request decodes from the next boundary on.
  void received(std::uint32_t flight, Ticks now);
  /// Stops where it is: whole iterations count, the one under way is lost with all requests.
  void fail(Ticks now, std::vector<std::uint32_t>& lost);

  /// When a static batch starts that is not full; never when nobody waits for one.
  [[nodiscard]] Ticks batch_due() const;
  [[nodiscard]] Ticks segment_end() const { return segment_end_; }
  [[nodiscard]] bool idle() const { return segment_end_ == never; }
  [[nodiscard]] bool empty() const { return outstanding() == 0 && moving_ == 0; }
  [[nodiscard]] std::int64_t outstanding() const {
    return admitted() + static_cast<std::int64_t>(waiting_.size());
  }
  /// What the segment under way does.
  [[nodiscard]] WorkRecord work() const;
  [[nodiscard]] std::int64_t running() const { return running_; }
  /// Pages that hold keys and values of requests, as the iteration under way at `now` needs them.
  [[nodiscard]] std::int64_t blocks_used(Ticks now) const;
  [[nodiscard]] std::int64_t blocks_total() const { return pool_.total(); }
  [[nodiscard]] std::int64_t blocks_free() const { return pool_.free(); }
  [[nodiscard]] Ticks busy() const { return busy_; }
  [[nodiscard]] EnergyTicks energy() const { return energy_; }

 private:
  struct Run {
    std::int64_t steps = 0;
    IterationCost first, slope;  ///< of the first step; what a tick of the clock adds
  };
  struct Chunk {
    std::uint32_t flight = 0;
    std::int64_t tokens = 0;
    bool is_last = false;
  };
  struct Share {  ///< of an attention group, of the prefills of an iteration
    std::int64_t tokens = 0, scores = 0, window_scores = 0;
  };
  struct Due {  ///< a reading of the clock at which something happens to a sequence
    std::int64_t reading = 0, order = 0;
    std::uint32_t flight = 0, epoch = 0;
    friend bool operator>(const Due& a, const Due& b) {
      return a.reading != b.reading ? a.reading > b.reading : a.order > b.order;
    }
  };
  using DueHeap = std::priority_queue<Due, std::vector<Due>, std::greater<>>;
  struct Joined {
    Ticks last_token = 0;
    std::int64_t count = 0;
  };
  struct Match {
    std::int64_t blocks = 0, idle_blocks = 0;
    std::int32_t units = 0, partial = 0;
    BlockPool::Extent own = BlockPool::none;
    std::int64_t own_blocks = 0;
  };

  // replica_plan.cpp: the scheduler
  [[nodiscard]] bool may_admit() const;
  [[nodiscard]] std::int64_t admitted() const {
    return running_ + static_cast<std::int64_t>(receiving_.size() + received_.size());
  }
  void join_received();
  void look();
  [[nodiscard]] std::int64_t iterations_before(Ticks now) const;
  [[nodiscard]] std::int64_t steps_to_entry(const Flight& f) const;
  [[nodiscard]] std::int64_t steps_to_look(std::int64_t from) const;
  void shorten(Ticks now);
  void plan_chunks(bool was_put_back);
  void continue_prefills(std::int64_t& budget);
  void admit_waiting(std::int64_t& budget);
  void admit_batch(std::int64_t size);
  [[nodiscard]] std::uint32_t roomiest() const;
  /// Of tokens that are spread evenly, those of the fullest group.
  [[nodiscard]] std::int64_t share_of(std::int64_t tokens) const {
    return groups_ == 1 ? tokens : (tokens + groups_ - 1) / groups_;
  }
  [[nodiscard]] bool admit(Flight& f, std::uint32_t at, std::int64_t budget, std::int64_t& used);
  [[nodiscard]] bool admit_ready(Flight& f);
  [[nodiscard]] bool has_room(const Flight& f, std::int64_t fresh, std::int64_t hits) const;
  [[nodiscard]] double ratio() const;
  void enter(Flight& f);
  void plan_run();
  [[nodiscard]] std::int64_t longest_run();
  void start_run(std::int64_t steps);
  void start_iteration();
  [[nodiscard]] formula::IterationWork decode_work() const;

  // replica_blocks.cpp: pages, content, preemption
  [[nodiscard]] std::int64_t blocks_for(std::int64_t tokens) const;
  [[nodiscard]] std::int64_t whole_pages(const Flight& f) const;
  [[nodiscard]] std::int64_t blocks_of(const Flight& f, std::int64_t reading) const;
  [[nodiscard]] std::int64_t prefill_blocks(const Flight& f, std::int64_t end) const;
  [[nodiscard]] std::int64_t missing_blocks(const Flight& f, std::int64_t reading) const;
  [[nodiscard]] std::int64_t pages_until(std::int64_t reading) const;
  [[nodiscard]] bool take_decode_pages();
  void put_back(std::uint32_t at);
  void release(Flight& f, std::int64_t blocks, bool keeps_content);
  [[nodiscard]] std::int64_t target_of(const Flight& f) const { return f.input + f.generated; }
  [[nodiscard]] std::uint64_t own_key(const Flight& f) const;
  [[nodiscard]] std::int32_t units_of(const Flight& f) const;
  [[nodiscard]] std::uint64_t unit_key(const Flight& f, std::int32_t unit) const;
  [[nodiscard]] std::int64_t unit_blocks(const Flight& f, std::int32_t unit) const;
  [[nodiscard]] Match match(const Flight& f) const;
  void hold(Flight& f, const Match& m);
  void publish(Flight& f, std::int64_t end);

  // replica_yields.cpp: yields by chance, static batches
  [[nodiscard]] static std::vector<std::uint64_t> thresholds(const std::vector<double>& shares);
  [[nodiscard]] std::int64_t draw(Flight& f) const;
  void add_yields(std::vector<Leaving>& left);
  [[nodiscard]] std::int64_t pages_of_each(std::int64_t reading) const;
  void paged();
  void saturate_each();
  [[nodiscard]] std::int64_t batch_size() const;
  void pad(const Flight& f);
  void add_padding(formula::IterationWork& w) const;
  [[nodiscard]] std::int64_t bucket(std::int64_t longest) const;
  void read_buckets(formula::IterationWork& w, std::int64_t longest) const;
  void end_batch();
  void leave_batch();

  // replica.cpp: the group that decodes, segments
  void link(std::uint32_t at);
  void unlink(std::uint32_t at);
  [[nodiscard]] std::size_t residue_of(const Flight& f) const;
  void join(std::uint32_t at);
  void leave(Flight& f);
  void finish(std::uint32_t at, std::vector<Leaving>& left);
  void end_chunks(std::vector<Leaving>& left);
  void commit_steps(std::int64_t steps);
  void count_gaps(std::int64_t steps);
  void count_gap_row(std::int64_t from, std::int64_t to, std::int64_t sequences);
  void saturate();
  [[nodiscard]] IterationCost cost_of(std::int64_t steps) const;
  [[nodiscard]] Ticks gap(std::int64_t step) const;
  [[nodiscard]] std::int64_t steps_until(Ticks now) const;
  void audit() const;

  const ReplicaModel& model_;
  const SchedulerOptions& rules_;
  const std::uint32_t index_;
  FlightTable& flights_;
  Recorder& recorder_;
  const bool stepping_;
  const std::int64_t page_, lookahead_;  ///< tokens of a page; of a step and sequence
  const std::int64_t state_pages_;       ///< room of a sequence's state, whatever its length
  const std::int64_t groups_;            ///< that split attention; each computes whole prompts
  const DecodeClock clock_;
  const std::vector<std::uint64_t> thresholds_;  ///< of yields by chance; empty: by the clock

  BlockPool pool_;
  std::deque<std::uint32_t> waiting_;
  std::size_t seen_ = 0;     ///< of those that wait, from the front: the scheduler knows of them
  std::int64_t looked_ = 0;  ///< decode steps done when it looked who came: it looks again every
                             ///< `poll_steps` from there
  bool prefilled_ = false;   ///< the segment that just ended had prefills
  std::uint32_t first_ = 0, last_ = 0;  ///< running ones, in order of admission
  std::int64_t running_ = 0, moving_ = 0, admissions_ = 0;
  std::vector<std::uint32_t> prefilling_;
  std::vector<std::int64_t> rooms_;  ///< tokens that each group may still take in this iteration
  std::vector<Share> shares_;
  std::vector<std::uint32_t> pulls_, receiving_, received_;
  bool refused_ = false;        ///< the first that waits; asked again once pages were released
  bool ratio_refused_ = false;  ///< ... by the token ratio, which falls: asked again each step
  std::int64_t reserved_ = 0;   ///< pages promised under Capacity::whole_output
  double ratio_start_ = 0.0;
  std::int64_t ratio_since_ = 0;

  // The group that decodes. Its k-th sequence has base_k + clock keys at a step.
  std::int64_t steps_ = 0;        ///< decode steps done
  std::int64_t iterations_ = 0;   ///< all iterations done
  std::int64_t paged_until_ = 0;  ///< the reading up to which its pages are taken
  std::int64_t decoding_ = 0, base_sum_ = 0, due_sum_ = 0, output_sum_ = 0;
  std::int64_t unsaturated_ = 0, unsaturated_base_ = 0;
  std::vector<std::int64_t> residues_;  ///< sequences by (base + lookahead) modulo the page
  DueHeap finishes_, saturations_;
  std::vector<Joined> joined_;  ///< since the last step, by when they got their last token
  std::int64_t joined_count_ = 0;
  Ticks last_step_end_ = 0;
  std::int64_t padding_ = 0, padding_base_ = 0, padding_window_ = 0;  ///< rows that are done
  static constexpr std::int64_t shortest = -(std::int64_t{1} << 60);
  /// Of a static batch: the greatest base of all its rows, of those that are done.
  std::int64_t longest_base_ = shortest, padding_longest_ = shortest;

  // The segment under way.
  Ticks now_ = 0, segment_end_ = never;
  Run run_;
  std::vector<Chunk> chunks_;
  bool decodes_too_ = false;
  IterationCost iteration_;
  IterationCost stall_;  ///< copies to and from host memory before it
  Ticks busy_ = 0;
  EnergyTicks energy_ = 0;
};

}  // namespace tightrope::serving
