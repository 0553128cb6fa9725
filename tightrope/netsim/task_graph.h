// A graph of computations, delays and transfers, and its run over time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tightrope/core/units.h"
#include "tightrope/netsim/flows.h"

namespace tightrope::netsim {

enum class TaskKind : std::uint8_t { delay, compute, transfer };

/// Tasks are numbered from 0 in the order in which they are added.
class TaskGraph {
 public:
  /// `capacity` of each resource: bytes/s, >= 0, infinity allowed.
  explicit TaskGraph(const std::vector<BytesPerSecond>& capacity);

  /// A way that transfers may take; see `Routes::add`.
  std::uint32_t add_route(
      std::span<const std::uint32_t> resource, std::span<const double> coefficient = {},
      BytesPerSecond bound = BytesPerSecond(std::numeric_limits<double>::infinity()));
  /// Lasts `duration` >= 0 and occupies nothing. A delay of 0 is a barrier.
  std::uint32_t add_delay(Seconds duration);
  /// Lasts `duration` >= 0 on a stream. A stream runs its tasks one after the other in the order in
  /// which they were added, as a queue of a device does, whatever becomes ready first.
  std::uint32_t add_compute(std::uint32_t stream, Seconds duration);
  /// `bytes` >= 0 over a route. The latency >= 0 comes first and takes no bandwidth.
  std::uint32_t add_transfer(std::uint32_t route, Bytes bytes, Seconds latency);
  /// `task` does not start before `on` has finished. Any order, no cycles.
  void add_dependency(std::uint32_t task, std::uint32_t on);
  /// `task` does not start before `time` >= 0.
  void set_release(std::uint32_t task, Seconds time);

  struct Task {
    TaskKind kind = TaskKind::delay;
    std::uint32_t place = no_resource;  ///< the stream of a computation, the route of a transfer
    Seconds time;                       ///< duration, or the latency of a transfer
    Bytes bytes;
    Seconds release;
  };
  struct Dependency {
    std::uint32_t task = 0;
    std::uint32_t on = 0;
  };

  [[nodiscard]] const std::vector<Task>& tasks() const { return tasks_; }
  /// Those of `add_dependency` and those that streams imply.
  [[nodiscard]] const std::vector<Dependency>& dependencies() const { return dependencies_; }
  [[nodiscard]] const Routes& routes() const { return routes_; }
  [[nodiscard]] std::span<const double> capacity() const { return capacity_; }  ///< bytes/s
  [[nodiscard]] std::size_t streams() const { return last_.size(); }

 private:
  std::vector<double> capacity_;
  Routes routes_;
  std::vector<Task> tasks_;
  std::vector<Dependency> dependencies_;
  std::vector<std::uint32_t> last_;  ///< of each stream, its last task
};

/// A resource whose capacity changes in the course of a run; 0: it fails.
struct CapacityChange {
  Seconds time;
  std::uint32_t resource = 0;
  BytesPerSecond capacity;
};

/// A transfer that stands still for good: it crosses a resource of capacity 0.
struct Stalled {
  std::uint32_t task = 0;
  Bytes bytes_left;
};

/// What happened. Times of what never did are infinite.
struct TaskRun {
  std::vector<Seconds> start;     ///< of each task: everything it waited for was there
  std::vector<Seconds> finish;    ///< of each task
  Seconds end;                    ///< the last finite finish
  std::vector<Stalled> stalled;   ///< by task; empty unless resources failed
  std::size_t never_started = 0;  ///< tasks behind a stalled one, or in a cycle
  std::vector<Seconds> stream_busy;
  std::vector<Seconds> resource_busy;  ///< time with at least one transfer
  std::vector<Bytes> carried;          ///< by each resource, coefficients included
  std::uint64_t solves = 0;            ///< max-min problems, and variables in them
  std::uint64_t solved_variables = 0;

  /// Whether every task has finished.
  [[nodiscard]] bool complete() const { return stalled.empty() && never_started == 0; }
};

/// Runs a graph; keeps its memory for the next run. The graph must outlive it and stay as it is.
class TaskRunner {
 public:
  explicit TaskRunner(const TaskGraph& graph);

  /// From time 0 until nothing can happen any more. Never hangs: what stands still is reported.
  /// O(log) for each event, and one max-min problem for each part of the network that changed.
  ///
  /// `together` in [same_instant, 1): transfers that would end within this of an instant,
  /// relatively, end at it. The default is exact. When thousands that hang together all end at
  /// different times, 1e-3 solves hundreds of problems in place of thousands; ends are then early
  /// by about `together` * (1 + ln n) of the time so far, where n transfers share a resource, and
  /// that for each transfer in a chain of dependencies.
  TaskRun run(std::span<const CapacityChange> changes = {}, double together = same_instant);

 private:
  struct Timer {
    double time = 0.0;
    std::uint32_t number = 0;  ///< a task, or `tasks + i` for the change i
  };
  void push(double time, std::uint32_t number);
  void ready(std::uint32_t task);
  void begin(std::uint32_t task);
  void timed_out(std::uint32_t task);
  void finished(std::uint32_t task);
  void finish_all();
  TaskRun report();

  const TaskGraph& graph_;
  std::vector<std::uint32_t> first_dependent_;
  std::vector<std::uint32_t> dependent_;
  std::vector<std::uint32_t> waits_for_;
  std::vector<std::uint32_t> missing_;
  std::vector<double> start_;
  std::vector<double> finish_;
  std::vector<Timer> timers_;
  std::vector<std::uint32_t> done_;  ///< finished, dependents not yet told
  std::vector<std::uint32_t> ended_;
  Fluid fluid_;
  double now_ = 0.0;
};

/// A graph in a series of steps, each beginning when the one before has ended everywhere.
struct RepeatedStep {
  const TaskGraph* graph = nullptr;
  std::uint64_t count = 1;
};

/// Length of a series; equal steps are run once. Infinite when a step does not complete.
[[nodiscard]] Seconds series_time(std::span<const RepeatedStep> steps);

}  // namespace tightrope::netsim
