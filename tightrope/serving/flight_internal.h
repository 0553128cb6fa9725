// Requests in flight: what the engine remembers of each until it is done, and no longer.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/serving/ticks.h"

namespace tightrope::serving {

/// Where a request stands at its replica.
enum class Stage : std::uint8_t {
  waiting,
  prefilling,  ///< admitted, its prompt is not done
  decoding,
  moving,  ///< its keys and values are on their way from another replica
};

struct Flight {
  std::int64_t serial = 0;  ///< as the source gave it, from 0
  Ticks arrival = 0, admitted = -1, first_token = -1;
  Ticks last_token = 0;  ///< when it last got one, unless it decodes since
  std::int32_t input = 0, output = 0, session = -1;
  std::int32_t generated = 0;  ///< tokens it has got, as of when it last did not decode
  std::int32_t retries = 0, hit_tokens = 0;
  std::int32_t draws = 0;  ///< of its own chance so far

  Stage stage = Stage::waiting;
  bool ready = false;                   ///< waiting with its keys and values at hand
  bool swapped = false;                 ///< ... in host memory
  bool remote = false;                  ///< ... at the replica that prefilled it
  bool saturated = false;               ///< decodes beyond the sliding window
  std::uint32_t parcel = 0;             ///< what that replica keeps for it
  std::uint32_t replica = 0;            ///< where it is
  std::uint32_t epoch = 0;              ///< changes when entries in heaps must be forgotten
  std::uint32_t before = 0, after = 0;  ///< neighbours in order of admission

  std::int64_t computed = 0;    ///< tokens with keys and values, as of when it last did not decode
  std::int64_t base = 0;        ///< decoding: keys of a step are base + clock
  std::int64_t join_step = 0;   ///< decoding: steps of the replica done when it began
  std::int64_t unpaged = 0;     ///< decoding: of the base, tokens whose pages are not yet taken
  std::int64_t order = 0;       ///< of admission at its replica
  std::int64_t held_until = 0;  ///< waiting: iterations of its replica before one may take it in
  std::int64_t blocks = 0;      ///< prefilling: pages it has, shared ones counted
  std::int64_t matched = 0;     ///< of its pages, those that lie in extents it holds
  std::int32_t next_unit = 0;   ///< of its content, the first not yet published
  std::int32_t partial = 0;     ///< pages held of that unit
  std::uint32_t group = 0;      ///< prefilling: the attention group that computes its prompt
  std::vector<std::uint32_t> held;
  std::vector<std::uint64_t> keys;  ///< chained content of the prompt's blocks
};

/// Slots that are used again: memory grows with the requests in flight only. Slot 0 is no request.
class FlightTable {
 public:
  FlightTable() : slots_(1) {}
  [[nodiscard]] Flight& operator[](std::uint32_t at) { return slots_[at]; }
  [[nodiscard]] const Flight& operator[](std::uint32_t at) const { return slots_[at]; }

  [[nodiscard]] std::uint32_t add() {
    ++in_flight_;
    if (unused_.empty()) {
      slots_.emplace_back();
      return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    const std::uint32_t at = unused_.back();
    unused_.pop_back();
    return at;
  }
  /// Forgets a request; its epoch and the memory of its lists stay with the slot.
  void remove(std::uint32_t at) {
    --in_flight_;
    Flight& f = slots_[at];
    Flight blank;
    blank.epoch = f.epoch + 1;
    blank.held.swap(f.held);
    blank.keys.swap(f.keys);
    blank.held.clear();
    blank.keys.clear();
    f = std::move(blank);
    unused_.push_back(at);
  }
  [[nodiscard]] std::int64_t in_flight() const { return in_flight_; }

 private:
  std::vector<Flight> slots_;
  std::vector<std::uint32_t> unused_;
  std::int64_t in_flight_ = 0;
};

}  // namespace tightrope::serving
