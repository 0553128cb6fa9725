// The loop that drives a fleet: ends of segments, arrivals and timers, in the order of their times.
//
// At one moment everything that ends comes first, then what arrives, then every replica at a
// boundary plans anew. So whatever happens at a boundary is seen by the plan made there, and the
// order does not depend on how many boundaries a run had in between.
#pragma once

#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "tightrope/serving/replica_internal.h"
#include "tightrope/serving/router_internal.h"
#include "tightrope/serving/simulate.h"

namespace tightrope::serving {

class Engine {
 public:
  Engine(const Fleet& fleet, const Load& load, const RunOptions& options);
  [[nodiscard]] ServingResult run();

 private:
  enum class State : std::uint8_t { off, warming, active, draining, down };
  enum class TimerKind : std::uint8_t {
    sample,
    sent,
    deliver,
    resend,
    fail,
    repair,
    scale,
    warm,
    batch
  };
  struct Timer {
    Ticks time = 0;
    std::int64_t order = 0;
    TimerKind kind = TimerKind::sample;
    std::uint32_t slot = 0, flight = 0, incarnation = 0;
    std::uint32_t pool = 0;  ///< that a timer scales
    Ticks span = 0;          ///< a failure's repair
    friend bool operator>(const Timer& a, const Timer& b) {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };
  struct Slot {
    Slot(const ReplicaModel& model, std::uint32_t index, FlightTable& flights, Recorder& recorder,
         bool stepping)
        : replica(model, index, flights, recorder, stepping) {}
    Replica replica;
    std::uint32_t kind = 0, incarnation = 0;
    State state = State::off;
    Ticks up_since = 0, provisioned = 0, down_since = 0;
    Ticks link_free = 0;  ///< when its link to other replicas has nothing more to send
    bool plans = false;
    Ticks batch_due = never;   ///< the timer that is set for its next static batch
    std::uint64_t chance = 0;  ///< state of its own failures
  };
  struct Tally {  ///< of finished requests
    Histogram ttft, tpot, e2e, queue;
    std::int64_t arrived = 0, finished = 0, rejected = 0, given_up = 0, within_slo = 0;
    std::int64_t measured = 0, retries = 0, transfers = 0, failures = 0;
    Ticks down = 0;
    std::int64_t input_tokens = 0, output_tokens = 0, greatest_in_flight = 0;
    Ticks first_arrival = never, last_arrival = 0, last_end = 0;
  };

  // engine.cpp
  void build();
  void pull();
  void start();
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] bool is_stuck() const;
  [[nodiscard]] static bool is_vital(TimerKind kind);
  void step(Ticks now);
  void watch(Ticks now);
  void arrive(Ticks now);
  void dispatch(std::uint32_t flight, Ticks now);
  [[nodiscard]] std::uint32_t roomier(std::uint32_t picked, const Flight& f) const;
  void hand_to(std::uint32_t flight, std::uint32_t slot, Ticks now);
  void end_segment(std::uint32_t slot, Ticks now);
  void complete(std::uint32_t flight, Ticks now);
  void hand_over(std::uint32_t flight, std::uint32_t slot, Ticks now);
  void to_taker(std::uint32_t flight, Ticks now);
  void transfer(std::uint32_t flight, std::uint32_t taker, Ticks now);
  void drop_parcel(Flight& f);
  void wait_for_batch(std::uint32_t slot, Ticks now);
  void plan_soon(std::uint32_t slot);
  void load_changes(std::uint32_t slot);
  [[nodiscard]] Ticks front_of(const Flight& f) const;
  [[nodiscard]] bool is_within_slo(const Flight& f, Ticks now) const;
  [[nodiscard]] Router& router_of(const Slot& slot);
  [[nodiscard]] const ReplicaKind& kind_of(const Slot& slot) const {
    return fleet_.kinds[slot.kind];
  }

  // engine_timers.cpp
  void at(Ticks time, Timer timer);
  void fire(const Timer& timer);
  void open(std::uint32_t slot, Ticks now);
  void close(std::uint32_t slot, Ticks now, State state);
  void turn_off_if_drained(std::uint32_t slot, Ticks now);
  void delivered(const Timer& timer);
  void fail(const Timer& timer);
  void lose(std::uint32_t flight, Ticks now);
  void next_failure(std::uint32_t slot, Ticks now);
  [[nodiscard]] std::int64_t wanted(std::uint32_t kind) const;
  void scale(std::uint32_t kind, Ticks now);
  void sample(Ticks now);
  void call_parked(Ticks now);

  // engine_result.cpp
  [[nodiscard]] ServingResult result();
  void tell_of_kinds(ServingResult& r);
  [[nodiscard]] Saturation saturation() const;

  const Fleet& fleet_;
  const Load& load_;
  const RunOptions& options_;
  std::vector<ReplicaModel> models_;
  FlightTable flights_;
  FlightTable parcels_;  ///< what replicas keep of requests that they have prefilled
  Recorder recorder_;
  std::deque<Slot> slots_;
  Router entry_, takers_;  ///< of new requests; of keys and values
  Tournament<Ticks> ends_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::int64_t timer_count_ = 0, vital_timers_ = 0, events_ = 0;
  std::vector<std::uint32_t> to_plan_, lost_;
  std::vector<Leaving> left_;
  std::deque<std::uint32_t> parked_;  ///< nobody takes requests

  Arrival next_;
  bool has_next_ = false, keeps_content_ = false, is_cancelled_ = false;
  Ticks next_time_ = never;
  std::int64_t clients_ready_ = 0;
  Tally tally_;
  std::vector<SeriesPoint> series_;
  Ticks sample_every_ = Ticks{1} << 36;
  std::vector<Ticks> grown_at_;  ///< by kind, when it last grew
};

}  // namespace tightrope::serving
