// The event queue of a simulated step.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace tightrope::netsim {

enum class EventKind : std::uint8_t { compute_done, resume, finish, latency_done, sync_start };

/// Something that happens at a time.
struct Event {
  double time = 0;          ///< seconds
  std::uint64_t order = 0;  ///< of creation: equal times are taken first come, first served
  EventKind kind = EventKind::compute_done;
  int subject = 0;            ///< process, transfer, message or stage
  std::uint32_t version = 0;  ///< of a transfer's forecast
  friend bool operator>(const Event& a, const Event& b) {
    return a.time != b.time ? a.time > b.time : a.order > b.order;
  }
};

class EventQueue {
 public:
  void push(double time, EventKind kind, int subject, std::uint32_t version = 0) {
    events_.push({time, ++order_, kind, subject, version});
  }
  [[nodiscard]] bool empty() const { return events_.empty(); }
  Event pop() {
    const Event next = events_.top();
    events_.pop();
    return next;
  }

 private:
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
};

}  // namespace tightrope::netsim
